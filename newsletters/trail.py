"""The trail: what has been done to an issue so far, read back from the audit trail.

It tells an editor what others changed meanwhile, what an undo would take back, and why a story lies in the tray.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.issues import Issue
from staff.members import AuditEntry

UNDO = "issue.undo_edit"


class About(enum.StrEnum):
    """What an act changes. Two acts about the same thing can overwrite each other."""

    ORDER = "order"
    WORDS = "words"  # of one story
    SUBJECT = "subject"
    MARK = "mark"
    NOTE = "note"
    FIGURE = "figure"
    DIARY = "diary"
    ERRATUM = "erratum"  # whether a correction stands in the box


ABOUT: Mapping[str, About] = {
    "issue.move": About.ORDER,
    "issue.drop": About.ORDER,
    "issue.restore": About.ORDER,
    "issue.add": About.ORDER,
    "issue.recompose": About.ORDER,
    "issue.rewrite": About.WORDS,
    "issue.subject": About.SUBJECT,
    "issue.pin": About.MARK,
    "issue.note": About.NOTE,
    "issue.figure": About.FIGURE,
    "issue.diary": About.DIARY,
    "issue.leave_out": About.ERRATUM,
    "issue.put_back": About.ERRATUM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One act: who did what, when, and the issue's revision after it."""

    id: int
    at: datetime
    by: str
    act: str
    revision: int
    detail: Mapping[str, Any]

    @property
    def about(self) -> About | None:
        return ABOUT.get(self.detail.get("undid", self.act))

    @property
    def article_id(self) -> int | None:
        return self.detail.get("article")


def steps(session: Session, issue: Issue) -> list[Step]:
    """All that was done to an issue, in order. No act is older than the issue, so the index on time narrows the search."""
    rows = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.at >= issue.created_at, AuditEntry.subject == f"issue:{issue.id}")
        .order_by(AuditEntry.id)
    )
    return [
        Step(
            id=row.id,
            at=row.at,
            by=row.actor,
            act=row.act,
            revision=int(row.detail.get("revision", 0)),
            detail=row.detail,
        )
        for row in rows
    ]


def since(done: Sequence[Step], seen: int, about: About, article_id: int | None = None) -> tuple[Step, ...]:
    """What was done about one thing after somebody saw revision `seen`."""
    return tuple(
        step
        for step in done
        if step.revision > seen and step.about is about and (article_id is None or step.article_id == article_id)
    )


def standing(done: Sequence[Step]) -> list[Step]:
    """The acts that can be undone and have not been."""
    undone = {step.detail.get("undoes") for step in done if step.act == UNDO}
    return [step for step in done if step.act in ABOUT and step.id not in undone]


def last_own(done: Sequence[Step], by: str) -> Step | None:
    """What an undo of this editor would take back: the last act of their own."""
    return next((step for step in reversed(standing(done)) if step.by == by), None)
