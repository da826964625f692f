"""History: all that is known of one delivery, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import plain_words, suppressions
from mailer.bounce_reports import BounceReport, Disposition
from mailer.deliveries import Attempt, Delivery, State
from mailer.letters import Letter
from mailer.plain_words import PlainWords, Said
from mailer.suppressions import Suppression
from newsletters.issues import Issue

#: A row has few attempts and fewer reports; somebody who floods us with reports does not flood the page.
_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened to a delivery."""

    at: datetime
    what: str  # queued | deferred | failed | uncertain | unreachable | accepted | report | suppressed | skipped
    number: int | None = None  # of the attempt
    stage: str | None = None
    route: str | None = None
    code: int | None = None
    raw: str | None = None  # the words of the server or of the report, as they are kept
    words: PlainWords | None = None
    report: BounceReport | None = None
    suppression: Suppression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    delivery: Delivery
    letter: Letter
    issue: Issue | None
    moments: Sequence[Moment]
    suppression: Suppression | None  # what forbids mail to the address now


def of(session: Session, delivery_id: int, *, now: datetime) -> History | None:
    """A delivery's history; None where there is no such delivery."""
    delivery = session.get(Delivery, delivery_id)
    if delivery is None:
        return None
    moments = [
        Moment(at=delivery.created_at, what="queued"),
        *_attempts(session, delivery),
        *_end(delivery),
        *_reports(session, delivery),
        *_suppressions(session, delivery),
    ]
    return History(
        delivery=delivery,
        letter=session.get_one(Letter, delivery.letter_id),
        issue=session.scalar(select(Issue).where(Issue.letter_id == delivery.letter_id)),
        moments=sorted(moments, key=lambda moment: moment.at),
        suppression=suppressions.standing(session, delivery.address_key, now=now),
    )


def _attempts(session: Session, delivery: Delivery) -> list[Moment]:
    rows = session.scalars(
        select(Attempt).where(Attempt.delivery_id == delivery.id).order_by(Attempt.id.desc()).limit(_MOST)
    ).all()
    return [_attempt(row, delivery) for row in reversed(rows)]


def _attempt(row: Attempt, delivery: Delivery) -> Moment:
    is_last = row.number == delivery.attempt and row.outcome == "failed"
    said = Said(
        text=row.reply or "",
        code=row.code,
        enhanced=row.enhanced,
        stage=row.stage,
        outcome=row.outcome,
        reason=delivery.reason if is_last else None,
    )
    return Moment(
        at=row.at,
        what=row.outcome,
        number=row.number,
        stage=row.stage,
        route=row.route,
        code=row.code,
        raw=_raw(row.code, row.reply),
        words=plain_words.explain(said),
    )


def _end(delivery: Delivery) -> list[Moment]:
    """An acceptance is told by the delivery itself: of its 250 the number and the next server's name for it are kept."""
    if delivery.state is not State.ACCEPTED or delivery.accepted_at is None:
        return []
    raw = f"{delivery.code} queued as {delivery.queue_id}" if delivery.code and delivery.queue_id else None
    return [
        Moment(
            at=delivery.accepted_at,
            what="accepted",
            number=delivery.attempt,
            route=delivery.route,
            code=delivery.code,
            raw=raw or (str(delivery.code) if delivery.code else None),
        )
    ]


def _reports(session: Session, delivery: Delivery) -> list[Moment]:
    rows = session.scalars(
        select(BounceReport).where(BounceReport.delivery_id == delivery.id).order_by(BounceReport.id).limit(_MOST)
    )
    return [Moment(at=row.received_at, what="report", raw=row.diagnostic, words=told(row), report=row) for row in rows]


def told(report: BounceReport) -> PlainWords:
    """A report in plain words."""
    return plain_words.explain_report(
        report.reason,
        report.kind,
        is_delayed=report.action == "delayed",
        suppressed=report.disposition is Disposition.SUPPRESSED,
    )


def _suppressions(session: Session, delivery: Delivery) -> list[Moment]:
    rows = [row for row in suppressions.history(session, delivery.address_key) if row.delivery_id == delivery.id]
    return [Moment(at=row.created_at, what="suppressed", suppression=row) for row in rows]


def _raw(code: int | None, reply: str | None) -> str | None:
    return " ".join(filter(None, (str(code) if code else "", reply or ""))) or None
