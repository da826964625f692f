"""Remarks: what is said about an issue before it goes, and that nothing is said of one that is sound."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from articles.articles import Article, ArticleStatus
from newsletters import headlines
from newsletters.issues import Issue, Item
from newsletters.remarks import Remark, Weight, remarks

NOW = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)


def an_issue(subject: str = "Bridge reopens to traffic", preheader: str = "And late snow") -> Issue:
    return Issue(subject=subject, preheader=preheader, scheduled_for=NOW)


def a_story(number: int, **changes: object) -> tuple[Item, Article]:
    values: dict[str, object] = {
        "id": number,
        "title": f"Story {number}",
        "language": "en",
        "status": ArticleStatus.LIVE,
        "image_url": "https://example.org/a.jpg",
        "image_alt": "A bridge",
    }
    return Item(id=number), Article(**(values | changes))


def said(*stories: tuple[Item, Article], issue: Issue | None = None, fewest: int = 1) -> list[Remark]:
    return remarks(issue or an_issue(), stories, fewest=fewest, language="en")


def test_of_a_sound_issue_nothing_is_said() -> None:
    assert said(a_story(1), a_story(2, image_url=None, image_alt=None), a_story(3, language=None)) == []


@pytest.mark.parametrize(
    ("changes", "weight", "words"),
    [
        ({"status": ArticleStatus.WITHDRAWN}, Weight.STOP, "withdrawn by its source"),
        ({"status": ArticleStatus.EMBARGOED}, Weight.STOP, "under embargo"),
        ({"status": ArticleStatus.EMBARGOED, "embargo_until": NOW + timedelta(minutes=1)}, Weight.STOP, "embargo"),
        ({"image_alt": " "}, Weight.WAIT, "no description"),
        ({"image_url": "data:image/png;base64,AA"}, Weight.WAIT, "left out: its address is none of the web"),
        ({"language": "ckb"}, Weight.WAIT, "another language (ckb)"),
    ],
)
def test_a_storys_trouble_is_said_with_the_story(changes: dict[str, object], weight: Weight, words: str) -> None:
    (remark,) = said(a_story(1), a_story(2, **changes))
    assert (remark.weight, remark.item_id) == (weight, 2)
    assert words in remark.text
    assert "Story 2" in remark.text


def test_what_is_released_in_time_is_no_trouble() -> None:
    assert said(a_story(1, status=ArticleStatus.EMBARGOED, embargo_until=NOW)) == []


def test_a_headline_from_the_right_does_not_turn_the_sentence_round() -> None:
    (remark,) = said(a_story(1, title="پردی ڕووبار", image_alt=None))
    assert "“\u2068پردی ڕووبار\u2069”" in remark.text


def test_only_pictures_that_are_printed_want_a_description() -> None:
    stories = [a_story(number, image_alt=None) for number in range(1, 8)]
    assert [remark.item_id for remark in said(*stories)] == [1, 2, 3, 4, 5]


def test_too_few_stories_are_counted_without_those_left_out() -> None:
    found = said(a_story(1), a_story(2, status=ArticleStatus.WITHDRAWN), fewest=3)
    assert "1 story; the schedule asks for at least 3." in [remark.text for remark in found]
    nothing = said(a_story(1, status=ArticleStatus.WITHDRAWN), fewest=3)
    assert "No story can be sent." in nothing[-1].text


def test_inbox_lines_are_looked_at() -> None:
    empty = said(a_story(1), issue=an_issue(subject=" ", preheader=""))
    assert [remark.weight for remark in empty] == [Weight.STOP, Weight.WAIT]
    long = said(a_story(1), issue=an_issue(subject="x" * (headlines.SUBJECT + 1)))
    assert "61 characters" in long[0].text


def test_suggestions_are_short_different_and_never_empty() -> None:
    assert headlines.suggestions([]) == []
    assert headlines.suggestions(["Snow"]) == ["Snow"]
    lead = "Dam opens: what it means for the valley and everybody who lives below the eastern shore"
    found = headlines.suggestions([lead, "Snow closes two passes"])
    assert len(set(found)) == len(found) == 3
    assert found[1:] == ["Snow closes two passes", "Dam opens\u00a0· Snow closes two passes"]
    assert all(0 < len(line) <= headlines.SUBJECT + 3 for line in found)
