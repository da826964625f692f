"""Signing in: the same answer after the same work, and a new token every time."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from ground.tokens import KeyRing
from staff import appoint, links, sign_in, sign_ins
from staff.links import Use
from staff.members import AuditEntry, Role
from staff.passwords import Passwords
from staff.sign_in import Attempt, Change, Entered
from staff.sign_ins import SignIn
from tests.staff.conftest import PASSWORD, CountingHasher, Newsroom


def attempt(newsroom: Newsroom, address: str, password: str = PASSWORD, former: str | None = None) -> Entered | None:
    tried = Attempt(address_key=address, password=password, browser=newsroom.browser(), former=former)
    return sign_in.by_password(newsroom.database, newsroom.passwords, tried, now=newsroom.now)


def test_the_right_password_signs_in_and_is_one_line_of_the_trail(newsroom: Newsroom) -> None:
    entered = attempt(newsroom, "editor@news.example.org")
    assert entered
    assert entered.member.id == newsroom.editor.id
    assert newsroom.is_signed_in(f"token-{newsroom.tokens}")
    with newsroom.database.read() as session:
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert last
    assert (last.act, last.actor, last.subject) == (
        "staff.sign-in",
        "editor@news.example.org",
        f"staff:{newsroom.editor.id}",
    )


def test_unknown_wrong_disabled_and_invited_are_one_answer_after_one_check_each(newsroom: Newsroom) -> None:
    newsroom.appoint("invited@news.example.org", Role.OPS, password=None)
    with newsroom.database.write() as session:
        appoint.disable(session, newsroom.editor.id, by="x", now=newsroom.now)
    newsroom.hasher.checks.clear()
    newsroom.hasher.hashes = 0
    tries = [
        ("nobody@news.example.org", PASSWORD),
        ("owner@news.example.org", "wrong"),
        ("editor@news.example.org", PASSWORD),
        ("editor@news.example.org", "wrong"),
        ("invited@news.example.org", PASSWORD),
        ("", ""),
    ]
    assert [attempt(newsroom, *tried) for tried in tries] == [None] * len(tries)
    assert len(newsroom.hasher.checks) == len(tries)
    assert len(set(newsroom.hasher.checks)) == 1
    assert newsroom.hasher.hashes == 0
    with newsroom.database.read() as session:
        assert session.scalars(select(SignIn)).all() == []


def test_the_token_is_new_and_the_one_the_browser_came_with_ends(newsroom: Newsroom) -> None:
    planted = newsroom.sign_in(newsroom.editor)
    assert attempt(newsroom, "owner@news.example.org", former=planted)
    assert not newsroom.is_signed_in(planted)
    assert newsroom.is_signed_in(f"token-{newsroom.tokens}")


def test_only_the_hash_of_a_token_is_stored(newsroom: Newsroom) -> None:
    token = newsroom.sign_in(newsroom.editor)
    with newsroom.database.read() as session:
        [row] = session.scalars(select(SignIn)).all()
    assert token not in repr(vars(row))
    assert len(row.token_hash) == 64


def test_a_password_of_other_costs_is_hashed_anew_when_it_is_next_right(newsroom: Newsroom) -> None:
    before = newsroom.member(newsroom.editor).password_hash
    newsroom.passwords = Passwords(CountingHasher(time_cost=2))
    assert attempt(newsroom, "editor@news.example.org", "wrong") is None
    assert newsroom.member(newsroom.editor).password_hash == before
    assert attempt(newsroom, "editor@news.example.org")
    after = newsroom.member(newsroom.editor).password_hash
    assert after
    assert "t=2" in after
    assert attempt(newsroom, "editor@news.example.org")


def test_a_sign_in_ends_at_its_time_and_when_it_is_ended(newsroom: Newsroom) -> None:
    token = newsroom.sign_in(newsroom.editor)
    assert newsroom.is_signed_in(token, newsroom.now + timedelta(days=13, hours=23))
    assert not newsroom.is_signed_in(token, newsroom.now + timedelta(days=14))
    with newsroom.database.write() as session:
        assert sign_ins.end_token(session, token, now=newsroom.now)
        assert not sign_ins.end_token(session, token, now=newsroom.now)
    assert not newsroom.is_signed_in(token)


def test_a_member_ends_their_own_browsers_and_nobody_elses(newsroom: Newsroom) -> None:
    token = newsroom.sign_in(newsroom.editor)
    with newsroom.database.write() as session:
        [found] = sign_ins.list_open(session, newsroom.editor.id, now=newsroom.now)
        assert not sign_ins.end(session, found.id, newsroom.owner.id, now=newsroom.now)
        assert newsroom.is_signed_in(token)
        assert sign_ins.end(session, found.id, newsroom.editor.id, now=newsroom.now)
    assert not newsroom.is_signed_in(token)


def test_a_new_password_ends_every_browser_but_the_one_it_was_typed_on(newsroom: Newsroom, keys: KeyRing) -> None:
    old, other = newsroom.sign_in(newsroom.editor), newsroom.sign_in(newsroom.owner)
    with newsroom.database.write() as session:
        link = links.make(session, newsroom.editor, Use.PASSWORD, keys=keys, now=newsroom.now)

    def change(current: str) -> Entered | None:
        wanted = Change(
            member_id=newsroom.editor.id, current=current, chosen="another row of words", browser=newsroom.browser()
        )
        return sign_in.change_password(newsroom.database, newsroom.passwords, wanted, now=newsroom.now)

    assert change("wrong") is None
    assert newsroom.is_signed_in(old)
    assert change(PASSWORD)
    assert not newsroom.is_signed_in(old)
    assert newsroom.is_signed_in(f"token-{newsroom.tokens}")
    assert newsroom.is_signed_in(other)
    assert attempt(newsroom, "editor@news.example.org") is None
    assert attempt(newsroom, "editor@news.example.org", "another row of words")
    with newsroom.database.read() as session:
        found = links.read(session, link, keys=keys, now=newsroom.now)
    assert found
    assert found.standing is links.Standing.USED


def test_last_deeds_and_open_browsers_are_counted(newsroom: Newsroom) -> None:
    newsroom.sign_in(newsroom.editor)
    later = newsroom.now + timedelta(hours=1)
    with newsroom.database.write() as session:
        second = sign_ins.begin(session, newsroom.editor, newsroom.browser(), now=newsroom.now)
        sign_ins.see(session, second.id, now=later)
        sign_ins.end(session, second.id, newsroom.editor.id, now=later)
        found = sign_ins.presences(session, now=later)
    assert set(found) == {newsroom.editor.id}
    assert (found[newsroom.editor.id].last_seen_at, found[newsroom.editor.id].browsers) == (later, 1)
