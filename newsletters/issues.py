"""Issues: one edition for one slot, with its items and, once sealed, its letter and its exclusions.

The state machine is one total table (`NEXT`), as for deliveries.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, and_, func, not_, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from articles.articles import Article, ArticleStatus
from ground.database import Base, RowId, one_of
from newsletters.newsletters import Edition
from newsletters.rhythm import Rhythm


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


class IssueKind(enum.StrEnum):
    DIGEST = "digest"
    ALERT = "alert"  # one breaking story, for those who asked for alerts (newsletters.breaking)


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
    kind: Mapped[IssueKind] = mapped_column(
        one_of(IssueKind, "kind"), default=IssueKind.DIGEST, server_default=IssueKind.DIGEST
    )
    number: Mapped[int]  # counts an edition's issues from 1
    layout: Mapped[str] = mapped_column(String(40))
    state: Mapped[IssueState] = mapped_column(one_of(IssueState, "state"), default=IssueState.DRAFT)
    reason: Mapped[str | None] = mapped_column(String(300))  # why skipped, cancelled or waiting
    subject: Mapped[str] = mapped_column(String(300))
    preheader: Mapped[str] = mapped_column(String(300))
    note: Mapped[str | None] = mapped_column(Text)  # an editor's, in paragraphs with an empty line between them
    note_by: Mapped[str | None] = mapped_column(String(120))  # whose it is, as readers are told
    revision: Mapped[int] = mapped_column(default=1)  # counts edits
    window_start: Mapped[datetime]  # articles first seen after this ...
    window_end: Mapped[datetime]  # ... and up to here were looked at
    scheduled_for: Mapped[datetime]
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[str | None] = mapped_column(String(120))
    approved_hash: Mapped[str | None] = mapped_column(String(64))
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letters.id"), unique=True)
    frozen_at: Mapped[datetime | None]  # its audience is written down whole, ahead of its time (newsletters.top_up)
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
    number: Mapped[int | None]  # in the letter, counted from 1, once that was compiled; None: it is not in it
    reason: Mapped[str] = mapped_column(String(300))  # why it stands where it stands
    pinned: Mapped[bool] = mapped_column(default=False)
    dropped_at: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]  # when its page was asked for once more (newsletters.look_again)
    page_said: Mapped[str | None] = mapped_column(String(300))  # what its server answered, where that was no page
    title: Mapped[str | None] = mapped_column(String(500))  # the editor's headline, over the article's
    summary: Mapped[str | None] = mapped_column(Text)


class Exclusion(Base):
    """One subscriber of the audience who was left out, with the reason. Audience = recipients + exclusions."""

    __tablename__ = "exclusions"

    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(String(60))


def move(issue: Issue, event: IssueEvent, *, reason: str | None = None) -> bool:
    """Apply an event by the table; False, and nothing changed, where it means nothing in the issue's state."""
    if event not in NEXT[issue.state]:
        return False
    issue.state = after(issue.state, event)
    issue.reason = reason
    return True


def waits(issue: Issue, *, now: datetime) -> bool:
    """Whether a held issue waits for its time, and nothing of it has left: it can still be taken back."""
    return issue.state is IssueState.HELD and issue.scheduled_for > now


def next_number(session: Session, edition_id: int) -> int:
    """The number of an edition's next issue; holds the edition so that two of its schedules cannot get the same."""
    session.execute(select(Edition.id).where(Edition.id == edition_id).with_for_update())
    return (session.scalar(select(func.max(Issue.number)).where(Issue.edition_id == edition_id)) or 0) + 1


def last_sent(session: Session, rhythm: Rhythm) -> Issue | None:
    """The last issue of a rhythm whose audience was sealed; a draft that never went is not looked at."""
    return session.scalar(
        select(Issue)
        .where(
            Issue.edition_id == rhythm.edition_id,
            rhythm.holds(Issue.schedule_id),
            Issue.sealed_at.is_not(None),
            Issue.kind == IssueKind.DIGEST,
        )
        .order_by(Issue.sealed_at.desc(), Issue.id.desc())
        .limit(1)
    )


def last_subjects(session: Session, issue: Issue, *, limit: int = 5) -> list[str]:
    """What the last issues of the edition that went were called."""
    return list(
        session.scalars(
            select(Issue.subject)
            .where(Issue.edition_id == issue.edition_id, Issue.sealed_at.is_not(None), Issue.id != issue.id)
            .order_by(Issue.sealed_at.desc(), Issue.id.desc())
            .limit(limit)
        )
    )


def list_items(session: Session, issue_id: int) -> list[Item]:
    """The items that stand in the issue, in order; dropped ones lie in `list_dropped`."""
    standing = select(Item).where(Item.issue_id == issue_id, Item.dropped_at.is_(None))
    return list(session.scalars(standing.order_by(Item.position, Item.id)))


def list_all(session: Session, issue_id: int) -> list[Item]:
    """Every item, standing or in the tray."""
    return list(session.scalars(select(Item).where(Item.issue_id == issue_id).order_by(Item.position, Item.id)))


def list_dropped(session: Session, issue_id: int) -> list[Item]:
    """What was taken out, the last first: any of it can be restored."""
    dropped = select(Item).where(Item.issue_id == issue_id, Item.dropped_at.is_not(None))
    return list(session.scalars(dropped.order_by(Item.dropped_at.desc(), Item.id)))


def place(session: Session, item: Item, position: int | None) -> int:
    """Let a story stand at a place, 1 is the lead, None the end; the others close up. The place it got."""
    others = [each for each in list_items(session, item.issue_id) if each is not item]
    at = len(others) if position is None else min(max(0, position - 1), len(others))
    item.dropped_at = None
    others.insert(at, item)
    for number, each in enumerate(others, start=1):
        each.position = number
    return at + 1


def take_out(session: Session, item: Item, *, now: datetime) -> None:
    """Lay a story into the tray; the others close up."""
    item.dropped_at = now
    session.flush()
    for number, each in enumerate(list_items(session, item.issue_id), start=1):
        each.position = number


def list_stories(session: Session, issue_id: int) -> list[tuple[Item, Article]]:
    """The items with their articles, in order, without what was withdrawn or is under embargo at the issue's time."""
    embargoed = and_(
        Article.status == ArticleStatus.EMBARGOED,
        or_(Article.embargo_until.is_(None), Article.embargo_until > Issue.scheduled_for),
    )
    rows = session.execute(
        select(Item, Article)
        .join(Article, Article.id == Item.article_id)
        .join(Issue, Issue.id == Item.issue_id)
        .where(
            Item.issue_id == issue_id,
            Item.dropped_at.is_(None),
            Article.status != ArticleStatus.WITHDRAWN,
            not_(embargoed),
        )
        .order_by(Item.position, Item.id)
    )
    return [(item, article) for item, article in rows]


def list_newest(session: Session, limit: int) -> list[Issue]:
    """The issues made last, of all editions."""
    return list(session.scalars(select(Issue).order_by(Issue.id.desc()).limit(limit)))


def list_page(
    session: Session,
    *,
    limit: int,
    before: int | None = None,
    edition_id: int | None = None,
    states: Collection[IssueState] = (),
) -> list[Issue]:
    """A page of all issues, those made last first, older than the issue `before`."""
    wanted = select(Issue)
    if before is not None:
        wanted = wanted.where(Issue.id < before)
    if edition_id is not None:
        wanted = wanted.where(Issue.edition_id == edition_id)
    if states:
        wanted = wanted.where(Issue.state.in_(states))
    return list(session.scalars(wanted.order_by(Issue.id.desc()).limit(limit)))


def of_letters(session: Session, letter_ids: Collection[int]) -> dict[int, Issue]:
    """The issues that these letters carry; a notice is no issue's."""
    found = session.scalars(select(Issue).where(Issue.letter_id.in_(letter_ids)))
    return {issue.letter_id: issue for issue in found if issue.letter_id is not None}
