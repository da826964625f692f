"""The desk: all that an editor has before them of one issue, read at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from articles.articles import Article, authors_of
from articles.feeds import Feed
from newsletters import act, errata, headlines, issues, newsletters, opinions, remarks, trail
from newsletters.errata import Erratum
from newsletters.issues import Issue, Item
from newsletters.newsletters import Edition, Newsletter
from newsletters.opinions import Counted
from newsletters.remarks import Remark
from newsletters.schedules import Schedule
from newsletters.trail import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """An item with what an editor wants to know of it."""

    item: Item
    article: Article
    source: str
    authors: Sequence[str]
    left_out: str | None  # why it stands in the issue and will not be in the letter
    taken_out: Step | None  # the act that laid it into the tray

    @property
    def title(self) -> str:
        return self.item.title or self.article.title

    @property
    def summary(self) -> str:
        return (self.article.summary or "") if self.item.summary is None else self.item.summary

    @property
    def is_rewritten(self) -> bool:
        return self.item.title is not None or self.item.summary is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    issue: Issue
    newsletter: Newsletter
    edition: Edition
    stories: Sequence[Story]
    dropped: Sequence[Story]
    remarks: Sequence[Remark]
    suggestions: Sequence[str]
    trail: Sequence[Step]
    errata: Sequence[Erratum]
    opinions: Counted
    is_open: bool  # may be edited

    def undoable(self, by: str) -> Step | None:
        """What an undo of this editor would take back."""
        return trail.last_own(self.trail, by) if self.is_open else None

    def story(self, item_id: int) -> Story | None:
        return next((story for story in [*self.stories, *self.dropped] if story.item.id == item_id), None)


def read(session: Session, issue_id: int) -> Desk | None:
    """The desk of an issue; None where there is no such issue."""
    issue = session.get(Issue, issue_id)
    found = newsletters.edition_by_id(session, issue.edition_id) if issue else None
    if issue is None or found is None:
        return None
    newsletter, edition = found
    schedule = session.get(Schedule, issue.schedule_id) if issue.schedule_id else None
    done = trail.steps(session, issue)
    every = _stories(session, issue, done)
    standing = [story for story in every if story.item.dropped_at is None]
    pairs = [(story.item, story.article) for story in standing]
    fewest = schedule.fewest if schedule else 1
    return Desk(
        issue=issue,
        newsletter=newsletter,
        edition=edition,
        stories=standing,
        dropped=[story for story in reversed(every) if story.item.dropped_at is not None],
        remarks=remarks.remarks(
            issue,
            pairs,
            fewest=fewest,
            language=edition.language,
            subjects=issues.last_subjects(session, issue),
        ),
        suggestions=headlines.suggestions([story.title for story in standing if story.left_out is None]),
        trail=done,
        errata=errata.of_issue(session, issue.id),
        opinions=opinions.count(session, issue.id),
        is_open=act.is_editable(issue),
    )


def _stories(session: Session, issue: Issue, done: Sequence[Step]) -> list[Story]:
    rows = session.execute(
        select(Item, Article, Feed)
        .join(Article, Article.id == Item.article_id)
        .join(Feed, Feed.id == Article.feed_id)
        .where(Item.issue_id == issue.id)
        .order_by(Item.dropped_at, Item.position, Item.id)
    ).all()
    names = authors_of(session, [article.id for _, article, _ in rows])
    return [
        Story(
            item=item,
            article=article,
            source=source(feed),
            authors=names[article.id],
            left_out=remarks.left_out(issue, article),
            taken_out=_taken_out(item, done),
        )
        for item, article, feed in rows
    ]


def source(feed: Feed) -> str:
    """What an editor calls a feed: its title, otherwise its host."""
    return feed.title or urlsplit(feed.site_url or feed.url).hostname or feed.url


def _taken_out(item: Item, done: Sequence[Step]) -> Step | None:
    if item.dropped_at is None:
        return None
    return next((step for step in reversed(done) if step.at == item.dropped_at), None)
