"""The mailbox's SMTP side, with a real client over loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import aiosmtplib
import pytest

from broadsheet.mailbox import Mailbox, Rule, RuleProblem, rules
from ground.tokens import KeyRing
from mailer import bounces, envelope
from mailer.events import BounceKind
from mailer.inbound.maildir import Maildir
from tests.bounded import processor_time

Post = Callable[..., Awaitable[None]]


def _rule(text: str) -> Rule:
    rule = rules.parse(text)
    assert isinstance(rule, Rule)
    return rule


async def test_what_is_sent_is_kept_as_it_came(mailbox: Mailbox, post: Post, now: datetime) -> None:
    await post("Reader@example.net", subject="بەیانیت باش")
    (message,) = mailbox.messages(to="reader@EXAMPLE.net")
    assert (message.id, message.sender, message.recipient) == (1, "b@bounces.example.org", "Reader@example.net")
    assert (message.subject, message.received_at) == ("بەیانیت باش", now)
    assert message.parsed().get_content().startswith("Good morning.")
    assert message.path.read_bytes() == message.raw()


async def test_a_restart_finds_everything_again(mailbox: Mailbox, post: Post, tmp_path: Path, now: datetime) -> None:
    await post("one@example.net")
    await post("two@example.net", subject="Second")
    (tmp_path / "mailbox" / "3.eml").write_bytes(b"half written: no envelope")
    again = Mailbox(tmp_path / "mailbox", [], None, lambda: now)
    assert again.messages() == mailbox.messages()
    assert again.accept(b"Subject: x\r\n\r\n", sender="", recipients=["three@example.net"]) == 4


async def test_a_refused_address_hears_the_reply_it_was_told(mailbox: Mailbox, post: Post) -> None:
    mailbox.tell(_rule("refuse gone@example.net 550 5.1.1 No such user"))
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as caught:
        await post("Gone@example.net")
    refused = caught.value.recipients[0]
    assert (refused.code, refused.message) == (550, "5.1.1 No such user")
    assert mailbox.messages() == []


async def test_a_deferred_address_is_taken_after_so_many_times(mailbox: Mailbox, post: Post) -> None:
    mailbox.tell(_rule("defer @slow.example 2 450 4.2.0 Later"))
    for _ in range(2):
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
            await post("reader@slow.example")
    await post("reader@slow.example")
    assert len(mailbox.messages(to="reader@slow.example")) == 1


async def test_its_bounce_is_read_by_our_reader_and_names_the_delivery(
    mailbox: Mailbox, post: Post, keys: KeyRing, tmp_path: Path
) -> None:
    mailbox.tell(_rule("bounce late@example.net 5.1.1"))
    await post("late@example.net", sender=envelope.return_path(keys, 4711, "bounces.example.org"))
    assert len(mailbox.messages(to="late@example.net")) == 1
    (report,) = Maildir(tmp_path / "bounces").waiting()
    (event,) = bounces.read(report.read_bytes(), keys)
    assert (event.delivery_id, event.bounce, event.status) == (4711, BounceKind.HARD, "5.1.1")
    assert (event.recipient, event.reason) == ("late@example.net", "no_such_user")


async def test_a_report_is_never_bounced(mailbox: Mailbox, port: int, tmp_path: Path) -> None:
    mailbox.tell(_rule("bounce late@example.net"))
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
        await client.sendmail("", ["late@example.net"], b"Subject: a report\r\n\r\n")
    assert [message.sender for message in mailbox.messages()] == [""]
    assert Maildir(tmp_path / "bounces").waiting() == []


async def test_waiting_ends_when_the_mail_comes(mailbox: Mailbox, post: Post) -> None:
    waiting = asyncio.create_task(mailbox.wait_for(to="reader@example.net", subject_contains="Confirm"))
    await post("reader@example.net", subject="Welcome")
    await post("other@example.net", subject="Confirm")
    await post("reader@example.net", subject="Confirm your address")
    assert (await waiting).id == 3


async def test_waiting_in_vain_says_what_was_waited_for(mailbox: Mailbox) -> None:
    with pytest.raises(TimeoutError, match=r"No mail to nobody@example.net with 'x' in its subject"):
        await mailbox.wait_for(to="nobody@example.net", subject_contains="x", timeout=0.02)


@pytest.mark.slow
async def test_two_thousand_mails_on_ten_connections_are_no_trouble(mailbox: Mailbox, port: int) -> None:
    raw = (
        b"Subject: Morning briefing\r\n\r\n"
        + b"A line of a digest, as long as most of them are in quoted-printable.=\r\n" * 50
    )

    async def send(first: int) -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for number in range(first, 2000, 10):
                await client.sendmail("b@bounces.example.org", [f"r{number}@example.net"], raw)

    with processor_time(20):
        await asyncio.gather(*(send(first) for first in range(10)))
    assert len(mailbox.messages()) == 2000


def test_a_bounce_without_a_maildir_is_refused_when_it_is_told(tmp_path: Path, now: datetime) -> None:
    with pytest.raises(ValueError, match="needs a Maildir"):
        Mailbox(tmp_path, [_rule("bounce late@example.net")], None, lambda: now)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("refuse Gone@Example.net", "refuse gone@example.net 550 5.1.1 No such user"),
        ("refuse @dead.example 554 5.7.1 Go away", "refuse @dead.example 554 5.7.1 Go away"),
        ("defer a@example.net 3", "defer a@example.net 3 450 4.2.0 Come back later"),
        ("bounce a@example.net 5.2.2", "bounce a@example.net 5.2.2"),
    ],
)
def test_a_rule_is_read_and_written_alike(text: str, written: str) -> None:
    assert str(_rule(text)) == written
    assert _rule(written) == _rule(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "drop a@example.net",
        "refuse nobody",
        "refuse a@example.net hello",
        "refuse a@example.net 250 Ok",
        "refuse a@example.net 550 x\r\nRCPT TO:<b@example.net>é",
        "defer a@example.net 0",
        "defer a@example.net 2 550 no",
        "bounce a@example.net five",
    ],
)
def test_what_is_no_rule_is_told_with_an_example(text: str) -> None:
    assert isinstance(rules.parse(text), RuleProblem)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Subject: x\r\n\r\n",
        b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\nends with a dot.\r\n\r\n",
        b"Subject: x\r\n\r\n" + b"y" * 400_000 + b"\r\n.\r\n",
        b"\r\n.\r\n",
        b".\r\n",
    ],
)
async def test_every_content_arrives_byte_by_byte(content: bytes, mailbox: Mailbox, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
    pipelined = b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<r@example.net>\r\nDATA\r\n" + stuffed + b".\r\n"
    writer.write(pipelined + b"QUIT\r\n")
    answers = await reader.read()
    assert b"\r\n250 2.0.0 Ok: queued as 1\r\n221" in answers
    assert mailbox.messages()[0].raw() == content
    writer.close()


async def test_too_much_is_refused_and_the_session_goes_on(
    mailbox: Mailbox, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broadsheet.mailbox.server.MAX_BYTES", 1000)
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
        await client.mail("a@example.org")
        await client.rcpt("r@example.net")
        with pytest.raises(aiosmtplib.SMTPDataError) as caught:
            await client.data(b"x" * 5000)
        assert caught.value.code == 552
        await client.sendmail("a@example.org", ["r@example.net"], b"Subject: small\r\n\r\n")
    assert [message.subject for message in mailbox.messages()] == ["small"]
