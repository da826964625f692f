"""Unsubscribing by the page, by a mail program's one-click, and the way back."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from ground.tokens import Purpose
from mailer import notices
from mailer.deliveries import Delivery, State
from mailer.letters import Letter
from mailer.notices import Notice
from mailer.suppressions import Cause, suppress
from staff.members import Role
from subscribers.consents import Act, ConsentEvent
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import SubscriptionState
from tests.web.conftest import House

_BOUNDARY = "----=_Part_42"
_MULTIPART = (
    f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--{_BOUNDARY}--\r\n'
)
_ONE_CLICKS: dict[str, dict[str, Any]] = {
    "urlencoded": {"data": {"List-Unsubscribe": "One-Click"}},
    "multipart": {
        "content": _MULTIPART.encode(),
        "headers": {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"},
    },
    "no body": {},
    "no content type": {"content": b"List-Unsubscribe=One-Click"},
    "a broken multipart": {
        "content": b"--other\r\n\r\n",
        "headers": {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"},
    },
    "json": {"json": {"List-Unsubscribe": "One-Click"}},
    "bytes that are no text": {
        "content": b"\xff\xfe\x00=%zz",
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    },
}


@pytest.mark.parametrize("form", _ONE_CLICKS)
def test_one_click_ends_the_subscription_whatever_the_body_looks_like(house: House, form: str) -> None:
    link = house.join("rezan@example.org")
    answer = house.client.post(link, follow_redirects=False, **_ONE_CLICKS[form])
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    subscription = house.subscription("rezan@example.org")
    assert (subscription.state, subscription.end_reason) == (SubscriptionState.ENDED, "left")


def test_the_page_shows_one_button_and_says_whom_it_is_for(house: House) -> None:
    link = house.join("rezan@example.org")
    page = house.client.get(link).text
    assert page.count("<button") == 1
    assert f'<form action="{link}" method="post">' in page
    assert "r***@example.org" in page
    assert "Unsubscribe from “Morning briefing”?" in page
    answer = house.client.post(link, data={"from": "page"}).text
    assert "Done. You will not get “Morning briefing”." in answer


@pytest.mark.parametrize(
    ("body", "source"), [({"from": "page"}, "page"), ({"List-Unsubscribe": "One-Click"}, "one-click")]
)
def test_the_evidence_says_how_a_reader_left(house: House, body: dict[str, str], source: str) -> None:
    house.client.post(house.join("rezan@example.org"), data=body)
    with house.database.read() as session:
        event = session.scalars(select(ConsentEvent).order_by(ConsentEvent.id.desc())).first()
    assert event is not None
    assert (event.act, event.source) == (Act.LEFT, source)


def test_leaving_twice_is_as_good_as_once(house: House) -> None:
    link = house.join("rezan@example.org")
    house.client.post(link)
    after_once = house.dump()
    house.now += timedelta(days=2000)
    assert house.client.post(link).status_code == 200
    assert "You are not subscribed" in house.client.get(link).text
    assert house.dump() == after_once


def test_a_link_of_ours_whose_subscription_is_gone_is_answered_kindly(house: House) -> None:
    link = f"/u/{house.keys.sign(Purpose.UNSUBSCRIBE, '4711')}"
    for answer in (house.client.get(link), house.client.post(link)):
        assert answer.status_code == 200
        assert "Done. You will not get these emails." in answer.text


def test_a_forged_link_ends_nothing(house: House) -> None:
    link = house.join("rezan@example.org")
    for forged in (link[:-2] + "xx", "/u/1", f"/u/{house.keys.sign(Purpose.CONFIRM, '1')}"):
        assert house.client.post(forged).status_code == 404
    assert house.subscription("rezan@example.org").state is SubscriptionState.ACTIVE


def test_what_has_not_left_yet_does_not_leave_any_more(house: House) -> None:
    link = house.join("rezan@example.org")
    with house.database.write() as session:
        subscriber = session.scalars(select(Subscriber)).one()
        for scope in ("edition:1", "edition:2"):
            notice = Notice(
                variant_id=1,
                recipient_id=subscriber.id,
                address=subscriber.address,
                address_key=subscriber.address_key,
                domain_group="other",
                fields={},
                lifetime=timedelta(hours=1),
            )
            notices.enqueue(session, "daily", notice, now=house.now)
            newest = session.scalars(select(Delivery).order_by(Delivery.id.desc())).first()
            assert newest is not None
            newest.scope = scope
    house.client.post(link)
    states = {letter.scope: (letter.state, letter.reason) for letter in house.letters() if letter.scope}
    assert states == {"edition:1": (State.SKIPPED, "left"), "edition:2": (State.READY, None)}


def test_leaving_one_edition_keeps_the_others(house: House) -> None:
    link = house.join("rezan@example.org", "en")
    house.join("rezan@example.org", "ckb")
    house.client.post(link)
    with house.database.read() as session:
        from subscribers.subscriptions import Subscription

        states = {row.edition_id: row.state for row in session.scalars(select(Subscription))}
    assert states == {1: SubscriptionState.ENDED, 3: SubscriptionState.ACTIVE}


def _way_back(page: str) -> str:
    return page.split('action="/back/')[1].split('"', maxsplit=1)[0].join(["/back/", ""])


def test_a_reader_who_pressed_by_mistake_is_back_by_one_press(house: House) -> None:
    back = _way_back(house.client.post(house.join("rezan@example.org")).text)
    before = house.dump()
    assert "Subscribe me again" in house.client.get(back).text
    assert house.dump() == before
    assert "Welcome back" in house.client.post(back).text
    assert house.subscription("rezan@example.org").state is SubscriptionState.ACTIVE
    after_once = house.dump()
    assert "Welcome back" in house.client.post(back).text
    assert house.dump() == after_once


def test_a_way_back_undoes_one_leave_only_and_ends_after_a_month(house: House) -> None:
    link = house.join("rezan@example.org")
    first = _way_back(house.client.post(link).text)
    house.client.post(first)
    second = _way_back(house.client.post(link).text)
    assert house.client.post(first).status_code == 404
    house.now += timedelta(days=30)
    assert house.client.post(second).status_code == 404
    assert house.subscription("rezan@example.org").state is SubscriptionState.ENDED


def test_who_never_confirmed_has_no_way_in_by_leaving(house: House) -> None:
    house.sign_up("rezan@example.org")
    link = f"/u/{house.keys.sign(Purpose.UNSUBSCRIBE, str(house.subscription('rezan@example.org').id))}"
    page = house.client.post(link).text
    assert "Done." in page
    assert "/back/" not in page
    assert house.client.post(house.link(Purpose.CONFIRM)).status_code == 410


def _letters(house: House) -> list[str]:
    with house.database.read() as session:
        return list(session.scalars(select(Letter.name).order_by(Letter.id)))


def test_who_leaves_on_the_page_gets_one_last_letter(house: House) -> None:
    link = house.join("rezan@example.org")
    house.now += timedelta(days=2)
    for _ in range(2):
        house.client.post(link, data={"from": "page"})
    assert _letters(house) == ["confirm", "welcome", "goodbye"]
    last = house.letters()[-1]
    assert (last.address, last.state, last.fields) == ("rezan@example.org", State.READY, {"unsubscribe_url": "1"})


def test_one_click_and_who_was_hardly_there_get_none(house: House) -> None:
    one_click, brief = house.join("one@example.org"), house.join("brief@example.org")
    house.client.post(brief, data={"from": "page"})
    house.now += timedelta(days=2)
    house.client.post(one_click, data={"List-Unsubscribe": "One-Click"})
    house.client.post(one_click, data={"from": "page"})
    assert "goodbye" not in _letters(house)


def test_a_suppressed_address_is_told_nothing_and_has_left_all_the_same(house: House) -> None:
    link = house.join("rezan@example.org")
    house.now += timedelta(days=2)
    with house.database.write() as session:
        suppress(session, "rezan@example.org", Cause.COMPLAINT, now=house.now)
    assert house.client.post(link, data={"from": "page"}).status_code == 200
    assert house.subscription("rezan@example.org").state is SubscriptionState.ENDED
    assert "goodbye" not in _letters(house)


def test_a_leaver_may_say_why_and_the_board_counts_it(house: House) -> None:
    link = house.join("rezan@example.org")
    house.client.post(f"{link}/why", data={"because": "too_many"})
    assert house.subscription("rezan@example.org").left_because is None, "nobody has left yet"
    page = house.client.post(link, data={"from": "page"}).text
    assert f'action="{link}/why"' in page
    assert page.count('name="because"') == 5
    for because in ("elsewhere", "too_many", "<b>free text", ""):
        assert "Thank you" in house.client.post(f"{link}/why", data={"because": because}).text
    assert house.subscription("rezan@example.org").left_because == "too_many"
    assert re.search(r"Morning briefing</bdi>.*?<td class=\"number\">1</td><td class=\"number\">0</td>", _board(house))
    house.now += timedelta(days=31)
    assert "Why readers left" not in _board(house)


def test_who_comes_back_takes_the_reason_back(house: House) -> None:
    link = house.join("rezan@example.org")
    page = house.client.post(link, data={"from": "page"}).text
    house.client.post(f"{link}/why", data={"because": "never_asked"})
    [back] = re.findall(r'action="(/back/[^"]+)"', page)
    house.client.post(back)
    assert house.subscription("rezan@example.org").left_because is None


def _board(house: House) -> str:
    return house.sign_in(Role.OPS).get("/ops").text
