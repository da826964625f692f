"""Taking a feed's entries in: new ones become articles, changed ones a new revision, bumped ones nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from articles import dates, identity, stories
from articles.articles import Article, ArticleStatus, Author, Byline
from articles.dates import DateConfidence, Dated
from articles.entry import Entry, Picture, Signature
from articles.feeds import Feed

_WITHDRAWN = re.compile(r"^\W*(?:withdrawn|retracted|story withdrawn|سحب الخبر|کشێنرایەوە)\b", re.IGNORECASE)
_EMBARGOED = re.compile(r"^\W*(?:embargo(?:ed)?|حظر النشر|محظور النشر)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    new: int
    changed: int


def take_in(session: Session, feed: Feed, entries: Sequence[Entry], *, now: datetime) -> Taken:
    """Store what a feed says now. Articles that merely dropped off its end are left as they are.

    One guid is one article, and so are the same words under the same address: some feeds change their ids every day.
    When a document has one article twice, the newer entry counts.
    """
    dated = _newest_of_each(entries, feed, now)
    known = _known(session, feed, [entry for entry, _ in dated])
    changed = [_revise(known[entry.guid], entry, date, now) for entry, date in dated if entry.guid in known]
    fresh = [(entry, _write(entry, date, feed, now)) for entry, date in dated if entry.guid not in known]
    session.add_all(article for _, article in fresh)
    session.flush()
    stories.settle(session, [(article, entry.marks) for entry, article in fresh], now=now)
    _see(session, known.values(), now)
    sign(session, {article.id: entry for entry, article in fresh})
    if fresh:
        feed.last_story_at = now
    return Taken(new=len(fresh), changed=sum(changed))


def _newest_of_each(entries: Sequence[Entry], feed: Feed, now: datetime) -> list[tuple[Entry, Dated]]:
    dated = [(entry, dates.read(entry.published, zone=feed.zone, now=now)) for entry in entries]
    newest_first = sorted(
        ((entry, date or Dated(now, DateConfidence.FIRST_SEEN)) for entry, date in dated),
        key=lambda pair: pair[1].at,
        reverse=True,
    )
    by_guid = {entry.guid: (entry, date) for entry, date in reversed(newest_first)}
    by_words = {_words_at(entry): (entry, date) for entry, date in reversed(by_guid.values())}
    return list(by_words.values())


def _known(session: Session, feed: Feed, entries: Sequence[Entry]) -> dict[str, Article]:
    """The article of each guid, where there is one already."""
    keys = [identity.url_key(entry.url) for entry in entries]
    alike = or_(Article.guid.in_([entry.guid for entry in entries]), Article.url_key.in_(keys))
    found = session.scalars(select(Article).where(Article.feed_id == feed.id, alike)).all()
    by_guid = {article.guid: article for article in found}
    by_words = {(article.url_key, article.content_hash): article for article in found}
    matches = ((entry.guid, by_guid.get(entry.guid) or by_words.get(_words_at(entry))) for entry in entries)
    return {guid: article for guid, article in matches if article}


def _words_at(entry: Entry) -> tuple[str, str]:
    return identity.url_key(entry.url), _hash(entry)


def _write(entry: Entry, date: Dated, feed: Feed, now: datetime) -> Article:
    article = Article(
        feed_id=feed.id,
        guid=entry.guid,
        url=entry.url,
        url_key=identity.url_key(entry.url),
        first_seen_at=now,
        last_seen_at=now,
        revision=1,
        **_words(entry, feed),
    )
    article.date_it(date)
    article.corrected_at = now if entry.correction else None
    updated = dates.read(entry.updated, zone=feed.zone, now=now)
    article.updated_at = updated.at if updated and updated.at > date.at else None
    article.status = ArticleStatus.CORRECTED if entry.is_correction else ArticleStatus.LIVE
    _restrict(article, entry, now)
    return article


def _revise(article: Article, entry: Entry, date: Dated, now: datetime) -> bool:
    """Whether the article changed. A later date over the same words is a bump: the story is not new again."""
    if article.content_hash == _hash(entry):
        # The same story, which now says what was wrong in it: that is told, and the story is not new again.
        return bool(entry.correction) and _correct(article, entry, now)
    if entry.picture and entry.picture.url != article.image_url:
        article.image_name = None  # our copy is of the one before
    if entry.correction:
        article.correct(entry.correction, now=now)
    for name, value in _words(entry, None).items():
        if value is not None or name not in _kept(article, entry):
            setattr(article, name, value)
    article.url, article.url_key = entry.url, identity.url_key(entry.url)
    if article.status is ArticleStatus.EMBARGOED and date.confidence is not DateConfidence.FIRST_SEEN:
        article.date_it(date)
    article.status = ArticleStatus.CORRECTED if entry.is_correction else ArticleStatus.UPDATED
    article.embargo_until = None
    article.updated_at = now
    article.revision += 1
    _restrict(article, entry, now)
    return True


def _correct(article: Article, entry: Entry, now: datetime) -> bool:
    if not article.correct(entry.correction or "", now=now):
        return False
    if article.status in (ArticleStatus.LIVE, ArticleStatus.UPDATED):
        article.status = ArticleStatus.CORRECTED
    return True


def _kept(article: Article, entry: Entry) -> set[str]:
    """What stays where the feed says nothing: what the desk said for it, and what the article's page said."""
    kept = {"language", "section", "translation_key"}
    if article.page_read_at is not None:
        kept |= {"summary", "word_count", "reading_minutes", "correction"}
        kept |= set() if entry.summary else {"dateline"}
        kept |= set() if entry.picture else {"image_url", "image_alt", "image_credit", "image_width", "image_height"}
    return kept


def _words(entry: Entry, feed: Feed | None) -> dict[str, object]:
    picture = entry.picture or Picture(url="")
    return {
        "title": entry.title,
        "summary": entry.summary,
        "dateline": entry.dateline,
        "section": entry.section or (feed.section if feed else None),
        "tags": list(entry.tags),
        "language": entry.language or (feed.language if feed else None),
        "image_url": picture.url or None,
        "image_alt": picture.alt,
        "image_credit": picture.credit,
        "image_width": picture.width,
        "image_height": picture.height,
        "word_count": entry.word_count,
        "reading_minutes": entry.reading_minutes,
        "paywalled": entry.paywalled,
        "is_archive": entry.is_archive,
        "correction": entry.correction,
        "translation_key": identity.translation_key(entry.url, entry.alternates),
        "content_hash": _hash(entry),
    }


def _restrict(article: Article, entry: Entry, now: datetime) -> None:
    """Withdrawn stories say so in their headline; embargoed ones do, or are dated ahead."""
    if _WITHDRAWN.match(entry.title):
        article.status = ArticleStatus.WITHDRAWN
    elif article.published_at > now:
        article.status = ArticleStatus.EMBARGOED
        article.embargo_until = article.published_at
    elif _EMBARGOED.match(entry.title):
        article.status = ArticleStatus.EMBARGOED  # until the feed takes the word away


def _hash(entry: Entry) -> str:
    return identity.content_hash(entry.title, entry.summary, entry.picture.url if entry.picture else None)


def _see(session: Session, articles: Iterable[Article], now: datetime) -> None:
    seen = [article.id for article in articles]
    if seen:
        session.execute(update(Article).where(Article.id.in_(seen)).values(last_seen_at=now))


def sign(session: Session, entries: Mapping[int, Entry]) -> None:
    """Write the bylines of new articles, and the authors we did not know."""
    signatures = {one.name: one for entry in entries.values() for one in entry.signatures}
    authors = _authors(session, signatures)
    session.add_all(
        Byline(article_id=article_id, author_id=authors[one.name].id, position=position)
        for article_id, entry in entries.items()
        for position, one in enumerate(entry.signatures)
    )
    session.flush()


def _authors(session: Session, signatures: Mapping[str, Signature]) -> dict[str, Author]:
    found = session.scalars(select(Author).where(Author.name.in_(list(signatures))))
    authors = {author.name: author for author in found}
    for name, signature in signatures.items():
        author = authors.get(name)
        if author is None:
            authors[name] = author = Author(name=name)
            session.add(author)
        author.url = author.url or signature.url
        author.avatar_url = author.avatar_url or signature.avatar_url
        author.bio = author.bio or signature.bio
    session.flush()
    return authors
