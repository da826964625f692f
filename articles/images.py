"""Images: lead images kept on our own machine, checked and made small enough for a letter, at addresses that stay.

An image is known by the hash of its source's address. It is fetched once; one that cannot be used is remembered with the
reason, so that a letter goes without it instead of with a broken frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base


class Image(Base):
    __tablename__ = "images"

    url_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    url: Mapped[str] = mapped_column(String(2000))  # at its source
    name: Mapped[str | None] = mapped_column(
        String(80)
    )  # of our file: the hash of its content; None when it is unusable
    width: Mapped[int | None]
    height: Mapped[int | None]
    size: Mapped[int | None]  # bytes
    problem: Mapped[str | None] = mapped_column(String(300))  # why it is unusable
    fetched_at: Mapped[datetime]


def url_hash(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def known(session: Session, urls: Collection[str]) -> dict[str, Image]:
    """What we have of these images, by their source's address."""
    found = session.scalars(select(Image).where(Image.url_hash.in_({url_hash(url) for url in urls})))
    return {image.url: image for image in found}
