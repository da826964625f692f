"""Signing ahead, through the real rooms: frozen before its time, signed by children, sent with what was made."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import dkim as oracle
import pytest
from sqlalchemy import func, select, update

from bench import conf, town
from broadsheet import outgoing, rotation
from broadsheet.wiring import House
from mailer import correspondence, deliveries, ledger, signatures
from mailer.batches import Batch
from mailer.deliveries import Delivery
from mailer.dispatch import Dispatcher
from mailer.letters import Lane, Letter
from mailer.lines import Way
from mailer.signatures import Signature
from mailer.transports.memory import MemoryTransport
from mailer.transports.relay import Relay
from newsletters import approve, compose, flight
from newsletters.issues import Issue, IssueState
from newsletters.seal import NotPublished, Published
from subscribers import consents
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState
from tests.mailer import signed_mail

READERS = 40
AHEAD = timedelta(minutes=10)

pytestmark = pytest.mark.slow


@dataclass
class Watch:
    """A clock that only the test moves."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Newsroom:
    house: House
    watch: Watch
    slot: datetime
    issue_id: int
    asked: list[int] = field(default_factory=list)  # digests that children were given

    def publish(self) -> Published | NotPublished | None:
        done = asyncio.run(self.house.publisher.publish_due())
        return done[0] if done else None

    def sign(self) -> int:
        return asyncio.run(self.house.sign_ahead.sign())

    def issue(self) -> Issue:
        with self.house.database.read() as session:
            return session.get_one(Issue, self.issue_id)

    def kept(self) -> int:
        with self.house.database.read() as session:
            return session.scalar(select(func.count()).select_from(Signature)) or 0

    def send(self, relay: Relay | None = None) -> dict[str, bytes]:
        """Send what is due, by a dispatcher like the service's; what the transport was given, by recipient."""
        house, transport = self.house, MemoryTransport()
        lanes = {lane: [Way(transport=transport, relay=relay or Relay())] for lane in Lane}
        rng = random.Random(1)
        press = outgoing.press_of(house)
        dispatcher = Dispatcher(house.database, lanes, press, clock=self.watch, owner="w", rng=rng)
        with house.database.read() as session:
            batches = ledger.due_batches(session, Lane.BULK, now=self.watch(), limit=100)
        for batch_id in batches:
            asyncio.run(dispatcher.send_batch(batch_id))
        return {envelope.recipient: message for envelope, message in transport.sent}

    def is_signed(self, message: bytes) -> bool:
        records = signed_mail.records(self.house.dkim_keys.read())

        def lookup(name: bytes, timeout: int = 5) -> bytes | None:
            del timeout
            found = records.get(name.decode().rstrip("."))
            return found.encode() if found else None

        return bool(oracle.DKIM(message).verify(dnsfunc=lookup))


@pytest.fixture
def newsroom(tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Newsroom]:
    watch = Watch(now)
    settings = conf.settings(tmp_path, f"sqlite:///{tmp_path}/town.sqlite3", port=25, connections=1, signs="ours")
    with House(settings, watch) as house:
        house.migrate()
        house.dkim_keys.write(town.active_key(house))
        edition_id = town.edition(house, READERS)
        _ = house.scheduler
        slot = now + timedelta(hours=1)
        with house.database.write() as session:
            made = compose.one_off(session, edition_id, now=now)
            assert isinstance(made, Issue)
            approve.approve(session, made, by="editor@example.org", now=now)
            made.scheduled_for = slot
            issue_id = made.id
        found = Newsroom(house, watch, slot, issue_id)
        assert house.signing is not None
        really = house.signing._children

        def counted() -> object:
            found.asked.append(1)
            return really()

        monkeypatch.setattr(house.signing, "_children", counted)
        yield found


def test_what_was_signed_before_its_time_is_only_put_in_its_place_at_its_time(newsroom: Newsroom) -> None:
    assert newsroom.publish() is None
    newsroom.watch.now = newsroom.slot - AHEAD
    frozen = newsroom.publish()
    assert isinstance(frozen, NotPublished)
    assert "written down" in frozen.reason
    assert newsroom.issue().state is IssueState.HELD
    assert newsroom.sign() == READERS
    assert newsroom.kept() == READERS
    with newsroom.house.database.read() as session:
        shown = flight.look(session, newsroom.issue_id, now=newsroom.watch())
    assert shown is not None
    assert (shown.waits, shown.signed) == (True, signatures.Progress(READERS, READERS))
    assert flight.Act.TAKE_BACK in shown.acts
    assert newsroom.publish() is None, "it is frozen once"
    asked = len(newsroom.asked)

    newsroom.watch.now = newsroom.slot
    assert isinstance(newsroom.publish(), Published)
    sent = newsroom.send()
    assert len(sent) == READERS
    assert len(newsroom.asked) == asked, "a child was asked to sign at the due time"
    assert all(newsroom.is_signed(message) for message in sent.values())


def test_a_reader_who_joins_between_is_added_and_signed_while_sending(newsroom: Newsroom) -> None:
    newsroom.watch.now = newsroom.slot - AHEAD
    newsroom.publish()
    newsroom.sign()
    with newsroom.house.database.write() as session:
        late = "late@d1.readers.example"
        session.add(
            Subscriber(
                id=READERS + 1,
                address=late,
                address_key=late,
                domain_group="other",
                language="en",
                created_at=newsroom.watch(),
            )
        )
        session.flush()
        session.add(
            Subscription(
                subscriber_id=READERS + 1,
                edition_id=newsroom.issue().edition_id,
                state=SubscriptionState.ACTIVE,
                requested_at=newsroom.watch(),
                confirmed_at=newsroom.watch(),
            )
        )
        consents.record(
            session,
            consents.Act.CONFIRMED,
            consents.Evidence(source="form:inline"),
            subscriber_id=READERS + 1,
            edition_id=newsroom.issue().edition_id,
            generation=1,
            now=newsroom.watch(),
        )
    newsroom.watch.now = newsroom.slot
    published = newsroom.publish()
    assert isinstance(published, Published)
    assert published.recipients == READERS + 1
    sent = newsroom.send()
    assert len(sent) == READERS + 1
    assert newsroom.is_signed(sent[late])


def test_a_changed_row_is_signed_anew(newsroom: Newsroom) -> None:
    newsroom.watch.now = newsroom.slot - AHEAD
    newsroom.publish()
    newsroom.sign()
    with newsroom.house.database.write() as session:
        row = session.scalars(select(Delivery).order_by(Delivery.id).limit(1)).one()
        row.fields = {**row.fields, "unsubscribe_url": "99999"}
        changed = row.address
    newsroom.watch.now = newsroom.slot
    newsroom.publish()
    sent = newsroom.send()
    assert newsroom.is_signed(sent[changed])
    assert all(newsroom.is_signed(message) for message in sent.values())


def test_after_a_key_was_replaced_all_are_signed_by_the_new_one(newsroom: Newsroom) -> None:
    newsroom.watch.now = newsroom.slot - AHEAD
    newsroom.publish()
    newsroom.sign()
    folder, now = newsroom.house.dkim_keys, newsroom.watch()
    rotation.new_pair(folder, conf.DOMAIN, now=now)
    done = rotation.rotate(folder, conf.DOMAIN, found=(), now=now)
    assert not isinstance(done, rotation.Refused)
    newsroom.watch.now = newsroom.slot
    newsroom.publish()
    for message in newsroom.send().values():
        assert b"s=bench" not in message
        assert newsroom.is_signed(message)


def test_an_issue_that_is_taken_back_leaves_nothing_and_is_signed_anew_for_its_new_time(newsroom: Newsroom) -> None:
    newsroom.watch.now = newsroom.slot - AHEAD
    newsroom.publish()
    newsroom.sign()
    old = newsroom.issue().letter_id
    later = newsroom.slot + timedelta(hours=2)
    with newsroom.house.database.write() as session:
        issue = session.get_one(Issue, newsroom.issue_id)
        approve.take_back(session, issue, reason=None, now=newsroom.watch())
        approve.approve(session, issue, by="editor@example.org", now=newsroom.watch())
        issue.scheduled_for = later
    assert newsroom.sign() == 0, "a cancelled letter is not signed"
    asyncio.run(newsroom.house.sign_ahead.forget())
    assert newsroom.kept() == 0
    newsroom.watch.now = later - AHEAD
    newsroom.publish()
    assert newsroom.issue().letter_id != old
    assert newsroom.sign() == READERS
    newsroom.watch.now = later
    newsroom.publish()
    sent = newsroom.send()
    assert len(sent) == READERS
    assert all(newsroom.is_signed(message) for message in sent.values())


def test_a_moved_due_time_makes_what_was_signed_worthless(newsroom: Newsroom) -> None:
    newsroom.watch.now = newsroom.slot - AHEAD
    newsroom.publish()
    newsroom.sign()
    with newsroom.house.database.write() as session:
        session.execute(update(Letter).values(due_at=newsroom.slot + timedelta(minutes=1)))
    newsroom.watch.now = newsroom.slot + timedelta(minutes=2)
    newsroom.publish()
    sent = newsroom.send()
    assert len(sent) == READERS
    assert all(newsroom.is_signed(message) for message in sent.values())


def test_where_the_relay_signs_nothing_that_was_made_ahead_is_used(newsroom: Newsroom) -> None:
    newsroom.watch.now = newsroom.slot - AHEAD
    newsroom.publish()
    newsroom.sign()
    newsroom.watch.now = newsroom.slot
    newsroom.publish()
    assert all(b"DKIM-Signature" not in message for message in newsroom.send(Relay(signs=True)).values())


def test_two_processes_share_the_batches_and_a_dead_one_s_is_taken_over(newsroom: Newsroom) -> None:
    newsroom.watch.now = newsroom.slot - AHEAD
    newsroom.publish()
    database = newsroom.house.database
    with database.write() as session:
        assert signatures.take(session, now=newsroom.watch()) is not None
    assert newsroom.sign() == 0, "somebody has it"
    newsroom.watch.now += timedelta(minutes=3)
    assert newsroom.sign() == READERS
    with database.read() as session:
        letter_id = newsroom.issue().letter_id
        assert letter_id is not None
        assert signatures.progress(session, letter_id) == signatures.Progress(READERS, READERS)
        assert session.scalar(select(func.count()).where(Batch.signed_at.is_(None))) == 0


def test_signatures_are_forgotten_with_their_letter_and_not_before(newsroom: Newsroom) -> None:
    newsroom.watch.now = newsroom.slot - AHEAD
    newsroom.publish()
    newsroom.sign()
    newsroom.watch.now = newsroom.slot
    newsroom.publish()
    asyncio.run(newsroom.house.sign_ahead.forget())
    assert newsroom.kept() == READERS
    newsroom.send()
    asyncio.run(newsroom.house.sign_ahead.forget())
    assert newsroom.kept() == 0


def test_who_is_forgotten_leaves_no_signature_either(newsroom: Newsroom) -> None:
    newsroom.watch.now = newsroom.slot - AHEAD
    newsroom.publish()
    newsroom.sign()
    with newsroom.house.database.write() as session:
        deliveries.skip_recipient(session, 1, reason="erased")
        correspondence.forget(session, 1, "reader0@d0.readers.example")
    assert newsroom.kept() == READERS - 1
