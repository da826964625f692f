"""Passwords: long ones, any letters, and a check that costs the same for everybody."""

from __future__ import annotations

import pytest

from staff import passwords
from staff.passwords import PasswordProblem, Passwords
from tests.staff.conftest import PASSWORD, CountingHasher

ADDRESS = "rezan.ahmed@news.example.org"


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", PasswordProblem.SHORT),
        ("elevenchars", PasswordProblem.SHORT),
        ("twelve chars", None),
        ("سێ وشە لە ڕیزێکدا", None),
        ("a" * 12, PasswordProblem.SAME),
        ("ab" * 100, None),
        ("ab" * 100 + "c", PasswordProblem.LONG),
        (ADDRESS, PasswordProblem.ADDRESS),
        (f" {ADDRESS.upper()} ", PasswordProblem.ADDRESS),
    ],
)
def test_length_counts_and_nothing_is_asked_of_the_letters(password: str, problem: PasswordProblem | None) -> None:
    assert passwords.problem(password, ADDRESS) is problem


def test_the_right_password_passes_and_any_other_does_not() -> None:
    keeper = Passwords(CountingHasher())
    stored = keeper.hash(PASSWORD)
    assert keeper.check(stored, PASSWORD)
    assert not keeper.check(stored, PASSWORD + " ")
    assert not keeper.check(stored, "")
    assert PASSWORD not in stored


def test_without_a_stored_hash_the_check_does_the_same_work_and_says_no() -> None:
    hasher = CountingHasher()
    keeper = Passwords(hasher)
    assert not keeper.check(keeper.hash(PASSWORD), "wrong")
    assert not keeper.check(None, "wrong")
    assert not keeper.check(None, "")
    assert len(hasher.checks) == 3
    assert len(set(hasher.checks)) == 1


def test_a_damaged_hash_is_no_password() -> None:
    assert not Passwords(CountingHasher()).check("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$eHh4", PASSWORD)


def test_one_password_in_two_spellings_of_a_keyboard_is_one() -> None:
    keeper = Passwords(CountingHasher())
    assert keeper.check(keeper.hash("café au lait, twice"), "cafe\u0301 au lait, twice")


def test_a_hash_of_other_costs_is_dated() -> None:
    stored = Passwords(CountingHasher()).hash(PASSWORD)
    assert not Passwords(CountingHasher()).is_dated(stored)
    assert Passwords(CountingHasher(time_cost=2)).is_dated(stored)


def test_the_servers_own_costs_are_those_the_library_advises() -> None:
    stored = Passwords().hash(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
