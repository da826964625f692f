"""Invariants: what must be true of the ledger after whatever has happened; checked by `broadsheet verify`.

Each is one question whose answer is empty when the books are right. A broken one becomes a sentence that names the rows.
All of them together read every delivery a few times: half a second for 200,000.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Executable, Select, and_, case, distinct, exists, func, not_, or_, select
from sqlalchemy.orm import Session

from mailer.batches import UNSENT, Batch, BatchState
from mailer.deliveries import OPEN, Attempt, Delivery, Event, State, in_states
from mailer.letter import Kind
from mailer.letters import Letter, LetterState
from mailer.results import OUTCOME_WORD
from mailer.suppressions import Suppression

#: What is being handed over when an address is suppressed arrives; a server may take 10 minutes over its final dot.
IN_FLIGHT = timedelta(minutes=15)
#: Rows of one invariant that are named; whoever reads so many knows enough.
_NAMED = 100
_LOOKED_AT = 10_000
_COUNTED = (State.ACCEPTED, State.FAILED, State.SKIPPED, State.DEFERRED)


def verify(session: Session) -> list[str]:
    """The ledger's invariants; each broken one is a sentence that names the rows. Empty when the books are right."""
    broken = [sentence.format(row=row) for sentence, query in _invariants() for row in session.execute(query)]
    return [*broken, *_batches(session), *_sent_while_suppressed(session)]


def _invariants() -> Iterator[tuple[str, Executable]]:
    yield from _of_letters()
    yield from _of_deliveries()
    yield from _of_attempts()
    yield from _of_suppressions()


def _of_letters() -> Iterator[tuple[str, Executable]]:
    rows = (
        select(func.count())
        .select_from(Delivery)
        .where(Delivery.letter_id == Letter.id)
        .correlate(Letter)
        .scalar_subquery()
    )
    batched = select(func.coalesce(func.sum(Batch.size), 0)).where(Batch.letter_id == Letter.id).scalar_subquery()
    yield (
        "letter {row[0]} was sealed with {row[1]} deliveries and has {row[2]}",
        select(Letter.id, Letter.sealed_count, rows).where(
            Letter.sealed_count.is_not(None), Letter.sealed_count != rows
        ),
    )
    yield (
        "letter {row[0]} has {row[1]} deliveries and batches for {row[2]}: some will not be sent, or twice",
        select(Letter.id, rows, batched).where(rows != batched),
    )
    yield (
        "letter {row[0]} is finished and has {row[1]} open deliveries",
        _per_letter(
            or_(Letter.state == LetterState.FINISHED, Letter.finished_at.is_not(None)), in_states(sorted(OPEN))
        ),
    )
    yield (
        "letter {row[0]} is still being built and {row[1]} of its deliveries were handled",
        _per_letter(
            Letter.state == LetterState.BUILDING, in_states(sorted(frozenset(State) - {State.READY, State.SKIPPED}))
        ),
    )


def _per_letter(*conditions: ColumnElement[bool]) -> Executable:
    joined = select(Letter.id, func.count()).join(Delivery, Delivery.letter_id == Letter.id)
    return joined.where(*conditions).group_by(Letter.id)


def _of_deliveries() -> Iterator[tuple[str, Executable]]:
    told = "delivery {row[0]} of letter {row[1]} is {row[2]} "
    leased = in_states([State.CLAIMED, State.SENDING])
    yield (
        told + "without an owner and a lease",
        _deliveries(leased, or_(Delivery.owner.is_(None), Delivery.lease_until.is_(None))),
    )
    by_its_owner = exists().where(
        Batch.letter_id == Delivery.letter_id,
        Batch.first_id <= Delivery.id,
        Batch.last_id >= Delivery.id,
        Batch.owner == Delivery.owner,
    )
    yield (
        told + "by {row[3]}, who does not hold its batch",
        _deliveries(leased, Delivery.owner.is_not(None), not_(by_its_owner)),
    )
    yield (
        told + "without the time it became so",
        _deliveries(
            or_(
                and_(Delivery.state == State.ACCEPTED, Delivery.accepted_at.is_(None)),
                and_(Delivery.state == State.UNCERTAIN, Delivery.uncertain_at.is_(None)),
            )
        ),
    )
    yield (
        told + "and was never tried",
        _deliveries(in_states([State.SENDING, State.ACCEPTED, State.DEFERRED, State.UNCERTAIN]), Delivery.attempt < 1),
    )
    yield told + "without a reason", _deliveries(in_states([State.FAILED, State.SKIPPED]), Delivery.reason.is_(None))


def _deliveries(*conditions: ColumnElement[bool]) -> Executable:
    return select(Delivery.id, Delivery.letter_id, Delivery.state, Delivery.owner).where(*conditions).limit(_NAMED)


def _of_attempts() -> Iterator[tuple[str, Executable]]:
    """The counter is the number of the last attempt; each before it ended in "later" or in doubt, and is in the log."""
    again = Attempt.outcome.in_([OUTCOME_WORD[Event.DEFER], OUTCOME_WORD[Event.LOSE]])
    earlier = and_(Attempt.delivery_id == Delivery.id, Attempt.number < Delivery.attempt, again)
    logged = func.count(distinct(Attempt.number))
    yield (
        "delivery {row[0]} is at attempt {row[1]} and the log has {row[2]} before it",
        select(Delivery.id, Delivery.attempt, logged)
        .outerjoin(Attempt, earlier)
        .where(Delivery.attempt > 1)
        .group_by(Delivery.id, Delivery.attempt)
        .having(logged != Delivery.attempt - 1)
        .limit(_NAMED),
    )
    # One that no server saw gave its number back.
    highest = Delivery.attempt + case((Attempt.outcome == OUTCOME_WORD[Event.RELEASE], 1), else_=0)
    yield (
        "delivery {row[0]} is at attempt {row[1]} and the log has one numbered {row[2]}",
        select(Delivery.id, Delivery.attempt, Attempt.number)
        .join(Attempt, Attempt.delivery_id == Delivery.id)
        .where(Attempt.number > highest)
        .limit(_NAMED),
    )


def _of_suppressions() -> Iterator[tuple[str, Executable]]:
    yield (
        "delivery {row[0]} of letter {row[1]} is {row[2]} and suppression {row[3]} stands",
        _to_suppressed(
            in_states([State.READY, State.CLAIMED, State.DEFERRED]),
            Suppression.lifted_at.is_(None),
            Suppression.until.is_(None),
            Letter.state.in_([LetterState.SENDING, LetterState.PAUSED]),
        ).limit(_NAMED),
    )


def _to_suppressed(*conditions: ColumnElement[bool]) -> Select[int, int, State, int, datetime | None, datetime]:
    """Deliveries to suppressed addresses, but for the letter that asks a reader who signed up again to confirm."""
    asked = and_(Letter.kind == Kind.TX, Suppression.asked_at.is_not(None))
    return (
        select(
            Delivery.id,
            Delivery.letter_id,
            Delivery.state,
            Suppression.id,
            Delivery.accepted_at,
            Suppression.created_at,
        )
        .select_from(Suppression)
        .join(Delivery, Delivery.address_key == Suppression.address_key)
        .join(Letter, Letter.id == Delivery.letter_id)
        .where(not_(asked), *conditions)
    )


def _sent_while_suppressed(session: Session) -> Iterator[str]:
    """Acceptances later than what was in flight when the address was suppressed."""
    at = Delivery.accepted_at
    later = _to_suppressed(
        Delivery.state == State.ACCEPTED,
        Delivery.uncertain_at.is_(None),  # the time of such a one is when its doubt ended
        at > Suppression.created_at,
        or_(Suppression.lifted_at.is_(None), at < Suppression.lifted_at),
        or_(Suppression.until.is_(None), at < Suppression.until),
    )
    for delivery_id, letter_id, _, suppression_id, accepted_at, since in session.execute(later.limit(_LOOKED_AT)):
        if accepted_at is not None and accepted_at > since + IN_FLIGHT:
            yield f"delivery {delivery_id} of letter {letter_id} was accepted while suppression {suppression_id} stood"


def _batches(session: Session) -> Iterator[str]:
    """Every batch against the rows that it covers: that they are its own, how many, in which states."""
    last_of: dict[int, tuple[int, int]] = {}  # of each letter, the batch seen last and where it ends
    states = [func.count(case((Delivery.state == state, 1))) for state in _COUNTED]
    unsent = func.count(case((Delivery.state.in_(sorted(UNSENT)), 1)))
    within = and_(Delivery.id.between(Batch.first_id, Batch.last_id), Delivery.letter_id + 0 == Batch.letter_id)
    found = session.execute(
        select(Batch, func.count(Delivery.id), unsent, *states)
        .outerjoin(Delivery, within)
        .group_by(Batch.id)
        .order_by(Batch.letter_id, Batch.first_id)
    )
    for batch, rows, open_rows, *counted in found:
        before, end = last_of.get(batch.letter_id, (0, 0))
        last_of[batch.letter_id] = (batch.id, batch.last_id)
        if before and batch.first_id <= end:
            yield f"batches {before} and {batch.id} of letter {batch.letter_id} cover the same deliveries"
        if rows != batch.size:
            yield f"batch {batch.id} was cut with {batch.size} deliveries and covers {rows}"
        if batch.state is BatchState.DONE and open_rows:
            yield f"batch {batch.id} is done and {open_rows} deliveries of it can still be sent"
        yield from _miscounted(batch, dict(zip(_COUNTED, counted, strict=True)))


def _miscounted(batch: Batch, counted: dict[State, int]) -> Iterator[str]:
    if batch.state is BatchState.LEASED:
        return  # counted when it is put down
    for state, rows in counted.items():
        # Of one that is open, readers may have left since it was put down.
        is_fixed = batch.state is BatchState.DONE or state in (State.ACCEPTED, State.FAILED)
        if is_fixed and getattr(batch, state.value) != rows:
            yield f"batch {batch.id} says {getattr(batch, state.value)} {state} and has {rows}"
