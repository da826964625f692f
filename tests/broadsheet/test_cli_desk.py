"""`newsletter` and `schedule`: who publishes what, and when."""

from __future__ import annotations

import pytest

from tests.broadsheet.conftest import EDITION, NEWSLETTER, Ask, Run, given, words

pytestmark = pytest.mark.slow  # each command opens the whole house


def test_a_newsletter_its_edition_and_its_schedule(ask: Ask) -> None:
    assert ask(*NEWSLETTER) == {"id": 1, "newsletter": "morning"}
    assert ask(*EDITION) == {"id": 1, "edition": "morning/en", "feeds": []}
    added = ask("schedule", "add", "morning/en", "Sunday to Thursday at 07:00 Asia/Baghdad")
    assert (added["id"], added["rule"], len(added["next"])) == (1, "sun-thu 07:00 Asia/Baghdad", 5)
    assert ask("newsletter", "list") == [
        {"edition": "morning/en", "title": "Morning briefing", "publisher": "The Zagros Courier", "feeds": []}
    ]
    (listed,) = ask("schedule", "list")
    assert (listed["edition"], listed["enabled"], listed["next"]) == ("morning/en", True, added["next"][0]["utc"])


def test_people_are_told_what_comes_next(run: Run) -> None:
    assert "newsletter add --help" in run("newsletter", "list").stdout
    assert "newsletter edition morning" in run(*NEWSLETTER).stdout
    assert "morning/ " in run("newsletter", "list").stdout
    assert "schedule add morning/en" in run(*EDITION).stdout
    assert "schedule add --help" in run("schedule", "list").stdout
    assert "The next five" in run("schedule", "add", "morning/en", "daily at 07:00 UTC").stdout


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--sender", "nobody", "no email address"),
        ("--reply-to", "a@b@c", "no email address"),
        ("--postal-address", " ", "the law asks for one"),
        ("--site", "zagroscourier", "https://news.example.org"),
        ("--site", "javascript:alert(1)", "https://news.example.org"),
        ("--publisher", "", "write 1 to 120"),
        ("--publisher", "x" * 121, "write 1 to 120"),
    ],
)
def test_a_newsletter_that_cannot_be_is_refused(run: Run, ask: Ask, option: str, value: str, told: str) -> None:
    assert told in words(run(*given(NEWSLETTER, option, value), code=2))
    assert ask("newsletter", "list") == []


@pytest.mark.parametrize(("option", "value"), [("--brand", "red"), ("--brand", "#ffff00"), ("--logo", "logo.png")])
def test_a_look_that_cannot_be_is_refused(run: Run, option: str, value: str) -> None:
    assert value in words(run(*NEWSLETTER, option, value, code=2))


def test_a_name_in_use_or_unfit_for_addresses_is_refused(desk: Run) -> None:
    assert "already" in words(desk(*NEWSLETTER, code=2))
    assert "small letters" in words(desk(*NEWSLETTER[:2], "The Morning", *NEWSLETTER[3:], code=2))
    assert "already" in words(desk(*EDITION, code=2))


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [("--zone", "Mars/Base", "Asia/Baghdad"), ("--title", "", "write 1 to 120"), ("--tagline", "x" * 201, "1 to 200")],
)
def test_an_edition_that_cannot_be_is_refused(run: Run, option: str, value: str, told: str) -> None:
    run(*NEWSLETTER)
    assert told in words(run(*given(EDITION, option, value), code=2))


def test_an_edition_of_nothing_is_refused(run: Run) -> None:
    assert "newsletter list" in words(run(*EDITION, code=2))


def test_an_unknown_feed_leaves_no_half_edition(run: Run, ask: Ask) -> None:
    run(*NEWSLETTER)
    assert "no feed 99" in words(run(*EDITION, "--feed", "99", code=2))
    assert [each["edition"] for each in ask("newsletter", "list")] == ["morning/"]


def test_a_language_without_texts_is_told(run: Run) -> None:
    run(*NEWSLETTER)
    result = run(*EDITION[:3], "fr", *EDITION[4:])
    assert "English" in result.stderr


@pytest.mark.parametrize(
    ("edition", "rule", "told"),
    [
        ("evening/en", "daily at 07:00 UTC", "newsletter list"),
        ("morning", "daily at 07:00 UTC", "newsletter/language"),
        ("morning/en", "every full moon", "no time of day"),
        ("morning/en", "daily at 25:00 UTC", "no time 25:00"),
        ("morning/en", "daily at 07:00 Mars/Base", "no time zone"),
        ("morning/en", "", "no time of day"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(desk: Run, ask: Ask, edition: str, rule: str, told: str) -> None:
    assert told in words(desk("schedule", "add", edition, rule, code=2))
    assert ask("schedule", "list") == []


@pytest.mark.parametrize(
    "terms",
    [
        ("--fewest", "5", "--most", "2"),
        ("--fewest", "0"),
        ("--most", "1000"),
        ("--lead", "-5"),
        ("--lead", "9999"),
        ("--name", ""),
        ("--autonomy", "maybe"),
    ],
)
def test_terms_that_cannot_be_are_refused(desk: Run, ask: Ask, terms: tuple[str, ...]) -> None:
    desk("schedule", "add", "morning/en", "daily at 07:00 UTC", *terms, code=2)
    assert ask("schedule", "list") == []


def test_two_schedules_of_an_edition_have_two_names(desk: Run) -> None:
    desk("schedule", "add", "morning/en", "daily at 07:00 UTC")
    assert "another" in words(desk("schedule", "add", "morning/en", "mon 12:00 UTC", code=2))
    desk("schedule", "add", "morning/en", "mon 12:00 UTC", "--name", "weekly")
