"""Proofs: the letter to look at, and the addresses that a test goes to."""

from __future__ import annotations

from datetime import datetime

import pytest

from ground.database import Database
from mailer import letters
from mailer.address import EmailAddress
from mailer.compiler import LetterJob, compiled_bytes
from mailer.deliveries import Delivery, State
from mailer.letter import Compiled, Kind
from mailer.letters import InDoubt, Lane, Letter, LetterState
from mailer.render import Folders
from newsletters import digest, proof
from newsletters.act import Refused
from newsletters.issues import Item
from tests.conftest import ROOT
from tests.newsletters.builders import BASE_URL
from tests.newsletters.test_curate import a_draft

FOLDERS = Folders(templates=ROOT / "templates" / "email", locales=ROOT / "locales")


def test_a_draft_is_looked_at_as_it_would_be_compiled_now(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        assert proof.letter(session, issue, base_url=BASE_URL) == digest.job(session, issue, base_url=BASE_URL)


@pytest.mark.parametrize("damage", [b"", b'{"format": 0}'])
def test_what_was_sent_is_looked_at_as_its_readers_have_it(database: Database, now: datetime, damage: bytes) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        job = digest.job(session, issue, base_url=BASE_URL)
        compiled = compiled_bytes(job, job.digest(), FOLDERS)
        letter = Letter(
            name="daily",
            kind=Kind.ISSUE,
            lane=Lane.BULK,
            state=LetterState.SENDING,
            in_doubt=InDoubt.RESEND,
            due_at=now,
            deadline_at=now,
            created_at=now,
        )
        session.add(letter)
        session.flush()
        issue.letter_id = letter.id
        # Nobody is written down yet: it is what would be sent.
        assert isinstance(proof.letter(session, issue, base_url=BASE_URL), LetterJob)
        variant_id = letters.store_variant(session, digest="d", language="en", compiled=compiled, now=now)
        session.add(
            Delivery(
                letter_id=letter.id,
                variant_id=variant_id,
                recipient_id=1,
                domain_group="other",
                address="a@example.org",
                address_key="a@example.org",
                fields={},
                state=State.ACCEPTED,
                next_at=now,
                created_at=now,
            )
        )
        session.flush()
        assert proof.letter(session, issue, base_url=BASE_URL) == Compiled.from_bytes(compiled)
        session.get_one(letters.Variant, variant_id).compiled = damage  # as another version's would be
        session.flush()
        assert isinstance(proof.letter(session, issue, base_url=BASE_URL), LetterJob)


def test_a_test_is_the_same_letter_marked_and_to_staff(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        job = proof.test_job(session, issue, base_url=BASE_URL)
        assert isinstance(job, LetterJob)
        assert (job.kind, job.context["issue"]["subject"]) == (Kind.STAFF, "[TEST] Story 2")
        sent = digest.job(session, issue, base_url=BASE_URL)
        assert job.context["items"] == sent.context["items"]
        assert sent.context["issue"]["subject"] == "Story 2"
        session.query(Item).delete()
        assert isinstance(proof.test_job(session, issue, base_url=BASE_URL), Refused)


def test_addresses_are_parted_by_whatever_people_part_them_with() -> None:
    found = proof.addresses(" a@x.org, b@x.org;c@x.org\nd@x.org،a@x.org ")
    assert not isinstance(found, Refused)
    assert [str(each) for each in found] == ["a@x.org", "b@x.org", "c@x.org", "d@x.org"]
    assert all(isinstance(each, EmailAddress) for each in found)


@pytest.mark.parametrize(
    "typed", ["", " ,; ", "a@", "a@x.org " * 2 + "b@x.org c@x.org d@x.org e@x.org f@x.org", "ä@x.org"]
)
def test_what_is_no_address_or_too_many_is_refused(typed: str) -> None:
    assert isinstance(proof.addresses(typed), Refused)
