"""Errata: what was wrong in stories that readers have had, told in a box of the issue that follows, once.

A source says what it corrected (articles). A correction that went to an issue's readers as a letter of its own
(newsletters.correct) is not told again, unless an editor puts it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ForeignKey, Row, String, Text, UniqueConstraint, exists, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from articles.articles import Article, ArticleStatus
from ground.database import Base, RowId
from newsletters import rhythm as rhythms
from newsletters.corrections import Correction
from newsletters.issues import Issue, IssueKind, IssueState, Item
from newsletters.layouts import FOLLOW
from newsletters.rhythm import Rhythm

#: What was put right longer ago is no news.
REACH = timedelta(days=14)
#: In one issue; the rest come in the next.
MOST = 5
TOLD_BY_LETTER = "its readers were told by a letter of its own"


class Erratum(Base):
    """A story's correction in the box of one issue."""

    __tablename__ = "errata"
    __table_args__ = (UniqueConstraint("issue_id", "article_id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"))
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"), index=True)
    title: Mapped[str] = mapped_column(String(500))  # as its readers had it
    words: Mapped[str] = mapped_column(Text)  # the source's own
    corrected_at: Mapped[datetime]
    left_out: Mapped[str | None] = mapped_column(String(300))  # why it is not told, where it is not


def gather(session: Session, issue: Issue, *, now: datetime) -> None:
    """Put into an issue's box what was put right since, of stories that its readers had in an earlier one."""
    # What readers follow differs from one to the next: nobody is told of a story they have not had.
    if issue.kind is IssueKind.ALERT or issue.layout == FOLLOW:
        return
    rhythm = rhythms.of(session, issue.edition_id, issue.schedule_id)
    room = MOST - len(of_issue(session, issue.id))
    known: set[int] = set()
    for article, title, is_told in _put_right(session, rhythm, now):
        if room <= 0 or article.id in known or _was_told(session, rhythm, issue, article):
            continue
        known.add(article.id)
        room -= 1
        session.add(
            Erratum(
                issue_id=issue.id,
                article_id=article.id,
                title=title or article.title,
                words=article.correction,
                corrected_at=article.corrected_at,
                left_out=TOLD_BY_LETTER if is_told else None,
            )
        )
    session.flush()


def of_issue(session: Session, issue_id: int) -> list[Erratum]:
    """All of them, also those that are left out."""
    return list(session.scalars(select(Erratum).where(Erratum.issue_id == issue_id).order_by(Erratum.id)))


def told(session: Session, issue: Issue, zone: str) -> list[dict[str, Any]]:
    """The box of an issue, as templates know it."""
    rows = session.execute(
        select(Erratum, Article.url, Article.language)
        .join(Article, Article.id == Erratum.article_id)
        .where(Erratum.issue_id == issue.id, Erratum.left_out.is_(None), Article.status != ArticleStatus.WITHDRAWN)
        .order_by(Erratum.id)
    )
    return [_shown(each, url, language, ZoneInfo(zone)) for each, url, language in rows]


def _shown(erratum: Erratum, url: str, language: str | None, zone: ZoneInfo) -> dict[str, Any]:
    on = erratum.corrected_at.astimezone(zone).date().isoformat()
    return {"title": erratum.title, "words": erratum.words, "date": on, "url": url, "language": language}


def content(session: Session, issue_id: int) -> Sequence[Mapping[str, object]]:
    """What of the box is decided at the desk."""
    return [{"words": each.words} for each in of_issue(session, issue_id) if each.left_out is None]


def _put_right(session: Session, rhythm: Rhythm, now: datetime) -> Sequence[Row[Article, str | None, bool]]:
    """Stories whose source corrected them after a letter of this rhythm had told them, the newest first."""
    by_letter = exists().where(Correction.issue_id == Issue.id, Correction.sealed_at > Article.corrected_at)
    return session.execute(
        select(Article, Item.title, by_letter)
        .join(Item, Item.article_id == Article.id)
        .join(Issue, Issue.id == Item.issue_id)
        .where(
            Article.corrected_at > now - REACH,
            Article.correction.is_not(None),
            Article.status != ArticleStatus.WITHDRAWN,
            Item.number.is_not(None),
            Issue.edition_id == rhythm.edition_id,
            rhythm.holds(Issue.schedule_id),
            Issue.kind == IssueKind.DIGEST,
            Issue.sealed_at < Article.corrected_at,
        )
        .order_by(Article.corrected_at.desc(), Issue.id.desc())
        .limit(4 * MOST)
    ).all()


def _was_told(session: Session, rhythm: Rhythm, issue: Issue, article: Article) -> bool:
    """Whether an issue of these readers, this one included, has it in its box, told or left out."""
    there = (
        select(Erratum.id)
        .join(Issue, Issue.id == Erratum.issue_id)
        .where(
            Erratum.article_id == article.id,
            (Erratum.words == article.correction) | (Erratum.issue_id == issue.id),
            Issue.edition_id == rhythm.edition_id,
            rhythm.holds(Issue.schedule_id),
            Issue.state.not_in((IssueState.SKIPPED, IssueState.CANCELLED)),
        )
    )
    return session.scalar(there.limit(1)) is not None
