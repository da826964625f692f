"""A round over the bounce box: counted once, moved after the commit, nothing holds up the rest."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from feedback import apply
from feedback.poll import poll
from ground.database import Database
from ground.tokens import KeyRing
from mailer import envelope
from mailer.bounce_reports import BounceReport, Disposition
from mailer.events import MailEvent
from mailer.inbound.maildir import Maildir
from mailer.letters import Letter, LetterState
from mailer.suppressions import Suppression

Deliver = Callable[..., int]
SAMPLE = (Path(__file__).parent.parent / "corpus" / "bounces" / "no-such-user-postfix.eml").read_bytes()


@pytest.fixture
def box(tmp_path: Path) -> Maildir:
    made = Maildir(tmp_path / "bounces")
    made.create()
    return made


def _report(keys: KeyRing, delivery_id: int) -> bytes:
    token = envelope.return_path(keys, delivery_id, "bounces.example.org")
    return SAMPLE.replace(b"briefing-bounces@bounces.example.org", token.encode())


def _suppressed(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Suppression.address_key)))


def test_a_report_that_names_a_delivery_ends_in_a_suppression(
    database: Database, keys: KeyRing, box: Maildir, deliver: Deliver, now: datetime
) -> None:
    box.deliver(_report(keys, deliver("reader@example.net")), now=now)
    done = poll(database, keys, box.path, now=now)
    assert (done.read, done.shunted, done.suppressed, done.problem) == (1, 0, 1, None)
    assert _suppressed(database) == ["reader@example.net"]
    assert box.waiting() == []


def test_a_box_full_of_unknown_readers_holds_their_issue(
    database: Database, keys: KeyRing, box: Maildir, deliver: Deliver, now: datetime
) -> None:
    for n in range(12):
        box.deliver(_report(keys, deliver(f"reader@d{n}.example")), now=now)
    poll(database, keys, box.path, now=now)
    with database.read() as session:
        assert session.get_one(Letter, 1).state is LetterState.PAUSED


def test_polled_twice_it_counts_once(
    database: Database, keys: KeyRing, box: Maildir, deliver: Deliver, now: datetime
) -> None:
    raw = _report(keys, deliver("reader@example.net"))
    box.deliver(raw, now=now)
    poll(database, keys, box.path, now=now)
    box.deliver(raw, now=now)  # as after a crash between commit and move
    poll(database, keys, box.path, now=now)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(BounceReport)) == 1


def test_a_forged_return_path_never_suppresses(
    database: Database, keys: KeyRing, box: Maildir, deliver: Deliver, now: datetime
) -> None:
    forger = KeyRing({"a": b"not the key of this installation, no"}, "a")
    box.deliver(_report(forger, deliver("reader@example.net")), now=now)
    done = poll(database, keys, box.path, now=now)
    assert done.dispositions == {Disposition.UNKNOWN: 1}
    assert _suppressed(database) == []


def test_what_cannot_be_read_is_shunted_and_holds_up_nobody(
    database: Database, keys: KeyRing, box: Maildir, deliver: Deliver, now: datetime
) -> None:
    (box.path / "new" / "0.link").symlink_to("/etc/hostname")
    (box.path / "new" / "1.junk").write_bytes(bytes(range(256)))
    box.deliver(_report(keys, deliver("reader@example.net")), now=now)
    done = poll(database, keys, box.path, now=now)
    assert (done.read, done.shunted, done.suppressed) == (2, 1, 1)
    assert [path.name for path in (box.path / "shunt").iterdir()] == ["0.link"]


@pytest.mark.slow
def test_parsing_can_happen_in_a_child_process(
    database: Database, keys: KeyRing, box: Maildir, deliver: Deliver, now: datetime
) -> None:
    box.deliver(_report(keys, deliver("reader@example.net")), now=now)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        assert poll(database, keys, box.path, now=now, executor=executor).suppressed == 1


def test_a_missing_box_is_a_problem_with_a_remedy(
    database: Database, keys: KeyRing, tmp_path: Path, now: datetime
) -> None:
    done = poll(database, keys, tmp_path / "nowhere", now=now)
    assert done.problem is not None
    assert "nowhere" in done.problem


def test_a_mail_that_breaks_the_applying_is_shunted_alone(
    database: Database,
    keys: KeyRing,
    box: Maildir,
    deliver: Deliver,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good, bad = deliver("good@example.net"), deliver("bad@example.net")
    box.deliver(_report(keys, good), now=now)
    box.deliver(_report(keys, bad), now=now)
    true_apply = apply.apply

    def breaks(session: Session, event: MailEvent, digest: str, *, now: datetime) -> Disposition:
        if event.delivery_id == bad:
            raise RuntimeError("a bug")
        return true_apply(session, event, digest, now=now)

    monkeypatch.setattr(apply, "apply", breaks)
    done = poll(database, keys, box.path, now=now)
    assert (done.read, done.shunted) == (1, 1)
    assert _suppressed(database) == ["good@example.net"]


def test_a_database_that_fails_leaves_the_mails_where_they_are(
    database: Database, keys: KeyRing, box: Maildir, deliver: Deliver, now: datetime
) -> None:
    box.deliver(_report(keys, deliver("reader@example.net")), now=now)
    with database.write() as session:
        session.execute(text("ALTER TABLE bounce_reports RENAME TO gone"))
    with pytest.raises(SQLAlchemyError):
        poll(database, keys, box.path, now=now)
    assert len(box.waiting()) == 1
