"""Double opt-in without a door: what the rows say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from ground.database import Database
from mailer import address, suppressions
from mailer.address import EmailAddress
from mailer.deliveries import Delivery, State
from mailer.letters import Variant
from mailer.suppressions import Cause
from newsletters.newsletters import Edition, Newsletter
from subscribers import complain, leave, opt_in, subscribers, subscriptions
from subscribers.consents import Act, ConsentEvent, Evidence
from subscribers.opt_in import Confirmation, Confirmed, SignUpRequest, Standing
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState

FORM, PAGE = Evidence(source="form:page", wording="I agree."), Evidence(source="page")


def email(text: str) -> EmailAddress:
    read = address.parse(text)
    assert isinstance(read, EmailAddress)
    return read


@pytest.fixture
def edition(database: Database, now: datetime) -> int:
    with database.write() as session:
        newsletter = Newsletter(
            slug="courier",
            publisher="The Zagros Courier",
            sender_address="briefing@news.example.org",
            reply_to="desk@news.example.org",
            postal_address="Erbil",
            site_url="https://courier.example.org",
            privacy_url=None,
            theme={},
            created_at=now,
        )
        session.add(newsletter)
        session.flush()
        made = Edition(
            newsletter_id=newsletter.id,
            language="ckb",
            title="پوختە",
            tagline="",
            frequency="",
            zone="Asia/Baghdad",
            created_at=now,
        )
        session.add_all([made, Variant(digest="v", language="ckb", compiled=b"", created_at=now)])
        session.flush()
        return made.id


def ask(database: Database, edition: int, typed: str, now: datetime) -> int | None:
    request = SignUpRequest(
        edition_id=edition,
        address=email(typed),
        language="ckb",
        evidence=FORM,
        confirm_variant_id=1,
        already_variant_id=1,
    )
    with database.write() as session:
        return opt_in.request(session, request, now=now).batch_id


def confirm(database: Database, payload: str, now: datetime) -> Confirmed | Standing:
    with database.write() as session:
        confirmation = Confirmation(payload=payload, evidence=PAGE, welcome_variant_id=1)
        return opt_in.confirm(session, confirmation, now=now)


def test_two_spellings_of_an_address_are_one_subscriber(database: Database, edition: int, now: datetime) -> None:
    ask(database, edition, "Rezan@Gmail.com", now)
    ask(database, edition, "rezan@GMAIL.com", now + timedelta(days=2))
    with database.read() as session:
        [subscriber] = session.scalars(select(Subscriber)).all()
        [subscription] = session.scalars(select(Subscription)).all()
    assert (subscriber.address, subscriber.address_key) == ("Rezan@gmail.com", "rezan@gmail.com")
    assert (subscriber.domain_group, subscriber.language) == ("gmail", "ckb")
    assert subscription.generation == 2


def test_requests_at_the_same_instant_write_one_row_and_one_letter(
    database: Database, edition: int, now: datetime
) -> None:
    with ThreadPoolExecutor(6) as threads:
        batches = list(threads.map(lambda _: ask(database, edition, "a@example.org", now), range(6)))
    assert sorted(batch for batch in batches if batch) == [1]
    with database.read() as session:
        for table in (Subscriber, Subscription, Delivery):
            assert session.scalar(select(func.count()).select_from(table)) == 1


def test_who_comes_second_gets_the_row_of_who_was_quicker(database: Database, edition: int, now: datetime) -> None:
    # On PostgreSQL another transaction may commit between our look and our insert.
    with database.write() as session:
        first = subscribers.add(session, email("a@example.org"), language="en", now=now)
        second = subscribers.add(session, email("A@example.org"), language="ar", now=now)
        assert (second.id, second.language) == (first.id, "en")
        one = subscriptions.add(session, first.id, edition, now=now)
        assert subscriptions.add(session, first.id, edition, now=now).id == one.id


def test_a_suppressed_address_leaves_no_trace_of_the_request(database: Database, edition: int, now: datetime) -> None:
    with database.write() as session:
        suppressions.suppress(session, "a@example.org", Cause.COMPLAINT, now=now)
    assert ask(database, edition, "A@example.org", now) is None
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 0
    with database.write() as session:
        suppressions.lift(session, "a@example.org", by="ops", now=now)
    assert ask(database, edition, "a@example.org", now) is not None


@pytest.mark.parametrize("payload", ["1-0", "1-2", "2-1"])
def test_only_the_request_that_caused_the_link_is_confirmed(
    database: Database, edition: int, now: datetime, payload: str
) -> None:
    ask(database, edition, "a@example.org", now)
    assert confirm(database, payload, now) is Standing.STALE
    assert isinstance(confirm(database, "1-1", now), Confirmed)
    assert confirm(database, "1-1", now) is Standing.CONFIRMED


def test_a_new_request_after_leaving_forgets_the_old_confirmation(
    database: Database, edition: int, now: datetime
) -> None:
    ask(database, edition, "a@example.org", now)
    confirm(database, "1-1", now)
    with database.write() as session:
        leave.leave(session, 1, PAGE, now=now)
    ask(database, edition, "a@example.org", now)
    with database.write() as session:
        left = leave.leave(session, 1, PAGE, now=now)
        assert left is not None
        assert left.undo is None


def test_who_leaves_at_once_is_not_welcomed_afterwards(database: Database, edition: int, now: datetime) -> None:
    ask(database, edition, "a@example.org", now)
    assert isinstance(confirm(database, "1-1", now), Confirmed)
    with database.write() as session:
        leave.leave(session, 1, PAGE, now=now)
        rows = session.execute(select(Delivery.scope, Delivery.state, Delivery.reason).order_by(Delivery.id)).all()
    assert [tuple(row) for row in rows] == [(f"edition:{edition}", State.SKIPPED, "left")] * 2


def test_a_complaint_ends_a_pause_with_the_subscription(database: Database, edition: int, now: datetime) -> None:
    ask(database, edition, "a@example.org", now)
    confirm(database, "1-1", now)
    with database.write() as session:
        session.get_one(Subscription, 1).paused_until = now + timedelta(days=9)
    with database.write() as session:
        assert complain.complain(session, "a@example.org", PAGE, now=now) == 1
        ended = session.get_one(Subscription, 1)
        assert (ended.state, ended.end_reason) == (SubscriptionState.ENDED, "complained")
        assert (ended.paused_until, ended.notified_at) == (None, None)


def test_a_button_pressed_many_times_at_once_confirms_once(database: Database, edition: int, now: datetime) -> None:
    ask(database, edition, "a@example.org", now)
    with ThreadPoolExecutor(6) as threads:
        said = list(threads.map(lambda _: confirm(database, "1-1", now), range(6)))
    assert sorted(isinstance(each, Confirmed) for each in said) == [False] * 5 + [True]
    with database.read() as session:
        confirmed = select(func.count()).where(ConsentEvent.act == Act.CONFIRMED)
        assert session.scalar(confirmed) == 1
        assert session.scalar(select(func.count()).select_from(Delivery)) == 2  # confirm and welcome


def test_ends_that_are_not_the_readers_will_cannot_be_undone(database: Database, edition: int, now: datetime) -> None:
    ask(database, edition, "a@example.org", now)
    confirm(database, "1-1", now)
    with database.write() as session:
        subscription = session.get_one(Subscription, 1)
        subscription.state, subscription.end_reason = SubscriptionState.ENDED, "complained"
        subscription.ended_at = now
    with database.write() as session:
        left = leave.leave(session, 1, PAGE, now=now)
        assert left is not None
        assert left.undo is None
        assert leave.come_back(session, "1-1", PAGE, now=now) is None


def bounced(database: Database, now: datetime, cause: Cause = Cause.HARD_BOUNCE) -> None:
    with database.write() as session:
        suppressions.suppress(session, "a@example.org", cause, now=now)


def is_suppressed(database: Database, now: datetime) -> bool:
    with database.read() as session:
        return suppressions.standing(session, "a@example.org", now=now) is not None


def test_a_bounced_address_is_asked_once_in_thirty_days_and_a_press_of_the_button_lifts_it(
    database: Database, edition: int, now: datetime
) -> None:
    bounced(database, now)
    assert ask(database, edition, "a@example.org", now) is not None
    for days in (1, 2, 29):
        assert ask(database, edition, "a@example.org", now + timedelta(days=days)) is None
    later = now + timedelta(days=30)
    assert ask(database, edition, "a@example.org", later) is not None
    assert is_suppressed(database, later)
    confirmed = confirm(database, "1-2", later)
    assert isinstance(confirmed, Confirmed)
    assert confirmed.batch_id is not None
    assert not is_suppressed(database, later)


def test_a_reader_whose_mailbox_came_back_keeps_the_subscription_all_the_while(
    database: Database, edition: int, now: datetime
) -> None:
    ask(database, edition, "a@example.org", now)
    confirm(database, "1-1", now)
    bounced(database, now)
    assert confirm(database, "1-1", now) is Standing.CONFIRMED  # the letter of before the bounce proves nothing
    assert ask(database, edition, "a@example.org", now) is not None
    with database.read() as session:
        assert session.get_one(Subscription, 1).state is SubscriptionState.ACTIVE
        link = opt_in.look(session, "1-1", now=now)
        assert link is not None
        assert link.standing is Standing.WAITING
    assert isinstance(confirm(database, "1-1", now), Confirmed)
    assert not is_suppressed(database, now)
    assert confirm(database, "1-1", now) is Standing.CONFIRMED


@pytest.mark.parametrize("cause", [Cause.COMPLAINT, Cause.MANUAL, Cause.ERASED])
def test_no_other_suppression_is_asked_about_or_lifted_by_a_reader(
    database: Database, edition: int, now: datetime, cause: Cause
) -> None:
    ask(database, edition, "a@example.org", now)
    bounced(database, now, cause)
    assert ask(database, edition, "a@example.org", now + timedelta(days=40)) is None
    confirmed = confirm(database, "1-1", now)
    assert isinstance(confirmed, Confirmed)
    assert confirmed.batch_id is None  # permission is given, and still no mail goes
    assert is_suppressed(database, now)


def test_an_address_that_bounced_is_asked_for_one_edition_not_for_each(
    database: Database, edition: int, now: datetime
) -> None:
    with database.write() as session:
        first = session.get_one(Edition, edition)
        other = Edition(
            newsletter_id=first.newsletter_id,
            language="en",
            title="Morning",
            tagline="",
            frequency="",
            zone="Asia/Baghdad",
            created_at=now,
        )
        session.add(other)
        session.flush()
        further = other.id
    bounced(database, now)
    assert ask(database, edition, "a@example.org", now) is not None
    assert ask(database, further, "a@example.org", now) is None


def test_who_left_signs_up_again_as_anybody_and_the_link_of_before_is_over(
    database: Database, edition: int, now: datetime
) -> None:
    ask(database, edition, "a@example.org", now)
    confirm(database, "1-1", now)
    with database.write() as session:
        left = leave.leave(session, 1, PAGE, now=now)
        assert left is not None
        assert left.undo is not None
    assert ask(database, edition, "a@example.org", now) is not None
    assert confirm(database, "1-1", now) is Standing.STALE
    with database.write() as session:
        assert leave.come_back(session, left.undo, PAGE, now=now) is None
    assert isinstance(confirm(database, "1-2", now), Confirmed)
