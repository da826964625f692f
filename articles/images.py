"""Images: lead images kept on our own machine, checked and made small enough for a letter, at addresses that stay.

An image is known by the hash of its source's address and fetched once; one that cannot be used is remembered with the
reason, and its articles go without it instead of with a broken frame. A file is named by its content and never changes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from articles.articles import Article, ArticleStatus
from articles.resize import Resized, Unusable
from ground.database import Base

#: Older stories are in no issue to come.
FRESH = timedelta(hours=36)
AT_ONCE = 20
#: A server that did not answer is asked again after this.
_AGAIN = timedelta(hours=1)
_NAME = re.compile(r"^[0-9a-f]{32}\.(?:jpg|png)$")


class Image(Base):
    __tablename__ = "images"

    url_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    url: Mapped[str] = mapped_column(String(2000))  # at its source
    name: Mapped[str | None] = mapped_column(String(80))  # of our file; None when it is unusable
    width: Mapped[int | None]
    height: Mapped[int | None]
    size: Mapped[int | None]  # bytes
    problem: Mapped[str | None] = mapped_column(String(300))  # why there is none
    fetched_at: Mapped[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came of asking for one image. A problem that `passes` is the network's, and no judgement on the image."""

    url: str
    made: Resized | Unusable
    passes: bool = False


def wanted(session: Session, feed_id: int, *, now: datetime) -> list[str]:
    """The addresses of the images of a feed's fresh articles that nobody has asked for."""
    addresses = select(Article.image_url).where(
        Article.feed_id == feed_id,
        Article.published_at > now - FRESH,
        Article.image_url.is_not(None),
        Article.image_name.is_(None),
        Article.status != ArticleStatus.WITHDRAWN,
    )
    newest = session.scalars(addresses.order_by(Article.published_at.desc()).limit(5 * AT_ONCE))
    urls = list(dict.fromkeys(url for url in newest if url))
    known = _known(session, urls)
    _place(session, feed_id, list(known.values()), now=now)
    return [url for url in urls if url not in known or _may_be_asked_again(known[url], now)][:AT_ONCE]


def store(folder: Path, fetched: Sequence[Fetched]) -> dict[str, str]:
    """Write the files of these images, outside any transaction; their names by the addresses they came from."""
    return {one.url: _store(folder, one.made) for one in fetched if isinstance(one.made, Resized)}


def keep(session: Session, feed_id: int, fetched: Sequence[Fetched], names: Mapping[str, str], *, now: datetime) -> int:
    """Note these images, whose files are stored, and give them to their articles; how many can be used."""
    rows = []
    for one in fetched:
        made, row = one.made, Image(url_hash=_url_hash(one.url), url=one.url, fetched_at=now)
        if isinstance(made, Resized):
            row.name, row.width, row.height, row.size = names[one.url], made.width, made.height, len(made.body)
            row.problem = None
        else:
            row.name, row.problem = None, ("?" if one.passes else "") + made.reason[:290]
        rows.append(session.merge(row))
    session.flush()
    _place(session, feed_id, rows, now=now)
    return sum(row.name is not None for row in rows)


def own(session: Session, urls: Collection[str]) -> dict[str, Image]:
    """The images of which we have a copy, by the addresses of their sources."""
    return {url: image for url, image in _known(session, urls).items() if image.name is not None}


def file(folder: Path, name: str) -> Path | None:
    """The file of an image of ours."""
    place = folder / name[:2] / name
    return place if _NAME.match(name) and place.is_file() else None


def _place(session: Session, feed_id: int, images: Collection[Image], *, now: datetime) -> None:
    """Articles get our copy; those whose image is unusable go without."""
    judged = {image.url: image for image in images if image.name or not _passes(image)}
    if not judged:
        return
    theirs = select(Article).where(
        Article.feed_id == feed_id,
        Article.published_at > now - FRESH,
        Article.image_url.in_(judged),
        Article.image_name.is_(None),
    )
    for article in session.scalars(theirs):
        image = judged[article.image_url or ""]
        if image.name is None:
            article.image_url = article.image_alt = article.image_credit = None
        article.image_name, article.image_width, article.image_height = image.name, image.width, image.height
    session.flush()


def _known(session: Session, urls: Collection[str]) -> dict[str, Image]:
    found = session.scalars(select(Image).where(Image.url_hash.in_({_url_hash(url) for url in urls})))
    return {image.url: image for image in found}


def _passes(image: Image) -> bool:
    return (image.problem or "").startswith("?")


def _may_be_asked_again(image: Image, now: datetime) -> bool:
    return _passes(image) and now - image.fetched_at >= _AGAIN


def _url_hash(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _store(folder: Path, made: Resized) -> str:
    """Write the file, whole or not at all; its name."""
    name = f"{hashlib.sha256(made.body).hexdigest()[:32]}.{made.suffix}"
    place = folder / name[:2] / name
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        begun = place.with_suffix(".part")
        begun.write_bytes(made.body)
        begun.replace(place)
    return name
