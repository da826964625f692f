"""The archive: what went out, for everybody, and nothing that has not."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

import pytest

from newsletters.issues import IssueState
from tests.web.conftest import House, add_issue
from web.security import letter_policy

_PUBLIC = {IssueState.SEALED, IssueState.SENDING, IssueState.PAUSED, IssueState.FINISHED}


@pytest.mark.parametrize("state", list(IssueState))
def test_an_issue_is_public_once_it_is_sealed_and_never_before(house: House, state: IssueState) -> None:
    add_issue(house.database, 1, 7, state, house.now)
    public = state in _PUBLIC
    assert (house.client.get("/archive/courier/en/7").status_code == 200) is public
    for page in ("/archive/courier/en", "/archive/courier/en/feed.xml", "/n/courier/en"):
        assert ("Issue 7" in house.client.get(page).text) is public


def test_an_issue_is_shown_as_it_was_sent_in_a_sandbox(house: House) -> None:
    html = '<!doctype html><style>p{color:red}</style><p onclick="x()">Hello<script>alert(1)</script></p>'
    add_issue(house.database, 1, 1, IssueState.FINISHED, house.now, web_html=html)
    answer = house.client.get("/archive/courier/en/1")
    assert answer.text == html
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; img-src https:; style-src 'unsafe-inline';")
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert answer.headers["cross-origin-opener-policy"] == "unsafe-none"


def test_pictures_from_the_own_machine_are_shown_only_where_wiring_says_so() -> None:
    assert "http:" not in letter_policy(("https:",), framed=False)
    assert "img-src https: http://127.0.0.1:*;" in letter_policy(("https:", "http://127.0.0.1:*"), framed=False)


@pytest.mark.parametrize("number", ["0", "2", "-1", "1x", "1e3", "٣", "99999999999999999999", "4294967296", "%00"])
def test_a_number_that_is_no_issue_is_a_page_that_says_so(house: House, number: str) -> None:
    add_issue(house.database, 1, 1, IssueState.FINISHED, house.now)
    assert house.client.get(f"/archive/courier/en/{number}").status_code == 404
    assert house.client.get(f"/archive/courier/ar/{number}").status_code == 404


def test_the_list_has_the_newest_first_and_goes_on_by_pages(house: House) -> None:
    for number in range(1, 34):
        add_issue(house.database, 1, number, IssueState.FINISHED, house.now)
    first = house.client.get("/archive/courier/en").text
    assert first.index("Issue 33") < first.index("Issue 32")
    assert "Issue 4<" in first
    assert "Issue 3<" not in first
    second = house.client.get("/archive/courier/en?before=4").text
    assert "Issue 3<" in second
    assert "Issue 4<" not in second
    assert "Older issues" not in second
    assert house.client.get("/archive/courier/en?before=x").status_code == 404


def test_an_issue_bears_the_day_of_its_place(house: House) -> None:
    late = datetime.fromisoformat("2026-03-08T22:30:00+00:00")  # 01:30 on the 9th in Erbil
    add_issue(house.database, 1, 1, IssueState.FINISHED, house.now, scheduled_for=late)
    assert "Monday, 9 March 2026" in house.client.get("/archive/courier/en").text


def test_an_empty_archive_says_what_will_be_there(house: House) -> None:
    assert "Nothing has been sent yet" in house.client.get("/archive/courier/en").text


def test_the_feed_can_be_read_by_a_feed_reader(house: House) -> None:
    subject = "Dams & <b>rain</b>\x0b, “quoted”"
    add_issue(house.database, 3, 2, IssueState.FINISHED, house.now + timedelta(days=1), subject=subject)
    add_issue(house.database, 3, 1, IssueState.FINISHED, house.now)
    answer = house.client.get("/archive/courier/ckb/feed.xml")
    assert answer.headers["content-type"] == "application/rss+xml; charset=utf-8"
    channel = ET.fromstring(answer.content).find("channel")  # noqa: S314 - our own bytes
    assert channel is not None
    assert channel.findtext("language") == "ckb"
    assert [item.findtext("title") for item in channel.iter("item")] == ["Dams & <b>rain</b>, “quoted”", "Issue 1"]
    newest = next(channel.iter("item"))
    assert newest.findtext("link") == "https://news.example.org/archive/courier/ckb/2"
    assert parsedate_to_datetime(newest.findtext("pubDate") or "") == house.now + timedelta(days=1)
