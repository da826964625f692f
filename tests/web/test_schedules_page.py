"""The console's schedules: the list, the sentence, its dates, and what happens when two write it."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, select
from starlette.testclient import TestClient

from ground.database import Database
from newsletters import compose, newsletters, schedules
from newsletters.issues import Issue
from newsletters.layouts import LAYOUTS, Layout
from newsletters.newsletters import Edition
from newsletters.schedules import Schedule, Slot
from staff.members import AuditEntry, Role
from tests.newsletters.builders import a_feed, an_article
from tests.web.conftest import House, SignedIn

PAGE = "/console/schedules"
SENTENCE: Mapping[str, object] = {
    "name": "daily",
    "days": ["0", "1", "2", "3", "4"],
    "times": "07:00",
    "zone": "Asia/Baghdad",
    "words": "",
    "fewest": "4",
    "most": "12",
    "lead": "30",
    "late": "4",
    "autonomy": "unless_stopped",
    "too_few": "skip",
}


@pytest.fixture
def editor(house: House) -> SignedIn:
    return house.sign_in(Role.EDITOR)


def edition_id(house: House, language: str = "en") -> int:
    with house.database.read() as session:
        return session.scalars(select(Edition.id).where(Edition.language == language)).one()


def add(house: House, editor: SignedIn, **typed: object) -> object:
    return editor.post(f"{PAGE}/new", {**SENTENCE, "edition": edition_id(house), **typed})


def only(database: Database) -> Schedule:
    with database.read() as session:
        return session.scalars(select(Schedule)).one()


def a_schedule(house: House, editor: SignedIn, **typed: object) -> Schedule:
    add(house, editor, **typed)
    return only(house.database)


def sentence_of(page: str) -> dict[str, object]:
    """What stands in the form's fields, as a browser would send it."""
    form = page.split('id="schedule-form"')[1].split("</form>", maxsplit=1)[0]
    found: dict[str, object] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="(\w+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and name[1] == "days":
            if " checked" in tag and value:
                found["days"] = [*found.get("days", []), value[1]]  # type: ignore[misc]
        elif name and value:
            found[name[1]] = html.unescape(value[1])
    for name, options in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        found[name] = re.search(r'value="(\w+)" selected', options)[1]  # type: ignore[index]
    return found


def words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


# --- the layout ---
def test_a_schedule_is_set_as_a_week_by_sections_and_keeps_it(house: House, editor: SignedIn) -> None:
    kept = a_schedule(house, editor, name="weekly", layout="weekly")
    assert kept.layout == "weekly"
    assert "a week by sections" in words(editor.get(PAGE).text)
    assert sentence_of(editor.get(f"{PAGE}/{kept.id}").text)["layout"] == "weekly"
    sentence = sentence_of(editor.get(f"{PAGE}/{kept.id}").text)
    editor.post(f"{PAGE}/{kept.id}", {**sentence, "layout": "", "most": "20"})
    assert (only(house.database).layout, only(house.database).max_articles) == ("weekly", 20)


def test_a_layout_that_there_is_not_is_refused_in_words(house: House, editor: SignedIn) -> None:
    answer = editor.post(f"{PAGE}/new", {**SENTENCE, "edition": edition_id(house), "layout": "../daily"})
    assert answer.status_code == 422
    assert "There is no layout “../daily”. Choose one of these: daily, weekly, follow." in words(answer.text)


# --- the list ---------------------------------------------------------------------------------------------------------
def test_every_edition_is_listed_with_what_it_is_and_that_nothing_goes_out(editor: SignedIn) -> None:
    page = editor.get(PAGE)
    assert page.status_code == 200
    for told in (
        "Morning briefing",
        "نشرة الصباح",
        "draws from no feed yet",
        "No schedule: nothing goes out by itself",
    ):
        assert told in words(page.text)


def test_a_schedule_is_listed_in_words_with_its_next_date(house: House, editor: SignedIn) -> None:
    a_schedule(house, editor)
    told = words(editor.get(PAGE).text)
    assert "Sunday to Thursday at 07:00, Baghdad time" in told
    assert "goes unless somebody stops it" in told
    assert "tomorrow 07:00 Baghdad · in 24 h" in told  # it is 07:00 now, and that slot is over


def test_a_long_list_takes_as_many_questions_as_a_short_one(house: House, editor: SignedIn) -> None:
    def questions() -> int:
        asked: list[str] = []

        def note(*given: object) -> None:
            asked.append(str(given[2]))

        event.listen(house.database.reader, "before_cursor_execute", note)
        editor.get(PAGE)
        event.remove(house.database.reader, "before_cursor_execute", note)
        return len(asked)

    add(house, editor)
    few = questions()
    for number in range(5):
        add(house, editor, name=f"extra {number}")
    assert questions() == few


# --- saving -----------------------------------------------------------------------------------------------------------
def test_what_is_picked_is_saved_as_one_rule(house: House, editor: SignedIn) -> None:
    answer = editor.post(f"{PAGE}/new", {**SENTENCE, "edition": edition_id(house), "times": "7:00, 18:30"})
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    saved = only(house.database)
    assert saved.rule == "sun-thu 07:00,18:30 Asia/Baghdad"
    assert (saved.min_articles, saved.lead, saved.late_limit) == (4, timedelta(minutes=30), timedelta(hours=4))
    assert "Saved: Sunday to Thursday at 07:00 and 18:30, Baghdad time." in words(editor.get(PAGE).text)
    with house.database.read() as session:
        line = session.scalars(select(AuditEntry).where(AuditEntry.act == "schedule.add")).one()
    assert line.detail["rule"] == saved.rule


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("Sunday to Thursday at 07:00 Erbil time", "sun-thu 07:00 Asia/Baghdad"),
        ("daily except Friday 18:00", "sat-thu 18:00 Asia/Baghdad"),  # the zone that was picked
    ],
)
def test_what_is_typed_in_words_leads_to_the_same_kind_of_rule(
    house: House, editor: SignedIn, typed: str, rule: str
) -> None:
    assert a_schedule(house, editor, words=typed, days=[], times="").rule == rule


def test_the_form_shows_what_is_stored_and_saving_it_changes_nothing(house: House, editor: SignedIn) -> None:
    before = a_schedule(house, editor)
    form = sentence_of(editor.get(f"{PAGE}/{before.id}").text)
    assert (form["days"], form["times"], form["zone"]) == (["0", "1", "2", "3", "4"], "07:00", "Asia/Baghdad")
    assert editor.post(f"{PAGE}/{before.id}", form).status_code == 303
    after = only(house.database)
    assert (after.rule, after.changed_at, after.starts_at) == (before.rule, before.changed_at, before.starts_at)


@pytest.mark.parametrize(
    ("typed", "field", "told"),
    [
        ({"zone": "Asia/Arbil"}, "zone", "“Asia/Arbil” is no time zone that is known here. Did you mean Asia/Baghdad?"),
        ({"zone": ""}, "zone", "The time zone is missing."),
        ({"times": "25:00"}, "times", "There is no time 25:00."),
        ({"times": "early"}, "times", "“early” is no time of day."),
        ({"days": []}, "days", "No day is chosen, so nothing would ever go out."),
        ({"words": "31 February at 07:00"}, "words", "“31 February” is a date"),
        ({"words": "daily except Sunday to Saturday 07:00"}, "words", "nothing would ever go out"),
        ({"fewest": "four"}, "fewest", "“four” is no whole number."),
        ({"most": "3"}, "most", "An issue cannot have 4 to 3 articles."),
        ({"lead": "2000"}, "lead", "A draft cannot be ready 2000 minutes before its time."),
        ({"late": "0"}, "late", "An issue cannot go 0 hours late."),
        ({"name": ""}, "name", "A schedule's name has 1 to 60 characters."),
        ({"name": "<script>alert(1)</script>" * 4}, "name", "1 to 60 characters"),
    ],
)
def test_what_cannot_be_is_told_beside_its_field_and_what_was_typed_is_kept(
    house: House, editor: SignedIn, typed: dict[str, object], field: str, told: str
) -> None:
    answer = editor.post(f"{PAGE}/new", {**SENTENCE, "edition": edition_id(house), **typed})
    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert told in words(answer.text)
    kept = sentence_of(answer.text)
    assert {name: kept.get(name, []) for name in typed} == typed
    assert (kept["autonomy"], kept["most"]) == ("unless_stopped", typed.get("most", "12"))
    assert "<script>alert" not in answer.text
    with house.database.read() as session:
        assert session.scalars(select(Schedule)).all() == []


def test_a_name_that_is_taken_is_refused_and_an_own_name_is_not(house: House, editor: SignedIn) -> None:
    first = a_schedule(house, editor)
    answer = editor.post(f"{PAGE}/new", {**SENTENCE, "edition": edition_id(house), "times": "18:00"})
    assert answer.status_code == 422
    assert "This edition has a schedule named “daily” already." in words(answer.text)
    form = sentence_of(editor.get(f"{PAGE}/{first.id}").text)
    assert editor.post(f"{PAGE}/{first.id}", {**form, "fewest": "5"}).status_code == 303
    assert editor.post(f"{PAGE}/new", {**SENTENCE, "edition": edition_id(house, "ar")}).status_code == 303


def test_of_two_editors_the_second_is_told_and_keeps_what_they_typed(house: House, editor: SignedIn) -> None:
    row = a_schedule(house, editor)
    other = house.sign_in(Role.EDITOR, "karo@news.example.org")
    mine = sentence_of(editor.get(f"{PAGE}/{row.id}").text)
    theirs = sentence_of(other.get(f"{PAGE}/{row.id}").text)
    assert other.post(f"{PAGE}/{row.id}", {**theirs, "times": "18:00"}).status_code == 303
    answer = editor.post(f"{PAGE}/{row.id}", {**mine, "times": "06:15"})
    assert answer.status_code == 422
    assert "karo@news.example.org changed this schedule after you had opened it." in words(answer.text)
    assert "Sunday to Thursday at 18:00, Baghdad time" in words(answer.text)
    assert only(house.database).rule == "sun-thu 18:00 Asia/Baghdad"
    kept = sentence_of(answer.text)
    assert kept["times"] == "06:15"
    assert editor.post(f"{PAGE}/{row.id}", kept).status_code == 303  # now knowing what they overwrite
    assert only(house.database).rule == "sun-thu 06:15 Asia/Baghdad"


def test_a_schedule_removed_meanwhile_leaves_what_was_typed_for_a_new_one(house: House, editor: SignedIn) -> None:
    row = a_schedule(house, editor)
    mine = sentence_of(editor.get(f"{PAGE}/{row.id}").text)
    house.sign_in(Role.EDITOR, "karo@news.example.org").post(f"{PAGE}/{row.id}/remove")
    answer = editor.post(f"{PAGE}/{row.id}", {**mine, "times": "06:15"})
    assert answer.status_code == 422
    assert "karo@news.example.org removed this schedule after you had opened it." in words(answer.text)
    assert f'action="{PAGE}/new"' in answer.text
    assert editor.post(f"{PAGE}/new", sentence_of(answer.text)).status_code == 303
    assert only(house.database).rule == "sun-thu 06:15 Asia/Baghdad"


@pytest.mark.parametrize("seen", ["", "yesterday", "2026-03-09", "2026-03-09T04:00:00"])
def test_a_form_that_does_not_say_what_was_seen_overwrites_nothing(house: House, editor: SignedIn, seen: str) -> None:
    row = a_schedule(house, editor)
    answer = editor.post(f"{PAGE}/{row.id}", {**SENTENCE, "times": "06:00", "seen": seen})
    assert answer.status_code == 422
    assert only(house.database).rule == row.rule


def test_moving_todays_time_after_its_issue_was_made_brings_no_second_one(house: House, editor: SignedIn) -> None:
    house.now -= timedelta(minutes=40)  # 06:20 in Erbil
    row = a_schedule(house, editor, fewest="1")
    with house.database.write() as session:
        feed = a_feed(session, house.now)
        newsletters.draw_from(session, row.edition_id, [feed])
        an_article(session, feed, "The bridge is open", house.now - timedelta(hours=1))
    house.now += timedelta(minutes=20)  # the draft is made, 20 minutes before its time
    compose_due(house)
    form = sentence_of(editor.get(f"{PAGE}/{row.id}").text)
    shown = editor.post(f"{PAGE}/{row.id}", {**form, "times": "08:00", "act": "show"})
    assert "Tuesday, 10 March 2026" in words(shown.text)
    assert "Monday, 9 March 2026" not in words(shown.text)
    editor.post(f"{PAGE}/{row.id}", {**form, "times": "08:00"})
    with house.database.write() as session:
        feed = session.scalars(select(newsletters.EditionFeed.feed_id)).one()
        an_article(session, feed, "The bridge is closed", house.now)
    house.now += timedelta(hours=2)
    compose_due(house)
    with house.database.read() as session:
        assert len(session.scalars(select(Issue)).all()) == 1
        assert len(session.scalars(select(Slot)).all()) == 1


def compose_due(house: House) -> None:
    with house.database.write() as session:
        for row in schedules.list_enabled(session):
            compose.compose_due(session, row, now=house.now)


# --- dates ------------------------------------------------------------------------------------------------------------
def test_dates_are_shown_without_script_and_nothing_is_saved(house: House, editor: SignedIn) -> None:
    before = house.dump()
    answer = editor.post(
        f"{PAGE}/new",
        {**SENTENCE, "edition": edition_id(house), "times": "02:30", "zone": "Europe/Berlin", "act": "show"},
    )
    assert answer.status_code == 200
    told = words(answer.text)
    assert "next: tomorrow 02:30 Berlin · in 22 h" in told
    assert (
        "On 29 March 2026 clocks go forward from 02:00 to 03:00: 02:30 does not exist, the issue goes at 03:00." in told
    )
    assert (
        "On 25 October 2026 clocks go back from 03:00 to 02:00: 02:30 comes twice, the issue goes the first time."
        in told
    )
    assert sentence_of(answer.text)["times"] == "02:30"
    assert house.dump() == before


def live(editor: SignedIn, **typed: object) -> str:
    fields = {**SENTENCE, **typed}
    query = "&".join(
        f"{name}={each}" for name, value in fields.items() for each in (value if isinstance(value, list) else [value])
    )
    answer = editor.get(f"{PAGE}/dates?{query}", **{"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    return words(answer.text)


def test_dates_follow_the_typing(editor: SignedIn) -> None:
    assert "Monday, 9 March 2026" not in live(editor)
    assert "The clocks in Baghdad do not change in the next twelve months." in live(editor)
    assert "which is then 05:00 UTC instead of 06:00" in live(editor, words="daily 07:00 Berlin")
    assert "Did you mean Asia/Baghdad?" in live(editor, zone="Asia/Arbil")
    assert "“31 February” is a date" in live(editor, words="31 February 07:00")


def test_a_moved_slot_is_shown_with_the_hour_that_stands_in(house: House) -> None:
    house.now = datetime.fromisoformat("2026-03-27T12:00:00Z")
    told = live(house.sign_in(), words="daily 02:30 Europe/Berlin")
    assert "Sunday, 29 March 2026 03:00 Berlin instead of 02:30 01:00" in told


@pytest.mark.parametrize(
    "query", ["schedule=x", "schedule=99999999999999999999", "days=9&days=ä", "words=" + "9" * 500]
)
def test_a_strange_question_about_dates_is_answered(editor: SignedIn, query: str) -> None:
    assert editor.get(f"{PAGE}/dates?{query}").status_code == 200


# --- stop, start, remove ----------------------------------------------------------------------------------------------
def test_a_schedule_is_stopped_and_the_toast_takes_it_back(house: House, editor: SignedIn) -> None:
    row = a_schedule(house, editor)
    editor.post(f"{PAGE}/{row.id}/stop")
    page = editor.get(PAGE).text
    assert "“daily” is stopped: it makes no more issues." in words(page)
    assert f'action="{PAGE}/{row.id}/start"' in page.split('class="toast"')[1].split("</form>")[0]
    assert "none while it is stopped" in words(page)
    assert not only(house.database).enabled
    editor.post(f"{PAGE}/{row.id}/start")
    assert only(house.database).enabled


def test_a_schedule_that_never_made_an_issue_is_removed(house: House, editor: SignedIn) -> None:
    row = a_schedule(house, editor)
    editor.post(f"{PAGE}/{row.id}/remove")
    assert "“daily” is removed." in words(editor.get(PAGE).text)
    assert editor.get(f"{PAGE}/{row.id}").status_code == 404
    assert editor.post(f"{PAGE}/{row.id}/stop").status_code == 303
    assert "There is no schedule" in words(editor.get(PAGE).text)


# --- who may ----------------------------------------------------------------------------------------------------------
def test_ops_read_schedules_and_change_none(house: House, editor: SignedIn) -> None:
    row = a_schedule(house, editor)
    ops = house.sign_in(Role.OPS, "ops@news.example.org")
    page = ops.get(PAGE)
    assert page.status_code == 200
    assert "/stop" not in page.text
    assert ops.get(f"{PAGE}/{row.id}").status_code == 200
    for path in (f"{PAGE}/{row.id}", f"{PAGE}/{row.id}/stop", f"{PAGE}/{row.id}/remove", f"{PAGE}/new"):
        assert ops.post(path, dict(SENTENCE)).status_code == 403
    assert only(house.database).enabled


def test_looking_changes_nothing(house: House, editor: SignedIn) -> None:
    row = a_schedule(house, editor)
    before = house.dump()
    for path in (
        PAGE,
        f"{PAGE}/new?edition={edition_id(house)}",
        f"{PAGE}/{row.id}",
        f"{PAGE}/dates?words=daily 07:00 UTC",
    ):
        assert editor.get(path).status_code == 200
    for path in (f"{PAGE}/{row.id}/stop", f"{PAGE}/{row.id}/remove"):
        assert editor.get(path).status_code == 405
    assert house.dump() == before


@pytest.mark.parametrize("path", ["/new", "/new?edition=x", "/new?edition=99", "/99", "/99999999999999", "/0"])
def test_what_is_not_there_is_not_found(editor: SignedIn, path: str) -> None:
    assert editor.get(PAGE + path).status_code in {400, 404}


def test_strangers_are_led_to_the_sign_in_page(house: House) -> None:
    house.sign_in()
    stranger = TestClient(house.client.app, base_url="https://news.example.org", follow_redirects=False)
    assert stranger.get(PAGE).headers["location"].startswith("/sign-in")


def test_a_holiday_is_added_shown_among_the_dates_and_taken_away(house: House, editor: SignedIn) -> None:
    row = a_schedule(house, editor)
    with house.database.read() as session:
        newsletter = session.scalars(select(Edition.newsletter_id).where(Edition.id == row.edition_id)).one()
    holiday = {"newsletter": str(newsletter), "name": "<i>Newroz</i>", "first": "2026-03-10", "last": "2026-03-11"}
    assert editor.post("/console/holidays", holiday).status_code == 303
    page = editor.get(PAGE).text
    assert "&lt;i&gt;Newroz&lt;/i&gt;" in page
    assert editor.get(f"{PAGE}/{row.id}").text.count(">no issue<") == 2
    (path,) = set(re.findall(r'action="(/console/holidays/\d+/remove)"', page))
    assert editor.post(path, {}).status_code == 303
    assert ">no issue<" not in editor.get(f"{PAGE}/{row.id}").text


@pytest.mark.parametrize(
    "typed", [{"first": "soon"}, {"newsletter": "x"}, {"name": ""}, {"last": "2026-03-01"}, {"newsletter": "99"}]
)
def test_what_is_no_holiday_is_not_stored(house: House, editor: SignedIn, typed: dict[str, str]) -> None:
    a_schedule(house, editor)
    before = house.dump()
    holiday = {"newsletter": "1", "name": "Newroz", "first": "2026-03-10", "last": "2026-03-11"} | typed
    assert editor.post("/console/holidays", holiday).status_code == 303
    after = house.dump()
    assert after["holidays"] == before["holidays"] == []


def test_a_schedule_of_the_month_is_typed_in_words_and_kept_by_its_form(house: House, editor: SignedIn) -> None:
    row = a_schedule(house, editor, words="first Sunday of the month at 09:00 Erbil time")
    assert row.rule == "first sun 09:00 Asia/Baghdad"
    page = editor.get(f"{PAGE}/{row.id}").text
    assert "The first Sunday of the month at 09:00, Baghdad time" in page
    assert editor.post(f"{PAGE}/{row.id}", sentence_of(page)).status_code == 303
    assert only(house.database).rule == row.rule


def test_what_counts_more_is_typed_kept_and_refused_in_words(house: House, editor: SignedIn) -> None:
    row = a_schedule(house, editor, weights="Politics 2, ئاو 0.5", section_cap="3", author_cap="1", own="2")
    assert row.weights == {"Politics": 2.0, "ئاو": 0.5}
    assert (row.section_cap, row.author_cap, row.min_own) == (3, 1, 2)
    page = editor.get(f"{PAGE}/{row.id}").text
    assert 'value="Politics 2, ئاو 0.5"' in page
    assert editor.post(f"{PAGE}/{row.id}", sentence_of(page)).status_code == 303
    assert only(house.database).changed_at == row.changed_at
    for typed in (
        {"weights": "Politics"},
        {"weights": "Politics -1"},
        {"weights": "Politics 99"},
        {"section_cap": "0"},
    ):
        answer = editor.post(f"{PAGE}/{row.id}", {**sentence_of(page), **typed})
        assert answer.status_code == 422, typed
    assert only(house.database).changed_at == row.changed_at


def test_an_own_layout_is_told_apart_and_one_that_is_gone_is_not_swapped_unasked(
    house: House, editor: SignedIn
) -> None:
    row = a_schedule(house, editor)
    with house.database.write() as session:
        session.get_one(Schedule, row.id).layout = "long-read"
    page = editor.get(f"{PAGE}/{row.id}").text
    assert '<option value="long-read" selected>long-read (folder missing)</option>' in page
    assert "its issues wait for a person" in page
    assert "folder missing" in editor.get(PAGE).text
    parts = replace(house.parts, layouts=lambda: (*LAYOUTS, Layout("long-read", is_own=True)))
    editor = House(parts, house.engine, house.compiler, house.now).sign_in(Role.EDITOR)
    page = editor.get(f"{PAGE}/{row.id}").text
    assert '<option value="long-read" selected>long-read (your own)</option>' in page
    assert "folder missing" not in page
