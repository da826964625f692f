"""Another address: the new one says yes, the old one is told, and the page tells nobody who reads what."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from httpx2 import Response
from sqlalchemy import select

from ground.tokens import Purpose
from mailer.deliveries import Delivery
from mailer.letters import Letter
from mailer.suppressions import Cause, suppress
from subscribers import erasure
from subscribers.consents import Act, ConsentEvent
from subscribers.moves import Move
from subscribers.subscribers import Subscriber
from tests.web.conftest import House


def choices(house: House, subscription_id: int = 1) -> str:
    return f"/p/{house.keys.sign(Purpose.PREFERENCES, str(subscription_id))}"


def ask(house: House, email: str, subscription_id: int = 1) -> Response:
    return house.client.post(f"{choices(house, subscription_id)}/address", data={"email": email})


def named(house: House) -> list[str]:
    """The letters there are, by name and address."""
    with house.database.read() as session:
        rows = select(Letter.name, Delivery.address).join(Letter, Letter.id == Delivery.letter_id)
        return [f"{name} {address}" for name, address in session.execute(rows.order_by(Delivery.id))]


def link(house: House, letter: Delivery) -> str:
    token = house.keys.sign(Purpose.MOVE, letter.fields["move_url"], expires_at=house.now + timedelta(hours=72))
    return f"/move/{token}"


def test_the_new_address_confirms_and_the_old_one_is_told(house: House) -> None:
    way_out = house.join("old@example.net")
    assert "New email address" in house.client.get(choices(house)).text
    page = ask(house, "New@gmail.com")
    assert "N***@gmail.com" in page.text
    assert named(house)[-1] == "move New@gmail.com"
    path = link(house, house.letters()[-1])
    before = house.dump()
    shown = house.client.get(path)
    assert ("o***@example.net" in shown.text, "N***@gmail.com" in shown.text) == (True, True)
    assert house.dump() == before, "a scanner changes nothing"
    assert house.client.post(path).status_code == 200
    with house.database.read() as session:
        reader = session.scalars(select(Subscriber)).one()
        assert (reader.address, reader.address_key, reader.domain_group) == ("New@gmail.com", "new@gmail.com", "gmail")
        last = session.scalars(select(ConsentEvent).order_by(ConsentEvent.id.desc()).limit(1)).one()
        assert (last.act, last.source) == (Act.CHANGED, "move")
    assert named(house)[-1] == "moved old@example.net"
    again = house.client.post(path)
    assert "Done: your newsletters come here now" in again.text
    assert named(house).count("moved old@example.net") == 1
    assert house.client.post(way_out).status_code == 200, "letters of before still lead out"


def test_the_page_tells_nothing_about_an_address(house: House) -> None:
    house.join("old@example.net")
    house.join("reader@example.net")
    with house.database.write() as session:
        suppress(session, "sealed@example.net", Cause.COMPLAINT, now=house.now)
    token = choices(house)
    pages = {
        re.sub(
            r"[A-Za-z]\*\*\*@", "", house.client.post(f"{token}/address", data={"email": f"{name}@example.net"}).text
        )
        for name in ("free", "reader", "sealed", "old")
    }
    assert len(pages) == 1
    assert [each for each in named(house) if each.startswith("move ")] == [
        "move free@example.net",
        "move reader@example.net",
    ]


def test_an_address_with_a_reader_of_its_own_is_not_taken_over(house: House) -> None:
    house.join("old@example.net")
    house.join("reader@example.net")
    ask(house, "reader@example.net")
    path = link(house, house.letters()[-1])
    assert house.client.get(path).status_code == 409
    assert "newsletters of its own" in house.client.post(path).text
    assert house.subscription("old@example.net").id == 1


def test_a_newer_wish_ends_the_older_and_so_does_time(house: House) -> None:
    house.join("old@example.net")
    ask(house, "one@example.net")
    first = link(house, house.letters()[-1])
    ask(house, "two@example.net")
    second = link(house, house.letters()[-1])
    assert house.client.post(first).status_code == 410
    house.now += timedelta(hours=73)
    assert "no longer good" in house.client.post(second).text
    assert house.subscription("old@example.net").id == 1


def test_nobody_is_written_to_again_and_again(house: House) -> None:
    house.join("old@example.net")
    for email in ("one@example.net", "one@example.net", "two@example.net", "three@example.net", "four@example.net"):
        assert ask(house, email).status_code == 200
    assert [each for each in named(house) if each.startswith("move ")] == [
        "move one@example.net",
        "move two@example.net",
        "move three@example.net",
    ]


@pytest.mark.parametrize("typed", ["", "nobody", "a b@example.net", "٣@example.net"])
def test_what_is_no_address_is_said_and_sends_nothing(house: House, typed: str) -> None:
    house.join("old@example.net")
    before = named(house)
    assert ask(house, typed).status_code == 422
    assert named(house) == before


def test_forged_and_old_links_ask_for_nothing(house: House) -> None:
    house.join("old@example.net")
    assert house.client.get("/move/a.1.forged").status_code == 404
    assert house.client.post("/p/a.1.forged/address", data={"email": "x@example.net"}).status_code == 404
    old = house.keys.sign(Purpose.PREFERENCES, "1", expires_at=house.now)
    assert house.client.post(f"/p/{old}/address", data={"email": "x@example.net"}).status_code == 410
    assert house.client.get(f"/move/{house.keys.sign(Purpose.MOVE, '77')}").status_code == 404


def test_who_is_forgotten_leaves_no_wish_behind(house: House) -> None:
    house.join("old@example.net")
    ask(house, "new@example.net")
    path = link(house, house.letters()[-1])
    with house.database.write() as session:
        erasure.forget(session, "old@example.net", house.keys, by="ops", now=house.now)
        assert session.scalars(select(Move)).all() == []
    assert house.client.post(path).status_code == 404
