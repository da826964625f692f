"""What a reader meant by an address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.address import EmailAddress
from subscribers import spelling
from subscribers.spelling import DOMAINS, Trouble


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("rezan@gmial.com", "rezan@gmail.com"),
        ("rezan@gmail.con", "rezan@gmail.com"),
        ("rezan@gmail.co", "rezan@gmail.com"),
        ("rezan@gmail.cmo", "rezan@gmail.com"),
        ("rezan@hotmial.com", "rezan@hotmail.com"),
        ("rezan@yaho.com", "rezan@yahoo.com"),
        ("rezan@outlok.com", "rezan@outlook.com"),
        ("rezan@iclod.com", "rezan@icloud.com"),
        ("rezan@earthlnk.iq", "rezan@earthlink.iq"),
        ("rezan٧@gmail.com", "rezan7@gmail.com"),
        ("rezan۷@gmail.com", "rezan7@gmail.com"),
        ("rezan@gmail،com", "rezan@gmail.com"),
        ("rezan@gmail,com", "rezan@gmail.com"),
        ("rezan @ gmail.com", "rezan@gmail.com"),
        ("rezan＠gmail.com", "rezan@gmail.com"),
        ("rezangmail.com", "rezan@gmail.com"),
        ("\u200frezan@gmail.com", "rezan@gmail.com"),
        ("<rezan@gmail.com>", "rezan@gmail.com"),
    ],
)
def test_a_slip_of_the_finger_is_seen(typed: str, meant: str) -> None:
    assert str(spelling.meant(typed)) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "rezan@gmail.com",
        "Rezan@GMAIL.com",
        "rezan@mail.com",
        "rezan@ymail.com",
        "rezan@hotmail.no",
        "rezan@yahoo.iq",
        "rezan@example.org",
        "rezan@rudaw.net",
        "rezan@krg.org",
        "rezan@gmx.at",
        "",
        "rezan",
        "@",
        "رێزان@gmail.com",
    ],
)
def test_what_is_right_or_unknown_is_left_alone(typed: str) -> None:
    assert spelling.meant(typed) is None


def test_no_known_domain_is_taken_for_another() -> None:
    assert [domain for domain in DOMAINS if spelling.near_domain(domain)] == []


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "empty"),
        ("rezan.example.org", "no_at"),
        ("rezan @example.org", "spaces"),
        ("rezan@example،org", "comma"),
        ("rezan٧@example.org", "digits"),
        ("رێزان@example.org", "letters"),
        ("rezan@example", "malformed"),
    ],
)
def test_what_is_wrong_has_a_word(typed: str, reason: str) -> None:
    found = spelling.read(typed)
    assert isinstance(found, Trouble)
    assert found.reason == reason


@given(st.text(max_size=400))
def test_whatever_is_typed_the_answer_is_an_address_or_trouble(typed: str) -> None:
    assert isinstance(spelling.read(typed), EmailAddress | Trouble)
    meant = spelling.meant(typed)
    assert meant is None or isinstance(spelling.read(str(meant)), EmailAddress)
