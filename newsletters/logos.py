"""Logos: a newsroom's nameplates, checked and made fit for letters, kept in the database and served by our own host.

A logo is named by its content and stays for good: letters in readers' inboxes show it. They are few and small, and in the
database every machine that serves pages has them, and so has the backup.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import re
from concurrent.futures import Executor
from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from articles import child_limits
from articles.resize import Frame, Resized, Unusable
from ground.database import Base

#: Twice the width at which letters show the widest one.
FRAME = Frame(width=600, smallest=120)
MAX_BYTES = 2 * 1024 * 1024  # of what is handed in
_WIDEST, _TALLEST = 300, 110  # pixels in a letter
_NAME = re.compile(r"[0-9a-f]{32}\.(?:png|jpg)\Z")


class Logo(Base):
    __tablename__ = "logos"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)  # the hash of its content
    body: Mapped[bytes] = mapped_column(LargeBinary)
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime]

    @property
    def shown_width(self) -> int:
        """How wide letters show it, so that neither a strip nor a square fills the screen."""
        return max(40, min(_WIDEST, self.width // 2, round(_TALLEST * self.width / self.height)))


async def read(executor: Executor, body: bytes) -> Resized | Unusable:
    """A file that was handed in as a picture for letters, read in a child process: nobody knows what it is."""
    if importlib.util.find_spec("PIL") is None:
        return Unusable(
            "Pillow, which checks and resizes pictures, is not installed. Install it (pip install 'broadsheet[images]')."
        )
    if not body:
        return Unusable("No file came. Choose a PNG or JPEG of your logo.")
    if len(body) > MAX_BYTES:
        return Unusable(f"It has more than {MAX_BYTES // 1024**2} MB. Save it smaller; 600 pixels of width are enough.")
    return await asyncio.get_running_loop().run_in_executor(executor, child_limits.resize, body, FRAME)


def keep(session: Session, made: Resized, *, now: datetime) -> Logo:
    """Keep a picture; the same one twice is kept once."""
    name = f"{hashlib.sha256(made.body).hexdigest()[:32]}.{made.suffix}"
    known = session.get(Logo, name)
    if known is not None:
        return known
    logo = Logo(name=name, body=made.body, width=made.width, height=made.height, created_at=now)
    session.add(logo)
    session.flush()
    return logo


def find(session: Session, name: str) -> Logo | None:
    return session.get(Logo, name) if is_name(name) else None


def is_name(text: str) -> bool:
    """Whether this names a logo of ours, and is no address of somebody else's."""
    return _NAME.match(text) is not None


def address(base_url: str, kept: str | None) -> str | None:
    """Where letters find what a theme names: ours on our own host, any other where it stands."""
    return f"{base_url}/logos/{kept}" if kept and is_name(kept) else kept or None
