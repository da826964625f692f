"""A sponsor's words: booked for days, labelled in every form of a letter, and part of what is approved."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from ground.database import Database
from mailer.letter import Rendered
from mailer.render import render
from newsletters import book, digest, sponsors
from newsletters.act import Refused
from newsletters.issues import IssueKind
from newsletters.sponsors import Booking, Sponsor
from tests.mailer.letters_at_hand import FOLDERS, page
from tests.newsletters.builders import BASE_URL
from tests.newsletters.test_note import ROZA, a_draft

BANK = Booking(
    name=" Zeryan  Bank ",
    headline="An account that costs nothing",
    text="",
    url="https://bank.example/current",
    first_on=date(2026, 3, 9),
    last_on=date(2026, 3, 10),
)


def test_a_booking_stands_in_the_issues_of_its_days_and_changes_what_was_approved(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        before = digest.content_hash(session, issue)
        booked = book.book(session, issue.edition_id, BANK, None, by=ROZA, now=now)
        assert isinstance(booked, Sponsor)
        told = digest.job(session, issue, base_url=BASE_URL).context["issue"]["sponsor"]
        assert (told["name"], told["url"], told["image"]) == ("Zeryan Bank", "https://bank.example/current", None)
        assert digest.content_hash(session, issue) != before
        issue.kind = IssueKind.ALERT
        assert sponsors.of_issue(session, issue) is None
        issue.kind = IssueKind.DIGEST
        # 11 March has begun in Baghdad when it is still the 10th in London.
        issue.scheduled_for = datetime(2026, 3, 10, 21, 30, tzinfo=now.tzinfo)
        assert sponsors.of_issue(session, issue) is None
        issue.scheduled_for -= timedelta(hours=1)
        assert sponsors.of_issue(session, issue) is booked
        assert book.release(session, booked.id, by=ROZA, now=now) == "Zeryan Bank"
        assert sponsors.of_issue(session, issue) is None
        assert isinstance(book.release(session, booked.id, by=ROZA, now=now), Refused)


@pytest.mark.parametrize(
    ("booking", "why"),
    [
        (replace(BANK, name=" "), "The name is missing"),
        (replace(BANK, headline="x" * 121), "The headline has 121 characters"),
        (replace(BANK, image_alt="x" * 201), "The image alt has 201 characters"),
        (replace(BANK, url="javascript:alert(1)"), "“javascript:alert(1)” is no address"),
        (replace(BANK, last_on=date(2026, 3, 8)), "It would end on 2026-03-08"),
        (replace(BANK, last_on=date(2028, 3, 8)), "That is longer than 366 days"),
        (replace(BANK, first_on=date(2026, 3, 10)), "“Zeryan Bank” has 2026-03-09 to 2026-03-10 already"),
    ],
)
def test_what_cannot_be_booked_is_refused(database: Database, now: datetime, booking: Booking, why: str) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        book.book(session, issue.edition_id, BANK, None, by=ROZA, now=now)
        refused = book.book(session, issue.edition_id, booking, None, by=ROZA, now=now)
        assert isinstance(refused, Refused)
        assert refused.reason.startswith(why)


def rendered(layout: str, language: str = "en") -> Rendered:
    wanted = page(layout, language)
    said = {
        "name": "<b>Bank</b> بانک",
        "headline": "An account & more",
        "text": "In ten minutes.",
        "url": "https://bank.example/?a=1&b=2",
        "image": {"url": "https://news.example.org/logos/x.png", "alt": "A branch"},
    }
    issue = {**wanted.context["issue"], "sponsor": said}
    return render(replace(wanted, context={**wanted.context, "issue": issue}), FOLDERS)


@pytest.mark.parametrize("layout", ["daily", "weekly", "follow"])
def test_every_layout_parts_a_sponsors_words_from_the_stories_under_their_label(layout: str) -> None:
    made = rendered(layout)
    assert made.html.count('rel="sponsored"') == 2
    start = made.html.index("Sponsored by \u2068&lt;b&gt;Bank&lt;/b&gt; بانک\u2069")
    assert start < made.html.index("An account &amp; more")
    label, _, after = made.text.partition("Sponsored by \u2068<b>Bank</b> بانک\u2069")
    assert label.rstrip().endswith("*" * 40)
    assert after.split()[:4] == ["An", "account", "&", "more"]
    assert "https://bank.example/?a=1&b=2\n" + "*" * 40 in after


def test_the_label_is_in_the_readers_language() -> None:
    assert "ڕیکلام: " in rendered("daily", "ckb").text
    assert "إعلان: " in rendered("daily", "ar").html
