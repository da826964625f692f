"""What a reply means, row by row, from the wire to the ledger: the table by stage, and the table by class."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from mailer.deliveries import Event
from mailer.envelope import Envelope
from mailer.results import Record
from mailer.transports import Outcome, Stage
from mailer.transports.route import Route, Tls
from mailer.transports.smtp import SmtpTransport
from mailer.verdict import Terms, judge
from tests.mailer.doubles import DROP, SILENCE, ScriptedServer

RELEASE, DEFER, FAIL, LOSE = Event.RELEASE, Event.DEFER, Event.FAIL, Event.LOSE


async def outcome(**script: str) -> Outcome:
    """What the transport makes of a server that says this at that stage."""
    async with ScriptedServer(**script).running() as server:
        route = Route(host="127.0.0.1", port=server.port, tls=Tls.NONE, helo="news.test", timeouts=server.patience)
        transport = SmtpTransport(route)
        found = await transport.send(Envelope("b+1@bounces.test", "r@example.org"), b"Subject: hello\r\n\r\nhello\r\n")
        await transport.close()
    return found


def judged(found: Outcome, now: datetime) -> Record:
    terms = Terms(
        now=now,
        deadline_at=now + timedelta(hours=24),
        route_rests_until=now + timedelta(seconds=5),
        rng=random.Random(1),
    )
    return judge(found, 1, 7, "r@example.org", terms)


@pytest.mark.parametrize(
    ("stage", "reply", "event", "bounce"),
    [
        # Connect, greeting, EHLO: the route is at fault, no recipient is touched.
        ("greeting", "421 4.3.2 Too busy", RELEASE, None),
        ("greeting", "554 5.7.1 No service for you", RELEASE, None),
        ("greeting", DROP, RELEASE, None),
        ("greeting", SILENCE, RELEASE, None),
        ("EHLO", "421 4.3.2 Closing", RELEASE, None),
        ("EHLO", DROP, RELEASE, None),
        # MAIL FROM: the sender, or the letter.
        ("MAIL", "451 4.3.0 Later", DEFER, None),
        ("MAIL", "550 5.7.1 Sender not allowed", DEFER, None),
        ("MAIL", "553 5.1.8 Sender domain not found", DEFER, None),
        ("MAIL", "552 5.3.4 Message size exceeds fixed limit", FAIL, "policy"),
        ("MAIL", "530 5.7.0 Authenticate first", RELEASE, None),
        ("MAIL", "421 4.7.0 Slower, please", RELEASE, None),
        ("MAIL", DROP, RELEASE, None),
        ("MAIL", SILENCE, RELEASE, None),
        # RCPT TO: the recipient.
        ("RCPT", "450 4.2.0 Greylisted", DEFER, None),
        ("RCPT", "452 4.5.3 Too many recipients", DEFER, None),
        ("RCPT", "421 4.7.28 Unusual rate of mail", RELEASE, None),
        ("RCPT", "550 5.1.1 User unknown", FAIL, "hard"),
        ("RCPT", "550 5.7.1 Blocked", FAIL, "policy"),
        ("RCPT", DROP, RELEASE, None),
        ("RCPT", SILENCE, RELEASE, None),
        # The DATA command: never the address.
        ("DATA", "451 4.3.0 Later", DEFER, None),
        ("DATA", "550 5.1.1 User unknown", FAIL, "policy"),
        ("DATA", "554 5.5.1 No valid recipients", FAIL, "policy"),
        ("DATA", "550 5.6.3 Conversion required", FAIL, "policy"),
        ("DATA", "421 4.3.2 Shutting down", RELEASE, None),
        ("DATA", DROP, RELEASE, None),
        ("DATA", SILENCE, RELEASE, None),
        # After the dot: content or policy, the recipient for 5.1.x and 5.2.x only, and doubt without a valid reply.
        ("dot", "451 4.3.0 Later", DEFER, None),
        ("dot", "421 4.3.2 Shutting down", RELEASE, None),
        ("dot", "550 5.1.1 User unknown", FAIL, "hard"),
        ("dot", "552 5.2.2 Mailbox full", FAIL, "soft"),
        ("dot", "550 5.7.1 Unknown user", FAIL, "policy"),
        ("dot", "550 5.4.1 User unknown", FAIL, "policy"),
        ("dot", "550 User unknown", FAIL, "policy"),
        ("dot", "550 5.7.515 Access denied, domain does not pass DMARC", FAIL, "policy"),
        ("dot", "554 5.6.0 Malformed header", FAIL, "policy"),
        ("dot", "554 5.3.0 Rejected", FAIL, "policy"),
        ("dot", DROP, LOSE, None),
        ("dot", SILENCE, LOSE, None),
        ("dot", "999 what", LOSE, None),
    ],
)
async def test_the_table_by_stage(now: datetime, stage: str, reply: str, event: Event, bounce: str | None) -> None:
    record = judged(await outcome(**{stage: reply}), now)
    assert (record.event, record.bounce) == (event, bounce)
    if event is DEFER:
        assert record.next_at is not None
        assert timedelta(minutes=4) <= record.next_at - now <= timedelta(minutes=6)


async def test_no_password_is_right_for_a_server_that_wants_none_and_nothing_is_said_in_clear_text(
    now: datetime,
) -> None:
    """STARTTLS that is not offered, or refused: the route is at fault, and no mail and no password has left."""
    for said in ("250 mx.test", "250-mx.test\r\n250 STARTTLS"):
        async with ScriptedServer(EHLO=said, STARTTLS="454 4.7.0 TLS not available").running() as server:
            route = Route(
                host="127.0.0.1",
                port=server.port,
                tls=Tls.STARTTLS,
                helo="news.test",
                username="news",
                password="secret",
            )
            transport = SmtpTransport(route)
            found = await transport.send(Envelope("b+1@bounces.test", "r@example.org"), b"Subject: x\r\n\r\nx\r\n")
            await transport.close()
            assert judged(found, now).event is RELEASE
            assert not [line for line in server.commands if line.startswith(("AUTH", "MAIL"))]


#: By class, as servers say it at RCPT. Hard only where the table says hard.
BY_CLASS = [
    ("550 5.1.1 User unknown", "hard"),
    ("550 5.1.1 The address does not exist", "hard"),
    ("550 5.1.3 Bad destination mailbox address syntax", "hard"),
    ("550 5.1.6 Mailbox has moved", "hard"),
    ("556 5.1.10 Domain does not accept mail (null MX)", "hard"),
    ("550 5.4.1 Recipient address rejected: user unknown", "hard"),
    ("550 5.1.0 Address rejected: no such user", "hard"),
    ("550 5.0.0 User unknown", "hard"),
    ("550 5.7.1 Unknown user", "hard"),
    ("550 5.4.1 Recipient address rejected: Access denied", "soft"),
    ("550 5.1.0 Address rejected", "soft"),
    ("550 5.0.0 Rejected", "soft"),
    ("550 5.7.1 Rejected", "policy"),
    ("550 5.1.2 Host unknown", "soft"),  # hard when it lasts: tests/mailer/test_ailing.py
    ("550 5.4.4 Unable to route", "soft"),
    ("550 5.2.1 Mailbox disabled", "soft"),
    ("552 5.2.2 Mailbox full", "soft"),
    ("552 5.2.3 Message longer than this mailbox takes", "soft"),
    ("550 5.3.0 Other mail system status", "soft"),
    ("550 5.3.2 Not accepting messages", "soft"),
    ("554 5.4.6 Loop", "soft"),
    ("550 5.4.7 Expired", "soft"),
    ("550 5.6.1 Media not supported", "soft"),
    ("552 5.3.4 Message too big for system", "policy"),  # the issue's: no reader is counted
    ("550 5.7.25 No PTR record", "policy"),
    ("550 5.7.26 Not authenticated", "policy"),
    ("550 5.7.27 SPF did not pass", "policy"),
    ("550 5.7.30 DKIM did not pass", "policy"),
    ("550 5.7.32 From not aligned", "policy"),
    ("550 5.7.515 Access denied, sending domain does not pass", "policy"),
    ("550 5.1.1 Blocked: your host is listed at bl.example.net", "policy"),
    ("554 Your IP is listed", "policy"),
    ("550 Your message was blocked", "policy"),
]


@pytest.mark.parametrize(("reply", "bounce"), BY_CLASS)
async def test_the_table_by_class(now: datetime, reply: str, bounce: str) -> None:
    record = judged(await outcome(RCPT=reply), now)
    assert (record.event, record.bounce) == (FAIL, bounce)


@pytest.mark.parametrize("reply", ["450 4.1.1 Not now", "452 4.2.2 Mailbox full", "451 4.7.1 Later", "450 4.3.2 Busy"])
async def test_nothing_with_a_four_is_a_bounce(now: datetime, reply: str) -> None:
    record = judged(await outcome(RCPT=reply), now)
    assert (record.event, record.bounce, record.stage) == (DEFER, None, Stage.RCPT)
