"""A server that drops, refuses and falls silent while a letter is sent: who gets it, and what the books say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from ground.database import Database
from mailer import ledger
from mailer.deliveries import Delivery, State
from mailer.letters import Lane
from mailer.suppressions import Suppression
from mailer.transports.route import Route, Timeouts, Tls
from mailer.transports.smtp import SmtpTransport
from tests.mailer import builders
from tests.mailer.doubles import DROP, SILENCE, WELL, Answer, ScriptedServer, dispatcher

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("mode")]

COUNT = 120
WINDOW = 8  # what Route allows
#: On a busy machine a second's silence may be nobody's fault: a short patience is for servers that say nothing at all.
BRIEF = Timeouts(greeting=1.0, mail=1.0, rcpt=1.0, data=1.0, dot=1.0, noop=1.0)
PATIENT = Timeouts(greeting=20.0, mail=20.0, rcpt=20.0, data=20.0, dot=20.0, noop=20.0)


def every(nth: int, answer: str, stage: str) -> Answer:
    """`answer` to every nth command, else what a well-behaved server says."""
    seen = [0]

    def reply(_: str) -> str:
        seen[0] += 1
        return answer if seen[0] % nth == 0 else WELL[stage]

    return reply


async def send(
    database: Database, server: ScriptedServer, now: datetime, *, rounds: int = 40, timeouts: Timeouts = PATIENT
) -> tuple[int, datetime]:
    """Send a letter to 120 readers, letting the clock jump to whatever is due next; the letter and the last time."""
    with database.write() as session:
        letter_id = builders.letter(session, COUNT, now=now)
    time = [now]
    async with server.running():
        route = Route(
            host="127.0.0.1", port=server.port, tls=Tls.NONE, helo="news.test", connections=4, timeouts=timeouts
        )
        sender = dispatcher(database, SmtpTransport(route), clock=lambda: time[0])
        for _ in range(rounds):
            with database.read() as session:
                due = ledger.due_batches(session, Lane.BULK, now=time[0], limit=10)
            for batch in due:
                await sender.send_batch(batch)
            time[0] += timedelta(minutes=6)
        await sender.close()
    return letter_id, time[0]


def states(database: Database, letter_id: int) -> dict[State, int]:
    with database.read() as session:
        assert ledger.verify(session) == []
        return {state: number for state, number in ledger.counts(session, letter_id).items() if number}


def copies(server: ScriptedServer) -> Counter[str]:
    return Counter(recipient for recipient, _ in server.messages)


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("answer", [DROP, "421 4.3.2 Service not available"])
async def test_what_breaks_before_the_content_costs_nobody_anything(
    database: Database, now: datetime, stage: str, answer: str, mode: str
) -> None:
    server = ScriptedServer(**{stage: every(3 if stage in {"greeting", "EHLO"} else 20, answer, stage)})
    letter_id, _ = await send(database, server, now)
    assert set(copies(server).values()) == {1}
    if mode == "chunking" and stage in {"MAIL", "RCPT"}:  # contents leave ahead of the replies: a window is in doubt
        found = states(database, letter_id)
        assert found.pop(State.UNCERTAIN, 0) <= WINDOW * (COUNT // 20)
        assert set(found) == {State.ACCEPTED}
        return
    assert states(database, letter_id) == {State.ACCEPTED: COUNT}
    with database.read() as session:
        assert session.scalars(select(func.max(Delivery.attempt))).one() == 1
        assert ledger.in_doubt(session, letter_id) == 0


@pytest.mark.parametrize("answer", [DROP, SILENCE])
async def test_what_breaks_after_the_content_is_in_doubt_and_nothing_else_is(
    database: Database, now: datetime, answer: str, mode: str
) -> None:
    server = ScriptedServer(dot=every(20, answer, "dot"))
    letter_id, _ = await send(database, server, now, timeouts=BRIEF if answer is SILENCE else PATIENT)
    if mode == "chunking":
        found = states(database, letter_id)
        assert 5 <= found[State.UNCERTAIN] <= 6 * WINDOW
        assert found[State.ACCEPTED] + found[State.UNCERTAIN] == COUNT
        assert copies(server).total() == len(copies(server)) >= found[State.ACCEPTED]
        return
    assert states(database, letter_id) == {State.ACCEPTED: COUNT - 6, State.UNCERTAIN: 6}
    assert set(copies(server).values()) == {1}


async def test_doubt_ends_with_one_more_copy_and_the_letter_is_finished(
    database: Database, now: datetime, mode: str
) -> None:
    server = ScriptedServer(dot=every(20, DROP, "dot"))
    letter_id, later = await send(database, server, now)
    later += timedelta(minutes=16)
    with database.write() as session:
        doubtful = ledger.settle_uncertain(session, now=later).resent
    assert doubtful == 6 if mode != "chunking" else 5 <= doubtful <= 6 * WINDOW
    server.answers["dot"] = [WELL["dot"]]
    async with server.running():
        route = Route(host="127.0.0.1", port=server.port, tls=Tls.NONE, helo="news.test")
        sender = dispatcher(database, SmtpTransport(route), clock=lambda: later)
        with database.read() as session:
            due = ledger.due_batches(session, Lane.BULK, now=later, limit=10)
        for batch in due:
            await sender.send_batch(batch)
        await sender.close()
    assert states(database, letter_id) == {State.ACCEPTED: COUNT}
    with database.read() as session:
        assert ledger.in_doubt(session, letter_id) == doubtful


def by_reader(said: Callable[[int], str | None]) -> Answer:
    """An answer chosen by the reader's number; None is what a well-behaved server says."""

    def reply(line: str) -> str:
        number = int(line.split("reader-")[1].split("@", maxsplit=1)[0])
        return said(number) or WELL["RCPT" if line.startswith("RCPT") else "dot"]

    return reply


async def test_only_who_does_not_exist_is_suppressed(database: Database, now: datetime) -> None:
    at_rcpt = {
        0: "550 5.1.1 User unknown",
        1: "552 5.2.2 Mailbox full",
        2: "550 5.7.1 Blocked",
        3: "451 4.3.0 Later",
        4: None,
    }
    after_dot = {0: "550 5.7.515 Access denied", 1: "554 5.6.0 Bad content", 2: None}
    server = ScriptedServer(
        # Ten who are unknown: one more, and the issue would be held.
        RCPT=by_reader(lambda number: at_rcpt[number % 5 or int(number >= 50)]),
        dot=by_reader(lambda number: after_dot[number % 3]),
    )
    letter_id, _ = await send(database, server, now, rounds=8)
    with database.read() as session:
        suppressed = set(session.scalars(select(Suppression.address_key)))
    assert suppressed == {f"reader-{number}@example.org" for number in range(0, 50, 5)}
    assert states(database, letter_id) == {State.FAILED: 88, State.DEFERRED: 24, State.ACCEPTED: 8}
    assert set(copies(server)) == {f"reader-{number}@example.org" for number in range(COUNT) if number % 15 == 14}
