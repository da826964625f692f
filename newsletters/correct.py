"""Correct: tell those who have had an issue what was wrong in it.

    order -> (a moment in which it can be taken back) -> compiled -> its readers written down -> sent

It goes to who has the issue and still gets the edition: not to who left, rests, or may not be mailed. A break anywhere is made
good by sending what is due again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from newsletters import act, corrections, headlines, receivers
from newsletters.act import Refused
from newsletters.corrections import Correction
from newsletters.issues import Issue, IssueState
from staff.members import audit

#: A correction of last month's issue belongs into the next one.
WITHIN = timedelta(days=7)
#: More letters about one issue help nobody.
MOST = 2
LONGEST_SUBJECT, LONGEST_WORDS = 150, 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    subject: str
    words: str

    def clean(self) -> Wording:
        return Wording(subject=headlines.clean(self.subject), words=headlines.paragraphs(self.words))

    def problem(self) -> str | None:
        """Why this cannot be sent, in words for who wrote it."""
        if not 1 <= len(self.subject) <= LONGEST_SUBJECT:
            return f"The subject has {len(self.subject)} characters. Write 1 to {LONGEST_SUBJECT}."
        if not 1 <= len(self.words) <= LONGEST_WORDS:
            return f"The correction has {len(self.words)} characters. Write 1 to {LONGEST_WORDS}."
        return None


def may(session: Session, issue: Issue, *, now: datetime) -> str | None:
    """Why nobody may correct this issue by mail now; None where they may."""
    if issue.state not in (IssueState.FINISHED, IssueState.CANCELLED):
        return "Its sending is not over. Pause or cancel it to keep it from the others; then those who have it can be told."
    if issue.letter_id is None or issue.sealed_at is None:
        return "Nobody has received this issue, so there is nobody to tell."
    if now - issue.sealed_at > WITHIN:
        return f"It went more than {WITHIN.days} days ago. Put the correction into the next issue."
    known = corrections.of_issue(session, issue.id)
    if any(each.is_open for each in known):
        return "A correction of this issue is on its way already."
    if sum(each.sealed_at is not None for each in known) >= MOST:
        return f"Its readers have had {MOST} corrections of it. Put the rest into the next issue."
    return None


def order(
    session: Session, issue_id: int, wording: Wording, *, wait: timedelta, by: str, now: datetime
) -> Correction | Refused:
    """Let a correction go when `wait` is over."""
    issue, wording = act.find(session, issue_id), wording.clean()
    if isinstance(issue, Refused):
        return issue
    problem = may(session, issue, now=now) or wording.problem()
    if problem is None and not receivers.count(session, issue, now=now):
        problem = "Nobody who has this issue still gets the edition, so there is nobody to tell."
    if problem is not None:
        return Refused(problem)
    made = Correction(
        issue_id=issue.id,
        subject=wording.subject,
        words=wording.words,
        ordered_by=by[:320],
        ordered_at=now,
        goes_at=now + wait,
    )
    session.add(made)
    session.flush()
    audit(session, "issue.correct", f"issue:{issue.id}", actor=by, now=now, headline=wording.subject)
    return made


def take_back(session: Session, issue_id: int, *, by: str, now: datetime) -> Correction | Refused:
    """Nothing of a correction leaves, provided that nothing has begun to."""
    issue = act.find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    waiting = [each for each in corrections.of_issue(session, issue_id) if each.is_open and each.letter_id is None]
    if not waiting:
        return Refused("No correction of this issue waits: it is on its way, or there is none.")
    waiting[0].taken_back_at = now
    audit(session, "issue.correct-undo", f"issue:{issue_id}", actor=by, now=now)
    session.flush()
    return waiting[0]
