"""Proof: an issue as it will arrive, for the desk: to look at, and as a test copy by mail before anybody gets it.

A test copy is the issue's own letter with [TEST] before its subject. The links that would be a reader's own are nobody's:
they open the page that says there is nothing to unsubscribe.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import address, letters, notices, suppressions
from mailer.address import BadAddress, EmailAddress
from mailer.compiler import LetterJob
from mailer.deliveries import Delivery
from mailer.letter import Compiled, Kind
from mailer.pacing import domain_group
from newsletters import act, digest, issues
from newsletters.act import Refused
from newsletters.issues import Issue

#: More is no test any more.
MOST = 5
_LIFETIME = timedelta(hours=1)  # a test that comes later than that helps nobody
_NOBODY = 0  # no subscriber and no subscription has this number


@dataclass(frozen=True, slots=True)
class Sent:
    """The test copies are in the ledger; `batch_ids` are to be submitted after the commit."""

    batch_ids: tuple[int, ...]
    addresses: tuple[str, ...]


def letter(session: Session, issue: Issue, *, base_url: str) -> LetterJob | Compiled:
    """The very letter that was sent, or what would be compiled if the issue went now."""
    written = select(Delivery.variant_id).where(Delivery.letter_id == issue.letter_id).limit(1)
    variant_id = session.scalar(written) if issue.letter_id is not None else None
    if variant_id is not None:
        with suppress(ValueError):  # stored by another version of this program
            return Compiled.from_bytes(letters.compiled_of(session, variant_id))
    return digest.job(session, issue, base_url=base_url)


def test_job(session: Session, issue: Issue, *, base_url: str) -> LetterJob | Refused:
    """The letter of a test copy."""
    if not issues.list_stories(session, issue.id):
        return Refused("No story of this issue can be sent, so there is nothing to test.")
    job = digest.job(session, issue, base_url=base_url)
    marked = {**job.context["issue"], "subject": f"[TEST] {issue.subject}"}
    return replace(job, kind=Kind.STAFF, context={**job.context, "issue": marked})


def addresses(typed: str) -> list[EmailAddress] | Refused:
    """The addresses of a test, as typed: one or a few, parted by commas, blanks or lines."""
    words = list(dict.fromkeys(typed.replace(",", " ").replace("،", " ").replace(";", " ").split()))
    if not words:
        return Refused("Write at least one address to send the test to.")
    if len(words) > MOST:
        return Refused(f"A test goes to at most {MOST} addresses; these are {len(words)}.")
    found = []
    for word in words:
        read = address.parse(word)
        if isinstance(read, BadAddress):
            return Refused(f"“{word[:80]}” is no email address. Correct it; nothing was sent.")
        if read.needs_smtputf8:
            return Refused(f"“{word[:80]}” has letters before the @ that many mail servers do not take. Use another.")
        found.append(read)
    return found


def send(
    session: Session, issue_id: int, variant_id: int, to: Sequence[EmailAddress], *, by: str, now: datetime
) -> Sent | Refused:
    """Write the test copies into the ledger."""
    issue = act.find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    for each in to:
        if suppressions.standing(session, each.key, now=now) is not None:
            return Refused(f"{each} is suppressed, so no mail goes there. Lift the suppression first.")
    batch_ids = tuple(notices.enqueue(session, issue.layout, _notice(each, variant_id), now=now) for each in to)
    act.done(session, issue, "issue.test", by=by, now=now, to=[str(each) for each in to])
    return Sent(batch_ids, tuple(str(each) for each in to))


def _notice(to: EmailAddress, variant_id: int) -> notices.Notice:
    return notices.Notice(
        variant_id=variant_id,
        recipient_id=_NOBODY,
        address=str(to),
        address_key=to.key,
        domain_group=domain_group(to.domain),
        fields={"unsubscribe_url": str(_NOBODY)},
        lifetime=_LIFETIME,
        kind=Kind.STAFF,
    )
