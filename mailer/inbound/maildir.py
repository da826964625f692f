"""Maildir: one file a mail; a rename is the whole protocol, so nothing is lost between two programs.

    new/    what has come                  cur/    what has been counted (`name:2,S`)
    tmp/    being written                  shunt/  what could not be processed, for a person to look at

Whoever delivers here may be anybody's mail server: symbolic links and devices are never opened, sizes are capped.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

MAX_BYTES = 25 * 1024 * 1024

_FOLDERS = ("tmp", "new", "cur", "shunt")
_counter = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file is no mail that we would read."""

    reason: str


@dataclass(frozen=True, slots=True)
class Maildir:
    path: Path

    def create(self) -> None:
        """Make the folders; harmless where they stand."""
        for name in _FOLDERS:
            (self.path / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    def problem(self) -> str | None:
        """What is wrong with this Maildir and what to do about it; None when it can be read."""
        for name in ("new", "cur"):
            folder = self.path / name
            if not folder.is_dir():
                return f"{folder} is not a folder: is {self.path} a Maildir? Create it with `maildirmake {self.path}`."
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                return f"{folder} may not be read and written by this process: change its owner or its rights."
        return None

    def waiting(self, limit: int = 1000) -> list[Path]:
        """What lies in `new`, oldest name first, at most `limit`. Dot files and folders are not mail."""
        with os.scandir(self.path / "new") as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and not _is_folder(entry)]
        return [self.path / "new" / name for name in sorted(names)[:limit]]

    def mark_read(self, mail: Path) -> None:
        """Move a mail to `cur` as seen. Gone already is harmless: another reader was here."""
        self._move(mail, self.path / "cur" / f"{mail.name.partition(':')[0]}:2,S")

    def shunt(self, mail: Path) -> None:
        """Put aside what could not be processed, so that it neither blocks the rest nor is lost."""
        (self.path / "shunt").mkdir(exist_ok=True, mode=0o700)
        self._move(mail, self.path / "shunt" / mail.name)

    def count_shunted(self, limit: int = 1000) -> int | None:
        """How many mails were put aside, at most `limit`; None where that cannot be told."""
        try:
            with os.scandir(self.path / "shunt") as entries:
                return sum(1 for _ in itertools.islice(entries, limit))
        except FileNotFoundError:
            return 0
        except OSError:
            return None

    def deliver(self, raw: bytes, *, now: datetime) -> Path:
        """Write a mail the Maildir way: whole in `tmp`, then renamed to `new`."""
        name = f"{int(now.timestamp())}.P{os.getpid()}Q{next(_counter):06}.broadsheet"
        written = self.path / "tmp" / name
        with written.open("xb") as file:
            file.write(raw)
        arrived = self.path / "new" / name
        written.rename(arrived)
        return arrived

    def _move(self, mail: Path, to: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            mail.rename(to)


def take(mail: Path, *, follow_symlinks: bool = False) -> bytes | Unreadable:
    """The bytes of one mail. A pipe does not hang, a giant is not loaded, a link is followed only where a person named it."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow_symlinks else os.O_NOFOLLOW)
    try:
        descriptor = os.open(mail, flags)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        linked = isinstance(error, OSError) and error.errno == errno.ELOOP
        return Unreadable("a symbolic link" if linked else f"cannot be opened: {error}")
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            return Unreadable("not a regular file")
        if found.st_size > MAX_BYTES:
            return Unreadable(f"{found.st_size} bytes, more than {MAX_BYTES}")
        return file.read(MAX_BYTES)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)
