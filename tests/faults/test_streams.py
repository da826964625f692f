"""Messages without a pause for each reply: refusals in the middle, hosts that only say they can, and a cap."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailer.envelope import Envelope
from mailer.transports import Outcome, Parcel, Result, Stage
from mailer.transports.route import WINDOW, Route, Timeouts, Tls
from mailer.transports.smtp import SmtpTransport
from tests.faults.certificates import Authority
from tests.mailer.doubles import DROP, OFFERED, SILENCE, WELL, Answer, ScriptedServer

pytestmark = pytest.mark.faults

BRIEF = Timeouts(greeting=1.0, opening=2.0, mail=1.0, rcpt=1.0, data=1.0, dot=1.0, noop=1.0)
PATIENT = Timeouts(greeting=20.0, opening=40.0, mail=20.0, rcpt=20.0, data=20.0, dot=20.0, noop=20.0)
FAST = ["pipelining", "chunking"]
BODY = b"Subject: hello\r\n\r\n.leading dot\r\nGood morning\r\n"


class Heap:
    """So many messages, all there from the start."""

    def __init__(self, count: int) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self._waiting = deque(
            Parcel(Envelope(f"b+{n}@bounces.test", f"reader-{n}@example.org"), (b"X-Number: %d\r\n" % n, BODY))
            for n in range(count)
        )

    @property
    def is_over(self) -> bool:
        return not self._waiting

    async def next(self) -> Parcel | None:
        return self.take()

    def take(self) -> Parcel | None:
        return self._waiting.popleft() if self._waiting else None

    def settle(self, parcel: Parcel, outcome: Outcome) -> None:
        assert parcel.envelope.recipient not in self.outcomes, "settled twice"
        self.outcomes[parcel.envelope.recipient] = outcome

    def listen(self, wake: Callable[[int], bool]) -> None:
        """All are there."""

    def leave(self, wake: Callable[[int], bool]) -> None:
        """Nobody listens."""

    def results(self) -> list[Result]:
        return [self.outcomes[f"reader-{n}@example.org"].result for n in range(len(self.outcomes))]


async def carried(server: ScriptedServer, count: int, *, timeouts: Timeouts = PATIENT, **changes: object) -> Heap:
    heap = Heap(count)
    async with server.running():
        route = Route(host="127.0.0.1", port=server.port, tls=Tls.NONE, helo="news.test", timeouts=timeouts, **changes)  # type: ignore[arg-type]
        transport = SmtpTransport(route)
        await asyncio.wait_for(transport.carry(heap), 20)
        await transport.close()
    return heap


def spoken(mode: str, **script: Answer | list[Answer]) -> ScriptedServer:
    return ScriptedServer(EHLO=OFFERED[mode], **script)


def sound(server: ScriptedServer) -> bool:
    """Whether everybody got their own message, whole and once."""
    own = all(b"X-Number: %s\r\n" % to[7:].split("@")[0].encode() in content for to, content in server.messages)
    return own and len({to for to, _ in server.messages}) == len(server.messages)


@pytest.mark.parametrize("mode", FAST)
async def test_all_arrive_whole_over_one_connection(mode: str) -> None:
    server = spoken(mode)
    heap = await carried(server, 40)
    assert heap.results() == [Result.ACCEPTED] * 40
    assert sound(server)
    assert server.connections == 1
    assert ("DATA" in server.commands) == (mode == "pipelining")
    dots = b"\r\n..leading dot" if mode == "pipelining" else b"\r\n.leading dot"
    assert all(dots in content for _, content in server.messages)


@pytest.mark.parametrize("mode", FAST)
@pytest.mark.parametrize("tls", [Tls.IMPLICIT, Tls.STARTTLS])
async def test_all_arrive_whole_over_tls(tmp_path: Path, mode: str, tls: Tls) -> None:
    authority = Authority(tmp_path)
    server = ScriptedServer(
        **{
            "EHLO": OFFERED[mode] if tls is Tls.IMPLICIT else "250-mx.test\r\n250 STARTTLS",
            "EHLO inside": OFFERED[mode],
            "STARTTLS": "220 2.0.0 Go ahead",
        }
    )
    server.tls = authority.serving()
    heap = Heap(40)
    async with server.running(implicit=tls is Tls.IMPLICIT):
        route = Route(
            host="localhost",
            port=server.port,
            tls=tls,
            trusted_ca=authority.file,
            helo="news.test",
            connections=1,
            timeouts=PATIENT,
        )
        transport = SmtpTransport(route)
        await asyncio.wait_for(transport.carry(heap), 20)
        await transport.close()
    assert heap.results() == [Result.ACCEPTED] * 40
    assert sound(server)
    assert server.connections == 1
    assert not any(b"MAIL" in line for line in server.clear)
    assert ("DATA" in server.commands) == (mode == "pipelining")


@pytest.mark.parametrize("mode", FAST)
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "dot"])
async def test_a_refusal_in_the_middle_is_its_own_messages_alone(mode: str, stage: str) -> None:
    def third(line: str) -> str:
        number = int(line.split("b+" if stage == "MAIL" else "reader-")[1].split("@", maxsplit=1)[0])
        return "550 5.1.1 User unknown" if number % 3 == 0 else WELL[stage]

    script: dict[str, Answer] = {stage: third}
    if stage == "MAIL":
        script["RCPT"] = lambda line: third(line.replace("reader-", "b+")).replace("550 5.1.1 User", "503 5.5.1")
    server = spoken(mode, **script)
    heap = await carried(server, 30)
    refused, taken = Result.REFUSED, Result.ACCEPTED
    assert heap.results() == [refused, taken, taken] * 10
    assert (
        heap.outcomes["reader-3@example.org"].stage == {"MAIL": Stage.MAIL, "RCPT": Stage.RCPT, "dot": Stage.DOT}[stage]
    )
    assert len(server.messages) == 20
    assert sound(server)
    assert server.connections == 1


class TakesNothing(ScriptedServer):
    """Says 354 to a DATA that has no recipient, as some do, and refuses the empty message that ends it."""

    def __init__(self, **script: Answer) -> None:
        super().__init__(**script)
        self.answers["."] = ["554 5.5.1 No valid recipients"]

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        return await super()._say(
            writer, WELL["DATA"] if reply == "554 5.5.1 No valid recipients" and self.asks() else reply
        )

    def asks(self) -> bool:
        return self.commands[-1] == "DATA"


async def test_a_354_for_nobody_is_ended_by_an_empty_message_that_counts_for_nothing() -> None:
    server = TakesNothing(
        EHLO=OFFERED["pipelining"], RCPT=lambda line: "550 5.1.1 Unknown" if "reader-1@" in line else WELL["RCPT"]
    )
    heap = await carried(server, 5)
    assert heap.results() == [Result.ACCEPTED, Result.REFUSED, Result.ACCEPTED, Result.ACCEPTED, Result.ACCEPTED]
    assert server.commands.count(".") == 1
    assert len(server.messages) == 4
    assert sound(server)


@pytest.mark.parametrize("mode", FAST)
@pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
@pytest.mark.parametrize("answer", ["nonsense", "354 go on", f"{WELL['RCPT']}\r\n250 2.1.5 Ok"])
async def test_a_host_that_speaks_out_of_turn_is_spoken_to_plainly_for_good(mode: str, stage: str, answer: str) -> None:
    answers: list[Answer] = [answer, WELL[stage]]
    server = spoken(mode, **{stage: answers})
    heap = await carried(server, 6)
    assert heap.results().count(Result.UNCERTAIN) <= 1
    assert set(heap.results()) <= {Result.ACCEPTED, Result.UNCERTAIN}
    assert sound(server)
    plain = server.commands[server.commands.index("EHLO news.test", 1) :]
    assert plain.count("DATA") >= 5
    assert not [line for line in plain if line.startswith("BDAT")]


async def test_a_host_that_offers_chunking_and_does_not_know_it_gets_all_by_data() -> None:
    class Liar(ScriptedServer):
        async def _chunk(self, *args: object) -> bool:
            await self._say(args[1], "502 5.5.2 Command not recognized")  # type: ignore[arg-type]
            return False

    server = Liar(EHLO=OFFERED["chunking"])
    heap = await carried(server, 6)
    assert heap.results() == [Result.ACCEPTED] * 6
    assert sound(server)
    assert len([line for line in server.commands if line.startswith("BDAT")]) == 1


@pytest.mark.parametrize("mode", FAST)
async def test_a_host_that_falls_silent_at_the_first_group_gets_all_one_by_one(mode: str) -> None:
    server = spoken(mode, MAIL=[SILENCE, SILENCE, WELL["MAIL"]])
    heap = await carried(server, 4, timeouts=BRIEF)
    assert heap.results() == [Result.ACCEPTED] * 4
    assert server.connections == 3
    assert sound(server)


@pytest.mark.parametrize(("mode", "most"), [("pipelining", 1), ("chunking", WINDOW)])
async def test_a_drop_leaves_no_more_than_the_window_in_doubt(mode: str, most: int) -> None:
    seen = []

    def tenth(_: str) -> str:
        seen.append(1)
        return DROP if len(seen) == 10 else WELL["dot"]

    server = spoken(mode, dot=tenth)
    heap = await carried(server, 40)
    assert 1 <= heap.results().count(Result.UNCERTAIN) <= most
    assert heap.results().count(Result.ACCEPTED) + heap.results().count(Result.UNCERTAIN) == 40
    assert sound(server)


@pytest.mark.parametrize("mode", FAST)
async def test_no_connection_carries_more_than_its_cap(mode: str) -> None:
    server = spoken(mode)
    heap = await carried(server, 60, max_messages=20)
    assert heap.results() == [Result.ACCEPTED] * 60
    assert 3 <= server.connections <= 5  # the next is made ahead, and may come late or not be needed
    assert sound(server)


@pytest.mark.parametrize("off", [{"pipelining": False}, {"chunking": False}])
async def test_what_is_switched_off_is_never_tried(off: dict[str, Any]) -> None:
    server = spoken("chunking")
    heap = await carried(server, 5, **off)
    assert heap.results() == [Result.ACCEPTED] * 5
    assert not [line for line in server.commands if line.startswith("BDAT")]
