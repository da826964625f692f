"""Issues: one edition for one slot, with its items and, once sealed, its letter and its exclusions.

The state machine is one total table (`NEXT`), as for deliveries.
"""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ground.database import Base, RowId, one_of


class IssueState(enum.StrEnum):
    DRAFT = "draft"
    APPROVED = "approved"  # by a person, or by the schedule's autonomy at the slot
    HELD = "held"  # on its way out, with a few minutes in which it can be taken back
    SEALED = "sealed"  # content and audience are frozen
    SENDING = "sending"
    PAUSED = "paused"
    FINISHED = "finished"
    SKIPPED = "skipped"  # nothing to send, with a reason
    CANCELLED = "cancelled"  # a person stopped it, with a reason


class IssueEvent(enum.StrEnum):
    APPROVE = "approve"
    REOPEN = "reopen"  # an edit after approval asks again; an undo while held
    HOLD = "hold"
    SEAL = "seal"
    SEND = "send"
    PAUSE = "pause"
    RESUME = "resume"
    FINISH = "finish"
    SKIP = "skip"
    CANCEL = "cancel"


NEXT: dict[IssueState, dict[IssueEvent, IssueState]] = {
    IssueState.DRAFT: {
        IssueEvent.APPROVE: IssueState.APPROVED,
        IssueEvent.SKIP: IssueState.SKIPPED,
        IssueEvent.CANCEL: IssueState.CANCELLED,
    },
    IssueState.APPROVED: {
        IssueEvent.REOPEN: IssueState.DRAFT,
        IssueEvent.HOLD: IssueState.HELD,
        IssueEvent.SEAL: IssueState.SEALED,
        IssueEvent.SKIP: IssueState.SKIPPED,
        IssueEvent.CANCEL: IssueState.CANCELLED,
    },
    IssueState.HELD: {
        IssueEvent.REOPEN: IssueState.DRAFT,
        IssueEvent.SEAL: IssueState.SEALED,
        IssueEvent.CANCEL: IssueState.CANCELLED,
    },
    IssueState.SEALED: {IssueEvent.SEND: IssueState.SENDING, IssueEvent.CANCEL: IssueState.CANCELLED},
    IssueState.SENDING: {
        IssueEvent.PAUSE: IssueState.PAUSED,
        IssueEvent.FINISH: IssueState.FINISHED,
        IssueEvent.CANCEL: IssueState.CANCELLED,
    },
    IssueState.PAUSED: {IssueEvent.RESUME: IssueState.SENDING, IssueEvent.CANCEL: IssueState.CANCELLED},
    IssueState.FINISHED: {},
    IssueState.SKIPPED: {},
    IssueState.CANCELLED: {},
}


def after(state: IssueState, event: IssueEvent) -> IssueState:
    """The state that follows; an event that means nothing in a state leaves it as it is."""
    return NEXT[state].get(event, state)


class Issue(Base):
    __tablename__ = "issues"
    __table_args__ = (
        UniqueConstraint("edition_id", "number"),
        Index("ix_issues_state_scheduled_for", "state", "scheduled_for"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"))
    schedule_id: Mapped[int | None] = mapped_column(ForeignKey("schedules.id"), index=True)
    slot_id: Mapped[int | None] = mapped_column(ForeignKey("slots.id"), unique=True)
    number: Mapped[int]  # counts an edition's issues from 1
    layout: Mapped[str] = mapped_column(String(40))
    state: Mapped[IssueState] = mapped_column(one_of(IssueState, "state"), default=IssueState.DRAFT)
    reason: Mapped[str | None] = mapped_column(String(300))  # why skipped, cancelled or waiting
    subject: Mapped[str] = mapped_column(String(300))
    preheader: Mapped[str] = mapped_column(String(300))
    revision: Mapped[int] = mapped_column(default=1)  # counts edits
    window_start: Mapped[datetime]  # articles first seen after this ...
    window_end: Mapped[datetime]  # ... and up to here were looked at
    scheduled_for: Mapped[datetime]
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[str | None] = mapped_column(String(120))
    approved_hash: Mapped[str | None] = mapped_column(String(64))
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letters.id"), unique=True)
    web_html: Mapped[str | None] = mapped_column(Text)  # the common version for the archive, without anyone's tokens
    sealed_at: Mapped[datetime | None]
    audience_count: Mapped[int | None]  # recipients + exclusions, when sealed
    recipient_count: Mapped[int | None]
    exclusion_count: Mapped[int | None]
    finished_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Item(Base):
    """An article's place in an issue, with the editor's words, and what was really sent once it is sealed."""

    __tablename__ = "items"
    __table_args__ = (UniqueConstraint("issue_id", "article_id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"))
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"), index=True)
    article_revision: Mapped[int]
    position: Mapped[int]
    reason: Mapped[str] = mapped_column(String(300))  # why it stands where it stands
    pinned: Mapped[bool] = mapped_column(default=False)
    dropped_at: Mapped[datetime | None]
    title: Mapped[str | None] = mapped_column(String(500))  # the editor's headline, over the article's
    summary: Mapped[str | None] = mapped_column(Text)


class Exclusion(Base):
    """One subscriber of the audience who was left out, with the reason. Audience = recipients + exclusions."""

    __tablename__ = "exclusions"

    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(String(60))
