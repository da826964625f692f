"""Topics: the sections and authors of an edition that a reader wants. Readers who chose the same share one row.

A reader without a row gets everything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, insert_new

#: Nobody marks more; a form that does was not filled in by a person.
MOST = 60
#: As long as an article's section and an author's name may be.
_LONGEST = 200


class TopicSet(Base):
    """One choice of topics of one edition."""

    __tablename__ = "topic_sets"
    __table_args__ = (UniqueConstraint("edition_id", "key"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"))
    key: Mapped[str] = mapped_column(String(64))  # the hash of what was chosen
    sections: Mapped[list[Any]]
    authors: Mapped[list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """What was chosen: each name once, in order."""

    sections: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()

    def is_wanted(self, section: str | None, authors: Collection[str]) -> bool:
        """Whether an article is among them: of one of the sections, or by one of the authors."""
        return section in self.sections or not set(authors).isdisjoint(self.authors)

    def __str__(self) -> str:
        return ", ".join((*self.sections, *self.authors))

    @property
    def key(self) -> str:
        return hashlib.sha256(json.dumps([self.sections, self.authors]).encode()).hexdigest()


def of(sections: Iterable[str], authors: Iterable[str]) -> Topics | None:
    """The topics that these names come to; None where they are none, or more than a person chooses."""
    named = [tuple(sorted({name.strip() for name in names if name.strip()})) for names in (sections, authors)]
    size = len(named[0]) + len(named[1])
    if not 0 < size <= MOST or any(len(name) > _LONGEST for names in named for name in names):
        return None
    return Topics(sections=named[0], authors=named[1])


def read(session: Session, topics_id: int | None) -> Topics | None:
    """What a row holds; None for everything."""
    found = None if topics_id is None else session.get(TopicSet, topics_id)
    return None if found is None else value(found)


def find_or_add(session: Session, edition_id: int, topics: Topics) -> int:
    """The row of this choice; two readers who make it at once meet in one."""
    row = {"sections": list(topics.sections), "authors": list(topics.authors)}
    session.execute(
        insert_new(TopicSet, is_sqlite=session.get_bind().dialect.name == "sqlite").values(
            edition_id=edition_id, key=topics.key, **row
        )
    )
    known = select(TopicSet.id).where(TopicSet.edition_id == edition_id, TopicSet.key == topics.key)
    return session.scalars(known).one()


def value(row: TopicSet) -> Topics:
    """What a row holds."""
    return Topics(sections=tuple(map(str, row.sections)), authors=tuple(map(str, row.authors)))
