"""The wire: the articles that an edition's feeds brought and that an issue does not hold, the newest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from articles.articles import Article, ArticleStatus, authors_of
from ground.language import apart
from newsletters import already_sent, compose, issues, newsletters, selection
from newsletters import rhythm as rhythms
from newsletters.act import Refused
from newsletters.issues import Issue, Item
from newsletters.schedules import Schedule

#: Older stories are no news; who wants one links to it.
REACH = timedelta(days=30)
PAGE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an editor looks for; `before` is the last article of the page before."""

    section: str = ""
    text: str = ""
    before: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An article on the wire, and why it is not in the issue."""

    article: Article
    why_not: str
    sent_in: Issue | None  # the last issue in which these readers had it
    can_go: bool = True


def offers(session: Session, issue: Issue, wanted: Wanted, *, now: datetime) -> tuple[list[Offer], bool]:
    """One page of the wire, and whether an older one follows."""
    found = list(session.scalars(_query(session, issue, wanted, now=now).limit(PAGE + 1)))
    shown = found[:PAGE]
    rhythm = rhythms.of(session, issue.edition_id, issue.schedule_id)
    sent = already_sent.last_in(session, rhythm, {article.story_key for article in shown}, besides=issue.id)
    full = _full(session, issue, shown)
    return [_offer(issue, article, sent.get(article.story_key), full) for article in shown], len(found) > PAGE


def sections(session: Session, issue: Issue, *, now: datetime) -> list[str]:
    """The sections that the edition's feeds used lately."""
    feed_ids = newsletters.list_feed_ids(session, issue.edition_id)
    used = (
        select(Article.section)
        .where(Article.feed_id.in_(feed_ids), Article.published_at > now - REACH, Article.section.is_not(None))
        .distinct()
    )
    return sorted(section for section in session.scalars(used) if section)


def find(session: Session, issue: Issue, article_id: int) -> Article | Refused:
    """An article that may be added to an issue."""
    article = session.get(Article, article_id)
    if article is None or article.feed_id not in newsletters.list_feed_ids(session, issue.edition_id):
        return Refused("This story is not on the wire of this edition.")
    if article.status is ArticleStatus.WITHDRAWN:
        return Refused("This story was withdrawn by its source; it cannot be sent.")
    if is_embargoed(article, issue):
        return Refused(f"This story is under embargo {_until(article)}, and the issue goes before that.")
    twin = (
        select(Item.id)
        .join(Article, Article.id == Item.article_id)
        .where(Item.issue_id == issue.id, Item.dropped_at.is_(None), Article.story_key == article.story_key)
    )
    if session.scalar(twin.limit(1)) is not None:
        return Refused("The issue has this story already, from another feed.")
    return article


def is_embargoed(article: Article, issue: Issue) -> bool:
    """Whether an article may not yet be read when the issue goes."""
    if article.status is not ArticleStatus.EMBARGOED:
        return False
    return article.embargo_until is None or article.embargo_until > issue.scheduled_for


def reason(session: Session, issue: Issue, article: Article, *, now: datetime) -> str:
    """Why a story that an editor adds stands in the issue."""
    rhythm = rhythms.of(session, issue.edition_id, issue.schedule_id)
    sent = already_sent.last_in(session, rhythm, {article.story_key}, besides=issue.id).get(article.story_key)
    words = f"added by the desk, {selection.length(now - article.published_at)} old"
    return words if sent is None else f"{words}, readers had it in No. {sent.number}"


def _query(session: Session, issue: Issue, wanted: Wanted, *, now: datetime) -> Select[Article]:
    feed_ids = newsletters.list_feed_ids(session, issue.edition_id)
    held = select(Item.article_id).where(Item.issue_id == issue.id)
    twins = select(Article.story_key).join(Item, Item.article_id == Article.id).where(Item.issue_id == issue.id)
    found = (
        select(Article)
        .where(Article.feed_id.in_(feed_ids), Article.status != ArticleStatus.WITHDRAWN)
        .where(Article.published_at > now - REACH, Article.id.not_in(held), Article.story_key.not_in(twins))
        .order_by(Article.published_at.desc(), Article.id.desc())
    )
    if wanted.section:
        found = found.where(Article.section == wanted.section)
    if wanted.text:
        found = found.where(Article.title.icontains(wanted.text, autoescape=True))
    last = session.get(Article, wanted.before) if wanted.before is not None else None
    return found if last is None else found.where(_after(last))


def _after(last: Article) -> ColumnElement[bool]:
    same = and_(Article.published_at == last.published_at, Article.id < last.id)
    return or_(Article.published_at < last.published_at, same)


def _full(session: Session, issue: Issue, shown: Sequence[Article]) -> dict[int, str]:
    """Of these articles those whose section or author has all the room it gets, and which that is, in words."""
    rules = compose.rules_of(session.get(Schedule, issue.schedule_id) if issue.schedule_id else None)
    standing = [article for _, article in issues.list_stories(session, issue.id)]
    authors = authors_of(session, [article.id for article in (*standing, *shown)])
    sections = Counter(article.section for article in standing)
    by = Counter(name for article in standing for name in authors[article.id])
    full: dict[int, str] = {}
    for article in shown:
        if article.section and sections[article.section] >= rules.section_cap:
            full[article.id] = f"{apart(article.section)} had its {rules.section_cap}"
        elif name := next((name for name in authors[article.id] if by[name] >= rules.author_cap), None):
            full[article.id] = f"{apart(name)} had {rules.author_cap} already"
    return full


def _offer(issue: Issue, article: Article, sent_in: Issue | None, full: dict[int, str]) -> Offer:
    embargoed = is_embargoed(article, issue)
    if embargoed:
        why_not = f"under embargo {_until(article)}"
    elif sent_in is not None:
        why_not = f"readers had it in No. {sent_in.number}"
    elif article.is_archive:
        why_not = "an old piece that its source shows again"
    elif article.first_seen_at > issue.window_end:
        why_not = "came after this issue was composed"
    elif article.published_at <= issue.window_start:
        why_not = "older than what this issue looked at"
    elif article.id in full:
        why_not = full[article.id]
    else:
        why_not = "no room: others came before it"
    return Offer(article=article, why_not=why_not, sent_in=sent_in, can_go=not embargoed)


def _until(article: Article) -> str:
    if article.embargo_until is None:
        return "without an end"
    return f"until {article.embargo_until:%d %b %H:%M} UTC"
