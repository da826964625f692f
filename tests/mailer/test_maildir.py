"""The Maildir: what is taken, what is never opened, and where everything goes."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from mailer.inbound import maildir
from mailer.inbound.maildir import Maildir, Unreadable, take


@pytest.fixture
def box(tmp_path: Path) -> Maildir:
    made = Maildir(tmp_path / "bounces")
    made.create()
    return made


def test_what_is_delivered_waits_whole_and_in_order(box: Maildir, now: datetime) -> None:
    first = box.deliver(b"one", now=now)
    second = box.deliver(b"two", now=now)
    assert box.waiting() == [first, second]
    assert take(first) == b"one"
    assert list((box.path / "tmp").iterdir()) == []


def test_a_read_mail_is_kept_as_seen(box: Maildir, now: datetime) -> None:
    mail = box.deliver(b"one", now=now)
    box.mark_read(mail)
    box.mark_read(mail)  # another reader was faster: harmless
    assert box.waiting() == []
    assert [path.name for path in (box.path / "cur").iterdir()] == [f"{mail.name}:2,S"]


def test_a_shunted_mail_is_kept_aside(box: Maildir, now: datetime) -> None:
    mail = box.deliver(b"one", now=now)
    box.shunt(mail)
    assert (box.path / "shunt" / mail.name).read_bytes() == b"one"


def test_a_symbolic_link_is_not_followed(box: Maildir, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a key")
    link = box.path / "new" / "1.link"
    link.symlink_to(secret)
    assert take(link) == Unreadable("a symbolic link")
    box.shunt(link)
    assert secret.read_text() == "a key"


def test_a_pipe_does_not_hang(box: Maildir) -> None:
    pipe = box.path / "new" / "1.pipe"
    os.mkfifo(pipe)
    assert take(pipe) == Unreadable("not a regular file")


def test_a_giant_is_not_loaded(box: Maildir) -> None:
    giant = box.path / "new" / "1.giant"
    with giant.open("wb") as file:
        file.truncate(maildir.MAX_BYTES + 1)
    assert isinstance(take(giant), Unreadable)


def test_folders_and_dot_files_are_no_mail(box: Maildir) -> None:
    (box.path / "new" / "folder").mkdir()
    (box.path / "new" / ".hidden").write_bytes(b"x")
    assert box.waiting() == []


def test_a_folder_that_is_no_maildir_is_named_with_a_remedy(tmp_path: Path) -> None:
    problem = Maildir(tmp_path / "nothing").problem()
    assert problem is not None
    assert str(tmp_path / "nothing") in problem
    assert "maildirmake" in problem
