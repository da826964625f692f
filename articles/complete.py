"""Complete: an article's own page is read for what its feed lacks: summary, section, byline, image, date.

Only stories that may still be sent are looked up, each once, and a few of a feed at a time: the page is on somebody's server.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from articles import dates, identity, intake, stories
from articles.articles import Article, ArticleStatus, Byline
from articles.dates import DateConfidence, Dated
from articles.entry import Entry, Kind, Picture
from articles.feeds import Feed

#: Older stories are in no issue to come.
FRESH = timedelta(hours=36)
AT_ONCE = 10
#: A page that is so much older than its feed says: an old piece, sent around again.
_REDATED = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanting:
    """An article that lacks something its page may have."""

    article_id: int
    url: str


def wanting(session: Session, feed: Feed, *, now: datetime) -> list[Wanting]:
    """The newest of a feed's fresh articles whose pages are to be read."""
    if not feed.reads_pages or feed.kind is Kind.PAGE:
        return []
    has_author = exists().where(Byline.article_id == Article.id)
    bare = and_(Article.image_url.is_(None), Article.section.is_(None), ~has_author)
    lacks = or_(Article.summary.is_(None), Article.date_confidence == DateConfidence.FIRST_SEEN, bare)
    found = (
        select(Article.id, Article.url)
        .where(Article.feed_id == feed.id, Article.published_at > now - FRESH, Article.page_read_at.is_(None), lacks)
        .where(Article.status != ArticleStatus.WITHDRAWN)
        .order_by(Article.published_at.desc(), Article.id.desc())
    )
    return [Wanting(article_id=row.id, url=row.url) for row in session.execute(found.limit(AT_ONCE))]


def complete(session: Session, article_id: int, story: Entry | None, *, is_gone: bool, now: datetime) -> bool:
    """Take from a page what the feed did not say; whether anything was. `is_gone`: the page says that it is for good."""
    article = session.get(Article, article_id)
    if article is None:
        return False
    article.page_read_at = now
    if is_gone:
        article.status = ArticleStatus.WITHDRAWN
    if story is None or is_gone:
        return is_gone
    _fill(article, story)
    if article.correction is None and story.correction:
        article.correct(story.correction, now=now)
    _date(session, article, story, now)
    _place(session, article, story)
    if story.signatures and session.scalar(select(Byline.author_id).where(Byline.article_id == article.id)) is None:
        intake.sign(session, {article.id: story})
    session.flush()
    return True


def _fill(article: Article, story: Entry) -> None:
    if article.summary is None:
        article.summary, article.dateline = story.summary, story.dateline
    article.section = article.section or story.section
    article.language = article.language or story.language
    article.tags = article.tags or list(story.tags)
    article.word_count = article.word_count or story.word_count
    article.reading_minutes = article.reading_minutes or story.reading_minutes
    article.paywalled = article.paywalled or story.paywalled
    article.translation_key = article.translation_key or identity.translation_key(story.url, story.alternates)
    picture = story.picture or Picture(url="")
    if article.image_url is None and picture.url:
        article.image_url, article.image_alt, article.image_credit = picture.url, picture.alt, picture.credit
        article.image_width, article.image_height = picture.width, picture.height
    elif article.image_url == picture.url:
        article.image_alt = article.image_alt or picture.alt


def _date(session: Session, article: Article, story: Entry, now: datetime) -> None:
    feed = session.get_one(Feed, article.feed_id)
    found: Dated | None = dates.read(story.published, zone=feed.zone, now=now)
    if found is None:
        return
    if article.date_confidence is DateConfidence.FIRST_SEEN:
        article.date_it(found)
    elif found.at < article.published_at - _REDATED:
        article.is_archive = True


def _place(session: Session, article: Article, story: Entry) -> None:
    """The address that the page calls its own is the article's: feeds lead through counters and shorteners."""
    key = identity.url_key(story.url)
    if key == article.url_key:
        return
    was_first = article.story_key == article.url_key
    article.url, article.url_key = story.url, key
    if was_first:
        stories.readdress(session, article)
