"""Launch: an editor's word on whether and when an issue goes.

    send_now    held: it waits a moment in which nothing has left, then it goes
    take_back   a draft again, which goes only when somebody approves it

The wait is the issue's own time, moved on a little: what reads `scheduled_for` needs to know nothing of it. An issue that
goes at its slot does not wait, for its mail was promised for that time; its draft has lain there for `Schedule.lead`.
Every act is one line of the audit trail, or is refused in words.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import breakers, ledger, letters
from mailer.letters import Letter, LetterState
from newsletters import act, breaking, digest, headlines, issues, trail
from newsletters import approve as approval
from newsletters.act import Done, Refused
from newsletters.issues import Issue, IssueEvent, IssueKind, IssueState
from newsletters.schedules import Schedule

NO_WAIT = timedelta(0)
#: An alert is taken back within a minute, or not at all.
ALERTS_WAIT = timedelta(minutes=1)

#: What another editor is told of an edit.
_EDITS = {
    "issue.move": "moved a story",
    "issue.drop": "took a story out",
    "issue.restore": "brought a story back",
    "issue.pin": "pinned a story",
    "issue.rewrite": "rewrote a story",
    "issue.subject": "changed the subject",
    "issue.note": "changed the editor's note",
    "issue.figure": "changed the number of the day",
    "issue.diary": "changed the days ahead",
    "issue.add": "put a story in",
    "issue.recompose": "composed it anew",
    "issue.undo_edit": "undid an edit",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What an editor looked at: the revision counts the desk's edits, the content tells what a story's source changed."""

    revision: int
    content: str | None = None

    def __str__(self) -> str:
        return f"{self.revision}.{self.content}" if self.content else str(self.revision)


def seen(session: Session, issue: Issue) -> Seen:
    """What somebody sees who looks at the issue now."""
    return Seen(issue.revision, digest.content_hash(session, issue)[:16])


def approve(
    session: Session, issue_id: int, *, by: str, now: datetime, seen: Seen | None = None, wait: timedelta = NO_WAIT
) -> Done | Refused:
    """Let the issue go at its time, as it stands now. One whose time is over goes after `wait`, in which it can be undone.

    With `seen`, what the editor looked at, it is refused when somebody, or a story's own source, has changed it since.
    """
    issue = act.find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    if IssueEvent.APPROVE not in issues.NEXT[issue.state]:
        return Refused(act.standing(issue))
    unseen = _unseen(session, issue, seen, by)
    if unseen is not None:
        return unseen
    if wait and issue.scheduled_for <= now and issue.kind is not IssueKind.ALERT:
        return _hold(session, issue, "issue.approve", until=now + wait, by=by, now=now)
    approval.approve(session, issue, by=by, now=now)
    return act.done(session, issue, "issue.approve", by=by, now=now)


def send_now(
    session: Session, issue_id: int, *, by: str, now: datetime, seen: Seen | None = None, wait: timedelta = NO_WAIT
) -> Done | Refused:
    """Approve the issue and let it go after `wait`, whatever its time. What is under embargo then stays out of it."""
    issue = act.find_editable(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    unseen = _unseen(session, issue, seen, by) or breaking.not_yet(session, issue, now=now)
    if unseen is not None:
        return unseen
    if issue.kind is IssueKind.ALERT:
        return _hold(session, issue, "issue.send_now", until=now + min(wait, ALERTS_WAIT), by=by, now=now)
    # What would have gone sooner by itself is not held up.
    soon = issue.scheduled_for if issue.scheduled_for > now else now + wait
    return _hold(session, issue, "issue.send_now", until=min(soon, now + wait), by=by, now=now)


def take_back(session: Session, issue_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Make it a draft that goes only when a person approves it. Possible until its audience is sealed: nothing has left.

    A draft that would go by itself is kept from it.
    """
    issue = act.find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    words = f"Taken back by {by}: waits for a person."
    schedule = session.get(Schedule, issue.schedule_id) if issue.schedule_id else None
    if approval.goes_by_itself(issue, schedule):
        issue.reason = words
    elif issue.state is IssueState.DRAFT:
        return Refused(f"Issue {issue.number} is a draft that waits for a person already.")
    elif not approval.take_back(session, issue, reason=words, now=now):
        return Refused(f"Issue {issue.number} is {issue.state}: it can no longer be taken back. Pause or cancel it.")
    return act.done(session, issue, "issue.take_back", by=by, now=now)


def _unseen(session: Session, issue: Issue, looked_at: Seen | None, by: str) -> Refused | None:
    """Refuse to act on what this editor has not seen; None when they saw it all. Their own edits they know."""
    if looked_at is None:
        return None
    if looked_at.revision == issue.revision:
        if looked_at.content in (None, seen(session, issue).content):
            return None
        return Refused("A story was changed by its source since you looked. Look at the issue again, then decide.")
    others = [step for step in trail.steps(session, issue) if step.revision > looked_at.revision and step.by != by]
    changed = Counter(f"{step.by} {_EDITS[step.act]}" for step in others if step.act in _EDITS)
    if not changed:
        return None
    edits = ", ".join(f"{edit} ({times} times)" if times > 1 else edit for edit, times in changed.items())
    return Refused(f"The issue has changed since you looked: {edits}. Look at it again, then decide.")


def _hold(session: Session, issue: Issue, what: str, *, until: datetime, by: str, now: datetime) -> Done | Refused:
    planned, issue.scheduled_for = issue.scheduled_for, until
    if not issues.list_stories(session, issue.id):
        issue.scheduled_for = planned
        return Refused("All stories of this issue are withdrawn or under embargo at this moment.")
    # An earlier approval was bound to what the issue holds at its planned time.
    approval.take_back(session, issue, reason=None, now=now)
    issue.scheduled_for = until
    approval.approve(session, issue, by=by, now=now)
    issues.move(issue, IssueEvent.HOLD)
    return act.done(session, issue, what, by=by, now=now, leaves_at=until.isoformat())


def cancel(session: Session, issue_id: int, *, reason: str, by: str, now: datetime) -> Done | Refused:
    """Stop the issue for good, wherever it is; who has it has it, nobody else gets it."""
    issue = act.find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    reason = headlines.clean(reason)[:300]
    if not issues.move(issue, IssueEvent.CANCEL, reason=reason):
        return Refused(act.standing(issue))
    if issue.letter_id is not None:
        ledger.cancel(session, issue.letter_id, now=now)
    return act.done(session, issue, "issue.cancel", by=by, now=now, reason=reason)


def pause(session: Session, issue_id: int, *, reason: str, by: str, now: datetime) -> Done | Refused:
    """Hold a sending issue; what is in the air still arrives."""
    issue = _sending(session, issue_id, IssueEvent.PAUSE)
    if isinstance(issue, Refused):
        return issue
    assert issue.letter_id is not None
    # The mailer may have held the letter itself, a moment before the issue says so.
    if not letters.pause(session, issue.letter_id) and not _is(session, issue, LetterState.PAUSED):
        return Refused("The last mail of this issue has been handed over: there is nothing left to hold.")
    reason = headlines.clean(reason)[:300]
    issues.move(issue, IssueEvent.PAUSE, reason=reason)
    return act.done(session, issue, "issue.pause", by=by, now=now, reason=reason)


def resume(session: Session, issue_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Let a paused issue go on."""
    issue = _sending(session, issue_id, IssueEvent.RESUME)
    if isinstance(issue, Refused):
        return issue
    assert issue.letter_id is not None
    if not letters.resume(session, issue.letter_id) and not _is(session, issue, LetterState.SENDING):
        return Refused("The letter of this issue is over: there is nothing left to send.")
    issues.move(issue, IssueEvent.RESUME)
    breakers.lift_letter(session, issue.letter_id, by=by, now=now)
    return act.done(session, issue, "issue.resume", by=by, now=now)


def _sending(session: Session, issue_id: int, event: IssueEvent) -> Issue | Refused:
    """The issue, where this event means something in its state. Deliveries leave only while their letter is sending."""
    issue = act.find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    return issue if event in issues.NEXT[issue.state] else Refused(act.standing(issue))


def _is(session: Session, issue: Issue, state: LetterState) -> bool:
    return session.scalar(select(Letter.state).where(Letter.id == issue.letter_id)) is state
