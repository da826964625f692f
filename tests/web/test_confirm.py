"""Confirming by the button behind the link in the letter."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from ground.tokens import Purpose
from mailer.letters import Letter
from subscribers.consents import Act, ConsentEvent
from subscribers.subscriptions import SubscriptionState
from tests.web.conftest import House


def test_the_link_shows_a_button_and_the_button_subscribes(house: House) -> None:
    house.sign_up("rezan@example.org")
    link = house.link(Purpose.CONFIRM)
    page = house.client.get(link)
    assert f'<form action="{link}" method="post">' in page.text
    assert "r***@example.org" in page.text
    assert house.subscription("rezan@example.org").state is SubscriptionState.PENDING
    assert "You are in" in house.client.post(link).text
    subscription = house.subscription("rezan@example.org")
    assert (subscription.state, subscription.confirmed_at) == (SubscriptionState.ACTIVE, house.now)


def test_confirming_sends_the_welcome_letter_at_once(house: House) -> None:
    house.join("rezan@example.org")
    with house.database.read() as session:
        assert list(session.scalars(select(Letter.name).order_by(Letter.id))) == ["confirm", "welcome"]
    assert [payload for _, payload, _ in house.engine.submitted] == [{"batch": 1}, {"batch": 2}]
    assert [(job.template, job.language) for job in house.compiler.jobs] == [
        ("confirm", "en"),
        ("already", "en"),
        ("welcome", "en"),
    ]
    assert house.compiler.jobs[0].sender.signup_url == "https://news.example.org/n/courier/en"


def test_each_step_leaves_its_evidence(house: House) -> None:
    house.client.get(house.join("rezan@example.org"))
    with house.database.read() as session:
        events = session.scalars(select(ConsentEvent).order_by(ConsentEvent.id)).all()
    assert [(event.act, event.source) for event in events] == [
        (Act.REQUESTED, "form:page"),
        (Act.CONFIRMED, "page"),
    ]
    assert events[1].ip == "203.0.113.9"


def test_pressing_twice_says_so_and_welcomes_once(house: House) -> None:
    house.sign_up("rezan@example.org")
    link = house.link(Purpose.CONFIRM)
    house.client.post(link)
    after_once = house.dump()
    for answer in (house.client.post(link), house.client.get(link)):
        assert answer.status_code == 200
        assert "You are already in" in answer.text
    assert house.dump() == after_once


def test_a_link_older_than_three_days_offers_to_ask_again(house: House) -> None:
    house.sign_up("rezan@example.org")
    link = house.link(Purpose.CONFIRM)
    house.now += timedelta(hours=72)
    before = house.dump()
    for answer in (house.client.get(link), house.client.post(link)):
        assert answer.status_code == 410
        assert "This link is too old" in answer.text
        assert 'href="/n/courier/en">Ask for a new link' in answer.text
    assert house.dump() == before


def test_an_old_link_of_someone_who_is_in_does_not_alarm_them(house: House) -> None:
    house.sign_up("rezan@example.org")
    link = house.link(Purpose.CONFIRM)
    house.client.post(link)
    house.now += timedelta(days=30)
    assert "You are already in" in house.client.get(link).text


def test_a_link_that_was_used_does_not_bring_back_who_left_since(house: House) -> None:
    house.sign_up("rezan@example.org")
    link = house.link(Purpose.CONFIRM)
    house.client.post(link)
    house.client.post(house.link(Purpose.UNSUBSCRIBE))
    assert house.client.post(link).status_code == 410
    assert house.subscription("rezan@example.org").state is SubscriptionState.ENDED


def test_a_newer_request_ends_the_links_of_earlier_ones(house: House) -> None:
    house.sign_up("rezan@example.org")
    first = house.link(Purpose.CONFIRM)
    house.now += timedelta(hours=25)
    house.sign_up("rezan@example.org")
    assert "an earlier request" in house.client.post(first).text
    assert "You are in" in house.client.post(house.link(Purpose.CONFIRM)).text


def test_who_left_can_sign_up_again_on_the_same_day(house: House) -> None:
    house.client.post(house.join("rezan@example.org"))
    house.sign_up("rezan@example.org")
    assert "You are in" in house.client.post(house.link(Purpose.CONFIRM)).text
    assert house.subscription("rezan@example.org").generation == 2


@pytest.mark.parametrize("change", ["x", "", "é", "\x00", "A" * 300])
def test_a_tampered_link_is_a_page_that_says_so(house: House, change: str) -> None:
    house.sign_up("rezan@example.org")
    token = house.link(Purpose.CONFIRM).removeprefix("/confirm/")
    before = house.dump()
    damaged = "/confirm/" + (token[:-3] + change).replace("\x00", "%00")
    for answer in (house.client.get(damaged), house.client.post(damaged)):
        assert answer.status_code == 404
        assert "There is nothing at this address" in answer.text
    assert house.dump() == before


def test_a_token_of_another_purpose_confirms_nothing(house: House) -> None:
    house.sign_up("rezan@example.org")
    payload = house.letters()[0].fields["confirm_url"]
    for purpose in Purpose:
        if purpose is not Purpose.CONFIRM:
            assert house.client.post(f"/confirm/{house.keys.sign(purpose, payload)}").status_code == 404


def test_a_link_of_a_subscription_that_is_gone_is_a_page(house: House) -> None:
    token = house.keys.sign(Purpose.CONFIRM, "4711-1")
    assert house.client.get(f"/confirm/{token}").status_code == 404
    assert house.client.post(f"/confirm/{token}").status_code == 404
