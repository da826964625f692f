"""Servers that will not, over real SMTP, with a clock that is put forward: for now, for hours, or for good.

Rows 5 and 6 of the fault matrix: the retries follow the schedule, nobody is suppressed but whose mailbox is unknown.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from feedback import alerts
from ground.database import Database
from mailer import breakers, ledger
from mailer.batches import Batch
from mailer.breakers import Trouble
from mailer.deliveries import Delivery, State
from mailer.letters import Lane
from mailer.pacing import RETRY_AFTER
from mailer.suppressions import Suppression
from mailer.transports.route import Route, Tls
from mailer.transports.smtp import SmtpTransport
from tests.mailer import builders
from tests.mailer.doubles import ScriptedServer, dispatcher

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("mode")]

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PLANNED = [each / MINUTE for each in RETRY_AFTER]


class Day:
    """A worker, a server that knows the hour, and a clock that goes on to whatever is due next."""

    def __init__(self, database: Database, now: datetime) -> None:
        self.database = database
        self.start = self.now = now
        self.tries: defaultdict[str, list[float]] = defaultdict(list)  # by recipient, in minutes from the start
        self.says: Callable[[str, float], str | None] = lambda *_: None
        self.server = ScriptedServer(RCPT=self._answer)

    def _answer(self, line: str) -> str:
        recipient = re.findall("<(.*)>", line)[0]
        minute = (self.now - self.start) / MINUTE
        self.tries[recipient].append(minute)
        return self.says(recipient, minute) or "250 2.1.5 Ok"

    def write(self, count: int, *, domain: str = "example.org", group: str = "other") -> int:
        with self.database.write() as session:
            letter_id = builders.letter(session, count, now=self.now, domain=domain)
            session.execute(update(Delivery).where(Delivery.letter_id == letter_id).values(domain_group=group))
            session.execute(update(Batch).where(Batch.letter_id == letter_id).values(domain_group=group))
        return letter_id

    async def pass_by(self, lasting: timedelta) -> None:
        """Send what is due, then put the clock forward to what is due next."""
        async with self.server.running():
            route = Route(host="127.0.0.1", port=self.server.port, tls=Tls.NONE, helo="news.test", connections=4)
            worker = dispatcher(self.database, SmtpTransport(route), clock=lambda: self.now)
            while self.now <= self.start + lasting:
                with self.database.read() as session:
                    due = ledger.due_batches(session, Lane.BULK, now=self.now, limit=20)
                    next_at = session.scalar(select(func.min(Batch.next_at)).where(Batch.state == "open"))
                for batch in due:
                    await worker.send_batch(batch)
                if not due:
                    if next_at is None:
                        break
                    self.now = max(next_at, self.now + timedelta(seconds=1))
            await worker.close()

    def states(self, letter_id: int) -> dict[State, int]:
        with self.database.read() as session:
            assert ledger.verify(session) == []
            return {state: number for state, number in ledger.counts(session, letter_id).items() if number}

    def suppressed(self) -> set[str]:
        with self.database.read() as session:
            return set(session.scalars(select(Suppression.address_key)))


@pytest.fixture
def day(database: Database, now: datetime) -> Day:
    return Day(database, now)


def follows_the_schedule(minutes: list[float]) -> bool:
    gaps = [after - before for before, after in itertools.pairwise(minutes)]
    # A batch goes when the first of its rows is due; a second of the clock is the rest.
    return all(0.8 * planned - 0.1 <= gap <= 1.2 * planned + 0.1 for gap, planned in zip(gaps, PLANNED, strict=False))


@pytest.mark.parametrize(
    "said", ["451 4.3.0 Try again later", "450 4.2.0 Greylisted", "451 4.7.1 Greylisting in action"]
)
async def test_a_storm_of_later_is_ridden_out_by_the_schedule_and_ends_as_expired(day: Day, said: str) -> None:
    letter_id = day.write(12)
    day.says = lambda *_: said
    await day.pass_by(48 * HOUR)
    assert day.states(letter_id) == {State.FAILED: 12}
    with day.database.read() as session:
        assert set(session.scalars(select(Delivery.reason))) == {"expired"}
    assert len(day.tries) == 12
    for minutes in day.tries.values():
        assert follows_the_schedule(minutes), minutes
        assert 6 <= len(minutes) <= 8
        assert minutes[-1] < 24 * 60
    assert day.suppressed() == set()


async def test_greylisting_of_five_minutes_costs_one_retry_or_two(day: Day) -> None:
    letter_id = day.write(12)
    day.says = lambda _, minute: "450 4.2.0 Greylisted, come back in five minutes" if minute < 5 else None
    await day.pass_by(HOUR)
    assert day.states(letter_id) == {State.ACCEPTED: 12}
    assert {len(minutes) for minutes in day.tries.values()} <= {2, 3}  # -20 % of the first is a minute early


async def test_a_server_that_is_busy_for_six_hours_gets_everything_afterwards(day: Day) -> None:
    letter_id = day.write(12)
    day.says = lambda _, minute: "451 4.3.2 Busy" if minute < 6 * 60 else None
    await day.pass_by(24 * HOUR)
    assert day.states(letter_id) == {State.ACCEPTED: 12}
    for minutes in day.tries.values():
        assert follows_the_schedule(minutes), minutes
        assert minutes[-2] < 6 * 60 <= minutes[-1]
    assert day.suppressed() == set()


async def test_a_group_that_says_slower_for_half_an_hour_loses_nobody(day: Day) -> None:
    letter_id, others = day.write(40, domain="gmail.com", group="gmail"), day.write(40)
    day.says = lambda to, minute: "421 4.7.28 Slower" if to.endswith("@gmail.com") and minute < 30 else None
    await day.pass_by(24 * HOUR)
    assert day.states(others) == {State.ACCEPTED: 40}
    assert all(minutes == [0] for to, minutes in day.tries.items() if to.endswith("@example.org"))
    assert day.states(letter_id) == {State.ACCEPTED: 40}
    assert day.suppressed() == set()
    with day.database.read() as session:
        # None of these was an attempt: nothing had been handed over.
        assert session.scalar(select(func.max(Delivery.attempt)).where(Delivery.letter_id == letter_id)) == 1


MIXED = ["550 5.1.1 User unknown", "552 5.2.2 Mailbox full", "550 5.7.1 Blocked", "550 5.7.515 Access denied"]


@pytest.mark.parametrize("stage", ["RCPT", "dot"])
async def test_of_a_mix_of_refusals_only_the_unknown_are_suppressed(day: Day, stage: str) -> None:
    letter_id = day.write(50)

    def mixed(recipient: str) -> str | None:
        number = int(re.findall(r"reader-(\d+)@", recipient)[0])
        return MIXED[number % 5] if number % 5 < 4 else None

    if stage == "RCPT":
        day.says = lambda to, _: mixed(to)
    else:
        day.server.answers["dot"] = [lambda to: mixed(to) or "250 2.0.0 Ok: queued as 4XkZ1s3Nqb"]
    await day.pass_by(24 * HOUR)
    assert day.states(letter_id) == {State.ACCEPTED: 10, State.FAILED: 40}
    assert day.suppressed() == {f"reader-{number}@example.org" for number in range(0, 50, 5)}
    with day.database.read() as session:
        assert breakers.standing(session) == []  # some took it: nobody is paused


@pytest.mark.parametrize("said", ["550 5.7.1 Blocked", "550 5.7.515 Access denied, sending domain does not pass"])
@pytest.mark.parametrize("stage", ["RCPT", "dot"])
async def test_a_group_that_refuses_us_is_paused_and_told_and_nobody_else_is(day: Day, stage: str, said: str) -> None:
    letter_id, others = day.write(400, domain="outlook.com", group="microsoft"), day.write(100)

    def refused(recipient: str) -> str | None:
        if not recipient.endswith("@outlook.com"):
            return None
        # Some of them are unknown, too: that says nothing about us, and does not break the row.
        return "550 5.1.1 User unknown" if recipient.startswith("reader-3@") else said

    if stage == "RCPT":
        day.says = lambda to, _: refused(to)
    else:
        day.server.answers["dot"] = [lambda to: refused(to) or "250 2.0.0 Ok: queued as 4XkZ1s3Nqb"]
    await day.pass_by(10 * MINUTE)
    assert day.states(others) == {State.ACCEPTED: 100}
    found = day.states(letter_id)
    assert found[State.FAILED] <= 15
    assert found[State.READY] >= 385
    assert day.suppressed() == {"reader-3@outlook.com"}
    with day.database.read() as session:
        [breaker] = breakers.standing(session)
        assert (breaker.trouble, breaker.domain_group, breaker.why) == (Trouble.GROUP_REFUSES, "microsoft", said)
        [alert] = alerts.alerts(session)
    assert said in alert.text
    assert "Microsoft" in alert.text
