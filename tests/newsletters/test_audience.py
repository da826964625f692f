"""The freeze: the same on both databases, and short enough for others to get in between."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, insert, select, text

from ground.database import Database
from mailer import ledger
from mailer.batches import SIZE, Batch
from mailer.deliveries import Delivery
from mailer.suppressions import Cause, Suppression
from newsletters import audience
from newsletters.issues import Exclusion, IssueState
from newsletters.seal import Published
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState
from tests.bulk_writers import watched
from tests.newsletters.press import Press


def a_town(database: Database, edition_id: int, now: datetime, *, readers: int) -> None:
    """Readers in three domain groups; every tenth is suppressed, every seventh has paused."""
    numbers = range(1, readers + 1)
    with database.write() as session:
        session.execute(
            insert(Subscriber),
            [
                {
                    "id": n,
                    "address": f"r{n}@example.org",
                    "address_key": f"r{n}@example.org",
                    "domain_group": ("gmail", "microsoft", "other")[n % 3],
                    "language": "en",
                    "created_at": now,
                }
                for n in numbers
            ],
        )
        session.execute(
            insert(Subscription),
            [
                {
                    "subscriber_id": n,
                    "edition_id": edition_id,
                    "state": SubscriptionState.ACTIVE,
                    "requested_at": now,
                    "paused_until": now + timedelta(days=2) if n % 7 == 0 else None,
                }
                for n in numbers
            ],
        )
        session.execute(
            insert(Suppression),
            [
                {"address_key": f"r{n}@example.org", "cause": Cause.HARD_BOUNCE, "created_at": now}
                for n in numbers
                if n % 10 == 0
            ],
        )


async def frozen(press: Press, readers: int) -> None:
    """Publish to a town and look at what was written down."""
    a_town(press.database, press.desk.edition, press.now, readers=readers)
    suppressed = readers // 10
    paused = readers // 7 - readers // 70
    outcome = await press.publisher.publish(press.issue_id)
    assert outcome == Published(
        issue_id=press.issue_id, recipients=readers - suppressed - paused, exclusions=suppressed + paused
    )
    with press.database.read() as session:
        reasons = session.execute(
            select(Exclusion.reason, func.count()).group_by(Exclusion.reason).order_by(Exclusion.reason)
        ).all()
        assert [tuple(row) for row in reasons] == [("paused", paused), ("suppressed: hard_bounce", suppressed)]
        assert session.scalar(select(func.sum(Batch.size))) == outcome.recipients
        assert (session.scalar(select(func.max(Batch.size))) or 0) <= SIZE
        one = session.scalars(select(Delivery).where(Delivery.recipient_id == 1)).one()
        subscription = session.scalars(select(Subscription.id).where(Subscription.subscriber_id == 1)).one()
        assert one.fields == {"unsubscribe_url": str(subscription)}
        # Each batch is a dense range of one group: whoever leases it touches nobody else's rows.
        for batch in session.scalars(select(Batch)):
            within = select(func.count()).where(
                Delivery.id.between(batch.first_id, batch.last_id), Delivery.domain_group == batch.domain_group
            )
            assert session.scalar(within) == batch.size


@pytest.mark.slow
async def test_a_town_is_written_down_in_batches_of_one_group(database: Database, now: datetime) -> None:
    await frozen(Press(database, now), 5_000)


@pytest.mark.slow
async def test_a_freeze_writes_in_short_turns(database: Database, now: datetime) -> None:
    if not database.is_sqlite:
        return  # PostgreSQL's writers do not wait for each other
    press = Press(database, now)
    a_town(database, press.desk.edition, now, readers=6_000)
    with database.read() as session:
        assert session.scalar(select(func.count(Subscriber.id))) == 6_000
    with database.write() as session:
        order = _order(press, session)
    with watched(database) as seen:
        assert audience.freeze(database, order)
    # 2,000 readers in each of three groups; two ranges make a batch.
    assert seen.bulk_turns == len(seen.rows) == 3 * -(-2_000 // audience.RANGE)
    assert max(seen.rows) <= audience.RANGE + 1
    with database.read() as session:
        assert max(session.scalars(select(Batch.size))) > audience.RANGE
        assert ledger.verify(session) == []


def _order(press: Press, session: object) -> audience.Freeze:
    from sqlalchemy.orm import Session

    from mailer.letters import Variant
    from newsletters import approve, seal
    from newsletters.issues import Issue

    assert isinstance(session, Session)
    issue = session.get_one(Issue, press.issue_id)
    assert approve.approve_by_itself(session, issue, now=press.now) is None
    variant = Variant(digest="one", language="en", compiled=b"", created_at=press.now)
    session.add(variant)
    session.flush()
    order = seal.open_letter(session, issue, variant.id, now=press.now)
    assert issue.state is IssueState.HELD
    return order


@pytest.mark.slow
async def test_postgresql_freezes_the_same_audience(fresh_postgres_url: str, now: datetime) -> None:
    database = Database(fresh_postgres_url)
    try:
        await frozen(Press(database, now), 5_000)
        with database.read() as session:
            # A fresh server has no statistics of its tables, and would compare each reader with all others.
            known = session.scalar(text("SELECT count(*) FROM pg_stats WHERE tablename = 'subscriptions'"))
        assert known
    finally:
        database.dispose()
