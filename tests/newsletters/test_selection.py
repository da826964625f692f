"""Selection: which stories an issue holds, in which order, and that each place says why."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from articles.articles import Article
from articles.dates import DateConfidence
from newsletters.selection import Choice, Rules, choose

NOW = datetime(2026, 3, 9, 4, tzinfo=UTC)


def story(number: int, *, hours: float, section: str | None = None, image: bool = False, dated: bool = True) -> Article:
    at = NOW - timedelta(hours=hours)
    return Article(
        id=number,
        story_key=f"example.org/{number}",
        title=f"Story {number}",
        section=section,
        image_url="https://example.org/x.jpg" if image else None,
        published_at=at,
        first_seen_at=at,
        date_confidence=DateConfidence.EXACT if dated else DateConfidence.FIRST_SEEN,
    )


def placed(found: list[Article], *, authors: dict[int, list[str]] | None = None, **rules: object) -> list[int]:
    choice = Choice(rules=Rules(**{"most": 12, "fewest": 3} | rules), now=NOW, authors=authors or {})  # type: ignore[arg-type]
    return [each.article.id for each in choose(found, choice)]


def test_a_section_that_counts_more_comes_earlier_and_says_so() -> None:
    found = [story(1, hours=1, section="Sport"), story(2, hours=4, section="Water"), story(3, hours=2, section="Roads")]
    assert placed(found) == [1, 3, 2]
    rules = Rules(most=12, fewest=3, weights={"Water": 2.0, "Sport": 0.1})
    chosen = choose(found, Choice(rules=rules, now=NOW))
    assert [each.article.id for each in chosen] == [2, 3, 1]
    assert chosen[0].reason == "lead: the strongest, 4 h old, Water 1 of at most 4, Water counts 2 times"


def test_an_author_fills_no_issue_unless_there_is_nobody_else() -> None:
    found = [story(n, hours=n) for n in range(1, 7)]
    authors = {n: ["Ava"] if n < 5 else ["Dilan"] for n in range(1, 7)}
    assert Counter(authors[n][0] for n in placed(found, authors=authors)) == {"Ava": 2, "Dilan": 2}
    assert len(placed(found, authors={n: ["Ava"] for n in authors})) == 3
    chosen = choose(found, Choice(rules=Rules(most=12, fewest=3), now=NOW, authors=authors))
    assert [each.reason for each in chosen if each.reason.endswith("Ava 2 of at most 2")]


def test_a_story_whose_date_nobody_knows_comes_after_those_that_are_dated() -> None:
    found = [story(1, hours=0.1, image=True, dated=False), story(2, hours=30), story(3, hours=20)]
    assert placed(found) == [3, 2, 1]
    assert placed([found[0], story(4, hours=0.2, dated=False)]) == [1, 4]


def test_what_readers_had_as_an_alert_does_not_lead() -> None:
    found = [story(1, hours=1, image=True), story(2, hours=3, image=True), story(3, hours=2)]
    rules = Rules(most=12, fewest=3)
    had = frozenset({"example.org/1"})
    assert choose(found, Choice(rules=rules, now=NOW, had=had))[0].article.id == 2
    assert choose(found[:1], Choice(rules=rules, now=NOW, had=had))[0].article.id == 1  # there is no other


def test_in_a_weekly_a_story_of_monday_still_counts() -> None:
    found = [story(1, hours=100, section="Water"), story(2, hours=90, section="Roads", image=False)]
    week = Choice(rules=Rules(most=12, fewest=1, weights={"Water": 1.5}), now=NOW, stretch=timedelta(days=7))
    day = Choice(rules=week.rules, now=NOW)
    assert [each.article.id for each in choose(found, week)] == [1, 2]
    assert week.score(found[0]) > 0.1 > day.score(found[0])


@settings(max_examples=100)
@given(
    stories=st.lists(
        st.tuples(st.floats(0, 48), st.sampled_from([None, "Water", "Sport", "Roads"]), st.booleans(), st.booleans()),
        max_size=40,
    ),
    seed=st.integers(0, 99),
    most=st.integers(1, 12),
    fewest=st.integers(1, 5),
)
def test_the_same_stories_make_the_same_issue_in_whatever_order_they_come(
    stories: list[tuple[float, str | None, bool, bool]], seed: int, most: int, fewest: int
) -> None:
    found = [
        story(n, hours=hours, section=section, image=image, dated=dated)
        for n, (hours, section, image, dated) in enumerate(stories, 1)
    ]
    authors = {article.id: [f"Author {article.id % 4}"] for article in found}
    rules = Rules(most=most, fewest=min(fewest, most))
    choice = Choice(rules=rules, now=NOW, authors=authors)
    chosen = choose(found, choice)
    shuffled = random.Random(seed).sample(found, len(found))
    assert choose(shuffled, choice) == chosen
    assert len(chosen) >= min(rules.fewest, len(found))
    assert len(chosen) <= most
    assert all(each.reason for each in chosen)
    if len(chosen) > rules.fewest:
        assert max(Counter(each.article.section for each in chosen if each.article.section).values(), default=0) <= 4
        assert max(Counter(authors[each.article.id][0] for each in chosen).values()) <= 2
