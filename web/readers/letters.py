"""Handing a notice to the mailer: compiled before the transaction, submitted after it."""

from __future__ import annotations

from ground.engine import WorkLane
from mailer.compiler import LetterJob
from mailer.letter import Kind
from web.parts import Parts
from web.readers.place import Place


async def variant(parts: Parts, template: str, place: Place) -> int:
    """The compiled notice of this edition; compiled once, then found again."""
    job = LetterJob(template=template, language=place.edition.language, kind=Kind.TX, sender=place.sender, context={})
    return await parts.compiler.variant(job)


def hurry(parts: Parts, batch_id: int) -> None:
    """Ask for the batch to be sent now. When this is lost, the ledger still has it."""
    parts.engine.submit("send_batch", {"batch": batch_id}, lane=WorkLane.TX, key=f"batch:{batch_id}")
