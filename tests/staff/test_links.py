"""One-time links: once, for a while, and only the newest."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest

from ground.tokens import KeyRing, Purpose
from staff import appoint, links, sign_in
from staff.links import Standing, Use
from staff.members import Role
from staff.sign_in import Entered
from tests.staff.conftest import Newsroom


@pytest.fixture
def link(newsroom: Newsroom, keys: KeyRing) -> str:
    with newsroom.database.write() as session:
        return links.make(session, newsroom.editor, Use.SIGN_IN, keys=keys, now=newsroom.now)


def standing(newsroom: Newsroom, token: str, keys: KeyRing, later: timedelta = timedelta(0)) -> Standing | None:
    with newsroom.database.read() as session:
        found = links.read(session, token, keys=keys, now=newsroom.now + later)
        return found.standing if found else None


def use(newsroom: Newsroom, token: str, keys: KeyRing, password_hash: str | None = None) -> Entered | None:
    with newsroom.database.write() as session:
        return sign_in.by_link(
            session, token, newsroom.browser(), keys=keys, now=newsroom.now, password_hash=password_hash
        )


def test_a_link_signs_in_once(newsroom: Newsroom, keys: KeyRing, link: str) -> None:
    assert standing(newsroom, link, keys) is Standing.OPEN
    assert use(newsroom, link, keys)
    assert standing(newsroom, link, keys) is Standing.USED
    assert use(newsroom, link, keys) is None


def test_of_two_who_press_in_the_same_moment_one_gets_in(newsroom: Newsroom, keys: KeyRing, link: str) -> None:
    entered: list[bool] = []
    start = Barrier(4)

    def press() -> None:
        start.wait()
        entered.append(use(newsroom, link, keys) is not None)

    threads = [Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entered) == [False, False, False, True]


def test_its_time_is_short(newsroom: Newsroom, keys: KeyRing, link: str) -> None:
    assert standing(newsroom, link, keys, timedelta(minutes=59)) is Standing.OPEN
    assert standing(newsroom, link, keys, timedelta(hours=1)) is Standing.EXPIRED
    newsroom.now += timedelta(hours=1)
    assert use(newsroom, link, keys) is None


def test_a_newer_link_another_role_or_being_disabled_kills_it(newsroom: Newsroom, keys: KeyRing, link: str) -> None:
    with newsroom.database.write() as session:
        newer = links.make(session, newsroom.editor, Use.SIGN_IN, keys=keys, now=newsroom.now)
    assert standing(newsroom, link, keys) is Standing.USED
    with newsroom.database.write() as session:
        appoint.set_role(session, newsroom.editor.id, Role.OPS, by="x", now=newsroom.now)
    assert standing(newsroom, newer, keys) is Standing.USED
    with newsroom.database.write() as session:
        newest = links.make(session, newsroom.editor, Use.SIGN_IN, keys=keys, now=newsroom.now)
        appoint.disable(session, newsroom.editor.id, by="x", now=newsroom.now)
    assert standing(newsroom, newest, keys) is None
    assert use(newsroom, newest, keys) is None
    with newsroom.database.write() as session:
        appoint.enable(session, newsroom.editor.id, by="x", now=newsroom.now)
    assert use(newsroom, newest, keys) is None


def test_a_link_for_a_password_needs_one_and_a_link_to_sign_in_takes_none(
    newsroom: Newsroom, keys: KeyRing, link: str
) -> None:
    hashed = newsroom.passwords.hash("another row of words")
    assert use(newsroom, link, keys, hashed) is None
    with newsroom.database.write() as session:
        choosing = links.make(session, newsroom.owner, Use.PASSWORD, keys=keys, now=newsroom.now)
    old = newsroom.sign_in(newsroom.owner)
    assert use(newsroom, choosing, keys) is None
    assert use(newsroom, choosing, keys, hashed)
    assert newsroom.member(newsroom.owner).password_hash == hashed
    assert not newsroom.is_signed_in(old)
    assert newsroom.is_signed_in(f"token-{newsroom.tokens}")


def test_what_is_not_ours_is_nothing(newsroom: Newsroom, keys: KeyRing, link: str) -> None:
    assert standing(newsroom, link[:-1] + ("A" if link[-1] != "A" else "B"), keys) is None
    assert standing(newsroom, keys.sign(Purpose.SESSION, f"{newsroom.owner.id}-1-in"), keys) is None
    assert standing(newsroom, keys.sign(Purpose.SIGN_IN, "9999-1-in"), keys) is None
    assert standing(newsroom, "", keys) is None
