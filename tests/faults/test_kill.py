"""kill -9 in the middle of sending: nobody is lost, and every possible duplicate is named."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select

from broadsheet import clock
from ground.database import Database
from mailer import ledger
from mailer.deliveries import Delivery, State
from mailer.letters import InDoubt
from tests.conftest import ROOT
from tests.mailer import builders

pytestmark = [pytest.mark.faults, pytest.mark.slow]

#: One intent group in a queue, eight in flight, and results not yet written, at this rate.
MOST_IN_DOUBT_PER_KILL = 60


class Inbox:
    """Counts the accepted messages by their Message-ID."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.contents: dict[str, set[bytes]] = {}

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        found = re.search(rb"Message-ID: <(\S+)>", content)
        assert found is not None
        name = found.group(1).decode()
        self.accepted[name] += 1
        self.contents.setdefault(name, set()).add(content)
        return "250 2.0.0 Ok"

    @property
    def total(self) -> int:
        return self.accepted.total()


@contextmanager
def inbox_on(port: int) -> Iterator[Inbox]:
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()


def wait_until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened for too long"
        time.sleep(0.001)


def worker(database: Database, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.faults.sender_process", database.url, str(port)], cwd=ROOT)


def kill_at(process: subprocess.Popen[bytes], inbox: Inbox, accepted: int, rng: random.Random) -> None:
    wait_until(lambda: inbox.total >= accepted)
    time.sleep(rng.uniform(0, 0.02))
    process.kill()
    process.wait()
    time.sleep(0.1)  # what the server had read is counted


def finish(process: subprocess.Popen[bytes]) -> None:
    assert process.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("policy", "count", "kills"), [(InDoubt.RESEND, 2_000, 3), (InDoubt.HOLD, 400, 1)], ids=["resend", "hold"]
)
def test_after_kill_9_nobody_is_lost_and_what_is_in_doubt_is_counted(
    database: Database, unused_port: int, policy: InDoubt, count: int, kills: int
) -> None:
    rng = random.Random(20260309)
    with database.write() as session:
        letter_id = builders.letter(session, count, now=clock.now(), in_doubt=policy)
    with inbox_on(unused_port) as inbox:
        for accepted in sorted(rng.randrange(count // 20, count * 3 // 4) for _ in range(kills)):
            kill_at(worker(database, unused_port), inbox, accepted, rng)
            assert inbox.total < count
            with database.write() as session:
                found = ledger.recover_all(session, now=clock.now())
                assert 0 <= found.uncertain <= MOST_IN_DOUBT_PER_KILL
                assert ledger.verify(session) == []
        with database.write() as session:
            ledger.settle_uncertain(session, now=clock.now(), grace=timedelta(0))
        finish(worker(database, unused_port))

    with database.read() as session:
        assert ledger.verify(session) == []
        states = ledger.counts(session, letter_id)
        in_doubt = ledger.in_doubt(session, letter_id)
        in_the_books = {
            f"{letter_id}.{recipient}@test"
            for recipient in session.scalars(select(Delivery.recipient_id).where(Delivery.state == State.ACCEPTED))
        }
    duplicates = inbox.total - len(inbox.accepted)
    assert in_the_books <= set(inbox.accepted)
    assert all(len(contents) == 1 for contents in inbox.contents.values())  # a copy is the same to the byte
    if policy is InDoubt.RESEND:
        assert states[State.ACCEPTED] == len(inbox.accepted) == count
        assert duplicates <= in_doubt
    else:
        assert duplicates == 0
        assert states[State.ACCEPTED] + states[State.UNCERTAIN] == count
        assert states[State.UNCERTAIN] == in_doubt
