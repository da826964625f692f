"""What a golden letter holds beside its stories: the other editions' issues of the same morning."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from articles import feeds, intake, ranking
from articles.articles import Article, Author
from articles.entry import Entry
from articles.feeds import Feed, Said
from newsletters import besides, compose, issues, layouts, newsletters
from newsletters.besides import Beside
from newsletters.issues import Issue, IssueState, Item
from newsletters.newsletters import Edition, NewEdition

_OTHERS = {
    "en": ("Morning briefing", ("The bridge over the river opens after 14 months", "Tomato prices fall by a third")),
    "ar": ("موجز الصباح", ("افتتاح جسر النهر بعد ١٤ شهراً من الترميم", "أسعار الطماطم تنخفض بمقدار الثلث")),
    "ckb": ("پوختەی بەیانی", ("پردی ڕووبار دوای ١٤ مانگ نۆژەنکردنەوە کرایەوە", "نرخی تەماتە بە ڕێژەی سێیەک دابەزی")),
}

_LINE = {
    "en": "Covers the river towns, and has since before the bridge was closed.",
    "ar": "يكتب عن بلدات النهر منذ ما قبل إغلاق الجسر.",
    "ckb": "لەبارەی شارۆچکەکانی ڕووبارەوە دەنووسێت.",
}
#: What an author wrote before.
EARLIER = {
    "en": ("Ferry towns ask for a second crossing before the winter floods", "The last boat builder of Kanispi"),
    "ar": ("بلدات العبّارة تطالب بمعبر ثانٍ قبل فيضانات الشتاء", "آخر صانع قوارب في كانيسبي"),
    "ckb": ("شارۆچکەکانی بەلەم داوای پردێکی دووەم دەکەن پێش لافاوی زستان", "دوایین بەلەمسازی کانیسپی"),
}
_WRONG = {
    "en": "An earlier version gave the fall of the price as a half. It is a third.",
    "ar": "ذكرت نسخة سابقة أن السعر انخفض إلى النصف. والصحيح أنه انخفض بمقدار الثلث.",
    "ckb": "لە وەشانێکی پێشوودا هاتبوو نرخەکە نیوەی دابەزیوە. ڕاستییەکەی سێیەکی دابەزیوە.",
}


def add(session: Session, edition: Edition, *, now: datetime) -> None:
    """Let the edition's letters hold all that they may, and let there be some of each."""
    besides.choose(session, edition.id, list(Beside), by="desk", now=now)
    for author in session.scalars(select(Author)):
        author.bio, author.url = _LINE[edition.language], "https://zagroscourier.example/people"
        author.avatar_url = "https://zagroscourier.example/avatar-hanar.png"
    _put_right(session, edition, now)
    _rank(session, edition, now)
    for language, (title, headlines) in _OTHERS.items():
        if language != edition.language:
            _sent(
                session,
                edition,
                NewEdition(language=language, title=title, tagline=title, frequency=title, zone="Asia/Baghdad"),
                headlines,
                now,
            )


def _rank(session: Session, edition: Edition, now: datetime) -> None:
    """What the site says is read most: two stories of this morning and one of last week."""
    said = Said(is_ranking=True, language=edition.language)
    feed = feeds.add_feed(session, "https://zagroscourier.example/most-read", now=now, said=said)
    assert isinstance(feed, Feed), feed
    newsletters.draw_from(session, edition.id, [feed.id])
    newest = session.scalars(select(Article).order_by(Article.published_at.desc(), Article.id).limit(2))
    told = [(article.url, article.title) for article in newest]
    told.insert(1, ("https://zagroscourier.example/last-week", _OTHERS[edition.language][1][0]))
    ranking.take(feed, [Entry(guid=url, url=url, title=title) for url, title in told])
    feeds.succeeded(feed, now=now, pause=feed.interval or timedelta(minutes=15))


def _put_right(session: Session, edition: Edition, now: datetime) -> None:
    """A story of yesterday's issue that its source has corrected since."""
    feed = feeds.add_feed(session, "https://zagroscourier.example/yesterday", now=now)
    assert isinstance(feed, Feed), feed
    _, (__, title) = _OTHERS[edition.language]
    entry = Entry(guid="yesterday", url="https://zagroscourier.example/yesterday/1", title=title)
    yesterday = now - timedelta(days=1)
    intake.take_in(session, feed, [entry], now=yesterday)
    article = session.scalars(select(Article).where(Article.feed_id == feed.id)).one()
    issue = Issue(
        edition_id=edition.id,
        number=issues.next_number(session, edition.id),
        layout=layouts.DAILY,
        state=IssueState.FINISHED,
        subject=title,
        preheader="",
        window_start=yesterday - timedelta(hours=1),
        window_end=yesterday - timedelta(hours=1),
        scheduled_for=yesterday,
        sealed_at=yesterday,
        created_at=yesterday,
    )
    session.add(issue)
    session.flush()
    session.add(Item(issue_id=issue.id, article_id=article.id, article_revision=1, position=1, number=1, reason=""))
    article.correct(_WRONG[edition.language], now=now - timedelta(hours=3))
    session.flush()


def _sent(session: Session, beside: Edition, new: NewEdition, headlines: tuple[str, ...], now: datetime) -> None:
    edition = newsletters.add_edition(session, beside.newsletter_id, new, now=now)
    assert isinstance(edition, Edition), edition
    url = f"https://zagroscourier.example/{new.language}"
    feed = feeds.add_feed(session, f"{url}/feed", now=now)
    assert isinstance(feed, Feed), feed
    entries = [Entry(guid=each, url=f"{url}/{n}", title=each) for n, each in enumerate(headlines)]
    intake.take_in(session, feed, entries, now=now)
    newsletters.draw_from(session, edition.id, [feed.id])
    issue = compose.one_off(session, edition.id, now=now)
    assert isinstance(issue, Issue), issue
    issue.state, issue.sealed_at, issue.web_html = IssueState.FINISHED, now, "<p></p>"
    for item in issues.list_items(session, issue.id):
        item.number = item.position
    session.flush()
