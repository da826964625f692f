"""A number of the day and the days to come: typed at the desk, after the stories of one issue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from ground.database import Database
from ground.language import Digits, Languages
from newsletters import approve, digest, pieces, undo
from newsletters.act import Done, Refused, Stale
from newsletters.issues import Issue, IssueState
from tests.newsletters.builders import BASE_URL
from tests.newsletters.test_note import KARO, ROZA, a_draft, state


def figure(
    session: Session, issue: Issue, *, now: datetime, by: str = ROZA, seen: int | None = None, **typed: str
) -> Done | Refused | Stale:
    given = {"figure": "34", "words": "So many wells were dry.", "url": ""} | typed
    known = issue.revision if seen is None else seen
    return pieces.set_figure(session, issue.id, seen=known, by=by, now=now, **given)


def diary(session: Session, issue: Issue, lines: str, *, now: datetime) -> Done | Refused | Stale:
    return pieces.set_diary(session, issue.id, lines=lines, seen=issue.revision, by=ROZA, now=now)


def told(session: Session, issue: Issue) -> dict[str, Any]:
    return dict(digest.job(session, issue, base_url=BASE_URL).context["issue"])


def test_a_number_reaches_the_letter_asks_for_approval_again_and_is_undone(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        seen, before = issue.revision, digest.content_hash(session, issue)
        approve.approve(session, issue, by=KARO, now=now)
        assert isinstance(figure(session, issue, figure=" 1,250 ", url="https://example.org/wells", now=now), Done)
        assert state(issue) is IssueState.DRAFT
        assert digest.content_hash(session, issue) != before
        url = "https://example.org/wells"
        assert told(session, issue)["figure"] == {"figure": "1,250", "words": "So many wells were dry.", "url": url}
        assert isinstance(figure(session, issue, figure="3", seen=seen, by=KARO, now=now), Stale)
        assert isinstance(undo.undo(session, issue.id, by=ROZA, now=now), Done)
        assert told(session, issue)["figure"] is None
        assert digest.content_hash(session, issue) == before


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"figure": "", "words": "Alone."}, "Write the number, too"),
        ({"figure": "9" * 21}, "The number has 21 characters"),
        ({"words": ""}, "The sentence has 0 characters"),
        ({"url": "javascript:alert(1)"}, "“javascript:alert(1)” is no address of the web"),
        ({"url": "https://example.org/a b"}, "“https://example.org/a b” is no address"),
    ],
)
def test_what_is_no_number_of_the_day_is_refused(
    database: Database, now: datetime, typed: dict[str, Any], why: str
) -> None:
    with database.write() as session:
        refused = figure(session, a_draft(session, now), now=now, **typed)
        assert isinstance(refused, Refused)
        assert refused.reason.startswith(why)


def test_days_are_put_in_order_whichever_way_their_dates_are_typed(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)  # goes on 9 March 2026
        lines = "21.3. Newroz\n2026-03-10: The council votes.\r\n\n ١٢/٣ – ئاهەنگ\n2.1. New year's accounts\n"
        assert isinstance(diary(session, issue, lines, now=now), Done)
        days = told(session, issue)["diary"]
        assert [(day["on"], day["words"]) for day in days] == [
            ("2026-03-10", "The council votes."),
            ("2026-03-12", "ئاهەنگ"),
            ("2026-03-21", "Newroz"),
            ("2027-01-02", "New year's accounts"),
        ]
        again = diary(session, issue, pieces.written(days), now=now)
        assert again == Done(issue.revision)  # what is shown to be changed says the same
        assert isinstance(diary(session, issue, "", now=now), Done)
        assert issue.pieces == {}


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("The council votes", "“The council votes” begins with no date"),
        ("31.2. Never", "“31.2. Never” begins with no date"),
        ("2026-03-08 Yesterday", "“2026-03-08 Yesterday” is of a day before the issue goes, 09 March 2026"),
        ("2026-03-10 " + "x" * 161, "“2026-03-10 xxx"),
        ("2026-03-10 Again\n" * 11, "The diary has 11 lines"),
    ],
)
def test_what_is_no_diary_is_refused(database: Database, now: datetime, lines: str, why: str) -> None:
    with database.write() as session:
        refused = diary(session, a_draft(session, now), lines, now=now)
        assert isinstance(refused, Refused)
        assert refused.reason.startswith(why)


@pytest.mark.parametrize(
    ("tag", "digits", "typed", "shown"),
    [
        ("en", None, "1,250.5", "1,250.5"),
        ("en", None, "١٬٢٥٠", "1,250"),
        ("ckb", None, "1,250.5", "١٬٢٥٠٫٥"),
        ("ckb", "western", "١٬٢٥٠", "1,250"),
        ("ar", None, "12%", "١٢%"),
    ],
)
def test_a_number_is_shown_in_the_digits_of_the_look(
    languages: Languages,
    tag: str,
    digits: Digits | None,
    typed: str,
    shown: str,
) -> None:
    assert languages.texts(tag, digits).figure(typed) == shown
