"""The top-up: whoever acted between the freeze and the slot is judged anew, once, and nobody else is looked at."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from ground.database import Database
from mailer import ledger, recall, signatures
from mailer.batches import Batch
from mailer.deliveries import Delivery, State
from mailer.letters import Letter
from mailer.suppressions import Cause, lift, suppress
from newsletters import compose, launch, schedules, takeover, top_up
from newsletters.issues import Exclusion, Issue
from newsletters.publish import Publisher
from newsletters.schedules import Schedule, Terms
from newsletters.seal import NotPublished, Published
from subscribers import choose, consents, leave, topics
from subscribers.consents import Act, Evidence
from subscribers.own_hour import OwnHour
from subscribers.preferences import Choice, ComeAt, Follow, Narrow, Pause, TurnOn
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription
from tests.bulk_writers import watched
from tests.newsletters.builders import BASE_URL, RecordingEngine, StoringCompiler, a_desk, a_reader, an_article
from tests.newsletters.press import arm_power_cut, disarm_power_cut, ranges_of
from tests.newsletters.test_compose import SLOT

AHEAD = timedelta(minutes=10)
PAGE = Evidence(source="preferences")


class Slot:
    """A newsroom ten minutes before its slot; the test moves the clock."""

    def __init__(self, database: Database) -> None:
        self.database, self.now = database, SLOT.due_at - AHEAD
        self.engine, self.compiler = RecordingEngine(), StoringCompiler(database, self.now)
        self.publisher = self.another()
        with database.write() as session:
            self.desk = a_desk(session, self.now)
            for hours, section in enumerate(("Water", "Sport", "Roads"), 1):
                an_article(
                    session, self.desk.feed, f"Story {hours}", self.now - timedelta(hours=hours), section=section
                )
            schedule = session.get_one(Schedule, self.desk.schedule)
            issue = compose.compose(session, schedule, SLOT, now=self.now)
            assert isinstance(issue, Issue)
            self.issue_id = issue.id
            weekly = schedules.add(
                session, self.desk.edition, "Saturday at 09:00 Asia/Baghdad", now=self.now, terms=Terms(name="weekly")
            )
            assert isinstance(weekly, Schedule), weekly
            self.weekly = weekly.id

    def another(self) -> Publisher:
        return Publisher(self.database, self.compiler, self.engine, lambda: self.now, BASE_URL, ahead=lambda: AHEAD)

    def reader(self, address: str, *, sections: tuple[str, ...] = ()) -> int:
        with self.database.write() as session:
            return a_reader(session, self.desk.edition, address, self.now, wants=topics.of(sections, ()))

    def joins(self, address: str) -> int:
        with self.database.write() as session:
            reader = a_reader(session, self.desk.edition, address, self.now)
            consents.record(
                session, Act.CONFIRMED, PAGE, subscriber_id=reader, edition_id=self.desk.edition, generation=1,
                now=self.now,
            )  # fmt: skip
            return reader

    def chooses(self, reader: int, choice: Choice) -> None:
        offer = {self.desk.edition: frozenset({self.weekly})}
        with self.database.write() as session:
            done = choose.choose(session, reader, choice, offer, PAGE, now=self.now)
            assert isinstance(done, choose.Chosen)

    def leaves(self, reader: int) -> None:
        with self.database.write() as session:
            mine = session.scalars(select(Subscription.id).where(Subscription.subscriber_id == reader)).one()
            leave.leave(session, mine, Evidence(source="one-click"), now=self.now)

    async def freeze(self) -> None:
        [frozen] = await self.publisher.publish_due()
        assert isinstance(frozen, NotPublished)
        assert "written down" in frozen.reason
        self.now += timedelta(minutes=5)

    async def publish(self) -> Published | NotPublished:
        self.now = SLOT.due_at
        [done] = await self.publisher.publish_due()
        return done

    def rows(self) -> dict[str, Delivery]:
        with self.database.read() as session:
            return {row.address: row for row in session.scalars(select(Delivery))}

    def is_right(self, *, recipients: int) -> None:
        """The books agree with each other, and nobody stands in them twice."""
        with self.database.read() as session:
            assert ledger.verify(session) == []
            assert session.scalars(select(Letter.sealed_count)).one() == recipients
            both = (
                select(func.count())
                .select_from(Exclusion)
                .join(Delivery, Delivery.recipient_id == Exclusion.subscriber_id)
            )
            assert session.scalar(both) == 0


@pytest.fixture
def slot(database: Database) -> Slot:
    return Slot(database)


async def test_who_joins_comes_back_or_changes_their_mind_before_the_slot_gets_what_they_chose_last(slot: Slot) -> None:
    slot.reader("ava@example.org")
    gone, rests, back = (slot.reader(f"{name}@example.org") for name in ("gone", "rests", "back"))
    sport, moves_on = slot.reader("sport@example.org", sections=("Sport",)), slot.reader("weekly@gmail.com")
    slot.chooses(rests, Pause(edition_id=slot.desk.edition, until=slot.now + timedelta(days=7)))
    await slot.freeze()
    before = slot.rows()["ava@example.org"].id
    slot.joins("new@gmail.com")
    slot.leaves(gone)
    slot.leaves(back)
    slot.chooses(back, TurnOn(edition_ids=(slot.desk.edition,)))
    slot.chooses(rests, Pause(edition_id=slot.desk.edition, until=None))
    slot.chooses(sport, Narrow(edition_id=slot.desk.edition, topics=topics.of(("Roads",), ())))
    slot.chooses(moves_on, Follow(edition_id=slot.desk.edition, schedule_id=slot.weekly))
    late = slot.joins("late@example.org")
    slot.chooses(late, ComeAt(edition_id=slot.desk.edition, hour=OwnHour(hour=20, zone="Europe/Berlin")))

    assert await slot.publish() == Published(issue_id=slot.issue_id, recipients=7, exclusions=0)
    rows = slot.rows()
    assert {address: (row.state, row.fields.get("blocks")) for address, row in rows.items()} == {
        "ava@example.org": (State.READY, None),
        "gone@example.org": (State.SKIPPED, None),
        "back@example.org": (State.READY, None),
        "rests@example.org": (State.READY, None),
        "sport@example.org": (State.READY, "1,3"),
        "new@gmail.com": (State.READY, None),
        "late@example.org": (State.READY, None),
    }
    assert rows["ava@example.org"].id == before
    assert rows["late@example.org"].next_at == datetime.fromisoformat("2026-03-09T19:00:00+00:00")
    slot.is_right(recipients=7)
    with slot.database.read() as session:
        assert {each.payload["batch"] for each in slot.engine.submitted} == set(session.scalars(select(Batch.id)))


async def test_who_is_left_out_at_the_slot_is_left_out_with_the_reason(slot: Slot) -> None:
    sport = slot.reader("sport@example.org", sections=("Sport",))
    slot.reader("ava@example.org")
    await slot.freeze()
    slot.chooses(sport, Narrow(edition_id=slot.desk.edition, topics=topics.of(("Opera",), ())))
    slot.joins("bounced@example.org")
    with slot.database.write() as session:
        suppress(session, "bounced@example.org", Cause.HARD_BOUNCE, now=slot.now)
    assert await slot.publish() == Published(issue_id=slot.issue_id, recipients=1, exclusions=2)
    with slot.database.read() as session:
        reasons = session.scalars(select(Exclusion.reason).order_by(Exclusion.reason)).all()
    assert reasons == ["suppressed: hard_bounce", takeover.TOO_FEW_OWN]
    slot.is_right(recipients=1)


async def test_a_letter_compiled_in_one_piece_stays_so_though_somebody_has_chosen_topics_since(slot: Slot) -> None:
    ava = slot.reader("ava@example.org")
    await slot.freeze()
    slot.chooses(ava, Narrow(edition_id=slot.desk.edition, topics=topics.of(("Sport",), ())))
    assert await slot.publish() == Published(issue_id=slot.issue_id, recipients=1, exclusions=0)
    assert "blocks" not in slot.rows()["ava@example.org"].fields


async def test_a_moved_reader_s_mail_goes_to_the_new_address_only(slot: Slot) -> None:
    ava, _ = slot.reader("ava@example.org"), slot.reader("dilan@example.org")
    await slot.freeze()
    with slot.database.write() as session:
        moved = session.get_one(Subscriber, ava)
        moved.address = moved.address_key = "ava@gmail.com"
        moved.domain_group = "gmail"
        consents.record(session, Act.CHANGED, PAGE, subscriber_id=ava, edition_id=None, generation=None, now=slot.now)
    await slot.publish()
    assert sorted(slot.rows()) == ["ava@gmail.com", "dilan@example.org"]
    with slot.database.read() as session:
        assert session.execute(select(Batch.domain_group, Batch.size).order_by(Batch.id)).all() == [
            ("other", 1),
            ("gmail", 1),
        ]
    slot.is_right(recipients=2)


async def test_the_slot_costs_as_many_transactions_as_there_were_acts_not_readers(
    slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not slot.database.is_sqlite:
        return  # whose writers are watched; the statements are the same
    for n in range(60):
        slot.reader(f"reader{n}@example.org")
    ranges_of(monkeypatch, 10)
    await slot.freeze()
    slot.joins("new@example.org")
    with watched(slot.database) as seen:
        assert await slot.publish() == Published(issue_id=slot.issue_id, recipients=61, exclusions=0)
    assert seen.bulk_turns == 2  # the page of who acted, and a look whether portions are left
    assert len(seen.rows) == 3, "the page; the seal; the start"


async def test_a_top_up_that_was_broken_off_goes_on_without_a_duplicate(
    slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top_up, "PAGE", 1)
    slot.reader("ava@example.org")
    await slot.freeze()
    slot.joins("first@example.org")
    slot.joins("second@example.org")
    with slot.database.write() as session:
        arm_power_cut(session, "second@example.org")
    slot.now = SLOT.due_at
    assert await slot.publisher.publish_due() == []  # it broke, and is told in the log
    assert sorted(slot.rows()) == ["ava@example.org", "first@example.org"]
    with slot.database.write() as session:
        disarm_power_cut(session)
    assert await slot.publish() == Published(issue_id=slot.issue_id, recipients=3, exclusions=0)
    slot.is_right(recipients=3)


async def test_a_freeze_that_was_broken_off_ahead_of_its_time_goes_on_before_the_slot(
    slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges_of(monkeypatch, 1)
    slot.reader("ava@example.org")
    slot.reader("dilan@example.org")
    with slot.database.write() as session:
        arm_power_cut(session, "dilan@example.org")
    assert await slot.publisher.publish_due() == []
    with slot.database.write() as session:
        disarm_power_cut(session)
    assert await slot.another().publish_due() == [], "whoever is at it has half of the time"
    slot.now += AHEAD / 2
    [goes_on] = await slot.another().publish_due()
    assert isinstance(goes_on, NotPublished)
    assert len(slot.rows()) == 2
    assert await slot.another().publish_due() == [], "it is frozen once"
    assert await slot.publish() == Published(issue_id=slot.issue_id, recipients=2, exclusions=0)


async def test_two_processes_that_top_up_at_once_write_each_reader_down_once(slot: Slot) -> None:
    slot.reader("ava@example.org")
    await slot.freeze()
    for n in range(12):
        slot.joins(f"new{n}@example.org")
    slot.now = SLOT.due_at
    both = (slot.publisher, slot.another())
    # On PostgreSQL one of them may run into the other's rows and break off; the other goes on.
    ended = await asyncio.gather(*(each.publish(slot.issue_id) for each in both), return_exceptions=True)
    assert Published(issue_id=slot.issue_id, recipients=13, exclusions=0) in ended
    assert len(slot.rows()) == 13
    slot.is_right(recipients=13)


async def test_an_issue_cancelled_before_its_slot_is_not_topped_up(slot: Slot) -> None:
    slot.reader("ava@example.org")
    await slot.freeze()
    slot.joins("new@example.org")
    with slot.database.write() as session:
        launch.cancel(session, slot.issue_id, reason="wrong day", by="editor@example.org", now=slot.now)
    assert await slot.publisher.publish(slot.issue_id) == NotPublished(issue_id=slot.issue_id, reason="wrong day")
    assert sorted(slot.rows()) == ["ava@example.org"]


async def test_what_was_signed_of_a_row_that_was_taken_out_meanwhile_is_not_kept(slot: Slot) -> None:
    slot.reader("ava@example.org")
    moves_on = slot.reader("weekly@example.org")
    await slot.freeze()
    with slot.database.write() as session:
        taken = signatures.take(session, now=slot.now)
        assert taken is not None
    slot.chooses(moves_on, Follow(edition_id=slot.desk.edition, schedule_id=slot.weekly))
    with slot.database.write() as session:
        recall.recall(session, taken.lease.span.letter_id, [moves_on])
        assert signatures.keep(session, taken, {row.id: b"signed" for row in taken.rows}, now=slot.now)
    with slot.database.read() as session:
        assert session.scalars(select(signatures.Signature.delivery_id)).all() == [taken.rows[0].id]
        assert ledger.verify(session) == []


async def test_a_batch_that_is_being_signed_does_not_grow(slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    ranges_of(monkeypatch, 2)
    for n in range(3):
        slot.reader(f"reader{n}@example.org")
    with slot.database.write() as session:
        arm_power_cut(session, "reader2@example.org")
    assert await slot.publisher.publish_due() == []
    with slot.database.write() as session:
        disarm_power_cut(session)
        taken = signatures.take(session, now=slot.now)
        assert taken is not None
        assert len(taken.rows) == 2
    slot.now += AHEAD / 2
    await slot.publisher.publish_due()
    with slot.database.read() as session:
        assert session.scalars(select(Batch.size).order_by(Batch.id)).all() == [2, 1]
        assert ledger.verify(session) == []


async def test_whose_pause_ends_before_the_slot_gets_the_issue(slot: Slot) -> None:
    _, soon, later = (slot.reader(f"{name}@example.org") for name in ("ava", "soon", "later"))
    slot.chooses(soon, Pause(edition_id=slot.desk.edition, until=slot.now + timedelta(minutes=3)))
    slot.chooses(later, Pause(edition_id=slot.desk.edition, until=slot.now + timedelta(days=3)))
    slot.now += timedelta(minutes=2)
    await slot.freeze()
    assert list(slot.rows()) == ["ava@example.org"]
    assert await slot.publish() == Published(issue_id=slot.issue_id, recipients=2, exclusions=1)
    assert slot.rows()["soon@example.org"].state is State.READY


async def test_whose_suppression_ends_before_the_slot_gets_the_issue(slot: Slot) -> None:
    for name in ("ava", "lifted", "over", "barred"):
        slot.reader(f"{name}@example.org")
    with slot.database.write() as session:
        suppress(session, "lifted@example.org", Cause.MANUAL, now=slot.now)
        suppress(session, "barred@example.org", Cause.MANUAL, now=slot.now)
        suppress(session, "over@example.org", Cause.SOFT_BOUNCES, until=slot.now + timedelta(minutes=8), now=slot.now)
    await slot.freeze()
    assert list(slot.rows()) == ["ava@example.org"]
    with slot.database.write() as session:
        assert lift(session, "lifted@example.org", by="ops", now=slot.now)
    assert await slot.publish() == Published(issue_id=slot.issue_id, recipients=3, exclusions=1)
    assert slot.rows().keys() == {"ava@example.org", "lifted@example.org", "over@example.org"}
    slot.is_right(recipients=3)
