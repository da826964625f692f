"""Objections: what keeps an issue from going by itself, although its time has come.

    the letter     what the lint found of the kind that blocks: headers, unsubscribing, hostile content, size, leftovers
    the audience   it has fallen by over a half since the last issue, as after a broken import or a slip of the hand

The issue is then a draft with its reason, which waits for a person, and the desk and the board of ops say why. What a
person approves goes: they have seen it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.lint import Report
from newsletters import issues
from newsletters import rhythm as rhythms
from newsletters.issues import Issue, IssueState
from newsletters.schedules import FOLLOW

#: How the reason of such a draft begins.
HELD = "Held by the checks: "
#: With fewer readers than this a half is a few people's whim.
FEWEST = 20
_TOLD_FOR = timedelta(days=2)
_LONGEST = 300  # of a reason


def of_letter(report: Report) -> str | None:
    """Why this letter waits for a person; None where it may go."""
    found = report.blocking
    if not found:
        return None
    more = f" And {len(found) - 1} more." if len(found) > 1 else ""
    tail = f"{more} See the checks at the desk; mend it, then approve it."
    words = f"{found[0].words} ({found[0].id})"
    return f"{HELD}{words[: _LONGEST - len(HELD) - len(tail)]}{tail}"


def of_audience(session: Session, issue: Issue, recipients: int) -> str | None:
    """Why this audience is doubted; None where it is like the last issue's, or there was none.

    Of what readers follow there is something new for few of them on one day and for all on the next.
    """
    if issue.layout == FOLLOW:
        return None
    rhythm = rhythms.of(session, issue.edition_id, issue.schedule_id)
    last = issues.last_sent(session, rhythm)
    before = (last.recipient_count or 0) if last is not None else 0
    if before < FEWEST or recipients * 2 >= before:
        return None
    return (
        f"{HELD}{recipients:,} readers would get it, {before:,} got the last one. Was it a broken import, a list that was "
        "suppressed? If it is right, approve it."
    )


def standing(session: Session, *, now: datetime, limit: int = 5) -> list[Issue]:
    """The issues that wait because of one, the latest first."""
    return list(
        session.scalars(
            select(Issue)
            .where(
                Issue.state == IssueState.DRAFT,
                Issue.reason.startswith(HELD, autoescape=True),
                Issue.scheduled_for > now - _TOLD_FOR,
            )
            .order_by(Issue.scheduled_for.desc(), Issue.id.desc())
            .limit(limit)
        )
    )
