"""The archive: the issues that the public may read, as they were sent, without anyone's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from newsletters import corrections, layouts
from newsletters.corrections import Correction
from newsletters.issues import Issue, IssueKind, IssueState

_PUBLIC = (IssueState.SEALED, IssueState.SENDING, IssueState.PAUSED, IssueState.FINISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An issue as the public may read it, with what was put right about it."""

    issue: Issue
    corrections: Sequence[Correction]


def with_corrections(session: Session, found: Sequence[Issue]) -> list[Published]:
    """These issues, each with its corrections, the oldest first."""
    known = corrections.published(session, [issue.id for issue in found])
    return [Published(issue=issue, corrections=known.get(issue.id, ())) for issue in found]


def list_published(session: Session, edition_id: int, *, limit: int = 50, before: int | None = None) -> list[Issue]:
    """The newest first; `before` continues below that issue's number."""
    wanted = select(Issue).where(_is_public(edition_id)).order_by(Issue.number.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(Issue.number < before)
    return list(session.scalars(wanted))


def find_published(session: Session, edition_id: int, number: int) -> Issue | None:
    return session.scalar(select(Issue).where(_is_public(edition_id), Issue.number == number))


def last_digest(session: Session, edition_id: int, *, since: datetime) -> Issue | None:
    """The last issue that was for all readers of an edition and went after `since`."""
    wanted = (
        select(Issue)
        .where(
            _is_public(edition_id),
            Issue.kind == IssueKind.DIGEST,
            Issue.layout.in_([layout.name for layout in layouts.by_hand()]),
            Issue.sealed_at > since,
        )
        .order_by(Issue.number.desc())
    )
    return session.scalar(wanted.limit(1))


def _is_public(edition_id: int) -> ColumnElement[bool]:
    # A draft is nobody's business, and a cancelled issue is one that the newsroom took back.
    return and_(Issue.edition_id == edition_id, Issue.state.in_(_PUBLIC), Issue.web_html.is_not(None))
