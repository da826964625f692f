"""Correspondence: everything that was sent to one person, what the servers answered, and how it is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from mailer import ailing, bounce_reports
from mailer.deliveries import Attempt, Delivery, State, to_reader
from mailer.letter import Kind
from mailer.letters import Letter
from mailer.signatures import Signature

#: What stands in the place of an address that was forgotten. No mail goes there: its deliveries are all ended.
FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One delivery, as its recipient may ask about it."""

    id: int
    letter_id: int
    letter: str  # the letter's name: daily, confirm, welcome
    kind: Kind
    state: State
    reason: str | None
    created_at: datetime
    accepted_at: datetime | None
    bounced_at: datetime | None
    complained_at: datetime | None
    code: int | None
    enhanced: str | None
    reply: str | None


def sent_to(session: Session, recipient_id: int, *, limit: int, before: int | None = None) -> list[Sent]:
    """The newest first; `before` continues below that delivery."""
    wanted = (
        select(Delivery, Letter.name, Letter.kind)
        .join(Letter, Letter.id == Delivery.letter_id)
        .where(to_reader(recipient_id))
        .order_by(Delivery.id.desc())
        .limit(limit)
    )
    if before is not None:
        wanted = wanted.where(Delivery.id < before)
    return [_sent(delivery, name, kind) for delivery, name, kind in session.execute(wanted)]


def attempts_of(session: Session, delivery_ids: Sequence[int]) -> list[Attempt]:
    """Every attempt of these deliveries that did not end in acceptance, in order."""
    wanted = select(Attempt).where(Attempt.delivery_id.in_(delivery_ids))
    return list(session.scalars(wanted.order_by(Attempt.delivery_id, Attempt.id)))


def is_in_flight(session: Session, recipient_id: int) -> bool:
    """Whether something is being handed over to this person in this moment; its answer will be written down."""
    sending = select(Delivery.id).where(to_reader(recipient_id), Delivery.state == State.SENDING)
    return session.scalar(sending.limit(1)) is not None


def forget(session: Session, recipient_id: int, address_key: str) -> int:
    """Blank the person in all that was ever sent to them; how many deliveries that were. Nothing may be open or in flight.

    The rows stay, because an issue's figures are sums of them: letter, state and times are nobody's name. Replies and
    reports go, for servers repeat the address in them.
    """
    mine = select(Delivery.id).where(to_reader(recipient_id))
    session.execute(update(Attempt).where(Attempt.delivery_id.in_(mine)).values(reply=None))
    bounce_reports.forget(session, address_key, mine)
    ailing.forget(session, address_key)
    session.execute(delete(Signature).where(Signature.delivery_id.in_(mine)))
    blanked = session.execute(
        update(Delivery)
        .where(to_reader(recipient_id))
        .values(address=FORGOTTEN, address_key=FORGOTTEN, fields={}, reply=None, queue_id=None)
        .returning(Delivery.id),
        execution_options={"synchronize_session": False},
    )
    return len(blanked.all())


def _sent(delivery: Delivery, letter: str, kind: Kind) -> Sent:
    same = {name: getattr(delivery, name) for name in Sent.__dataclass_fields__ if name not in {"letter", "kind"}}
    return Sent(letter=letter, kind=kind, **same)
