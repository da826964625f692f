"""The ledger: every step a delivery takes is written here before the world can see it.

    cut_batches -> due_batches -> lease -> intend -> (a transport sends) -> record -> close

Each function is one short transaction of its caller's. `intend` is committed before a message leaves and `record` after
its answer came; between the two a crash leaves a delivery in doubt, and nowhere else. `mailer.recovery` ends the doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from mailer import ailing, batches, breakers, deliveries, intents, leases, quarantine, results, suppressions
from mailer.batches import BatchState
from mailer.deliveries import Delivery, Row, Span, State
from mailer.events import BounceKind
from mailer.invariants import verify
from mailer.letters import Lane, Letter, LetterState
from mailer.recovery import prove, recover, recover_all, recover_leases, settle_uncertain
from mailer.results import Record
from mailer.tally import counts, finish_letters, in_doubt, sender_refusal
from mailer.verdict import EXPIRED

#: The ledger has one face; how doubt ends and how it is counted have modules of their own.
__all__ = [
    "Held",
    "cancel",
    "close",
    "counts",
    "cut_batches",
    "due_batches",
    "finish_letters",
    "in_doubt",
    "intend",
    "lease",
    "prove",
    "record",
    "recover",
    "recover_all",
    "recover_leases",
    "renew",
    "sender_refusal",
    "settle_uncertain",
    "verify",
]

CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Held:
    """A leased batch and the rows of it that are due."""

    lease: leases.Lease
    rows: list[Row]


def cut_batches(
    session: Session,
    letter_id: int,
    lane: Lane,
    domain_group: str,
    first_id: int,
    last_id: int,
    now: datetime,
) -> int:
    """Cut the deliveries `first_id..last_id` of a letter and a domain group into batches; how many batches there are."""
    span = Span(letter_id, first_id, last_id)
    return batches.cut(session, span, lane=lane, domain_group=domain_group, now=now)


def due_batches(session: Session, lane: Lane, *, now: datetime, limit: int) -> list[int]:
    """Ids of the batches of a lane that can be sent now, the longest-waiting first."""
    return batches.due(session, lane, now=now, limit=limit)


def lease(session: Session, batch_id: int, *, owner: str, until: datetime, now: datetime) -> Held | None:
    """Take a batch and claim its due rows until `until`; None when there is nothing to send.

    A cancelled letter's rows are skipped here, those of a letter whose lifetime is over expire.
    """
    held = leases.lease(session, batch_id, owner=owner, until=until, now=now)
    if held is None:
        return None
    rows: list[Row] = []
    if held.letter_state is LetterState.CANCELLED:
        _end(session, held.span, CANCELLED, failing=False)
    elif held.deadline_at <= now:
        _end(session, held.span, EXPIRED, failing=True)
    else:
        rows = deliveries.claim(session, held.span, owner=owner, until=until, now=now)
    if rows:
        return Held(held, rows)
    close(session, held, owner=owner, now=now)
    return None


def _end(session: Session, span: Span, reason: str, *, failing: bool) -> None:
    """Skip what was never tried; what was deferred has failed (or is skipped, too, when nobody wants it any more)."""
    deferred = State.FAILED if failing else State.SKIPPED
    for source, target in ((State.READY, State.SKIPPED), (State.DEFERRED, deferred)):
        session.execute(
            update(Delivery).where(span.condition(), Delivery.state == source).values(state=target, reason=reason)
        )


def intend(session: Session, held: leases.Lease, ids: Sequence[int], *, owner: str, now: datetime) -> dict[int, int]:
    """Commit to sending these rows: id -> attempt number. What is not returned must not be sent."""
    return intents.intend(session, held, ids, owner=owner, now=now)


def record(session: Session, records: Sequence[Record], *, owner: str, now: datetime) -> None:
    """Write down a group of results of one lease; a hard refusal suppresses its address in the same transaction."""
    for letter_id, ids in results.write(session, records, owner=owner, now=now).items():
        batches.recount_around(session, letter_id, ids)
    hard = [
        suppressions.Dead(each.address_key, note=each.reply, delivery_id=each.id)
        for each in records
        if each.bounce == BounceKind.HARD
    ]
    hard += ailing.heed(session, records, now=now)
    if hard:
        suppressions.suppress_dead(session, hard, now=now)
        quarantine.join(session, hard, breakers.doubtful_domains(session))


def renew(session: Session, held: leases.Lease, *, owner: str, until: datetime) -> None:
    """Hold a batch for longer: a slow server must not make another worker believe that we died."""
    leases.renew(session, held, owner=owner, until=until)


def close(
    session: Session, held: leases.Lease, *, owner: str, now: datetime, next_at: datetime | None = None
) -> BatchState:
    """Put a batch down; claimed rows that were not intended are ready again, at `next_at` where the route rests."""
    deliveries.release(session, held.span, owner=owner, next_at=next_at or now)
    state = leases.close(session, held, owner=owner)
    if state is BatchState.DONE:
        finish_letters(session, now=now, letter_id=held.span.letter_id)
    return state


def cancel(session: Session, letter_id: int, *, now: datetime) -> bool:
    """Stop a letter for good. Nothing new leaves from this commit on; its rows are skipped batch by batch.

    False when it had finished or was cancelled before.
    """
    found = session.execute(
        update(Letter)
        .where(
            Letter.id == letter_id,
            Letter.state.in_([LetterState.BUILDING, LetterState.SENDING, LetterState.PAUSED]),
        )
        .values(state=LetterState.CANCELLED)
        .returning(Letter.id)
    ).one_or_none()
    if found is None:
        return False
    batches.reopen_all(session, letter_id, now=now)
    return True
