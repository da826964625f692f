"""Portions: what a reader's own topics come to, and that the freeze gives it to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, insert, select

from ground.database import Database
from mailer.deliveries import Delivery
from mailer.letters import Letter, LetterState
from newsletters import compose, digest, launch, portions, zones
from newsletters.issues import Exclusion, Issue, Item
from newsletters.portions import Measure, Part, Portion, own_blocks
from newsletters.publish import Publisher
from newsletters.schedules import Schedule
from newsletters.seal import Published
from newsletters.takeover import TOO_FEW_OWN
from subscribers import topics
from subscribers.own_hour import OwnHour
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState
from subscribers.topics import Topics
from tests.newsletters.builders import BASE_URL, RecordingEngine, StoringCompiler, a_desk, a_reader, an_article
from tests.newsletters.press import arm_power_cut, disarm_power_cut, ranges_of
from tests.newsletters.test_compose import SLOT

PARTS = [
    Part(number=n, section=section, authors=authors)
    for n, (section, authors) in enumerate(
        [("Water", ["Ava"]), ("Sport", []), ("Roads", ["Dilan"]), (None, ["Dilan"]), ("Sport", ["Ava"])], 1
    )
]


@pytest.mark.parametrize(
    ("sections", "authors", "fewest", "own"),
    [
        ({"Sport"}, set(), 2, "1,2,5"),
        ({"Sport"}, set(), 3, None),  # too few: left out with a reason, not sent a digest of nothing
        ({"Water"}, set(), 1, "1"),  # the lead is their own
        ({"Culture"}, set(), 1, None),  # the lead alone is not
        (set(), {"Dilan"}, 1, "1,3,4"),
        ({"Roads"}, {"Ava"}, 3, "1,3,5"),
    ],
)
def test_a_reader_gets_the_lead_and_their_own_topics_or_is_left_out(
    sections: set[str], authors: set[str], fewest: int, own: str | None
) -> None:
    chosen = topics.of(sections, authors)
    assert chosen is not None
    assert own_blocks(PARTS, chosen, Measure(fewest=fewest)) == own


class Room:
    """A newsroom whose draft holds five stories of three sections, ready for its readers."""

    def __init__(self, database: Database, now: datetime) -> None:
        self.database, self.now = database, now
        self.engine, self.compiler = RecordingEngine(), StoringCompiler(database, now)
        self.publisher = Publisher(database, self.compiler, self.engine, lambda: self.now, BASE_URL)
        with database.write() as session:
            self.desk = a_desk(session, now)
            for hours, (section, author) in enumerate(
                [("Water", "Ava"), ("Sport", "Hana"), ("Roads", "Dilan"), ("Sport", "Soran"), ("Water", "Dilan")], 1
            ):
                published_at = now - timedelta(hours=hours)
                an_article(session, self.desk.feed, f"Story {hours}", published_at, section=section, authors=[author])
            schedule = session.get_one(Schedule, self.desk.schedule)
            issue = compose.compose(session, schedule, SLOT, now=now)
            assert isinstance(issue, Issue)
            self.issue_id = issue.id

    def reader(self, address: str, *, sections: Sequence[str] = (), authors: Sequence[str] = (), at: str = "") -> int:
        with self.database.write() as session:
            wants = topics.of(sections, authors)
            return a_reader(session, self.desk.edition, address, self.now, wants=wants, own_hour=at or None)

    def rows(self) -> dict[str, Delivery]:
        with self.database.read() as session:
            return {row.address: row for row in session.scalars(select(Delivery))}

    def left_out(self) -> dict[str, str]:
        with self.database.read() as session:
            found = select(Subscriber.address, Exclusion.reason).join(
                Exclusion, Exclusion.subscriber_id == Subscriber.id
            )
            return dict(session.execute(found).all())


@pytest.fixture
def room(database: Database, now: datetime) -> Room:
    return Room(database, now)


async def test_the_freeze_gives_each_reader_their_own_and_leaves_out_whom_it_has_nothing_for(room: Room) -> None:
    room.reader("all@example.org")
    room.reader("sport@example.org", sections=["Sport"])
    room.reader("sports@example.org", sections=["Sport"])
    room.reader("dilan@gmail.com", authors=["Dilan"])
    room.reader("opera@example.org", sections=["Opera"])
    outcome = await room.publisher.publish(room.issue_id)
    assert outcome == Published(issue_id=room.issue_id, recipients=4, exclusions=1)
    assert {address: row.fields.get("blocks") for address, row in room.rows().items()} == {
        "all@example.org": None,
        "sport@example.org": "1,2,4",
        "sports@example.org": "1,2,4",
        "dilan@gmail.com": "1,3,5",
    }
    assert "blocks" not in room.rows()["all@example.org"].fields
    assert room.left_out() == {"opera@example.org": TOO_FEW_OWN}
    assert [job.with_blocks for job in room.compiler.jobs] == [True]
    with room.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Portion)) == 0  # the rows hold them now


async def test_a_letter_is_not_made_of_blocks_where_nobody_chose_topics(room: Room) -> None:
    room.reader("all@example.org")
    await room.publisher.publish(room.issue_id)
    assert [job.with_blocks for job in room.compiler.jobs] == [False]
    assert set(room.rows()["all@example.org"].fields) == {"unsubscribe_url"}


async def test_a_schedule_says_how_many_of_their_own_a_reader_must_have(room: Room) -> None:
    room.reader("roads@example.org", sections=["Roads"])
    room.reader("sport@example.org", sections=["Sport"])
    with room.database.write() as session:
        session.get_one(Schedule, room.desk.schedule).min_own = 2
    assert await room.publisher.publish(room.issue_id) == Published(issue_id=room.issue_id, recipients=1, exclusions=1)
    assert room.left_out() == {"roads@example.org": TOO_FEW_OWN}


async def test_who_is_suppressed_is_left_out_for_that_whatever_they_chose(room: Room) -> None:
    from mailer.suppressions import Cause, Suppression

    room.reader("opera@example.org", sections=["Opera"])
    with room.database.write() as session:
        session.add(Suppression(address_key="opera@example.org", cause=Cause.COMPLAINT, created_at=room.now))
    await room.publisher.publish(room.issue_id)
    assert room.left_out() == {"opera@example.org": "suppressed: complaint"}


async def test_numbers_are_those_of_the_letter_not_of_the_desk(room: Room) -> None:
    from articles.articles import Article, ArticleStatus

    room.reader("sport@example.org", sections=["Sport"])
    with room.database.write() as session:
        third = session.scalars(select(Article).where(Article.title == "Story 3")).one()
        third.status = ArticleStatus.WITHDRAWN
    await room.publisher.publish(room.issue_id)
    assert room.rows()["sport@example.org"].fields["blocks"] == "1,2,3"
    with room.database.read() as session:
        numbers = session.execute(
            select(Article.title, Item.number).join(Item, Item.article_id == Article.id).order_by(Article.title)
        ).all()
    assert [tuple(row) for row in numbers] == [
        ("Story 1", 1),
        ("Story 2", 2),
        ("Story 3", None),
        ("Story 4", 3),
        ("Story 5", 4),
    ]


async def test_a_reader_with_an_hour_of_their_own_waits_for_it(room: Room) -> None:
    room.reader("now@example.org")
    room.reader("evening@example.org", at="20 Europe/Berlin")
    room.reader("both@example.org", sections=["Sport"], at="20 Asia/Baghdad")
    room.reader("nowhere@example.org", at="20 Mars/Base")  # a zone that is not known here any more: at once
    await room.publisher.publish(room.issue_id)
    rows = room.rows()
    berlin, erbil = datetime(2026, 3, 9, 19, tzinfo=UTC), datetime(2026, 3, 9, 17, tzinfo=UTC)
    assert {address: (row.next_at, row.not_before) for address, row in rows.items()} == {
        "now@example.org": (SLOT.due_at, None),
        "evening@example.org": (berlin, berlin),
        "both@example.org": (erbil, erbil),
        "nowhere@example.org": (SLOT.due_at, None),
    }
    assert rows["both@example.org"].fields["blocks"] == "1,2,4"
    assert datetime.fromisoformat(rows["both@example.org"].fields["date"]) == erbil


async def test_a_letter_lives_until_its_last_readers_hour_was_tried(room: Room) -> None:
    room.reader("late@example.org", at="06 Asia/Baghdad")
    await room.publisher.publish(room.issue_id)
    with room.database.read() as session:
        letter = session.scalars(select(Letter)).one()
    assert letter.deadline_at >= datetime(2026, 3, 10, 3, tzinfo=UTC) + timedelta(hours=6)
    assert letter.state is LetterState.SENDING


async def test_a_freeze_that_was_broken_off_gives_the_same_numbers_when_it_goes_on(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A story is withdrawn in between: those who are written down later still get the letter that is compiled."""
    from articles.articles import Article, ArticleStatus

    room.reader("sport@example.org", sections=["Sport"])
    room.reader("sport@gmail.com", sections=["Sport"])

    ranges_of(monkeypatch, 1)
    with room.database.write() as session:
        arm_power_cut(session, "sport@example.org")  # gmail's readers are written down first
    with pytest.raises(Exception, match="power cut"):
        await room.publisher.publish(room.issue_id)
    with room.database.write() as session:
        disarm_power_cut(session)
    with room.database.write() as session:
        second = session.scalars(select(Article).where(Article.title == "Story 2")).one()
        second.status = ArticleStatus.WITHDRAWN
    assert isinstance(await room.publisher.publish(room.issue_id), Published)
    assert {row.fields["blocks"] for row in room.rows().values()} == {"1,2,4"}
    assert len({row.variant_id for row in room.rows().values()}) == 1


async def test_what_is_taken_back_and_goes_again_is_cut_anew(room: Room) -> None:
    room.reader("sport@example.org", sections=["Sport"])
    with room.database.write() as session:
        issue = session.get_one(Issue, room.issue_id)
        launch.approve(session, room.issue_id, by="shilan", now=room.now)
        items = session.scalars(select(Item).where(Item.issue_id == issue.id, Item.position == 3)).one()
        launch.take_back(session, room.issue_id, by="shilan", now=room.now)
        items.dropped_at = room.now
        launch.approve(session, room.issue_id, by="shilan", now=room.now)
    await room.publisher.publish(room.issue_id)
    assert room.rows()["sport@example.org"].fields["blocks"] == "1,2,3"


def test_the_desk_looks_at_the_letter_that_goes(room: Room) -> None:
    with room.database.read() as session:
        issue = session.get_one(Issue, room.issue_id)
        assert not digest.job(session, issue, base_url=BASE_URL).with_blocks
    room.reader("left@example.org", sections=["Sport"])
    with room.database.write() as session:
        assert digest.job(session, issue, base_url=BASE_URL).with_blocks
        session.scalars(select(Subscription)).one().state = SubscriptionState.ENDED
    with room.database.read() as session:
        assert not digest.job(session, issue, base_url=BASE_URL).with_blocks


def test_many_choices_are_cut_in_pages_and_forgotten_in_pages(room: Room) -> None:
    """1,200 readers who all want something else: as many portions, in a few transactions of bounded size."""
    with room.database.write() as session:
        readers = [
            {
                "id": 1_000 + n,
                "address": f"r{n}@example.org",
                "address_key": f"r{n}@example.org",
                "domain_group": "other",
                "language": "en",
                "created_at": room.now,
            }
            for n in range(1_200)
        ]
        session.execute(insert(Subscriber), readers)
        wanted = [
            topics.find_or_add(session, room.desk.edition, Topics(sections=(f"Section {n}",))) for n in range(1_200)
        ]
        session.execute(
            insert(Subscription),
            [
                {
                    "subscriber_id": 1_000 + n,
                    "edition_id": room.desk.edition,
                    "topics_id": known,
                    "state": SubscriptionState.ACTIVE,
                    "requested_at": room.now,
                }
                for n, known in enumerate(wanted)
            ],
        )
        letter = Letter(
            name="daily",
            kind="issue",
            lane="bulk",
            state=LetterState.BUILDING,
            in_doubt="resend",
            due_at=room.now,
            deadline_at=room.now,
            created_at=room.now,
        )
        session.add(letter)
        session.flush()
        order = portions.Cutting(
            issue_id=room.issue_id, letter_id=letter.id, edition_id=room.desk.edition, measure=Measure()
        )
    commits: list[str] = []
    event.listen(room.database.writer, "commit", lambda _: commits.append("commit"))
    portions.cut(room.database, order)
    assert len(commits) == 3
    with room.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Portion)) == 1_200
    portions.forget(room.database, letter.id)
    assert len(commits) == 6
    with room.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Portion)) == 0


@pytest.mark.slow
async def test_readers_in_every_zone_of_the_world_each_have_their_hour(room: Room) -> None:
    hours = [OwnHour(hour=hour, zone=zone) for zone in zones.names() for hour in (0, 11, 20)]
    with room.database.write() as session:
        for number, hour in enumerate(hours):
            a_reader(session, room.desk.edition, f"r{number}@example.org", room.now, own_hour=str(hour))
    await room.publisher.publish(room.issue_id)
    rows = room.rows()
    assert len(hours) > 1_000
    for number, hour in enumerate(hours):
        row = rows[f"r{number}@example.org"]
        assert row.next_at == row.not_before == hour.next_at(SLOT.due_at)
