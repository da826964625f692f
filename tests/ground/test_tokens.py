"""Tokens: ours are read back, everybody else's are not, and nothing a stranger sends raises."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground.tokens import Expired, Forged, KeyRing, Purpose, Valid

OLD, NEW = b"o" * 32, b"n" * 32


def test_a_token_is_read_back(keys: KeyRing, now: datetime) -> None:
    token = keys.sign(Purpose.UNSUBSCRIBE, "12")
    assert keys.read(Purpose.UNSUBSCRIBE, token, now=now) == Valid("12")


def test_a_token_for_one_purpose_opens_nothing_else(keys: KeyRing, now: datetime) -> None:
    token = keys.sign(Purpose.CONFIRM, "12-1")
    assert keys.read(Purpose.UNSUBSCRIBE, token, now=now) == Forged()


def test_a_token_expires_on_the_second(keys: KeyRing, now: datetime) -> None:
    token = keys.sign(Purpose.CONFIRM, "12-1", expires_at=now + timedelta(hours=72))
    assert keys.read(Purpose.CONFIRM, token, now=now + timedelta(hours=72, seconds=-1)) == Valid("12-1")
    assert keys.read(Purpose.CONFIRM, token, now=now + timedelta(hours=72)) == Expired("12-1")


def test_the_expiry_cannot_be_cut_off(keys: KeyRing, now: datetime) -> None:
    key_id, body, mac = keys.sign(Purpose.CONFIRM, "12-1", expires_at=now).split(".")
    assert keys.read(Purpose.CONFIRM, f"{key_id}.{body.split('~')[0]}.{mac}", now=now) == Forged()


def test_an_unsubscribe_link_outlives_a_change_of_keys(now: datetime) -> None:
    token = KeyRing({"a": OLD}, "a").sign(Purpose.UNSUBSCRIBE, "12")
    rotated = KeyRing({"a": OLD, "b": NEW}, "b")
    assert rotated.read(Purpose.UNSUBSCRIBE, token, now=now) == Valid("12")
    assert rotated.sign(Purpose.UNSUBSCRIBE, "12").startswith("b.")


def test_what_must_not_change_with_the_keys_does_not() -> None:
    before, after = KeyRing({"a": OLD}, "a"), KeyRing({"a": OLD, "b": NEW}, "b")
    assert before.lasting_mac(Purpose.MESSAGE_ID, b"1.2") == after.lasting_mac(Purpose.MESSAGE_ID, b"1.2")
    assert before.mac(Purpose.VERP, b"1") != after.mac(Purpose.VERP, b"1")


def test_another_installations_token_is_forged(now: datetime) -> None:
    token = KeyRing({"a": NEW}, "a").sign(Purpose.UNSUBSCRIBE, "12")
    assert KeyRing({"a": OLD}, "a").read(Purpose.UNSUBSCRIBE, token, now=now) == Forged()


def test_an_unsubscribe_uri_stays_below_the_line_length(keys: KeyRing) -> None:
    """A URI of 78 or more characters is where the standard library begins to wreck List-Unsubscribe."""
    assert len("https://news.example.org/u/" + keys.sign(Purpose.UNSUBSCRIBE, "123456789")) < 78


@given(st.integers(0, 40), st.characters(codec="ascii"))
def test_no_changed_character_passes(position: int, char: str) -> None:
    keys = KeyRing({"a": OLD}, "a")
    token = keys.sign(Purpose.UNSUBSCRIBE, "123")
    position %= len(token)
    changed = token[:position] + char + token[position + 1 :]
    reading = keys.read(Purpose.UNSUBSCRIBE, changed, now=datetime.fromisoformat("2026-03-09T07:00:00+03:00"))
    assert (reading == Valid("123")) is (changed == token)


@given(st.text(max_size=300))
def test_whatever_a_stranger_sends_is_forged_without_an_error(text: str) -> None:
    now = datetime.fromisoformat("2026-03-09T07:00:00+03:00")
    assert KeyRing({"a": OLD}, "a").read(Purpose.CONFIRM, text, now=now) == Forged()


@pytest.mark.parametrize("payload", ["", "a b", "a.b", "a~1", "ü", "x" * 121])
def test_a_payload_that_could_be_misread_is_refused(keys: KeyRing, payload: str) -> None:
    with pytest.raises(ValueError, match="payload"):
        keys.sign(Purpose.VIEW, payload)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        KeyRing({"a": b"short"}, "a")


def test_a_ring_that_is_given_to_a_child_process_signs_alike(keys: KeyRing) -> None:
    token = keys.sign(Purpose.UNSUBSCRIBE, "7")
    theirs = pickle.loads(pickle.dumps(keys))  # noqa: S301 - our own, made a moment ago
    assert theirs.sign(Purpose.UNSUBSCRIBE, "7") == token
