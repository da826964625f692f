"""Reading the bounce box: take what is new, read it, apply it, and only then move it away.

A crash between commit and move is harmless: the mail is read again and its digest is known. One that cannot be
processed is shunted with its reason and holds up nobody.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from feedback import apply, outbreak
from ground.database import Database
from ground.tokens import KeyRing
from mailer import bounces
from mailer.bounce_reports import Disposition
from mailer.events import MailEvent
from mailer.inbound.maildir import Maildir, Unreadable, take

log = structlog.get_logger()

#: Mails in one transaction: about 10 ms of SQLite's lock (a mail takes 2 ms, a hard bounce 4).
CHUNK = 4
#: Unknown mailboxes after which it is asked, in a long round already, whether they are too many at once.
_LOOK_AFTER = 200
#: SQLite's lock is unfair: a bulk writer must leave a gap in which others get it.
GAP_SECONDS = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """What one round did. `problem` says why nothing could be read."""

    read: int = 0
    shunted: int = 0
    dispositions: Mapping[Disposition, int] = field(default_factory=dict)
    problem: str | None = None

    @property
    def suppressed(self) -> int:
        return self.dispositions.get(Disposition.SUPPRESSED, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mail:
    path: Path
    digest: str
    events: list[MailEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Broken:
    path: Path
    reason: str


def poll(
    database: Database, keys: KeyRing, maildir: Path, *, now: datetime, executor: Executor | None = None
) -> PollReport:
    """Read and apply everything in the Maildir's `new`. Parsing goes to `executor` where there is one.

    Blocks: run it in a thread. Raises SQLAlchemyError when the database fails; the mails then stay where they are.
    """
    box = Maildir(maildir)
    problem = box.problem()
    if problem is not None:
        log.warning("bounces.unreadable", problem=problem)
        return PollReport(problem=problem)
    counts: Counter[Disposition] = Counter()
    read = shunted = looked_at = 0
    waiting = box.waiting()
    for start in range(0, len(waiting), CHUNK):
        paths = waiting[start : start + CHUNK]
        parsed = executor.submit(parse, paths, keys).result() if executor else parse(paths, keys)
        for mail, done in _applied(database, parsed, now=now):
            if isinstance(done, str):
                log.warning("bounces.shunted", file=mail.path.name, reason=done)
                box.shunt(mail.path)
                shunted += 1
            else:
                box.mark_read(mail.path)
                counts.update(done)
                read += 1
        time.sleep(GAP_SECONDS)
        if counts[Disposition.SUPPRESSED] - looked_at >= _LOOK_AFTER:
            looked_at = _look(database, counts, now=now)
    if counts[Disposition.SUPPRESSED] > looked_at:
        _look(database, counts, now=now)
    return PollReport(read=read, shunted=shunted, dispositions=dict(counts))


def _look(database: Database, counts: Counter[Disposition], *, now: datetime) -> int:
    with database.write() as session:
        outbreak.look(session, now=now)
    return counts[Disposition.SUPPRESSED]


def parse(paths: Sequence[Path], keys: KeyRing) -> list[_Mail | _Broken]:
    """Read some files; pure of the database, so that a child process can do it. What makes it raise is told, not thrown."""
    return [_parsed(path, keys) for path in paths]


def _parsed(path: Path, keys: KeyRing) -> _Mail | _Broken:
    raw = take(path)
    if isinstance(raw, Unreadable):
        return _Broken(path=path, reason=raw.reason)
    try:
        events = bounces.read(raw, keys)
    except Exception as error:  # noqa: BLE001 - a bug of ours in one mail must not stop the box; the mail is kept aside
        return _Broken(path=path, reason=f"the reader failed: {type(error).__name__}: {error}"[:200])
    return _Mail(path=path, digest=hashlib.sha256(raw).hexdigest(), events=events)


def _applied(
    database: Database, parsed: Sequence[_Mail | _Broken], *, now: datetime
) -> list[tuple[_Mail | _Broken, list[Disposition] | str]]:
    """What was done about each, or why it could not be. A chunk is one commit; if it fails, each mail has its own."""
    try:
        with database.write() as session:
            return [(mail, _apply(session, mail, now=now)) for mail in parsed]
    except SQLAlchemyError:
        raise  # the database's trouble is not the mails'
    except Exception:  # noqa: BLE001 - one of them is at fault: find out which
        return [(mail, _applied_alone(database, mail, now=now)) for mail in parsed]


def _applied_alone(database: Database, mail: _Mail | _Broken, *, now: datetime) -> list[Disposition] | str:
    try:
        with database.write() as session:
            return _apply(session, mail, now=now)
    except SQLAlchemyError:
        raise
    except Exception as error:  # noqa: BLE001 - a bug of ours in one mail must not stop the box; the mail is kept aside
        return f"could not be applied: {type(error).__name__}: {error}"[:200]


def _apply(session: Session, mail: _Mail | _Broken, *, now: datetime) -> list[Disposition] | str:
    if isinstance(mail, _Broken):
        return mail.reason
    return apply.apply_mail(session, mail.digest, mail.events, now=now)
