"""A correction goes once, to who has the issue and still gets the edition; and not before its moment of undo is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from ground.database import Database
from mailer import ledger
from mailer.batches import Batch
from mailer.deliveries import Delivery, State
from mailer.letter import Kind
from mailer.letters import Letter, LetterState
from mailer.suppressions import Cause, suppress
from newsletters import correct, corrections, receivers
from newsletters.act import Refused
from newsletters.correct import Wording
from newsletters.corrections import Correction
from newsletters.issues import Issue, IssueState
from newsletters.put_right import PutRight
from staff.members import AuditEntry
from subscribers import leave
from subscribers.consents import Evidence
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription
from tests.newsletters.builders import BASE_URL, RecordingEngine, StoringCompiler, a_reader
from tests.newsletters.press import Press

MINUTE = timedelta(minutes=1)
WORDING = Wording(subject="The bridge opens on Monday", words="We wrote Sunday.\r\n\r\n\r\nIt is Monday.\u202e")


class Sent:
    """An issue that eight readers have, and two do not."""

    def __init__(self, database: Database, now: datetime) -> None:
        self.database, self.now = database, now
        self.engine, self.compiler = RecordingEngine(), StoringCompiler(database, now)
        self.put_right = PutRight(
            database=database,
            compiler=self.compiler,
            engine=self.engine,
            clock=lambda: self.now,
            base_url=BASE_URL,
        )

    async def publish(self, press: Press) -> None:
        with self.database.write() as session:
            for number in range(8):
                host = "gmail.com" if number % 2 else "example.net"
                a_reader(session, press.desk.edition, f"more{number}@{host}", self.now)
        await press.publisher.publish_due()
        with self.database.write() as session:
            session.execute(update(Delivery).values(state=State.ACCEPTED, accepted_at=self.now))
            failed = session.scalars(select(Delivery).order_by(Delivery.id).limit(2)).all()
            failed[0].state, failed[1].bounced_at = State.FAILED, self.now
            issue = session.scalars(select(Issue)).one()
            issue.state, issue.finished_at = IssueState.FINISHED, self.now
            self.issue = issue.id
            self.have = {
                row.address for row in session.scalars(select(Delivery)) if row.id not in {each.id for each in failed}
            }

    def order(self, wording: Wording = WORDING) -> Correction | Refused:
        with self.database.write() as session:
            return correct.order(session, self.issue, wording, wait=5 * MINUTE, by="editor@example.org", now=self.now)

    async def send(self) -> int:
        self.engine.submitted.clear()
        return await self.put_right.send_due()

    def to(self) -> list[str]:
        with self.database.read() as session:
            rows = select(Delivery.address).join(Letter, Letter.id == Delivery.letter_id)
            return list(session.scalars(rows.where(Letter.name == "correction").order_by(Delivery.address)))


@pytest.fixture
async def sent(database: Database, now: datetime) -> Sent:
    press = Press(database, now)
    made = Sent(database, press.now)
    await made.publish(press)
    return made


async def test_it_goes_to_who_has_the_issue_after_its_moment_of_undo(sent: Sent) -> None:
    made = sent.order()
    assert isinstance(made, Correction)
    assert made.paragraphs == ["We wrote Sunday.", "It is Monday."]
    assert await sent.send() == 0
    assert sent.to() == []
    sent.now += 5 * MINUTE
    assert await sent.send() == 1
    assert sent.to() == sorted(sent.have)
    [job] = sent.compiler.jobs
    assert (job.template, job.kind) == ("correction", Kind.ISSUE)
    assert job.context["correction"]["subject"] == "The bridge opens on Monday"
    with sent.database.read() as session:
        letter = session.scalars(select(Letter).where(Letter.name == "correction")).one()
        found = session.scalars(select(Correction)).one()
        batches = session.scalars(select(Batch.id).where(Batch.letter_id == letter.id)).all()
        assert (letter.state, letter.sealed_count) == (LetterState.SENDING, len(sent.have))
        assert (found.recipient_count, found.letter_id) == (len(sent.have), letter.id)
        assert [each for each in ledger.verify(session) if f"letter {letter.id} " in each] == []
        fields = session.scalars(select(Delivery.fields).where(Delivery.letter_id == letter.id)).all()
        assert all(each["unsubscribe_url"].isdecimal() for each in fields)
        line = session.scalars(select(AuditEntry).where(AuditEntry.act == "issue.correct")).one()
        assert line.actor == "editor@example.org"
    assert {each.payload["batch"] for each in sent.engine.submitted} == set(batches)
    assert await sent.send() == 0


async def test_who_left_rests_or_may_not_be_mailed_is_not_told(sent: Sent) -> None:
    addresses = sorted(sent.have)
    with sent.database.write() as session:
        ids = {
            address: session.scalars(select(Subscription).join(Subscriber).where(Subscriber.address == address)).one()
            for address in addresses[:2]
        }
        leave.leave(session, ids[addresses[0]].id, Evidence(source="page"), now=sent.now)
        ids[addresses[1]].paused_until = sent.now + timedelta(days=7)
        suppress(session, addresses[2], Cause.COMPLAINT, now=sent.now)
        assert receivers.count(session, session.get_one(Issue, sent.issue), now=sent.now) == len(addresses) - 3
    sent.order()
    sent.now += 5 * MINUTE
    await sent.send()
    assert sent.to() == addresses[3:]


async def test_it_is_taken_back_while_it_waits_and_not_later(sent: Sent) -> None:
    sent.order()
    with sent.database.write() as session:
        assert isinstance(correct.take_back(session, sent.issue, by="e", now=sent.now), Correction)
    sent.now += 5 * MINUTE
    assert await sent.send() == 0
    assert sent.to() == []
    sent.order()
    sent.now += 5 * MINUTE
    assert await sent.send() == 1
    with sent.database.write() as session:
        assert isinstance(correct.take_back(session, sent.issue, by="e", now=sent.now), Refused)


async def test_what_was_broken_off_goes_on_and_writes_nobody_down_twice(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sent.order()
    assert isinstance(made, Correction)
    sent.now += 5 * MINUTE
    monkeypatch.setattr(receivers, "RANGE", 3)
    order = sent.put_right._open(made.id, variant_id=1)
    assert order is not None
    written: list[int] = []

    def stops() -> None:
        written.append(len(sent.to()))
        if len(written) == 2:
            raise OSError("the machine stopped")

    with pytest.raises(OSError, match="stopped"):
        receivers.write_down(sent.database, order, told=stops)
    half = len(sent.to())
    assert 0 < half < len(sent.have)
    assert await sent.send() == 1
    assert sent.to() == sorted(sent.have)
    with sent.database.read() as session:
        covered = session.scalar(
            select(func.sum(Batch.size)).join(Letter, Letter.id == Batch.letter_id).where(Letter.name == "correction")
        )
        assert covered == len(sent.have)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"state": IssueState.SENDING}, "Its sending is not over"),
        ({"letter_id": None}, "Nobody has received"),
        ({"sealed_at": datetime(2020, 1, 1).astimezone()}, "more than 7 days ago"),
    ],
)
async def test_an_issue_that_cannot_be_corrected_says_why(sent: Sent, values: dict[str, object], words: str) -> None:
    with sent.database.write() as session:
        session.execute(update(Issue).values(values))
    refused = sent.order()
    assert isinstance(refused, Refused)
    assert words in refused.reason


async def test_two_corrections_of_an_issue_are_enough(sent: Sent) -> None:
    for _ in range(2):
        assert isinstance(sent.order(), Correction)
        waiting = sent.order()
        assert isinstance(waiting, Refused)
        assert "on its way already" in waiting.reason
        sent.now += 5 * MINUTE
        assert await sent.send() == 1
    refused = sent.order()
    assert isinstance(refused, Refused)
    assert "have had 2 corrections" in refused.reason
    with sent.database.read() as session:
        assert len(corrections.published(session, [sent.issue])[sent.issue]) == 2


@pytest.mark.parametrize(
    ("wording", "words"),
    [
        (Wording(subject=" \n ", words="x"), "The subject has 0 characters"),
        (Wording(subject="x", words=""), "The correction has 0 characters"),
        (Wording(subject="x" * 151, words="x"), "Write 1 to 150"),
        (Wording(subject="x", words="y" * 2_001), "has 2001 characters"),
    ],
)
async def test_what_is_empty_or_too_long_is_not_sent(sent: Sent, wording: Wording, words: str) -> None:
    refused = sent.order(wording)
    assert isinstance(refused, Refused)
    assert words in refused.reason
