"""Portions: what of an issue's letter a reader's own topics come to, worked out once for all readers who chose the same.

A freeze joins them: whoever chose topics gets the lead and their own articles, or is left out because there are too few.
Who chooses in the very moment of the freeze has no portion yet and gets what everybody gets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from sqlalchemy import CursorResult, ForeignKey, Text, delete, exists, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from articles.articles import Article, authors_of
from ground.database import Base, Database, RowId, insert_new
from mailer.blocks import LEAD
from newsletters import had
from newsletters.had import Had
from newsletters.issues import Issue, IssueKind, Item
from newsletters.layouts import FOLLOW
from newsletters.rhythm import Rhythm
from subscribers import topics
from subscribers.subscriptions import Subscription, SubscriptionState
from subscribers.topics import Topics

_PAGE = 500


#: Stands for the topics of who chose none; no row has this number.
EVERYTHING = 0


class Portion(Base):
    __tablename__ = "portions"

    letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id"), primary_key=True)
    topics_id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)  # or EVERYTHING
    had: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False
    )  # which letters, a bit each; their stories are left out
    blocks: Mapped[str | None] = mapped_column(Text)  # "1,4,7" as mailer.blocks has it; None: too few, left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An article of a letter, as far as topics go."""

    number: int
    section: str | None
    authors: Sequence[str] = ()
    story_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How much of a letter is a reader's own."""

    fewest: int = 1  # fewer of their topics: they are left out
    most: int | None = None  # in a letter of what they follow, which has no lead and is nobody's who follows nothing


def own_blocks(parts: Iterable[Part], chosen: Topics | None, measure: Measure) -> str | None:
    """The articles of a reader's topics, as the field `blocks` of their row names them: "1,4,7".

    The lead is everybody's, and counts as the reader's own only where it is. None where fewer than `fewest` are theirs.
    """
    if measure.most is not None:
        followed = [part.number for part in parts if chosen and chosen.is_wanted(part.section, part.authors)]
        return ",".join(map(str, followed[: measure.most])) if len(followed) >= measure.fewest else None
    if chosen is None:
        return ",".join(map(str, sorted({LEAD, *(part.number for part in parts)})))
    own = [part.number for part in parts if chosen.is_wanted(part.section, part.authors)]
    return ",".join(map(str, sorted({LEAD, *own}))) if len(own) >= measure.fewest else None


def are_wanted(session: Session, issue: Issue, rhythm: Rhythm, *, now: datetime) -> bool:
    """Whether a letter is compiled so that readers can get their own: one chose topics, or had a story as an alert."""
    if issue.kind is IssueKind.ALERT:
        return False
    return issue.layout == FOLLOW or _chose(session, rhythm) or bool(had.of(session, issue, rhythm, now=now))


def _chose(session: Session, rhythm: Rhythm) -> bool:
    wants = exists().where(
        Subscription.edition_id == rhythm.edition_id,
        Subscription.topics_id.is_not(None),
        Subscription.state == SubscriptionState.ACTIVE,
        rhythm.holds(Subscription.schedule_id),
    )
    return bool(session.scalar(select(wants)))


def parts_of(session: Session, issue_id: int) -> list[Part]:
    """The articles of an issue's compiled letter."""
    rows = session.execute(
        select(Item.number, Item.article_id, Article.section, Article.story_key)
        .join(Article, Article.id == Item.article_id)
        .where(Item.issue_id == issue_id, Item.number.is_not(None))
        .order_by(Item.number)
    ).all()
    authors = authors_of(session, [row.article_id for row in rows])
    return [
        Part(number=row.number or 0, section=row.section, authors=authors[row.article_id], story_key=row.story_key)
        for row in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutting:
    """Of which letter, and for whom."""

    issue_id: int
    letter_id: int
    edition_id: int
    measure: Measure
    had: Sequence[Had] = ()


def are_cut(session: Session, letter_id: int, measure: Measure) -> bool:
    """Whether a letter that was frozen has portions: one that nobody needed any for was compiled in one piece."""
    if measure.most is not None:
        return True
    return session.scalar(select(Portion.topics_id).where(Portion.letter_id == letter_id).limit(1)) is not None


def cut(database: Database, order: Cutting, *, only: Collection[int] | None = None) -> None:
    """Write down the portion of every choice of topics, or of these. Cut again, it finds what is there."""
    with database.read() as session:
        parts = parts_of(session, order.issue_id)
        everything: list[tuple[int, Topics | None]] = [(EVERYTHING, None)]
        for page in chain([everything], _choices(session, order.edition_id, only)):
            for mask in range(1 << len(order.had)):
                left = _without(parts, order, mask)
                _write(database, order, mask, [(known, own_blocks(left, each, order.measure)) for known, each in page])


def _choices(
    session: Session, edition_id: int, only: Collection[int] | None
) -> Iterator[list[tuple[int, Topics | None]]]:
    """Every choice that readers of an edition stand by, or of these, a page at a time."""
    after = 0
    stands = exists().where(Subscription.edition_id == edition_id, Subscription.topics_id == topics.TopicSet.id)
    while True:
        wanted = select(topics.TopicSet).where(
            topics.TopicSet.edition_id == edition_id, topics.TopicSet.id > after, stands
        )
        if only is not None:
            wanted = wanted.where(topics.TopicSet.id.in_(only))
        rows = session.scalars(wanted.order_by(topics.TopicSet.id).limit(_PAGE)).all()
        if not rows:
            return
        after = rows[-1].id
        yield [(row.id, topics.value(row)) for row in rows]
        session.expunge_all()


def _without(parts: Sequence[Part], order: Cutting, had: int) -> list[Part]:
    """The articles without those that a reader has had. The lead, where there is one, is everybody's all the same."""
    gone = frozenset[str]().union(*(each.story_keys for place, each in enumerate(order.had) if had & 1 << place))
    has_lead = order.measure.most is None
    return [part for part in parts if (has_lead and part.number == LEAD) or part.story_key not in gone]


def _write(database: Database, order: Cutting, had: int, found: Sequence[tuple[int, str | None]]) -> None:
    whose = {"letter_id": order.letter_id, "had": had}
    # Who wants everything and had none of it has no row: they get the common version, or nothing, where there is none.
    rows = [{**whose, "topics_id": known, "blocks": own} for known, own in found if known != EVERYTHING or had]
    if not rows:
        return
    with database.write_bulk() as session:
        session.execute(insert_new(Portion, is_sqlite=database.is_sqlite), rows)


def forget(database: Database, letter_id: int) -> None:
    """Delete a letter's portions once its rows hold them, a page in a transaction."""
    while True:
        with database.write_bulk() as session:
            page = select(Portion.topics_id).where(Portion.letter_id == letter_id).distinct().limit(_PAGE)
            gone = session.execute(delete(Portion).where(Portion.letter_id == letter_id, Portion.topics_id.in_(page)))
            assert isinstance(gone, CursorResult)
            if gone.rowcount < _PAGE:
                return
