"""What a mail event changes: the delivery it names, the address it reached, the subscriptions of a reader who complained.

Only an event whose signed token names a delivery of ours counts, and only while that delivery may still be answered
for. Whatever a report says about other addresses is noted and never believed. Applied twice is applied once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, update
from sqlalchemy.orm import Session

from mailer import bounce_reports, ledger, suppressions
from mailer.bounce_reports import BounceReport, Disposition
from mailer.bounces.phrases import Reason
from mailer.correspondence import FORGOTTEN
from mailer.deliveries import Delivery, State
from mailer.events import BounceKind, EventKind, MailEvent
from mailer.suppressions import Cause
from subscribers import complain
from subscribers.consents import Evidence

#: A report that comes later than this names a delivery nobody is waiting for; or somebody dug out an old address.
COUNTS_FOR = timedelta(days=14)
#: A domain that cannot be found may be a name server's bad day: dead only when it is missing for this long.
HOST_GONE_AFTER = timedelta(days=3)

#: States in which a report can be about this delivery: something has left. A DSN may beat the flush of its 250.
ANSWERABLE = frozenset({State.ACCEPTED, State.UNCERTAIN, State.SENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    session: Session
    event: MailEvent
    delivery: Delivery
    now: datetime


def apply(session: Session, event: MailEvent, digest: str, *, now: datetime) -> Disposition:
    """Apply one event once, in the caller's transaction. `digest` names the mail or call that it came with."""
    counted = bounce_reports.find(session, digest)
    if counted is not None:
        return counted.disposition
    delivery = session.get(Delivery, event.delivery_id) if event.delivery_id is not None else None
    disposition = _disposition(session, event, delivery, now=now)
    return bounce_reports.note(session, _report(event, delivery, digest, disposition, now)).disposition


def apply_mail(session: Session, raw_digest: str, events: Sequence[MailEvent], *, now: datetime) -> list[Disposition]:
    """Apply all that one mail says. A mail that says nothing is noted too, so that it is never read again."""
    told = _about_the_recipient(session, events) or [MailEvent(kind=EventKind.OTHER, reason="not_a_report")]
    return [apply(session, event, _part_digest(raw_digest, n), now=now) for n, event in enumerate(told)]


def _disposition(session: Session, event: MailEvent, delivery: Delivery | None, *, now: datetime) -> Disposition:
    if delivery is None:
        return Disposition.UNKNOWN if event.kind in _LOUD else Disposition.IGNORED
    if delivery.address_key == FORGOTTEN:
        return Disposition.IGNORED  # whoever it was is mailed no more anyway
    if delivery.state not in ANSWERABLE or now - (delivery.accepted_at or delivery.created_at) > COUNTS_FOR:
        return Disposition.RECORDED
    case = _Case(session=session, event=event, delivery=delivery, now=now)
    ledger.prove(session, delivery.id, now=now)  # whatever is said about it, somebody has it
    return HANDLERS[event.kind](case)


def _bounced(case: _Case) -> Disposition:
    worse = or_(Delivery.bounce_kind.is_(None), Delivery.bounce_kind != BounceKind.HARD)
    if case.event.bounce is BounceKind.HARD:
        _change(case, worse, bounced_at=case.now, bounce_kind=BounceKind.HARD)
    else:
        _change(case, Delivery.bounce_kind.is_(None), bounced_at=case.now, bounce_kind=case.event.bounce)
    if not _is_dead(case):
        return Disposition.RECORDED
    words = f"{case.event.status or ''} {case.event.diagnostic or case.event.reason}".strip()[:512]
    _suppress(case, Cause.HARD_BOUNCE, words)
    return Disposition.SUPPRESSED


def _is_dead(case: _Case) -> bool:
    """Whether this failure ends mail to the address: at once for "no such user", later for what may pass."""
    event = case.event
    if event.reason == Reason.NO_SUCH_HOST:
        return event.bounce is BounceKind.HARD and _failed_before(case, case.now - HOST_GONE_AFTER)
    if event.reason == Reason.DISABLED and event.status == "5.2.1":
        return _failed_before(case, case.now)
    return event.bounce is BounceKind.HARD


def _failed_before(case: _Case, before: datetime) -> bool:
    delivery = case.delivery
    return bounce_reports.has_earlier(
        case.session, delivery.address_key, case.event.reason, before=before, not_of=delivery.id
    )


def _complained(case: _Case) -> Disposition:
    _change(case, Delivery.complained_at.is_(None), complained_at=case.now)
    _suppress(case, Cause.COMPLAINT, f"complaint: {case.event.reason} {case.event.diagnostic or ''}".strip()[:512])
    evidence = Evidence(source=f"complaint:{case.event.reason}")
    complain.complain(case.session, case.delivery.address_key, evidence, now=case.now)
    return Disposition.SUPPRESSED


def _recorded(case: _Case) -> Disposition:
    del case
    return Disposition.RECORDED


def _ignored(case: _Case) -> Disposition:
    del case
    return Disposition.IGNORED


#: Every kind of event has its answer (a test counts them).
HANDLERS: dict[EventKind, Callable[[_Case], Disposition]] = {
    EventKind.BOUNCED: _bounced,
    EventKind.COMPLAINED: _complained,
    EventKind.DEFERRED: _recorded,
    EventKind.OTHER: _recorded,
    EventKind.DELIVERED: _ignored,
    EventKind.AUTOREPLIED: _ignored,
}
#: Kinds that an operator should see even when they name no delivery of ours.
_LOUD = frozenset({EventKind.BOUNCED, EventKind.COMPLAINED, EventKind.DEFERRED})


def _suppress(case: _Case, cause: Cause, note: str) -> None:
    # The address we mailed, never the one the report names: a report can say anything.
    delivery = case.delivery
    suppressions.suppress(case.session, delivery.address_key, cause, now=case.now, note=note, delivery_id=delivery.id)


def _change(case: _Case, only_if: ColumnElement[bool], **values: object) -> None:
    case.session.execute(update(Delivery).where(Delivery.id == case.delivery.id, only_if).values(**values))


def _about_the_recipient(session: Session, events: Sequence[MailEvent]) -> list[MailEvent]:
    """A report on several recipients came from behind an alias: one dead member is no dead reader."""
    if len(events) < 2 or all(event.bounce is BounceKind.HARD for event in events):
        return list(events)
    delivery = session.get(Delivery, events[0].delivery_id) if events[0].delivery_id is not None else None
    ours = delivery.address_key if delivery is not None else None
    return [
        event
        if event.bounce is not BounceKind.HARD or (event.recipient or "").casefold() == ours
        else replace(event, bounce=BounceKind.SOFT)
        for event in events
    ]


def _part_digest(digest: str, number: int) -> str:
    return digest if number == 0 else hashlib.sha256(f"{digest}:{number}".encode()).hexdigest()


def _report(
    event: MailEvent, delivery: Delivery | None, digest: str, disposition: Disposition, now: datetime
) -> BounceReport:
    forgotten = delivery is not None and delivery.address_key == FORGOTTEN
    return BounceReport(
        digest=digest,
        received_at=now,
        delivery_id=delivery.id if delivery is not None else None,
        address_key=delivery.address_key if delivery is not None and not forgotten else None,
        recipient=None if forgotten else event.recipient,
        action=event.action[:16] if event.action else None,
        status=event.status,
        reason=event.reason[:24],
        kind=bounce_reports.kind_of(event),
        diagnostic=None if forgotten else event.diagnostic,
        disposition=disposition,
    )
