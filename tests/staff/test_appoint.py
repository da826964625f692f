"""Appointing: on the record, with an owner always left, and never with yesterday's rights."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from staff import appoint, trail
from staff.appoint import NewMember, Refused
from staff.members import AuditEntry, Member, Role
from staff.trail import Wanted
from tests.staff.conftest import Newsroom


def acts(newsroom: Newsroom) -> list[tuple[str, str]]:
    with newsroom.database.read() as session:
        lines = session.execute(select(AuditEntry.act, AuditEntry.actor).order_by(AuditEntry.id))
        return [(act, actor) for act, actor in lines][2:]  # after the two appointments of the fixture


@pytest.mark.parametrize("last_act", ["role", "disable"])
def test_the_last_owner_stays_an_owner(newsroom: Newsroom, last_act: str) -> None:
    with newsroom.database.write() as session:
        outcome = (
            appoint.set_role(session, newsroom.owner.id, Role.OPS, by="x", now=newsroom.now)
            if last_act == "role"
            else appoint.disable(session, newsroom.owner.id, by="x", now=newsroom.now)
        )
    assert isinstance(outcome, Refused)
    assert "last owner" in outcome.reason
    owner = newsroom.member(newsroom.owner)
    assert (owner.role, owner.disabled_at) == (Role.OWNER, None)
    assert acts(newsroom) == []


def test_with_a_second_owner_the_first_may_go_but_a_disabled_one_does_not_count(newsroom: Newsroom) -> None:
    second = newsroom.appoint("second@news.example.org", Role.OWNER)
    with newsroom.database.write() as session:
        assert isinstance(appoint.disable(session, second.id, by="x", now=newsroom.now), Member)
        assert isinstance(appoint.disable(session, newsroom.owner.id, by="x", now=newsroom.now), Refused)
        assert isinstance(appoint.enable(session, second.id, by="x", now=newsroom.now), Member)
        assert isinstance(appoint.set_role(session, newsroom.owner.id, Role.EDITOR, by="x", now=newsroom.now), Member)


def test_another_role_and_being_disabled_end_every_sign_in(newsroom: Newsroom) -> None:
    first, second = newsroom.sign_in(newsroom.editor), newsroom.sign_in(newsroom.editor)
    with newsroom.database.write() as session:
        appoint.set_role(session, newsroom.editor.id, Role.OPS, by="owner@x", now=newsroom.now)
    assert not newsroom.is_signed_in(first)
    assert not newsroom.is_signed_in(second)
    third = newsroom.sign_in(newsroom.editor)
    with newsroom.database.write() as session:
        appoint.disable(session, newsroom.editor.id, by="owner@x", now=newsroom.now)
    assert not newsroom.is_signed_in(third)
    assert acts(newsroom) == [("staff.role", "owner@x"), ("staff.disable", "owner@x")]


def test_a_sign_in_of_somebody_disabled_stays_dead_when_they_come_back(newsroom: Newsroom) -> None:
    token = newsroom.sign_in(newsroom.editor)
    with newsroom.database.write() as session:
        appoint.disable(session, newsroom.editor.id, by="x", now=newsroom.now)
        appoint.enable(session, newsroom.editor.id, by="x", now=newsroom.now)
    assert not newsroom.is_signed_in(token)


def test_the_same_again_changes_nothing_and_ends_nothing(newsroom: Newsroom) -> None:
    token = newsroom.sign_in(newsroom.editor)
    with newsroom.database.write() as session:
        appoint.set_role(session, newsroom.editor.id, Role.EDITOR, by="x", now=newsroom.now)
        appoint.enable(session, newsroom.editor.id, by="x", now=newsroom.now)
    assert newsroom.is_signed_in(token)
    assert acts(newsroom) == []


@pytest.mark.parametrize(
    ("address", "name", "words"),
    [
        ("EDITOR@news.example.org", "Twice", "works here already"),
        ("new@news.example.org", "  ", "one to 120 characters"),
        ("new@news.example.org", "x" * 121, "one to 120 characters"),
        ("new@news.example.org", "evil\u202ename", "one to 120 characters"),
    ],
)
def test_who_cannot_be_appointed_is_told_in_words(newsroom: Newsroom, address: str, name: str, words: str) -> None:
    new = NewMember(address=address, address_key=address.casefold(), name=name, role=Role.OPS)
    with newsroom.database.write() as session:
        outcome = appoint.appoint(session, new, by="x", now=newsroom.now)
    assert isinstance(outcome, Refused)
    assert words in outcome.reason


def test_the_trail_is_read_newest_first_by_page_kind_and_subject(newsroom: Newsroom) -> None:
    with newsroom.database.write() as session:
        for number in range(1, 6):
            session.add(
                AuditEntry(at=newsroom.now, actor="a", act="issue.drop", subject=f"issue:{number % 2}", detail={})
            )
        session.add(AuditEntry(at=newsroom.now, actor="a", act="issues_x.drop", subject="issue:1", detail={}))
    with newsroom.database.read() as session:
        everything = trail.list_entries(session, Wanted(), limit=100)
        assert [entry.id for entry in everything] == sorted((entry.id for entry in everything), reverse=True)
        assert len(trail.list_entries(session, Wanted(kind="issue"), limit=100)) == 5
        assert len(trail.list_entries(session, Wanted(kind="issue", subject="issue:1"), limit=100)) == 3
        assert trail.list_entries(session, Wanted(before=everything[2].id), limit=2) == everything[3:5]
        assert trail.list_entries(session, Wanted(kind="%"), limit=9) == []
