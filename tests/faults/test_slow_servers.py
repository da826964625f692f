"""A server that trickles, floods, miscounts or falls silent: bounded time, the right row, and no connection used again."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from sqlalchemy import select

from ground.database import Database
from mailer import ledger
from mailer.deliveries import Delivery, State
from mailer.envelope import Envelope
from mailer.letters import Lane
from mailer.transports import Outcome, Result, Stage
from mailer.transports.route import Route, Timeouts, Tls
from mailer.transports.smtp import SmtpTransport
from tests.mailer import builders
from tests.mailer.doubles import SILENCE, WELL, Answer, ScriptedServer, dispatcher

pytestmark = pytest.mark.faults

MESSAGE = b"Subject: hello\r\n\r\nGood morning\r\n"
BRIEF = Timeouts(greeting=0.3, opening=1.0, mail=0.3, rcpt=0.3, data=0.3, dot=0.3, noop=0.3)


class Trickling(ScriptedServer):
    """Says one chosen reply byte by byte, slowly, without ever falling silent."""

    def __init__(self, slow: str, **script: Answer) -> None:
        super().__init__(**script)
        self._slow = slow

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        if reply != self._slow:
            return await super()._say(writer, reply)
        for byte in (reply * 10).encode():
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)
        return False


async def two_messages(server: ScriptedServer) -> tuple[Outcome, Outcome, float]:
    """What became of two messages, one after the other, and how long the first took."""
    loop = asyncio.get_running_loop()
    async with server.running():
        route = Route(host="127.0.0.1", port=server.port, tls=Tls.NONE, helo="news.test", timeouts=BRIEF)
        transport = SmtpTransport(route)
        began = loop.time()
        first = await transport.send(Envelope("b+1@bounces.test", "one@example.org"), MESSAGE)
        took = loop.time() - began
        second = await transport.send(Envelope("b+2@bounces.test", "two@example.org"), MESSAGE)
        await transport.close()
    return first, second, took


AT = {
    "greeting": (Result.UNREACHABLE, Stage.CONNECT),
    "EHLO": (Result.UNREACHABLE, Stage.CONNECT),
    "MAIL": (Result.UNREACHABLE, Stage.MAIL),
    "RCPT": (Result.UNREACHABLE, Stage.RCPT),
    "DATA": (Result.UNREACHABLE, Stage.DATA),
    "dot": (Result.UNCERTAIN, Stage.DOT),
}


@pytest.mark.parametrize("stage", AT)
async def test_a_reply_that_trickles_is_not_waited_for_longer_than_its_stage(stage: str) -> None:
    slow = "250 2.0.0 This takes its time"
    server = Trickling(slow, **{stage: slow})
    first, second, took = await two_messages(server)
    assert (first.result, first.stage) == (second.result, second.stage) == AT[stage]
    assert took < 8  # the whole reply takes three times as long
    assert server.connections == 2


LONG = "250 " + 100_000 * "x"
ENDLESS = "\r\n".join(["250-and so on"] * 8_000)


@pytest.mark.parametrize("stage", AT)
@pytest.mark.parametrize(
    "answer", [LONG, ENDLESS, "\x00\x01\xff nonsense", "250-one\r\n550 two"], ids=lambda said: said[:9]
)
async def test_a_reply_that_is_none_costs_its_connection_and_no_more(stage: str, answer: str) -> None:
    answers: list[Answer] = [answer, WELL[stage]]
    server = ScriptedServer(**{stage: answers})
    first, second, _ = await two_messages(server)
    assert (first.result, first.stage) == AT[stage]
    assert first.code is None or (stage in {"greeting", "EHLO"} and "550" in answer)  # there it is the same to us
    assert len(first.reply) <= 512
    assert second.result is Result.ACCEPTED
    assert server.connections == 2
    assert [recipient for recipient, _ in server.messages][-1] == "two@example.org"


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("more", ["250 2.0.0 Ok: queued as GHOST", "550 5.1.1 User unknown", "354 Go on", "half a li"])
async def test_replies_out_of_count_before_the_content_leave_nothing_in_doubt(stage: str, more: str) -> None:
    """Else the surplus one would answer the next command: an acceptance that never was, or somebody else's refusal."""
    answers: list[Answer] = [f"{WELL[stage]}\r\n{more}", WELL[stage]]
    server = ScriptedServer(**{stage: answers})
    first, second, _ = await two_messages(server)
    assert first.result is Result.UNREACHABLE
    assert "GHOST" not in str(first.queue_id)
    assert second.result is Result.ACCEPTED
    assert second.queue_id == "4XkZ1s3Nqb"
    assert server.connections == 2
    assert [recipient for recipient, _ in server.messages] == ["two@example.org"]


async def test_a_reply_too_many_after_the_content_takes_nothing_back_and_ends_the_connection() -> None:
    server = ScriptedServer(dot=[f"{WELL['dot']}\r\n550 5.1.1 User unknown", WELL["dot"]])
    first, second, _ = await two_messages(server)
    assert (first.result, second.result) == (Result.ACCEPTED, Result.ACCEPTED)
    assert server.connections == 2


class Sluggish(ScriptedServer):
    """Takes a moment for each message, so that connections are what counts; some it never answers."""

    def __init__(self, *, silent: int = 0) -> None:
        super().__init__()
        self.answered_at: list[float] = []
        self._silent = silent

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        if "queued as" in reply:
            if self._silent:
                self._silent -= 1
                reply = SILENCE
            else:
                await asyncio.sleep(0.02)
                self.answered_at.append(asyncio.get_running_loop().time())
        return await super()._say(writer, reply)


COUNT, BATCHES, CONNECTIONS = 400, 8, 10
STUCK_FOR = 3.0


async def rate(database: Database, now: datetime, server: Sluggish) -> float:
    """Messages a second over a line, as the batches of an engine's lane ask for it, four at a time."""
    with database.write() as session:
        for _ in range(BATCHES):
            builders.letter(session, COUNT // BATCHES, now=now)
        due = ledger.due_batches(session, Lane.BULK, now=now, limit=100)
    limits = Timeouts(dot=STUCK_FOR)
    async with server.running():
        route = Route(
            host="127.0.0.1",
            port=server.port,
            tls=Tls.NONE,
            helo="news.test",
            connections=CONNECTIONS,
            max_messages=1_000,
            timeouts=limits,
        )
        sender = dispatcher(database, SmtpTransport(route), clock=lambda: now)
        workers = asyncio.Semaphore(4)

        async def work(batch: int) -> None:
            async with workers:
                await sender.send_batch(batch)

        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(work(batch) for batch in due))
        await sender.close()
    # Not of the last few: what was said behind the stuck message is given back when its time is over.
    most = COUNT * 95 // 100
    return most / (server.answered_at[most - 1] - began)


@pytest.mark.usefixtures("mode")
async def test_a_message_that_is_never_answered_holds_one_connection_and_not_the_line(
    database: Database, now: datetime
) -> None:
    """One of ten connections is lost for as long as the stage allows; the other nine go on as before."""
    clean = await rate(database, now, Sluggish())
    stuck = Sluggish(silent=1)
    disturbed = await rate(database, now, stuck)
    assert len(stuck.answered_at) == COUNT - 1
    assert disturbed > 0.7 * clean  # 0.9 and what a busy machine takes
    with database.read() as session:
        doubtful = session.execute(select(Delivery.state, Delivery.stage).where(Delivery.state != State.ACCEPTED)).all()
        assert [tuple(row) for row in doubtful] == [(State.UNCERTAIN, "dot")]
        assert ledger.verify(session) == []
