"""The note: what an editor says to the readers of one issue in their own name, before the first story."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from newsletters import act, curate, headlines, trail
from newsletters.act import Done, Refused, Stale
from newsletters.issues import Issue, IssueKind
from newsletters.trail import About

#: A note is read before the news, and must not keep anybody from it.
LONGEST = 1_200
LONGEST_NAME = 120


def write(
    session: Session, issue_id: int, *, words: str, name: str, seen: int, by: str, now: datetime
) -> Done | Refused | Stale:
    """Set the note and whose it is; no words take it out. An empty line parts two paragraphs."""
    issue = act.find_editable(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    words, name = headlines.paragraphs(words), headlines.clean(name)
    problem = _problem(issue, words, name)
    if problem is not None:
        return problem
    before = (issue.note, issue.note_by)
    after = (words or None, (name or None) if words else None)
    if after == before:
        return Done(issue.revision)
    meanwhile = trail.since(trail.steps(session, issue), seen, About.NOTE)
    if meanwhile:
        return Stale(issue.revision, meanwhile)
    issue.note, issue.note_by = after
    return curate.edited(session, issue, "issue.note", by=by, now=now, before=before, words=words, name=name)


def _problem(issue: Issue, words: str, name: str) -> Refused | None:
    if words and issue.kind is IssueKind.ALERT:
        return Refused("An alert is one story, and nothing stands before it.")
    if len(words) > LONGEST:
        return Refused(f"The note has {len(words):,} characters; write at most {LONGEST:,}.")
    if len(name) > LONGEST_NAME:
        return Refused(f"The name has {len(name)} characters; write at most {LONGEST_NAME}.")
    return None
