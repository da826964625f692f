"""The board shows what the service has stopped by itself, and ops let it go on with one button."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from feedback.gauges import gauges
from mailer import breakers, letters, quarantine, suppressions
from mailer.breakers import Breaker, Scope, Trouble
from mailer.letters import Letter, LetterState
from mailer.suppressions import Cause
from newsletters.issues import Issue, IssueState
from newsletters.settle import settle
from staff.members import AuditEntry, Role
from tests.web.conftest import House, SignedIn
from tests.web.opsroom import HOSTILE, a_morning


@pytest.fixture
def ops(house: House) -> SignedIn:
    return house.sign_in(Role.OPS)


def trip(house: House, trouble: Trouble, scope: Scope, why: str = "550 5.7.1 blocked") -> int:
    with house.database.write() as session:
        found = breakers.trip(session, trouble, scope, why=why, now=house.now)
        assert found is not None
        return found.id


def standing(house: House) -> list[str]:
    with house.database.read() as session:
        return [each.scope for each in breakers.standing(session)]


def test_the_board_says_what_stopped_why_and_until_when(house: House, ops: SignedIn) -> None:
    trip(house, Trouble.GROUP_REFUSES, Scope(route="bulk", domain_group="gmail"), f"550 5.7.26 {HOSTILE}")
    page = ops.get("/ops").text
    assert "Mail to Gmail is refused by the route bulk: 550 5.7.26" in page
    assert "No reader is suppressed" in page
    assert "<script>alert" not in page
    assert "All is well" not in page
    assert "Mail to Gmail" in ops.get("/ops/now").text
    assert house.client.get("/readyz").status_code == 200  # stopping to work would help nobody
    found = {gauge.name: dict(gauge.values) for gauge in gauges(house.database, None, now=house.now)}
    assert found["breakers"][(("trouble", "group_refuses"),)] == 1


def test_ops_lift_a_group_and_it_is_written_down(house: House, ops: SignedIn) -> None:
    number = trip(house, Trouble.GROUP_REFUSES, Scope(route="bulk", domain_group="gmail"))
    assert ops.post(f"/ops/breakers/{number}/lift").status_code == 303
    assert standing(house) == []
    with house.database.read() as session:
        breaker = session.scalars(select(Breaker)).one()
        assert "@" in (breaker.lifted_by or "")
        entry = session.scalars(select(AuditEntry)).one()
        assert (entry.act, entry.subject) == ("breaker.lift", "group:bulk:gmail")
    assert ops.post(f"/ops/breakers/{number}/lift").status_code == 303
    assert "nothing to lift" in ops.get("/ops").text


def test_only_ops_and_owners_lift(house: House) -> None:
    number = trip(house, Trouble.ROUTE_REFUSES, Scope(route="bulk"), "535 5.7.8 Wrong password")
    editor = house.sign_in(Role.EDITOR)
    assert editor.post(f"/ops/breakers/{number}/lift").status_code == 403
    page = editor.get("/ops").text
    assert "535 5.7.8 Wrong password" in page
    assert ">Lift<" not in page
    assert standing(house) == ["route:bulk"]


def test_an_issue_that_was_held_goes_on_with_its_breaker(house: House, ops: SignedIn) -> None:
    a_morning(house)
    with house.database.write() as session:
        letter_id = session.scalars(select(Issue.letter_id)).one()
        assert letter_id is not None
        found = breakers.trip(
            session, Trouble.UNKNOWN_READERS, Scope(letter_id=letter_id), why="11 of the first 90", now=house.now
        )
        assert found is not None
        letters.pause(session, letter_id)
    with house.database.write() as session:
        settle(session, now=house.now)
        issue = session.scalars(select(Issue)).one()
        assert issue.state is IssueState.PAUSED
        assert "too many mailboxes are unknown, 11 of the first 90" in (issue.reason or "")
    assert "Is it an old list?" in ops.get("/ops").text
    ops.post(f"/ops/breakers/{found.id}/lift")
    assert standing(house) == []
    with house.database.read() as session:
        assert session.scalars(select(Issue.state)).one() is IssueState.SENDING
        assert session.scalars(select(Letter.state)).one() is LetterState.SENDING


@pytest.mark.parametrize(("answer", "still"), [("believe", 3), ("again", 0)])
def test_a_domains_suppressions_wait_for_a_word(house: House, ops: SignedIn, answer: str, still: int) -> None:
    number = trip(house, Trouble.UNKNOWN_DOMAIN, Scope(domain="example.org"), "550 5.1.1 User unknown")
    with house.database.write() as session:
        for name in ("a", "b", "c"):
            suppressions.suppress(session, f"{name}@example.org", Cause.HARD_BOUNCE, now=house.now)
        suppressions.suppress(session, "d@news.example.org", Cause.HARD_BOUNCE, now=house.now)
        suppressions.suppress(session, "e@example.org", Cause.COMPLAINT, now=house.now)
        assert quarantine.begin(session, number, "example.org", since=house.now - timedelta(hours=1)) == 3
    page = ops.get("/ops").text
    assert "3 suppressions wait" in page
    ops.post(f"/ops/breakers/{number}/lift", {"answer": answer})
    assert standing(house) == []
    with house.database.read() as session:
        assert len(suppressions.list_standing(session, now=house.now)) == still + 2
