"""Several relays, of which some refuse, rest or cannot be found: the others carry on, and no reader pays for it."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from ground.database import Database
from mailer import ledger
from mailer.deliveries import Attempt, Delivery, State
from mailer.dispatch import Dispatcher
from mailer.letters import Lane
from mailer.lines import Way
from mailer.press import Unsignable
from mailer.transports.relay import Correlation, Relay
from mailer.transports.route import WINDOW, Route, Timeouts, Tls
from mailer.transports.smtp import SmtpTransport
from tests.mailer import builders
from tests.mailer.doubles import DROP, ScriptedServer, dispatcher

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("mode")]

PATIENT = Timeouts(greeting=20.0, opening=40.0, mail=20.0, rcpt=20.0, data=20.0, dot=20.0, noop=20.0)


def way(port: int, name: str, *, host: str = "127.0.0.1", **changes: Any) -> Way:  # noqa: ANN401 - a Way's own fields
    route = Route(host=host, port=port, name=name, tls=Tls.NONE, helo="news.test", connections=4, timeouts=PATIENT)
    return Way(transport=SmtpTransport(route), **changes)


def letters(database: Database, now: datetime, *, batches: int, each: int) -> int:
    with database.write() as session:
        for _ in range(batches):
            builders.letter(session, each, now=now)
    return batches * each


async def send_due(sender: Dispatcher[bytes], database: Database, now: datetime) -> int:
    """Send what is due, over and over, until nothing is due now; how many rounds it took."""
    for rounds in range(50):
        with database.read() as session:
            due = ledger.due_batches(session, Lane.BULK, now=now, limit=100)
        if not due:
            return rounds
        for batch in due:
            await sender.send_batch(batch)
    raise AssertionError("there is always something due")


def counts(database: Database) -> dict[State, int]:
    with database.read() as session:
        assert ledger.verify(session) == []
        rows = session.execute(select(Delivery.state, func.count()).group_by(Delivery.state)).all()
        return {key: number for key, number in rows}  # noqa: C416 - rows are no pairs to the type checker


def by_route(database: Database) -> dict[str | None, int]:
    with database.read() as session:
        rows = session.execute(select(Delivery.route, func.count()).group_by(Delivery.route)).all()
        return {key: number for key, number in rows}  # noqa: C416 - rows are no pairs to the type checker


async def test_shares_follow_the_weights_and_the_books_name_the_route(database: Database, now: datetime) -> None:
    letters(database, now, batches=20, each=10)
    one, two = ScriptedServer(), ScriptedServer()
    async with one.running(), two.running():
        sender = dispatcher(database, way(one.port, "one", weight=9), way(two.port, "two"), clock=lambda: now)
        await send_due(sender, database, now)
        await sender.close()
    assert by_route(database) == {"one": 180, "two": 20}
    assert (len(one.messages), len(two.messages)) == (180, 20)


async def test_each_relay_is_told_the_deliverys_name_in_its_own_way(database: Database, now: datetime) -> None:
    letters(database, now, batches=4, each=5)
    ses, own = ScriptedServer(), ScriptedServer()
    async with ses.running(), own.running():
        relay = Relay(signs=True, keeps_message_id=False, correlation=Correlation.SES)
        sender = dispatcher(database, way(ses.port, "ses", relay=relay), way(own.port, "own"), clock=lambda: now)
        await send_due(sender, database, now)
        await sender.close()
    with database.read() as session:
        expected = {
            f"X-SES-MESSAGE-TAGS: delivery={number}"
            for number in session.scalars(select(Delivery.id).where(Delivery.route == "ses"))
        }
    assert {content.split(b"\r\n")[0].decode() for _, content in ses.messages} == expected
    assert len(expected) == 10
    assert all(content.startswith(b"To: ") for _, content in own.messages)


async def test_a_relay_that_signs_gets_no_signature_of_ours(database: Database, now: datetime) -> None:
    letters(database, now, batches=4, each=5)

    async def sign(messages: Sequence[bytes], _: datetime) -> list[bytes | Unsignable]:
        return [b"DKIM-Signature: ours\r\n" + message for message in messages]

    signing, plain = ScriptedServer(), ScriptedServer()
    async with signing.running(), plain.running():
        theirs = way(signing.port, "signing", relay=Relay(signs=True))
        marked = way(plain.port, "plain", relay=Relay(correlation=Correlation.POSTMARK))
        sender = dispatcher(database, theirs, marked, clock=lambda: now, sign=sign)
        await send_due(sender, database, now)
        await sender.close()
    assert {content.startswith(b"To: ") for _, content in signing.messages} == {True}
    assert {content.startswith(b"DKIM-Signature: ours\r\nX-PM-Metadata") for _, content in plain.messages} == {True}
    assert len(signing.messages) == len(plain.messages) == 10


REFUSALS = [
    {"greeting": "421 4.3.2 Not now"},
    {"greeting": "554 5.7.1 No service for you"},
    {"greeting": DROP},
    {"RCPT": "421 4.7.0 Too much from you"},
    {"MAIL": "530 5.7.0 Authentication required"},
]


@pytest.mark.parametrize("script", REFUSALS, ids=str)
async def test_when_one_route_refuses_the_others_carry_on_at_once(
    database: Database, now: datetime, script: dict[str, str]
) -> None:
    """The clock stands still: but for the few that found it out, nobody waits."""
    count = letters(database, now, batches=3, each=20)
    bad, good = ScriptedServer(**script), ScriptedServer()
    time = [now]
    async with bad.running(), good.running():
        sender = dispatcher(database, way(bad.port, "bad", weight=5), way(good.port, "good"), clock=lambda: time[0])
        await send_due(sender, database, now)
        assert len(good.messages) >= count - 4
        time[0] += timedelta(seconds=6)
        while counts(database).get(State.READY):
            await send_due(sender, database, time[0])
            time[0] += timedelta(seconds=6)
        await sender.close()
    assert counts(database) == {State.ACCEPTED: count}
    assert len(good.messages) == count
    assert bad.connections <= 12
    with database.read() as session:
        assert session.scalars(select(func.max(Delivery.attempt))).one() == 1
        assert set(session.scalars(select(Attempt.outcome))) == {"unreachable"}


async def test_a_route_that_falls_in_the_middle_gives_the_rest_to_the_other(
    database: Database, now: datetime, mode: str
) -> None:
    letters(database, now, batches=1, each=200)
    falling, good = ScriptedServer(), ScriptedServer()

    def fall_after_fifty(_: str) -> str:
        return DROP if len(falling.messages) >= 50 else "250 2.1.0 Ok"

    falling.answers["MAIL"] = [fall_after_fifty]
    async with falling.running(), good.running():
        sender = dispatcher(
            database, way(falling.port, "falling", weight=100), way(good.port, "good"), clock=lambda: now
        )
        await send_due(sender, database, now)
        await sender.close()
    doubtful = counts(database).get(State.UNCERTAIN, 0)
    assert doubtful <= (4 * WINDOW if mode == "chunking" else 0)  # there a window of each connection has left
    got = Counter(recipient for server in (falling, good) for recipient, _ in server.messages)
    assert set(got.values()) == {1}
    # A connection that breaks while the route still answers on others may break for the message's sake: that one rests.
    left = counts(database).get(State.READY, 0)
    assert left <= 4
    assert 200 - left - doubtful <= len(got) <= 200 - left
    assert len(good.messages) >= 140 - doubtful


async def test_when_all_routes_rest_the_rows_go_back_at_no_cost_until_the_first_has_rested(
    database: Database, now: datetime
) -> None:
    count = letters(database, now, batches=3, each=20)
    no, later = ScriptedServer(greeting="554 5.7.1 No service for you"), ScriptedServer(greeting="421 4.3.2 Not now")
    time = [now]
    async with no.running(), later.running():
        sender = dispatcher(database, way(no.port, "no"), way(later.port, "later"), clock=lambda: time[0])
        with capture_logs() as told:
            await send_due(sender, database, now)
        assert counts(database) == {State.READY: count}
        assert sorted(
            (line["event"], line["route"], line["log_level"]) for line in told if line["event"] != "breaker_tripped"
        ) == [
            ("route_refuses_us", "no", "error"),
            ("route_rests", "later", "warning"),
        ]
        with database.read() as session:
            assert session.scalars(select(func.max(Delivery.attempt))).one() == 0
        time[0] += timedelta(seconds=6)  # the one that was only busy has rested
        later.answers["greeting"] = ["220 mx.test ESMTP"]
        await send_due(sender, database, time[0])
        await sender.close()
    assert counts(database) == {State.ACCEPTED: count}
    assert by_route(database) == {"later": count}


async def test_a_wrong_password_stops_its_route_and_no_other(database: Database, now: datetime, tmp_path: Any) -> None:  # noqa: ANN401
    from tests.faults.certificates import Authority

    authority = Authority(tmp_path)
    count = letters(database, now, batches=4, each=20)
    closed = ScriptedServer(
        EHLO="250-mx.test\r\n250 STARTTLS",
        STARTTLS="220 2.0.0 Go ahead",
        **{"EHLO inside": "250-mx.test\r\n250 AUTH PLAIN"},
        AUTH="535 5.7.8 Authentication credentials invalid",
    )
    closed.tls = authority.serving()
    good = ScriptedServer()
    async with closed.running(), good.running():
        route = Route(
            host="localhost",
            port=closed.port,
            name="closed",
            username="desk",
            password="wrong",
            trusted_ca=authority.file,
            helo="news.test",
            timeouts=PATIENT,
        )
        sender = dispatcher(database, Way(transport=SmtpTransport(route)), way(good.port, "good"), clock=lambda: now)
        with capture_logs() as told:
            await send_due(sender, database, now)
        await sender.close()
    assert counts(database) == {State.ACCEPTED: count}
    assert [line["event"] for line in told] == ["route_refuses_us", "breaker_tripped"]
    assert (told[0]["stage"], told[0]["code"], told[1]["scope"]) == ("auth", 535, "route:closed")
    assert "AUTH" not in b"".join(closed.clear).decode()
    assert closed.connections <= 4


class Names:
    """The system's resolver, for one name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer: str | socket.gaierror = "127.0.0.1"
        self._ask = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: str, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - the system's own signature
        if host != "relay.example":
            return self._ask(host, *rest, **named)
        if isinstance(self.answer, socket.gaierror):
            raise self.answer
        return self._ask(self.answer, *rest, **named)


@pytest.mark.parametrize(
    "answer",
    [
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        "127.0.0.77",  # it has moved, and nobody listens there any more
    ],
    ids=["SERVFAIL", "NXDOMAIN", "moved"],
)
async def test_a_relay_whose_name_is_not_found_is_waited_for(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch, answer: str | socket.gaierror
) -> None:
    count = letters(database, now, batches=2, each=20)
    names = Names(monkeypatch)
    names.answer = answer
    time = [now]
    server = ScriptedServer()
    async with server.running():
        sender = dispatcher(database, way(server.port, "named", host="relay.example"), clock=lambda: time[0])
        for _ in range(3):
            await send_due(sender, database, time[0])
            assert counts(database) == {State.READY: count}
            time[0] += timedelta(minutes=6)
        names.answer = "127.0.0.1"
        await send_due(sender, database, time[0])
        await sender.close()
    assert counts(database) == {State.ACCEPTED: count}
    with database.read() as session:
        assert session.scalars(select(func.max(Delivery.attempt))).one() == 1


async def test_a_relay_that_grants_fewer_connections_than_were_set_gets_fewer(
    database: Database, now: datetime
) -> None:
    """The third connection and all further ones are told 421; nobody waits and nothing rests."""

    class Strict(ScriptedServer):
        async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
            if reply.startswith("220 ") and len(self._open) > 2:
                reply = "421 4.7.0 Too many connections"
            if "queued as" in reply:
                await asyncio.sleep(0.005)
            return await super()._say(writer, reply)

    count = letters(database, now, batches=2, each=60)
    server = Strict()
    async with server.running():
        sender = dispatcher(database, way(server.port, "strict"), clock=lambda: now)
        await send_due(sender, database, now)
        await sender.close()
    assert len(server.messages) >= count - 4
    assert counts(database).get(State.UNCERTAIN, 0) == 0
    assert server.connections <= 10
