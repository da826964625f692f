"""The archive: what went out, for everybody, and nothing that has not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from newsletters.corrections import Correction
from newsletters.issues import IssueState
from tests.web.conftest import BASE, House, add_issue
from web.app import create_app
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


def a_correction(house: House, **values: object) -> None:
    known: dict[str, object] = {
        "issue_id": 1,
        "subject": "It is <b>Monday</b>",
        "words": "We wrote Sunday.\n\nSorry & thanks.",
        "ordered_by": "editor@news.example.org",
        "ordered_at": house.now,
        "goes_at": house.now,
        "sealed_at": house.now + timedelta(hours=1),
    }
    with house.database.write() as session:
        session.execute(insert(Correction).values(known | values))


def test_the_json_feed_is_one_by_the_book(house: House) -> None:
    """https://www.jsonfeed.org/version/1.1/"""
    add_issue(house.database, 2, 1, IssueState.FINISHED, house.now, subject="خبر", preheader="")
    add_issue(house.database, 2, 2, IssueState.DRAFT, house.now)
    answer = house.client.get("/archive/courier/ar/feed.json")
    assert answer.headers["content-type"] == "application/feed+json; charset=utf-8"
    feed = answer.json()
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == "https://news.example.org/archive/courier/ar/feed.json"
    assert (feed["language"], feed["authors"][0]["name"]) == ("ar", "The Zagros Courier")
    [item] = feed["items"]
    assert item == {
        "id": "https://news.example.org/archive/courier/ar/1",
        "url": "https://news.example.org/archive/courier/ar/1",
        "title": "خبر",
        "content_text": "خبر",
        "date_published": "2026-03-09T04:00:00+00:00",
    }
    assert 'type="application/feed+json"' in house.client.get("/archive/courier/ar").text


@pytest.mark.parametrize("page", ["feed.xml", "feed.json", "1"])
def test_who_has_a_page_already_is_told_so_until_it_changes(house: House, page: str) -> None:
    add_issue(house.database, 1, 1, IssueState.FINISHED, house.now, web_html="<!doctype html><body class='x'><p>Hi")
    path = f"/archive/courier/en/{page}"
    first = house.client.get(path)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "public, max-age=300"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = house.client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    a_correction(house)
    changed = house.client.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_a_correction_stands_above_its_issue_in_the_list_and_in_the_feeds(house: House) -> None:
    add_issue(house.database, 1, 1, IssueState.FINISHED, house.now, web_html="<!doctype html><body class='x'><p>Hi")
    a_correction(house)
    a_correction(house, subject="Not yet", sealed_at=None)
    page = house.client.get("/archive/courier/en/1").text
    assert page.startswith("<!doctype html><body class='x'><div") or "<body class='x'>\n" in page
    assert "Correction: It is &lt;b&gt;Monday&lt;/b&gt;" in page
    assert page.index("Sorry &amp; thanks.") < page.index("<p>Hi")
    assert "Not yet" not in page
    assert "It is &lt;b&gt;Monday&lt;/b&gt;" in house.client.get("/archive/courier/en").text
    [item] = house.client.get("/archive/courier/en/feed.json").json()["items"]
    assert "It is <b>Monday</b>\n\nWe wrote Sunday." in item["content_text"]
    assert item["date_modified"] == "2026-03-09T05:00:00+00:00"
    rss = ET.fromstring(house.client.get("/archive/courier/en/feed.xml").text)  # noqa: S314 - our own
    description = rss.findtext(".//item/description")
    assert "Correction: It is <b>Monday</b>. We wrote Sunday." in (description or "")


def test_search_engines_are_told_the_one_address_and_whether_to_list_it(house: House) -> None:
    add_issue(house.database, 1, 1, IssueState.FINISHED, house.now)
    for path in ("/archive/courier/en", "/archive/courier/en/1"):
        headers = house.client.get(f"{path}?utm_source=x").headers
        assert headers["link"] == f'<https://news.example.org{path}>; rel="canonical"'
        assert "x-robots-tag" not in headers
    hidden = TestClient(create_app(replace(house.parts, archive_indexed=False)), base_url=BASE)
    for path in ("/archive/courier/en", "/archive/courier/en/1"):
        assert hidden.get(path).headers["x-robots-tag"] == "noindex"
