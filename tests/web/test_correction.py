"""Correcting an issue at the console: written, looked at, confirmed, and taken back while nothing has left."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from mailer.deliveries import Delivery, State
from mailer.letter import Kind
from mailer.letters import InDoubt, Lane, Letter, LetterState, Variant
from newsletters.corrections import Correction
from newsletters.issues import IssueState
from staff.members import Role
from tests.web.conftest import House, add_issue

AT = "/console/issues/1/correction"
WORDS = {"subject": "The <b>bridge</b> opens on Monday", "words": "We wrote Sunday.\n\nIt is Monday."}


@pytest.fixture
def sent(house: House) -> House:
    """An issue that two readers have."""
    for name in ("a", "b"):
        house.join(f"{name}@example.net")
    with house.database.write() as session:
        letter = Letter(
            name="daily",
            kind=Kind.ISSUE,
            lane=Lane.BULK,
            state=LetterState.FINISHED,
            in_doubt=InDoubt.RESEND,
            due_at=house.now,
            deadline_at=house.now,
            sealed_count=2,
            created_at=house.now,
            finished_at=house.now,
        )
        session.add(letter)
        session.flush()
        variant = session.scalars(select(Variant.id)).first()
        for number in (1, 2):
            session.add(
                Delivery(
                    letter_id=letter.id,
                    variant_id=variant,
                    recipient_id=number,
                    scope="edition:1",
                    domain_group="other",
                    address=f"{'ab'[number - 1]}@example.net",
                    address_key=f"{'ab'[number - 1]}@example.net",
                    fields={"unsubscribe_url": str(number)},
                    state=State.ACCEPTED,
                    next_at=house.now,
                    created_at=house.now,
                )
            )
    values = {"letter_id": letter.id, "sealed_at": house.now, "audience_count": 2, "recipient_count": 2}
    add_issue(house.database, 1, 1, IssueState.FINISHED, house.now, **values, exclusion_count=0)
    return house


def ordered(house: House) -> list[Correction]:
    with house.database.read() as session:
        return list(session.scalars(select(Correction)))


def test_an_editor_writes_looks_confirms_and_takes_it_back(sent: House) -> None:
    editor = sent.sign_in(Role.EDITOR)
    assert "Send a correction…" in editor.get("/console/issues/1").text
    assert "2 readers have this issue" in editor.get(AT).text
    looked = editor.post(AT, WORDS)
    assert looked.status_code == 200
    assert "The &lt;b&gt;bridge&lt;/b&gt; opens on Monday" in looked.text
    assert "the 2 readers who have this issue" in looked.text
    assert ordered(sent) == [], "looking sends nothing"
    hidden = dict(re.findall(r'<input type="hidden" name="(subject|words|sure)" value="([^"]*)"', looked.text))
    assert hidden["words"] == WORDS["words"]
    assert editor.post(AT, {**WORDS, "sure": "1"}).status_code == 303
    [made] = ordered(sent)
    assert (made.ordered_by, made.goes_at - sent.now) == ("editor@news.example.org", timedelta(minutes=5))
    page = editor.get(AT).text
    assert "Nothing has left yet" in page
    assert "What was wrong" not in page, "one at a time"
    assert editor.post(f"{AT}/take-back").status_code == 303
    assert ordered(sent)[0].taken_back_at == sent.now
    assert "taken back" in editor.get(AT).text
    assert editor.post(f"{AT}/take-back").status_code == 409
    trail = editor.get("/console/audit").text
    assert "ordered a correction of" in trail
    assert "took back a correction of" in trail


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"subject": "", "words": "x"}, "The subject has 0 characters"),
        ({"subject": "x", "words": " "}, "The correction has 0 characters"),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_is_kept(sent: House, fields: dict[str, str], words: str) -> None:
    page = sent.sign_in(Role.EDITOR).post(AT, {**fields, "sure": "1"})
    assert page.status_code == 422
    assert words in page.text
    assert ordered(sent) == []


def test_an_issue_that_nobody_has_or_that_is_not_there_is_not_corrected(sent: House) -> None:
    editor = sent.sign_in(Role.EDITOR)
    add_issue(sent.database, 1, 2, IssueState.DRAFT, sent.now)
    assert "Its sending is not over" in editor.get("/console/issues/2/correction").text
    refused = editor.post("/console/issues/2/correction", {**WORDS, "sure": "1"})
    assert refused.status_code == 409
    assert editor.get("/console/issues/99/correction").status_code == 404
    assert "Send a correction…" not in sent.sign_in(Role.OPS).get("/console/issues/1").text
