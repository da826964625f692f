"""A mailbox listening on loopback, and a real client to send to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest

from broadsheet.mailbox import Mailbox

Post = Callable[..., Awaitable[None]]


@pytest.fixture
def mailbox(tmp_path: Path, now: datetime) -> Mailbox:
    return Mailbox(tmp_path / "mailbox", [], tmp_path / "bounces", lambda: now)


@pytest.fixture
async def port(mailbox: Mailbox) -> AsyncIterator[int]:
    async with mailbox.serve() as bound:
        yield bound


@pytest.fixture
def post(port: int) -> Post:
    """`await post("reader@example.net", subject=..., sender=..., message=...)` over SMTP."""

    async def send(
        to: str,
        *,
        subject: str = "Morning briefing",
        sender: str = "b@bounces.example.org",
        message: EmailMessage | None = None,
    ) -> None:
        mail = message or EmailMessage()
        if message is None:
            mail["Subject"], mail["To"], mail["From"] = subject, to, "news@example.org"
            mail.set_content("Good morning.\n\nhttps://example.org/a?b=1&c=2\n")
        await aiosmtplib.send(mail, sender=sender, recipients=[to], hostname="127.0.0.1", port=port, start_tls=False)

    return send
