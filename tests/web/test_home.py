"""Home and the list of issues."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from mailer.batches import Batch
from mailer.deliveries import Delivery
from newsletters import schedules
from newsletters.issues import Issue, IssueState
from newsletters.newsletters import Edition
from newsletters.schedules import Schedule, Terms
from subscribers.consents import Act, ConsentEvent
from tests.mailer import builders as letters
from tests.newsletters.builders import a_reader
from tests.web.conftest import House, add_issue


def home(house: House) -> str:
    answer = house.sign_in().get("/console")
    assert answer.status_code == 200
    return answer.text


def test_a_newsroom_without_a_newsletter_is_told_the_first_steps(house: House) -> None:
    with house.database.write() as session:
        session.execute(delete(Edition))
    page = home(house)
    for command in ("newsletter add", "newsletter edition", "feeds add", "schedule add"):
        assert f"broadsheet {command}" in page


def test_a_newsroom_without_a_schedule_is_told_how_to_plan_one(house: House) -> None:
    page = home(house)
    assert "Nothing goes out in the coming days" in page
    assert "/console/schedules" in page
    assert "No issue went out yesterday." in page


def test_the_coming_days_stand_in_order_with_time_place_and_distance(house: House) -> None:
    with house.database.write() as session:
        terms = Terms(lead=timedelta(minutes=30))
        added = schedules.add(session, 2, "daily at 08:00 Asia/Baghdad", now=house.now, terms=terms)
        assert isinstance(added, Schedule)
    later = house.now + timedelta(minutes=42)
    add_issue(house.database, 1, 12, IssueState.DRAFT, house.now, scheduled_for=later)
    add_issue(house.database, 3, 5, IssueState.SKIPPED, house.now, reason="Not sent: <no> article.")
    page = home(house)
    places = [
        page.index(words) for words in ("Not sent: &lt;no&gt; article.", "07:42 Baghdad", "08:00 Baghdad", "Tomorrow")
    ]
    assert places == sorted(places)
    assert "in 42 min" in page
    assert "A person must approve it, or nothing is sent." in page
    assert 'href="/console/issues/1"' in page
    assert "Draft ready at 07:30" in page
    assert '<bdi lang="ckb">' in page


def test_yesterday_stands_in_three_numbers_with_their_base(house: House) -> None:
    yesterday = house.now - timedelta(hours=20)
    add_issue(house.database, 1, 11, IssueState.FINISHED, yesterday, sealed_at=yesterday, recipient_count=600)
    with house.database.write() as session:
        session.get_one(Issue, 1).letter_id = letters.letter(session, 600, now=yesterday)
        for batch, accepted in zip(session.scalars(select(Batch).order_by(Batch.id)), (498, 99), strict=True):
            batch.accepted = accepted
        bounced = session.scalars(select(Delivery.id).order_by(Delivery.id).limit(2)).all()
        session.execute(update(Delivery).where(Delivery.id.in_(bounced)).values(bounced_at=yesterday))
        session.execute(update(Delivery).where(Delivery.id == bounced[0]).values(bounced_at=house.now))
        reader = a_reader(session, 1, "gone@example.org", yesterday)
        session.add_all(
            ConsentEvent(subscriber_id=reader, edition_id=edition, act=Act.LEFT, at=yesterday, source="one-click")
            for edition in (1, 2)
        )
    page = home(house)
    numbers = [part.split("</p>")[0] for part in page.split('class="figure')[2:]]
    assert ["".join(part.split('class="number">')[1].split("<")[0]) for part in numbers] == ["597", "1", "1"]
    assert page.count("of 600") == 3


def test_issues_are_listed_and_narrowed(house: House) -> None:
    add_issue(house.database, 1, 1, IssueState.FINISHED, house.now, subject="Over <i>there</i>", recipient_count=18204)
    add_issue(house.database, 2, 1, IssueState.DRAFT, house.now, subject="عاجل")
    add_issue(house.database, 1, 2, IssueState.PAUSED, house.now, subject="Halfway", reason="A doubt")
    browser = house.sign_in()

    def listed(query: str = "") -> list[str]:
        page = browser.get(f"/console/issues{query}")
        assert page.status_code == 200
        return [part.split("<")[0] for part in page.text.split('dir="auto">')[1:]]

    assert listed() == ["Halfway", "عاجل", "Over &lt;i&gt;there&lt;/i&gt;"]
    assert listed("?edition=2") == ["عاجل"]
    assert listed("?state=sent") == ["Over &lt;i&gt;there&lt;/i&gt;"]
    assert listed("?state=moving&edition=1") == ["Halfway"]
    assert listed("?state=x%27--&edition=²&before=") == listed()
    assert "18,204" in browser.get("/console/issues").text
    assert "No issue like that" in browser.get("/console/issues?state=sent&edition=3").text


@pytest.mark.parametrize("count", [40, 41])
def test_issues_are_paged(house: House, count: int) -> None:
    for number in range(1, count + 1):
        add_issue(house.database, 1, number, IssueState.FINISHED, house.now)
    browser = house.sign_in()
    page = browser.get("/console/issues?state=sent").text
    assert ('rel="next"' in page) == (count > 40)
    if count > 40:
        older = browser.get("/console/issues?state=sent&before=2").text
        assert "Issue 1<" in older
        assert "Issue 2<" not in older
        assert 'href="/console/issues?state=sent" rel="prev"' in older


def test_no_issue_yet_is_told(house: House) -> None:
    assert "There is no issue yet" in house.sign_in().get("/console/issues").text
