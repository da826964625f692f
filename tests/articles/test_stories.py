"""Which articles tell one story: by address, by nearly the same words, and never across languages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from articles import alike, feeds, identity, intake, stories
from articles.articles import Article, latest
from articles.entry import Entry
from articles.feeds import Said
from articles.stories import StoryMark
from ground.database import Database
from tests.articles.test_intake import entries, take

SNOW = "Late snow expected above 1,200 metres through Thursday"
PLACES = [
    "Zeryan",
    "Kanispi",
    "Gulan",
    "Tavgah",
    "Sersal",
    "Helgan",
    "Hewraz",
    "Darbend",
    "Berdesur",
    "Rubar",
    "Peshen",
    "Karo",
    "Zozan",
    "Shilan",
    "Nermin",
]
VERBS = [
    "solar",
    "rooftop",
    "village",
    "mountain",
    "evening",
    "primary",
    "music",
    "winter",
    "language",
    "sports",
    "river",
    "garden",
]
SUMMARY = "Forecasters expect 10 to 25 centimetres on the high passes, with rain in Zeryan."


def stored(database: Database, guid: str) -> Article:
    with database.read() as session:
        article = session.scalars(select(Article).where(Article.guid == guid)).one()
        session.expunge_all()
        return article


def story(guid: str, title: str, at: datetime, *, summary: str | None = None, language: str = "en") -> Entry:
    return Entry(
        guid=guid,
        url=f"https://{guid}.example/story",
        title=title,
        summary=summary,
        language=language,
        published=at.isoformat(),
        marks=alike.marks(title, summary),
    )


def is_one_story(database: Database, *guids: str) -> bool:
    return len({stored(database, guid).story_key for guid in guids}) == 1


def test_the_regional_desk_repeats_two_stories_of_the_paper(database: Database, now: datetime) -> None:
    own, _ = take(database, entries("01-rss-media.xml"), now, feed="own")
    wire, _ = take(database, entries("07-rss-updates.xml"), now, feed="wire")
    assert is_one_story(database, "zc-en-rubar-bridge-reopens", "reg-103")
    assert is_one_story(database, "zc-en-late-snow-forecast", "reg-104")
    assert stored(database, "reg-104").story_key == "https://zagroscourier.example/weather/late-snow-forecast"
    with database.read() as session:
        shown = [a.guid for a in latest(session, [own, wire], since=now - timedelta(days=8), until=now, limit=50)]
        merged = session.scalar(select(func.count()).select_from(Article)) or 0
        told = session.scalar(select(func.count(Article.story_key.distinct()))) or 0
        assert merged - told == 2  # no other was merged
        assert [a.guid for a in stories.tellers(session, stored(database, "reg-104").story_key)] == [
            "zc-en-late-snow-forecast",
            "reg-104",
        ]
    assert not {"reg-103", "reg-104"} & set(shown)


def test_a_piece_from_the_archive_is_no_news(database: Database, now: datetime) -> None:
    feed_id, _ = take(database, entries("07-rss-updates.xml"), now)
    assert stored(database, "reg-109").is_archive
    with database.read() as session:
        assert session.scalar(select(func.count()).where(Article.is_archive)) == 1
        shown = latest(session, [feed_id], since=now - timedelta(days=8), until=now, limit=50)
    assert "reg-109" not in [article.guid for article in shown]


def test_the_first_stories_of_three_languages_are_translations_and_three_stories(
    database: Database, now: datetime
) -> None:
    for name in ("01-rss-media.xml", "05-rss-arabic.xml", "06-rss-sorani.xml"):
        take(database, entries(name), now, feed=name)
    english = stored(database, "zc-en-rubar-bridge-reopens")
    with database.read() as session:
        found = stories.translations(session, english)
        assert [(one.language, one.title[:4]) for one in found] == [("ar", "إعاد"), ("ckb", "پردی")]
        assert len({english.story_key, *(one.story_key for one in found)}) == 3
        linked = [one for one in session.scalars(select(Article)) if stories.translations(session, one)]
        assert len(linked) == 3  # no other is taken for one


@pytest.mark.parametrize(
    ("title", "summary", "language", "hours", "is_one"),
    [
        (SNOW, None, "en", 1, True),
        ("Late snow expected above 1200 metres through Thursday", None, "en", 47, True),
        ("Late snow expected above 1200 metres until Thursday", SUMMARY, "en", 1, True),
        (
            "Late snow expected above 1200 metres until Thursday",
            "Another summary that says nothing of it.",
            "en",
            1,
            False,
        ),
        ("Early rain expected below 200 metres from Friday", SUMMARY, "en", 1, False),
        (SNOW, SUMMARY, "en", 49, False),
        (SNOW, SUMMARY, "ckb", 1, False),
    ],
)
def test_another_feeds_words(
    database: Database,
    now: datetime,
    title: str,
    summary: str | None,
    language: str,
    hours: int,
    is_one: bool,  # noqa: FBT001
) -> None:
    take(database, [story("own", SNOW, now, summary=SUMMARY)], now, feed="own")
    other = story("wire", title, now - timedelta(hours=hours), summary=summary, language=language)
    take(database, [other], now, feed="wire")
    assert is_one_story(database, "own", "wire") == is_one


def test_the_same_headline_in_one_feed_is_a_new_story_every_day(database: Database, now: datetime) -> None:
    title = "What you need to know this morning"
    monday, sunday = (
        "Trains stand still until noon; take the bus or walk.",
        "The market opens at nine; there will be music.",
    )
    take(database, [story("a", title, now - timedelta(days=1), summary=sunday)], now - timedelta(days=1))
    take(database, [story("b", title, now, summary=monday)], now)
    assert not is_one_story(database, "a", "b")
    take(database, [story("c", title, now, summary=monday)], now)  # published again under a new id and address
    assert is_one_story(database, "b", "c")


def test_a_chain_of_changes_keeps_one_story(database: Database, now: datetime) -> None:
    take(database, [story("a", SNOW, now, summary=SUMMARY)], now, feed="a")
    take(database, [story("b", SNOW + " night", now, summary=SUMMARY)], now, feed="b")
    take(database, [story("c", SNOW + " night, later", now, summary=SUMMARY)], now, feed="c")
    assert is_one_story(database, "a", "b", "c")


def test_old_marks_are_forgotten(database: Database, now: datetime) -> None:
    take(database, [story("a", SNOW, now)], now)
    with database.write() as session:
        stories.forget_old_marks(session, now=now + timedelta(days=6))
        assert session.scalar(select(func.count()).select_from(StoryMark)) == 8
        stories.forget_old_marks(session, now=now + timedelta(days=8))
        assert session.scalar(select(func.count()).select_from(StoryMark)) == 0


def test_headlines_of_one_pattern_are_not_one_story(database: Database, now: datetime) -> None:
    given = [
        story(f"s{n}", f"{PLACES[n % 15]} {n} votes on its budget for {VERBS[n % 12]} schools", now) for n in range(200)
    ]
    with database.write() as session:
        feed = feeds.add_feed(session, "https://courier.example/a.xml", now=now, said=Said())
        assert isinstance(feed, feeds.Feed)
        intake.take_in(session, feed, given, now=now)
        assert session.scalar(select(func.count(Article.story_key.distinct()))) == 200


_WORDS = st.lists(
    st.sampled_from(
        ["snow", "bridge", "road", "council", "tram", "river", "school", "market", "open", "closed", "new", "old"]
    ),
    max_size=12,
)


@given(_WORDS, _WORDS)
def test_likeness_is_between_nothing_and_all_and_the_same_both_ways(one: Sequence[str], other: Sequence[str]) -> None:
    first, second = alike.pieces(" ".join(one)), alike.pieces(" ".join(other))
    assert 0 <= alike.likeness(first, second) == alike.likeness(second, first) <= 1
    assert alike.likeness(first, first) == (1.0 if first else 0.0)


@given(st.text(max_size=80), st.text(max_size=200))
def test_any_words_have_marks_and_the_same_words_the_same(title: str, summary: str) -> None:
    assert alike.marks(title, summary) == alike.marks(title, summary)
    assert len(alike.marks(title, summary)) in (0, 8, 12)


@pytest.mark.parametrize("left_out", range(8))
def test_titles_that_differ_in_one_word_share_a_mark(left_out: int) -> None:
    words = ["snow", "closes", "the", "mountain", "road", "between", "Kanispi", "and", "Zeryan"]
    other = [word for at, word in enumerate(words) if at != left_out]
    assert set(alike.marks(" ".join(words), None)) & set(alike.marks(" ".join(other), None))


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://www.courier.example/ar/news/rubar-bridge-reopens", "courier.example/rubar-bridge-reopens"),
        ("https://ckb.courier.example/rubar-bridge-reopens.html", "courier.example/rubar-bridge-reopens"),
        ("https://courier.example/news/4711", None),
        ("https://courier.example/2026/03/09", None),
        ("https://courier.example/late-snow", None),
    ],
)
def test_an_address_shows_what_it_is_a_translation_of(url: str, key: str | None) -> None:
    assert identity.translation_key(url) == key


def test_a_pages_alternates_name_its_translations() -> None:
    addresses = ("https://courier.example/en/1", "https://courier.example/ar/2")
    keys = {identity.translation_key(address, addresses) for address in addresses}
    assert len(keys) == 1
    assert None not in keys
