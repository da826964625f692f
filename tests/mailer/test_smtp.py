"""The SMTP transport against servers that behave, refuse, lie, drop and fall silent; and over TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Session
from aiosmtpd.smtp import Envelope as Received

from mailer.envelope import Envelope
from mailer.transports import Outcome, Result, Stage
from mailer.transports.route import Route, Tls
from mailer.transports.smtp import SmtpTransport
from mailer.transports.wire import wire
from tests.mailer.doubles import DROP, PATIENT, SILENCE, Answer, ScriptedServer

CERTIFICATE = Path(__file__).with_name("localhost.pem")
MESSAGE = b"Subject: hello\r\n\r\nGood morning\r\n"


def to(recipient: str = "r@example.org") -> Envelope:
    return Envelope("b+1-mac@bounces.test", recipient)


def transport_to(port: int, **changes: object) -> SmtpTransport:
    route = Route(host="127.0.0.1", port=port, tls=Tls.NONE, helo="news.test", connections=2, timeouts=PATIENT)
    return SmtpTransport(replace(route, **changes))  # type: ignore[arg-type]


async def outcomes(server: ScriptedServer, count: int = 1) -> list[Outcome]:
    async with server.running():
        transport = transport_to(server.port, timeouts=server.patience)
        try:
            return [await transport.send(to(), MESSAGE) for _ in range(count)]
        finally:
            await transport.close()


async def test_an_accepted_message_brings_its_queue_id_and_the_connection_is_used_again() -> None:
    server = ScriptedServer()
    first, second = await outcomes(server, 2)
    assert first == second
    assert first == Outcome(
        result=Result.ACCEPTED,
        stage=Stage.DOT,
        code=250,
        enhanced="2.0.0",
        reply="2.0.0 Ok: queued as 4XkZ1s3Nqb",
        queue_id="4XkZ1s3Nqb",
    )
    assert server.connections == 1
    assert server.commands[:4] == [
        "EHLO news.test",
        f"MAIL FROM:<b+1-mac@bounces.test> SIZE={len(MESSAGE) + 3}",
        "RCPT TO:<r@example.org>",
        "DATA",
    ]
    assert server.messages[0] == ("r@example.org", MESSAGE + b".\r\n")


NOBODY_THERE = [
    ("greeting", DROP, Stage.CONNECT, None),
    ("greeting", SILENCE, Stage.CONNECT, None),
    ("greeting", "554 5.7.1 No service for you", Stage.CONNECT, 554),
    ("greeting", "421 4.3.2 Busy", Stage.CONNECT, 421),
    ("greeting", "complete nonsense", Stage.CONNECT, None),
    ("EHLO", DROP, Stage.CONNECT, None),
    ("MAIL", DROP, Stage.MAIL, None),
    ("MAIL", "421 4.7.0 Too fast", Stage.MAIL, 421),
    ("MAIL", "530 5.7.0 Authentication required", Stage.MAIL, 530),
    ("MAIL", "354 what?", Stage.MAIL, 354),
    ("RCPT", DROP, Stage.RCPT, None),
    ("RCPT", SILENCE, Stage.RCPT, None),
    ("RCPT", "421 4.7.0 Too fast", Stage.RCPT, 421),
    ("RCPT", "nonsense", Stage.RCPT, None),
    ("DATA", DROP, Stage.DATA, None),
    ("DATA", SILENCE, Stage.DATA, None),
    ("DATA", "250 2.0.0 not what DATA means", Stage.DATA, 250),
    ("dot", "421 4.3.0 Shutting down", Stage.DOT, 421),
]


@pytest.mark.parametrize(("stage", "answer", "at", "code"), NOBODY_THERE)
async def test_before_the_content_nothing_is_in_doubt(stage: str, answer: str, at: Stage, code: int | None) -> None:
    [outcome] = await outcomes(ScriptedServer(**{stage: answer}))
    assert (outcome.result, outcome.stage, outcome.code) == (Result.UNREACHABLE, at, code)


@pytest.mark.parametrize("answer", [DROP, SILENCE, "nonsense", "354 go on", "2", "250" * 20_000])
async def test_after_the_content_only_a_valid_reply_ends_the_doubt(answer: str) -> None:
    [outcome] = await outcomes(ScriptedServer(dot=answer))
    assert (outcome.result, outcome.stage) == (Result.UNCERTAIN, Stage.DOT)


async def test_a_connection_that_falls_within_the_content_leaves_it_in_doubt() -> None:
    [outcome] = await outcomes(ScriptedServer(mid=DROP))
    assert (outcome.result, outcome.stage) == (Result.UNCERTAIN, Stage.DOT)


REFUSALS = [
    ("MAIL", "451 4.3.0 Later", Result.DEFERRED, Stage.MAIL),
    ("MAIL", "550 5.7.1 We do not like your sender", Result.REFUSED, Stage.MAIL),
    ("RCPT", "450 4.2.0 Greylisted", Result.DEFERRED, Stage.RCPT),
    ("RCPT", "550 5.1.1 User unknown", Result.REFUSED, Stage.RCPT),
    ("DATA", "451 4.3.0 Later", Result.DEFERRED, Stage.DATA),
    ("DATA", "554 5.5.1 No", Result.REFUSED, Stage.DATA),
    ("dot", "451 4.3.0 Later", Result.DEFERRED, Stage.DOT),
    ("dot", "550-5.7.26 Two lines\r\n550 5.7.26 of policy", Result.REFUSED, Stage.DOT),
]


@pytest.mark.parametrize(("stage", "answer", "result", "at"), REFUSALS)
async def test_a_refusal_is_told_with_its_stage_and_the_connection_goes_on(
    stage: str, answer: str, result: Result, at: Stage
) -> None:
    well = ScriptedServer().answers[stage]
    server = ScriptedServer(**{stage: [answer, *well]})
    refused, accepted = await outcomes(server, 2)
    assert (refused.result, refused.stage, refused.code) == (result, at, int(answer[:3]))
    assert refused.enhanced == answer[4:].split(maxsplit=1)[0]
    assert accepted.result is Result.ACCEPTED
    assert server.connections == 1
    assert ("RSET" in server.commands) == (at is not Stage.DOT)


async def test_after_a_timeout_the_connection_is_never_used_again() -> None:
    server = ScriptedServer(RCPT=[SILENCE, "250 2.1.5 Ok"])
    late, accepted = await outcomes(server, 2)
    assert (late.result, late.stage) == (Result.UNREACHABLE, Stage.RCPT)
    assert accepted.result is Result.ACCEPTED
    assert server.connections == 2


@pytest.mark.parametrize("goodbye", ["421 4.4.2 Idle too long", DROP])
async def test_a_kept_connection_that_the_server_gave_up_is_replaced_without_a_word(goodbye: str) -> None:
    answers: list[Answer] = ["250 2.1.0 Ok", goodbye, "250 2.1.0 Ok"]
    server = ScriptedServer(MAIL=answers)
    assert [outcome.result for outcome in await outcomes(server, 2)] == [Result.ACCEPTED] * 2
    assert server.connections == 2


async def test_a_connection_carries_no_more_than_its_messages_and_says_goodbye() -> None:
    server = ScriptedServer()
    async with server.running():
        transport = transport_to(server.port, max_messages=2)
        for _ in range(5):
            await transport.send(to(), MESSAGE)
        await transport.close()
    assert server.connections == 3
    assert server.commands.count("QUIT") == 3


async def test_an_idle_connection_is_closed() -> None:
    server = ScriptedServer()
    async with server.running():
        transport = transport_to(server.port, idle_seconds=0.05)
        await transport.send(to(), MESSAGE)
        await asyncio.sleep(0.2)
        assert server.commands[-1] == "QUIT"
        assert (await transport.send(to(), MESSAGE)).result is Result.ACCEPTED
        assert server.connections == 2
        await transport.close()


async def test_no_more_connections_are_opened_than_the_route_allows() -> None:
    server = ScriptedServer()
    async with server.running():
        transport = transport_to(server.port)
        results = await asyncio.gather(*(transport.send(to(f"r{n}@example.org"), MESSAGE) for n in range(20)))
        await transport.close()
    assert {outcome.result for outcome in results} == {Result.ACCEPTED}
    assert server.connections == 2
    assert len({recipient for recipient, _ in server.messages}) == 20


async def test_a_cancelled_message_takes_its_connection_with_it() -> None:
    server = ScriptedServer(dot=[SILENCE, "250 2.0.0 Ok"])
    async with server.running():
        transport = transport_to(server.port)
        sending = asyncio.create_task(transport.send(to(), MESSAGE))
        async with asyncio.timeout(2):
            while "DATA" not in server.commands:  # noqa: ASYNC110 - the server's list is all there is to watch
                await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert (await transport.send(to(), MESSAGE)).result is Result.ACCEPTED
        assert server.connections == 2
        await transport.close()


async def test_nobody_listening_is_unreachable() -> None:
    server = ScriptedServer()
    async with server.running():
        port = server.port
    outcome = await transport_to(port).send(to(), MESSAGE)
    assert (outcome.result, outcome.stage) == (Result.UNREACHABLE, Stage.CONNECT)


@pytest.mark.parametrize(
    ("envelope", "message", "reason"),
    [
        (to("r@example.org>\r\nRCPT TO:<evil@example.org"), MESSAGE, "malformed address"),
        (to("two words@example.org"), MESSAGE, "malformed address"),
        (to("nobody"), MESSAGE, "malformed address"),
        (Envelope("b@x>\r\nRSET", "r@example.org"), MESSAGE, "malformed return path"),
        (to(), b"a\x00b", "the message holds a NUL byte"),
        (to("jörg@example.org"), MESSAGE, "needs SMTPUTF8"),
    ],
)
async def test_what_must_not_leave_does_not(envelope: Envelope, message: bytes, reason: str) -> None:
    server = ScriptedServer()
    async with server.running():
        transport = transport_to(server.port)
        outcome = await transport.send(envelope, message)
        await transport.close()
    assert (outcome.result, outcome.code, outcome.reply) == (Result.REFUSED, None, reason)
    assert not [command for command in server.commands if command.startswith(("MAIL", "RCPT"))]


async def test_an_address_in_utf8_goes_where_it_is_offered() -> None:
    server = ScriptedServer(EHLO="250-mx.test\r\n250 SMTPUTF8")
    async with server.running():
        transport = transport_to(server.port)
        assert (await transport.send(to("jörg@example.org"), MESSAGE)).result is Result.ACCEPTED
        await transport.close()
    assert "MAIL FROM:<b+1-mac@bounces.test> SMTPUTF8" in server.commands
    assert "RCPT TO:<jörg@example.org>" in server.commands


@pytest.mark.parametrize(
    ("message", "on_the_wire"),
    [
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\nb\rc\r\n", b"a\r\nb\r\nc\r\n.\r\n"),
        (b".a\r\n..b\r\n", b"..a\r\n...b\r\n.\r\n"),
        (b"a\n.\nMAIL FROM:<evil>\r\n", b"a\r\n..\r\nMAIL FROM:<evil>\r\n.\r\n"),
        (b"a\r.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\r\nb\r\n", b"a\r\n\r\nb\r\n.\r\n"),
    ],
)
def test_only_crlf_leaves_and_no_line_ends_the_message_early(message: bytes, on_the_wire: bytes) -> None:
    assert wire(message) == on_the_wire


# --- TLS -----------------------------------------------------------------------------


class Inbox:
    """What an aiosmtpd server took."""

    def __init__(self) -> None:
        self.taken: list[list[str]] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Received) -> str:  # noqa: N802
        self.taken.append(envelope.rcpt_tos)
        return "250 2.0.0 Ok"


@asynccontextmanager
async def _serving(controller: Controller) -> AsyncIterator[int]:
    """An aiosmtpd server on a free port, in a thread of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        controller.port = probe.getsockname()[1]
    await asyncio.to_thread(controller.start)
    try:
        yield controller.port
    finally:
        await asyncio.to_thread(controller.stop)


def trusting(certificate: Path = CERTIFICATE) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def serving() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(str(CERTIFICATE))
    return context


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_a_message_goes_over_tls(tls: Tls) -> None:
    inbox = Inbox()
    if tls is Tls.IMPLICIT:
        controller = Controller(inbox, hostname="localhost", port=0, ssl_context=serving())
    else:
        controller = Controller(inbox, hostname="localhost", port=0, tls_context=serving(), require_starttls=True)
    async with _serving(controller) as port:
        transport = SmtpTransport(Route(host="localhost", port=port, tls=tls, helo="news.test"), tls_context=trusting())
        outcome = await transport.send(to(), MESSAGE)
        await transport.close()
    assert outcome.result is Result.ACCEPTED, outcome
    assert inbox.taken == [["r@example.org"]]


async def test_a_certificate_nobody_vouches_for_gets_no_mail() -> None:
    inbox = Inbox()
    async with _serving(Controller(inbox, hostname="localhost", port=0, tls_context=serving())) as port:
        transport = SmtpTransport(Route(host="localhost", port=port, tls=Tls.STARTTLS, helo="news.test"))
        outcome = await transport.send(to(), MESSAGE)
    assert (outcome.result, outcome.stage) == (Result.UNREACHABLE, Stage.TLS)
    assert inbox.taken == []


STRIPPED = [
    ScriptedServer(),  # does not offer it
    ScriptedServer(EHLO="250-mx.test\r\n250 STARTTLS", STARTTLS="454 4.7.0 Not now"),
    ScriptedServer(EHLO="250-mx.test\r\n250 STARTTLS", STARTTLS="220 go ahead\r\nthis is no handshake"),
    ScriptedServer(EHLO="250-mx.test\r\n250 STARTTLS", STARTTLS=DROP),
]


@pytest.mark.parametrize("server", STRIPPED)
async def test_where_tls_is_required_nothing_is_ever_said_in_clear(server: ScriptedServer) -> None:
    async with server.running():
        route = Route(
            host="127.0.0.1", port=server.port, username="u", password="p", helo="news.test", timeouts=PATIENT
        )
        outcome = await SmtpTransport(route).send(to(), MESSAGE)
    assert (outcome.result, outcome.stage) == (Result.UNREACHABLE, Stage.TLS)
    assert {command.split()[0] for command in server.commands if command.isprintable()} <= {"EHLO", "STARTTLS"}


def test_a_password_without_tls_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="would travel in clear text"):
        Route(host="mx.test", port=25, tls=Tls.NONE, username="u", password="p", helo="news.test")
