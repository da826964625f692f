"""A newsroom that is the same every time: from a feed's document to the job of an issue, by the real rooms and no shortcut."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy.orm import Session

from articles import feeds, intake
from articles.articles import Article
from articles.entry import ParsedFeed
from articles.feeds import Feed
from articles.formats import parse
from broadsheet.tables import metadata
from ground import migrations
from ground.database import Database
from mailer.compiler import LetterJob
from newsletters import breaking, compose, digest, newsletters, schedules
from newsletters.issues import Issue, IssueKind
from newsletters.newsletters import Edition, NewEdition, NewNewsletter, Newsletter
from newsletters.schedule import SlotTime
from newsletters.schedules import Schedule, Terms
from tests.golden import besides

NOW = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)
BASE_URL = "https://news.zagroscourier.example"
FEED = "https://zagroscourier.example/feed.json"
ZONE = "Asia/Baghdad"
_EDITIONS: Mapping[str, tuple[str, str, str, str]] = {
    "en": ("The Zagros Courier", "Morning briefing", "The day in five minutes", "Sunday to Thursday at 07:00"),
    "ar": ("بريد زاغروس", "موجز الصباح", "اليوم في خمس دقائق", "من الأحد إلى الخميس"),
    "ckb": ("پۆستەی زاگرۆس", "پوختەی بەیانی", "ڕۆژ لە پێنج خولەکدا", "یەکشەممە تا پێنجشەممە"),
}
_POSTAL_ADDRESSES = {"ar": "١٢ شارع البازار، زريان", "ckb": "ژمارە ١٢، شەقامی بازاڕ، زەریان"}
_SLOT = SlotTime(date(2026, 3, 9), time(7), NOW, moved=False)


class Newsroom:
    """One newsletter, one edition, one feed, taken in as its server gave it."""

    def __init__(self, folder: Path, language: str, document: bytes) -> None:
        path = folder / "broadsheet.sqlite3"
        path.write_bytes(_fresh())
        self.database = Database(f"sqlite:///{path}")
        with self.database.write() as session:
            self.edition_id = _edition(session, language)
            self.feed_id = _take_in(session, document)
            newsletters.draw_from(session, self.edition_id, [self.feed_id])

    def close(self) -> None:
        self.database.dispose()

    def edition(self, session: Session) -> tuple[Newsletter, Edition]:
        found = newsletters.edition_by_id(session, self.edition_id)
        assert found is not None
        return found

    def job(self, layout: str, *, with_besides: bool = False) -> LetterJob:
        """An issue of this layout, composed of what the feed said. Nothing of it is kept: the next one finds all the same."""
        with self.database.write() as session:
            if with_besides:
                besides.add(session, self.edition(session)[1], now=NOW)
            issue = self.issue(session, layout)
            made = digest.job(session, issue, base_url=BASE_URL)
            session.rollback()
        return made

    def issue(self, session: Session, layout: str) -> Issue:
        issue = self._alert(session) if layout == breaking.LAYOUT else self._digest(session, layout)
        session.flush()
        return issue

    def _digest(self, session: Session, layout: str) -> Issue:
        terms = Terms(layout=layout, window=timedelta(days=2), section_cap=20, author_cap=20, min_articles=1)
        schedule = schedules.add(
            session, self.edition_id, f"daily 07:00 {ZONE}", now=NOW - timedelta(days=1), terms=terms
        )
        assert isinstance(schedule, Schedule), schedule
        issue = compose.compose(session, schedule, _SLOT, now=NOW)
        assert isinstance(issue, Issue), issue and issue.skipped
        return issue

    def _alert(self, session: Session) -> Issue:
        newest = session.query(Article).order_by(Article.published_at.desc(), Article.id).first()
        assert newest is not None
        issue = breaking.draft(session, self.edition_id, newest.id, by="desk", now=NOW)
        assert isinstance(issue, Issue), issue
        assert issue.kind is IssueKind.ALERT
        return issue


@cache
def _fresh() -> bytes:
    """A database file at the newest revision."""
    with tempfile.TemporaryDirectory(prefix="broadsheet-golden-") as folder:
        path = Path(folder) / "broadsheet.sqlite3"
        database = Database(f"sqlite:///{path}")
        migrations.upgrade(database, metadata)
        database.dispose()  # the last connection to go writes everything into the one file
        return path.read_bytes()


def _edition(session: Session, language: str) -> int:
    publisher, title, tagline, frequency = _EDITIONS[language]
    newsletter = newsletters.add(
        session,
        NewNewsletter(
            slug="briefing",
            publisher=publisher,
            sender_address="briefing@zagroscourier.example",
            reply_to="editors@zagroscourier.example",
            postal_address="12 Bazaar Street, Zeryan",
            site_url="https://zagroscourier.example",
            privacy_url="https://zagroscourier.example/privacy",
            theme={"brand": "#7a1f3d"},
        ),
        now=NOW,
    )
    assert isinstance(newsletter, Newsletter), newsletter
    new = NewEdition(language=language, title=title, tagline=tagline, frequency=frequency, zone=ZONE)
    edition = newsletters.add_edition(session, newsletter.id, new, now=NOW)
    assert isinstance(edition, Edition), edition
    edition.look = {"postal_address": _POSTAL_ADDRESSES.get(language, "")}
    return edition.id


def _take_in(session: Session, document: bytes) -> int:
    feed = feeds.add_feed(session, FEED, now=NOW)
    assert isinstance(feed, Feed), feed
    parsed = parse(document, "application/feed+json", FEED)
    assert isinstance(parsed, ParsedFeed), parsed
    intake.take_in(session, feed, parsed.entries, now=NOW)
    return feed.id
