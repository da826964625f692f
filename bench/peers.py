"""What a newsroom would send with otherwise, in Python: `python -m bench.peers`, with its orders on standard input.

Each does what its users do: a message a reader, with the reader's own links, over connections that stay open.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from pathlib import Path

SENDER = "briefing@zagroscourier.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    peer: str
    port: int
    count: int
    sample: str  # a file: an .html page, or an .eml for those that take bytes
    connections: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    seconds: float
    processor_seconds: float
    megabytes: float


def reader(number: int) -> str:
    return f"reader{number}@d{number % 97}.readers.example"


def sendmail(orders: Orders) -> None:
    """aiosmtplib's own: the bytes are there, only the envelope and the tokens differ."""
    import aiosmtplib

    message = Path(orders.sample).read_bytes()

    async def lane(numbers: range) -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=orders.port, use_tls=False, start_tls=False)
        async with client:
            for number in numbers:
                mine = message.replace(b"TOKEN", b"t%d" % number)
                await client.sendmail(f"b+{number}@zagroscourier.example", [reader(number)], mine)

    async def send() -> None:
        await asyncio.gather(
            *(lane(range(start, orders.count, orders.connections)) for start in range(orders.connections))
        )

    asyncio.run(send())


def django(orders: Orders) -> None:
    """Django's `send_messages`: one connection, a message object a reader."""
    from django.conf import settings
    from django.core.mail import EmailMultiAlternatives, get_connection

    settings.configure(
        EMAIL_HOST="127.0.0.1", EMAIL_PORT=orders.port, DEFAULT_CHARSET="utf-8", EMAIL_USE_LOCALTIME=False
    )
    page = Path(orders.sample).read_text(encoding="utf-8")
    text = page[:8000]
    connection = get_connection("django.core.mail.backends.smtp.EmailBackend")

    def message(number: int) -> EmailMultiAlternatives:
        made = EmailMultiAlternatives("Morning briefing", text, SENDER, [reader(number)])
        made.attach_alternative(page.replace("TOKEN", f"t{number}"), "text/html")
        return made

    connection.open()
    for start in range(0, orders.count, 500):
        connection.send_messages([message(number) for number in range(start, min(start + 500, orders.count))])
    connection.close()


def inlining(orders: Orders) -> None:
    """Render, inline with premailer and build each reader's mail anew: the road that tutorials show."""
    import aiosmtplib
    import premailer
    from jinja2 import Template

    template = Template(
        Path(orders.sample).read_text(encoding="utf-8").replace("TOKEN", "{{ token }}"), autoescape=True
    )

    async def lane(numbers: range) -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=orders.port, use_tls=False, start_tls=False)
        async with client:
            for number in numbers:
                page = premailer.transform(template.render(token=f"t{number}"), cssutils_logging_level="CRITICAL")
                made = EmailMessage()
                made["From"], made["To"], made["Subject"] = SENDER, reader(number), "Morning briefing"
                made.set_content(page[:8000])
                made.add_alternative(page, subtype="html")
                await client.send_message(made)

    async def send() -> None:
        await asyncio.gather(
            *(lane(range(start, orders.count, orders.connections)) for start in range(orders.connections))
        )

    asyncio.run(send())


PEERS: dict[str, Callable[[Orders], None]] = {"aiosmtplib": sendmail, "django": django, "premailer": inlining}


def main() -> None:
    """Send, and say what it cost."""
    orders = Orders(**json.load(sys.stdin))
    began, processor = time.perf_counter(), time.process_time()
    PEERS[orders.peer](orders)
    figures = Figures(
        seconds=time.perf_counter() - began,
        processor_seconds=time.process_time() - processor,
        megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
    sys.stdout.write(json.dumps(asdict(figures)) + "\n")


if __name__ == "__main__":
    main()
