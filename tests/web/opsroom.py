"""A morning for the ops pages: an issue that went to seven readers, each of whom something else became of."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from mailer import ledger, suppressions
from mailer.batches import Batch
from mailer.bounce_reports import BounceReport, Disposition
from mailer.deliveries import Attempt, Delivery, State
from mailer.suppressions import Cause
from newsletters.issues import Exclusion, Issue, IssueState
from subscribers.subscribers import Subscriber
from tests.mailer import builders
from tests.web.conftest import House, add_issue

#: What an attacker writes into a reply, a subject and a diagnostic.
HOSTILE = "<script>alert('x')</script>\u202etxt.exe\x07 <b>bold"


def a_morning(house: House) -> list[int]:
    """The deliveries' ids: accepted, deferred, refused, in doubt, ready, came back, complained."""
    now = house.now
    add_issue(house.database, 1, 7, IssueState.SENDING, now, subject=f"Bridge reopens {HOSTILE}")
    with house.database.write() as session:
        letter_id = builders.letter(session, 7, now=now)
        rows = list(session.scalars(select(Delivery).where(Delivery.letter_id == letter_id).order_by(Delivery.id)))
        for row in rows:
            row.attempt = 1
        accepted, deferred, refused, doubtful, ready, came_back, complained = rows
        ready.attempt = 0
        for row in (accepted, came_back, complained):
            row.state, row.accepted_at, row.code, row.queue_id = State.ACCEPTED, now, 250, "4XkZ1s"
        _tried(deferred, State.DEFERRED, 452, "4.2.2", "The mailbox is over quota", None)
        deferred.next_at = now + timedelta(minutes=12)
        _tried(refused, State.FAILED, 550, "5.1.1", f"User unknown {HOSTILE}", "refused: hard")
        refused.bounced_at, refused.bounce_kind = now, "hard"
        _tried(doubtful, State.UNCERTAIN, None, None, "timed out", "no valid reply after the message was handed over")
        doubtful.uncertain_at = now
        for row, outcome in ((deferred, "deferred"), (refused, "failed"), (doubtful, "uncertain")):
            session.add(
                Attempt(
                    delivery_id=row.id,
                    number=1,
                    at=now,
                    outcome=outcome,
                    stage=row.stage,
                    route="relay",
                    code=row.code,
                    enhanced=row.enhanced,
                    reply=row.reply,
                )
            )
        came_back.bounced_at, came_back.bounce_kind = now + timedelta(hours=1), "soft"
        complained.complained_at = now
        session.add(_report("a", came_back, "mailbox_full", "soft", Disposition.RECORDED, house))
        session.add(_report("b", None, "no_such_user", "hard", Disposition.UNKNOWN, house))
        [batch] = session.scalars(select(Batch).where(Batch.letter_id == letter_id))
        batch.accepted, batch.deferred, batch.failed = 3, 1, 1  # as it was put down
        suppressions.suppress(session, refused.address_key, Cause.HARD_BOUNCE, now=now, delivery_id=refused.id)
        reader = Subscriber(
            address="paused@example.org",
            address_key="paused@example.org",
            domain_group="other",
            language="en",
            created_at=now,
        )
        session.add(reader)
        session.flush()
        issue = session.scalars(select(Issue)).one()
        session.add(Exclusion(issue_id=issue.id, subscriber_id=reader.id, reason="paused"))
        issue.letter_id, issue.sealed_at = letter_id, now
        issue.audience_count, issue.recipient_count, issue.exclusion_count = 8, 7, 1
        assert ledger.verify(session) == []
        return [row.id for row in rows]


def _tried(row: Delivery, state: State, code: int | None, enhanced: str | None, reply: str, reason: str | None) -> None:
    row.state, row.code, row.enhanced, row.reply, row.reason = state, code, enhanced, reply, reason
    row.stage, row.route = "rcpt" if code else "dot", "relay"


def _report(
    digest: str, delivery: Delivery | None, reason: str, kind: str, disposition: Disposition, house: House
) -> BounceReport:
    return BounceReport(
        digest=digest * 64,
        received_at=house.now,
        delivery_id=delivery.id if delivery else None,
        address_key=delivery.address_key if delivery else None,
        recipient=delivery.address if delivery else f"forged{HOSTILE}@example.net",
        action="failed",
        status="5.2.2",
        reason=reason,
        kind=kind,
        diagnostic=f"Their words {HOSTILE}",
        disposition=disposition,
    )
