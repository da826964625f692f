"""`newsletter` and `schedule`: who publishes what, and when."""

from __future__ import annotations

from typing import Any

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


def a_schedule(ask: Ask) -> Any:  # noqa: ANN401 - what JSON holds
    return ask("schedule", "add", "morning/en", "Sunday to Thursday at 07:00 Erbil time")


@pytest.mark.usefixtures("desk")
def test_a_schedule_is_changed_where_it_is_told_to(ask: Ask) -> None:
    a_schedule(ask)
    changed = ask("schedule", "change", "1", "--rule", "daily at 02:30 Europe/Berlin", "--fewest", "4")
    assert (changed["id"], changed["rule"], len(changed["next"])) == (1, "daily 02:30 Europe/Berlin", 5)
    assert any("02:30 does not exist, the issue goes at 03:00." in each for each in changed["clock_changes"])
    again = ask("schedule", "change", "1", "--autonomy", "approved")
    assert again["rule"] == "daily 02:30 Europe/Berlin"
    assert ask("schedule", "list")[0]["autonomy"] == "approved"


@pytest.mark.usefixtures("desk")
def test_a_schedule_is_stopped_and_started(run: Run, ask: Ask) -> None:
    a_schedule(ask)
    assert ask("schedule", "stop", "1") == {"id": 1, "enabled": False}
    assert (ask("schedule", "list")[0]["enabled"], ask("schedule", "list")[0]["next"]) == (False, None)
    assert "stopped" in run("schedule", "dates", "1").stderr
    assert "schedule dates 1" in run("schedule", "start", "1").stdout
    assert ask("schedule", "list")[0]["enabled"] is True


@pytest.mark.usefixtures("desk")
def test_the_dates_of_a_schedule_or_of_words(run: Run, ask: Ask) -> None:
    a_schedule(ask)
    assert len(ask("schedule", "dates", "1", "--count", "3")["next"]) == 3
    told = ask("schedule", "dates", "daily except Friday at 07:00 Erbil time")
    assert told["rule"] == "sat-thu 07:00 Asia/Baghdad"
    assert told["clock_changes"] == ["The clocks in Baghdad do not change in the next twelve months."]
    assert "do not change" in run("schedule", "dates", "1").stdout


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("change", "7", "--fewest", "4"), "no schedule 7"),
        (("stop", "7"), "no schedule 7"),
        (("start", "7"), "no schedule 7"),
        (("dates", "7"), "no schedule 7"),
        (("change", "1", "--rule", "31 February at 07:00 Erbil"), "days of the week"),
        (("change", "1", "--rule", "daily at 07:00 Asia/Arbil"), "Did you mean Asia/Baghdad?"),
        (("change", "1", "--fewest", "40"), "40 to 12 articles"),
        (("dates", "every full moon"), "no time of day"),
    ],
)
def test_a_schedule_that_cannot_be_changed_is_refused(desk: Run, ask: Ask, command: tuple[str, ...], told: str) -> None:
    before = a_schedule(ask)["rule"]
    assert told in words(desk("schedule", *command, code=2))
    assert ask("schedule", "list")[0]["rule"] == before


def test_a_newsletters_calendar_is_kept(desk: Run, ask: Ask) -> None:
    assert ask("newsletter", "weekend", "morning", "Saturday and Sunday") == {
        "newsletter": "morning",
        "weekend": "sun,sat",
    }
    assert ask("schedule", "add", "morning/en", "weekdays at 07:00 Berlin")["rule"] == "mon-fri 07:00 Europe/Berlin"
    assert "seven days" in words(desk("newsletter", "weekend", "morning", "daily", code=2))
    holiday = ask("newsletter", "rest", "morning", "Newroz", "2999-03-20", "2999-03-24")
    assert holiday == {"id": 1, "name": "Newroz", "first": "2999-03-20", "last": "2999-03-24"}
    assert "is no day" in words(desk("newsletter", "rest", "morning", "Newroz", "soon", code=2))
    assert "before it begins" in words(desk("newsletter", "rest", "morning", "X", "2999-03-20", "2999-03-19", code=2))
    assert ask("newsletter", "alerts", "morning/en", "3") == {"edition": "morning/en", "alerts_a_day": 3}
    shown = ask("newsletter", "show", "morning")
    assert shown["holidays"] == {"1": "Newroz, 2999-03-20 to 2999-03-24"}
    assert shown["editions"] == {"morning/en": "Morning briefing, 3 alerts a day"}
    assert ask("newsletter", "work", "1") == {"id": 1}
    assert "not there any more" in words(desk("newsletter", "work", "1", code=2))
    assert "no newsletter named" in words(desk("newsletter", "show", "evening", code=2))


def test_what_a_schedule_chooses_by_is_said_shown_and_changed(desk: Run, ask: Ask) -> None:
    added = ask("schedule", "add", "morning/en", "first Sunday of the month at 09:00", "--weight", "Politics=2")
    assert added["rule"] == "first sun 09:00 Asia/Baghdad"
    ask("schedule", "change", str(added["id"]), "--section-cap", "3", "--own", "2")
    shown = ask("schedule", "show", str(added["id"]))
    assert (shown["weights"], shown["section_cap"], shown["author_cap"], shown["min_own"]) == (
        {"Politics": 2.0},
        3,
        2,
        2,
    )
    for wrong in ("Politics", "=2", "Politics=-1", "Politics=99", "Politics=nan"):
        desk("schedule", "change", str(added["id"]), "--weight", wrong, code=2)
    assert ask("schedule", "show", str(added["id"])) == shown
    assert ask("schedule", "remove", str(added["id"])) == {"id": added["id"]}
    assert "no schedule" in words(desk("schedule", "show", str(added["id"]), code=2))
