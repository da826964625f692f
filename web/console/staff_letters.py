"""Letters to staff from the console's doors: compiled before the transaction, submitted after it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ground.engine import WorkLane
from mailer.compiler import LetterJob
from newsletters import staff_mail
from newsletters.staff_mail import Why
from web.parts import Parts


async def way_in(parts: Parts, why: Why) -> int | None:
    """The compiled letter that takes a one-time link to its member; None where there is no newsletter to write for."""
    job = await asyncio.to_thread(_job, parts, "way_in", {"why": why.value})
    return None if job is None else await parts.compiler.variant(job)


def hurry(parts: Parts, batch_id: int | None) -> None:
    """Ask for the batch to be sent now. When this is lost, the ledger still has it."""
    if batch_id is not None:
        parts.engine.submit("send_batch", {"batch": batch_id}, lane=WorkLane.TX, key=f"batch:{batch_id}")


def _job(parts: Parts, template: str, context: Mapping[str, object]) -> LetterJob | None:
    with parts.database.read() as session:
        return staff_mail.job(session, template, context, base_url=parts.base_url)
