"""Probe: a real mail to an address that must bounce, and whether its bounce found the way back and was understood.

It goes as any notice does: through the ledger, signed, by the route of its domain, with a return path of its own. So what
it proves is proved for every letter: that a dead address is heard of. Nothing is kept beside the ledger and the reports.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from feedback.intervene import Refused
from mailer import address, notices, suppressions
from mailer.address import EmailAddress
from mailer.bounce_reports import BounceReport
from mailer.compiler import LetterJob
from mailer.deliveries import Delivery, State
from mailer.letter import Kind
from mailer.pacing import domain_group
from newsletters import staff_mail
from newsletters.sender import newsroom
from staff.members import audit

#: A bounce that has not come back by then is not waited for: most come within a minute.
PATIENCE = timedelta(hours=1)
#: An older probe says nothing about today.
_TELLS_FOR = timedelta(days=30)
_NAME = _SCOPE = "probe"
_NOBODY = 0  # no subscriber has this number


class Course(enum.StrEnum):
    """How a probe got on."""

    LEAVING = "leaving"  # it waits to be handed over
    WAITING = "waiting"  # handed over; its bounce is on its way, if all is well
    UNDERSTOOD = "understood"  # the bounce came back, and was read as one
    MISREAD = "misread"  # something came back that was read as no bounce
    REFUSED = "refused"  # the next server said no at once: that is understood too, and no bounce mail comes of it
    LOST = "lost"  # an hour is over
    STUCK = "stuck"  # an hour is over, and it has not even left


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    delivery_id: int
    address: str
    sent_at: datetime
    course: Course
    took: timedelta | None  # from its handing over to its bounce
    said: str  # what the bounce, or the refusing server, said

    @property
    def has_failed(self) -> bool:
        return self.course in (Course.MISREAD, Course.LOST, Course.STUCK)


@dataclass(frozen=True, slots=True)
class Sent:
    """The probe is in the ledger; its batch is to be submitted after the commit."""

    address: str
    batch_id: int


def job(session: Session, *, base_url: str) -> LetterJob | None:
    """The letter; None before there is a newsletter that it could come from."""
    words = {
        "title": "This is a test of the way back",
        "texts": ["It was sent to an address that should not exist. Whoever reads it may throw it away."],
        "url": f"{base_url.rstrip('/')}/ops",
        "is_for_ops": True,
    }
    return staff_mail.job(session, "alert", words, base_url=base_url)


def choose(session: Session, typed: str, *, chance: str, base_url: str, now: datetime) -> EmailAddress | Refused:
    """The address of a probe: the one that was typed, else one of the sender's own domain that nobody can have."""
    if not typed.strip():
        sender = newsroom(session, base_url)
        if sender is None:
            return Refused("There is no newsletter yet that a mail could come from. Add one first.", "address")
        typed = f"no-such-reader-{chance}@{sender.address.rpartition('@')[2]}"
    found = address.parse(typed)
    if not isinstance(found, EmailAddress):
        return Refused(f"“{typed.strip()[:80]}” is no email address. Nothing was sent.", "address")
    if found.needs_smtputf8:
        return Refused("It has letters before the @ that many mail servers do not take. Use another.", "address")
    if suppressions.standing(session, found.key, now=now) is not None:
        return Refused(
            f"{found} is suppressed, so no mail goes there: a probe of it has bounced. Use another.", "address"
        )
    return found


def send(session: Session, to: EmailAddress, variant_id: int, *, by: str, now: datetime) -> Sent:
    """Write the probe into the ledger."""
    notice = notices.Notice(
        variant_id=variant_id,
        recipient_id=_NOBODY,
        address=str(to),
        address_key=to.key,
        domain_group=domain_group(to.domain),
        fields={"name": ""},
        lifetime=PATIENCE,
        scope=_SCOPE,
        kind=Kind.STAFF,
    )
    batch_id = notices.enqueue(session, _NAME, notice, now=now)
    audit(session, "sending.probe", "lane:tx", actor=by, now=now, address=to.masked)
    return Sent(str(to), batch_id)


def last(session: Session, *, now: datetime) -> Probe | None:
    """The newest probe, and how it got on; None where there was none of late."""
    wanted = select(Delivery).where(
        Delivery.recipient_id == _NOBODY, Delivery.scope == _SCOPE, Delivery.created_at >= now - _TELLS_FOR
    )
    delivery = session.scalars(wanted.order_by(Delivery.id.desc()).limit(1)).one_or_none()
    if delivery is None:
        return None
    reports = select(BounceReport).where(BounceReport.delivery_id == delivery.id).order_by(BounceReport.id)
    report = next((each for each in session.scalars(reports) if each.action != "delayed"), None)
    left_at = delivery.accepted_at or delivery.created_at
    return Probe(
        delivery_id=delivery.id,
        address=delivery.address,
        sent_at=delivery.created_at,
        course=_course(delivery, report, now=now),
        took=report.received_at - left_at if report else None,
        said=_said(delivery, report),
    )


def _course(delivery: Delivery, report: BounceReport | None, *, now: datetime) -> Course:
    if report is not None:
        return Course.UNDERSTOOD if report.kind in ("hard", "soft", "policy") else Course.MISREAD
    if delivery.state is State.FAILED and (delivery.code or 0) >= 500:
        return Course.REFUSED
    has_left = delivery.state in (State.ACCEPTED, State.UNCERTAIN)
    if now - (delivery.accepted_at or delivery.created_at) > PATIENCE or delivery.state in (
        State.FAILED,
        State.SKIPPED,
    ):
        return Course.LOST if has_left else Course.STUCK
    return Course.WAITING if has_left else Course.LEAVING


def _said(delivery: Delivery, report: BounceReport | None) -> str:
    if report is not None:
        return f"{report.status or ''} {report.diagnostic or report.reason}".strip()
    return f"{delivery.code or ''} {delivery.reply or ''}".strip()
