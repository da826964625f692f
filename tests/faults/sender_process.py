"""A sending worker to be killed, or told to end (SIGTERM): `python -m tests.faults.sender_process DATABASE_URL PORT`."""

from __future__ import annotations

import asyncio
import signal
import sys

from broadsheet import clock, tables
from ground.database import Database
from mailer import ledger
from mailer.letters import Lane
from mailer.transports.route import Route, Tls
from mailer.transports.smtp import SmtpTransport
from tests.mailer.doubles import dispatcher

assert tables.metadata.tables


async def send_all(url: str, port: int) -> None:
    """Send batch after batch until none is due."""
    database = Database(url)
    route = Route(host="127.0.0.1", port=port, tls=Tls.NONE, helo="news.test", connections=8, max_messages=1_000)
    sender = dispatcher(database, SmtpTransport(route), clock=clock.now, owner="to-be-killed")
    stopped = asyncio.Event()

    def stop() -> None:
        stopped.set()
        sender.drain()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    while not stopped.is_set():
        with database.read() as session:
            due = ledger.due_batches(session, Lane.BULK, now=clock.now(), limit=2)
        if not due:
            break
        for batch in due:
            await sender.send_batch(batch)
    await sender.close()
    database.dispose()


if __name__ == "__main__":
    asyncio.run(send_all(sys.argv[1], int(sys.argv[2])))
