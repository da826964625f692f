"""Looking again: shortly before an issue goes, whether the pages of its stories are still there.

gone (404, 410)            the story is taken out, in words that the desk shows; an editor may bring it back
shut (401, 403, 429, 5xx)  it stays, and the desk is told
no answer                  says nothing about a story

Each place of a story is looked at once. Where most of an issue's pages are gone, that says something about their site, not
about the stories: none is taken out then, and the desk is told of each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from articles.articles import Article, ArticleStatus
from articles.still_there import Looked, Lookout, Standing
from ground.database import Database
from ground.fetch import Fetcher
from ground.language import apart
from newsletters import act, approve, curate, issues
from newsletters.act import Refused
from newsletters.issues import Issue, IssueState, Item

log = structlog.get_logger()

#: Who takes out what is gone.
BY = "the service"
#: So long before its time an issue's pages are looked at.
BEFORE = timedelta(minutes=20)
#: Older drafts that nobody approved are no news.
_OLDEST = timedelta(days=1)
#: Pages of one issue; a letter of what readers follow holds more, of which the newest are looked at.
MOST = 40
_ISSUES = 20
#: More than this share of an issue's pages cannot be gone at once, from so many on.
_SHARE = 0.5
_FEW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A story's place in an issue, and where its page is."""

    issue_id: int
    item_id: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAgain:
    database: Database
    fetcher: Fetcher
    clock: Callable[[], datetime]

    async def look(self) -> int:
        """Look at the pages of the issues whose time is near; how many stories were taken out."""
        places = await asyncio.to_thread(self._places)
        if not places:
            return 0
        seen = await Lookout(self.fetcher).look([place.url for place in places])
        return await asyncio.to_thread(self._write, places, seen)

    def _places(self) -> list[_Place]:
        with self.database.read() as session:
            now = self.clock()
            return [place for issue_id in _near(session, now) for place in _unseen(session, issue_id)]

    def _write(self, places: Sequence[_Place], seen: Mapping[str, Looked]) -> int:
        taken_out = 0
        for issue_id in dict.fromkeys(place.issue_id for place in places):
            mine = {place.item_id: seen[place.url] for place in places if place.issue_id == issue_id}
            with self.database.write() as session:
                taken_out += note(session, issue_id, mine, now=self.clock())
        return taken_out


def note(session: Session, issue_id: int, seen: Mapping[int, Looked], *, now: datetime) -> int:
    """Write down what came of looking at an issue's pages, by item; how many stories were taken out."""
    issue = act.find_editable(session, issue_id)
    if isinstance(issue, Refused):
        return 0
    gone = [item_id for item_id, looked in seen.items() if looked.standing is Standing.GONE]
    is_the_site = len(gone) >= _FEW and len(gone) > _SHARE * len(seen)
    was_approved = issue.state is IssueState.APPROVED and issue.approved_by != approve.BY_ITSELF
    out = []
    for item in issues.list_items(session, issue_id):
        looked = seen.get(item.id)
        if looked is None:
            continue
        item.looked_at = now
        item.page_said = looked.said[:300] if looked.standing in (Standing.GONE, Standing.SHUT) else None
        if looked.standing is Standing.GONE and not is_the_site:
            out.append(item)
    taken_out = [item for item in out if _take_out(session, issue, item, now=now)]
    if taken_out and was_approved:
        # What a person approved waits for a person.
        issue.reason = f"{_named(session, taken_out[0])} is gone from its site and was taken out. Approve it again."
    return len(taken_out)


def _take_out(session: Session, issue: Issue, item: Item, *, now: datetime) -> bool:
    article = session.get_one(Article, item.article_id)
    if _left_its_feed(session, article):
        article.status = ArticleStatus.WITHDRAWN
    log.warning("issue.story_is_gone", issue=issue.id, article=article.id, said=item.page_said)
    done = curate.drop(session, item.id, by=BY, now=now)
    if isinstance(done, Refused):
        issue.reason = f"{_named(session, item)} is gone from its site. {done.reason}"[:300]
        return False
    return True


def _named(session: Session, item: Item) -> str:
    title = item.title or session.get_one(Article, item.article_id).title
    return f"“{apart(title[:120])}”"


def _left_its_feed(session: Session, article: Article) -> bool:
    """Whether its feed shows older stories still, and this one no longer: it did not merely drop off the end."""
    older = aliased(Article)
    shown = exists().where(
        older.feed_id == article.feed_id,
        older.published_at < article.published_at,
        older.last_seen_at > article.last_seen_at,
    )
    return bool(session.scalar(select(shown)))


def _near(session: Session, now: datetime) -> list[int]:
    """The issues whose time is near and that can still be edited."""
    near = (
        select(Issue.id)
        .where(
            Issue.state.in_((IssueState.DRAFT, IssueState.APPROVED)),
            Issue.letter_id.is_(None),
            Issue.scheduled_for.between(now - _OLDEST, now + BEFORE),
        )
        .order_by(Issue.scheduled_for, Issue.id)
    )
    return list(session.scalars(near.limit(_ISSUES)))


def _unseen(session: Session, issue_id: int) -> list[_Place]:
    return [
        _Place(issue_id=issue_id, item_id=item.id, url=article.url)
        for item, article in issues.list_stories(session, issue_id)[:MOST]
        if item.looked_at is None
    ]
