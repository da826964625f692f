"""Release: ops let go on what a breaker has stopped. One line of the audit trail, or a refusal in words."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from feedback.intervene import Done, Refused
from mailer import breakers, letters, quarantine
from mailer.breakers import Breaker
from newsletters import act, launch
from newsletters.issues import Issue
from staff.members import audit

_GONE = "This breaker does not stand any more: it was lifted, or a probe was accepted. There was nothing to lift."


def lift(session: Session, breaker_id: int, *, believed: bool = False, by: str, now: datetime) -> Done | Refused:
    """Let a scope go on. Of a domain's unknown mailboxes: `believed` keeps the suppressions, else all are lifted."""
    breaker = session.get(Breaker, breaker_id)
    if breaker is None or breaker.lifted_at is not None:
        return Refused(_GONE)
    if breaker.letter_id is not None:
        refused = _resume(session, breaker.letter_id, by=by, now=now)
        if refused is not None:
            return refused
    detail: dict[str, str | int | None] = {"trouble": str(breaker.trouble), "why": breaker.why}
    if breaker.domain is not None:
        settled = quarantine.settle(session, breaker.id, believed=believed, by=by, now=now)
        detail |= {"kept" if believed else "suppressions_lifted": settled}
    breakers.lift(session, breaker.id, by=by, now=now)
    audit(session, "breaker.lift", breaker.scope[:120], actor=by, now=now, **detail)
    return Done(breaker.scope)


def _resume(session: Session, letter_id: int, *, by: str, now: datetime) -> Refused | None:
    """The issue goes on with its letter."""
    issue_id = session.scalar(select(Issue.id).where(Issue.letter_id == letter_id))
    if issue_id is None:
        letters.resume(session, letter_id)
        return None
    done = launch.resume(session, issue_id, by=by, now=now)
    return Refused(done.reason) if isinstance(done, act.Refused) else None
