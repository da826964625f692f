"""Compose: from a due slot to an issue with its newest articles.

The slot row decides that this happens once. Whatever comes of it (an issue, or none and why) is written down for the
editor: nothing is skipped without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from articles import articles
from articles.articles import Article
from newsletters import (
    alerts,
    already_sent,
    errata,
    following,
    headlines,
    holidays,
    issues,
    layouts,
    newsletters,
    schedules,
    selection,
    trail,
)
from newsletters import rhythm as rhythms
from newsletters.issues import Issue, IssueState, Item
from newsletters.layouts import FOLLOW, LAYOUTS, Layout
from newsletters.newsletters import Edition
from newsletters.rhythm import Rhythm
from newsletters.schedule import SlotTime
from newsletters.schedules import Schedule, Slot, TooFew
from newsletters.trail import About
from staff.members import audit

log = structlog.get_logger()

#: Stories seen this long before the last issue was made are looked at again: that issue may have had no room.
GRACE = timedelta(hours=12)
#: A newsroom dates some stories by their first draft; older ones that turn up are a feed's backlog, not news.
BACKDATED = timedelta(hours=36)
#: Missed slots are told about this far back.
LOOK_BACK = timedelta(days=7)
_LOOKED_AT = 200
_ONE_OFF_ARTICLES = 12
_ONE_OFF_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class NothingToSend:
    """No issue was made, and why."""

    reason: str


def compose_due(
    session: Session, schedule: Schedule, *, now: datetime, among: Sequence[Layout] = LAYOUTS
) -> list[Issue | Slot]:
    """Compose every slot of a schedule whose draft is due and that nobody has taken: this one, and missed ones."""
    due = schedules.untaken(session, schedule, since=now - LOOK_BACK, until=now + schedule.lead)
    composed = (compose(session, schedule, slot_time, now=now, among=among) for slot_time in due)
    return [outcome for outcome in composed if outcome is not None]


def compose(
    session: Session, schedule: Schedule, slot_time: SlotTime, *, now: datetime, among: Sequence[Layout] = LAYOUTS
) -> Issue | Slot | None:
    """Make the issue of one slot: the issue, or the slot that says why there is none; None when the slot was taken."""
    slot = schedules.take_slot(session, schedule, slot_time, now=now)
    if slot is None:
        return None
    slot.skipped = _rests(session, schedule, slot_time) or _too_late(schedule, slot_time, now)
    if slot.skipped is None:
        rhythm = rhythms.of(session, schedule.edition_id, schedule.id)
        start = _window_start(session, rhythm, now - schedule.window)
        found = _news(session, rhythm, start, now)
        placed = _place(session, schedule.edition_id, found, schedule, start, now)
        slot.skipped = _too_few_to_send(schedule, placed)
        if slot.skipped is None:
            issue = _open(session, schedule.edition_id, placed, start, now)
            issue.schedule_id, issue.slot_id = schedule.id, slot.id
            issue.layout, issue.scheduled_for = schedule.layout, slot_time.due_at
            if schedule.is_follow:
                edition = session.get_one(Edition, issue.edition_id)
                issue.subject, issue.preheader = following.lines(edition, slot_time.due_at)
            issue.reason = layouts.missing(schedule.layout, among) or _waiting(schedule, placed)
            session.flush()
            errata.gather(session, issue, now=now)
            log.info("issue.composed", issue=issue.id, schedule=schedule.id, items=len(placed), waits=issue.reason)
            return issue
    log.warning("slot.skipped", schedule=schedule.id, due_at=slot_time.due_at.isoformat(), reason=slot.skipped)
    session.flush()
    return slot


def one_off(
    session: Session,
    edition_id: int,
    *,
    now: datetime,
    by: str = "command line",
    layout: str = layouts.DAILY,
    among: Sequence[Layout] = LAYOUTS,
) -> Issue | NothingToSend:
    """Make an issue outside any schedule, for the readers of the edition's own rhythm; it waits for approval."""
    if layouts.find(layout, by_hand := layouts.by_hand(among)) is None:
        return NothingToSend(" ".join(layouts.unknown(layout, by_hand)))
    rhythm = rhythms.of(session, edition_id, None)
    start = _window_start(session, rhythm, now - _ONE_OFF_WINDOW)
    found = _news(session, rhythm, start, now)
    placed = _place(session, edition_id, found, None, start, now)
    if not placed:
        return NothingToSend(
            f"There is no article that this edition has not sent yet, since {start:%d %b %H:%M} UTC. "
            "Collect its feeds, or look at their health."
        )
    issue = _open(session, edition_id, placed, start, now)
    issue.layout = layout
    session.flush()
    errata.gather(session, issue, now=now)
    audit(session, "issue.compose", f"issue:{issue.id}", actor=by, now=now, stories=len(placed))
    return issue


def again(session: Session, issue: Issue, *, now: datetime) -> bool:
    """Compose a draft again, over the same window up to now; False, and nothing changed, where nothing would be in it.

    What stays keeps the editor's words; what an editor took out is not brought back; what loses its place lies in the
    tray.
    """
    rhythm = rhythms.of(session, issue.edition_id, issue.schedule_id)
    schedule = session.get(Schedule, issue.schedule_id) if issue.schedule_id else None
    known = {item.article_id: item for item in issues.list_all(session, issue.id)}
    pinned = [article for item, article in issues.list_stories(session, issue.id) if item.pinned]
    out = {article_id for article_id, item in known.items() if item.dropped_at is not None}
    found = [article for article in _news(session, rhythm, issue.window_start, now) if article.id not in out]
    placed = _place(session, issue.edition_id, found, schedule, issue.window_start, now, pinned=pinned)
    if not placed:
        return False
    issue.window_end = now
    for item in known.values():
        item.dropped_at = item.dropped_at or now
    for position, each in enumerate(placed, start=1):
        item = known.get(each.article.id) or _item(issue, each, position)
        item.dropped_at, item.position, item.reason = None, position, each.reason
        session.add(item)
    session.flush()
    errata.gather(session, issue, now=now)
    return True


def refresh(session: Session, issue: Issue) -> None:
    """Let subject and preheader follow the stories (a lead moved, withdrawn, rewritten), until an editor writes them."""
    if issue.layout == FOLLOW or any(
        step.about is About.SUBJECT for step in trail.standing(trail.steps(session, issue))
    ):
        return
    titles = [item.title or article.title for item, article in issues.list_stories(session, issue.id)]
    if titles:
        issue.subject, issue.preheader = headlines.subject(titles), headlines.preheader(titles)


def rules_of(schedule: Schedule | None) -> selection.Rules:
    """What is said of an issue's choice by its schedule, or by nobody."""
    if schedule is None:
        return selection.Rules(most=_ONE_OFF_ARTICLES, fewest=1)
    return selection.Rules(
        most=schedule.max_articles,
        fewest=schedule.min_articles,
        section_cap=schedule.section_cap,
        author_cap=schedule.author_cap,
        weights=schedule.weights,
    )


def _place(
    session: Session,
    edition_id: int,
    found: Sequence[Article],
    schedule: Schedule | None,
    start: datetime,
    now: datetime,
    *,
    pinned: Sequence[Article] = (),
) -> list[selection.Placed]:
    every = [*found, *pinned]
    authors = articles.authors_of(session, [article.id for article in every])
    if schedule is not None and schedule.is_follow:
        return following.pool(found, authors, now=now, pinned=pinned)
    keys = [article.story_key for article in every]
    choice = selection.Choice(
        rules=rules_of(schedule),
        now=now,
        stretch=now - start,
        authors=authors,
        had=frozenset(each.story_key for each in alerts.lately(session, edition_id, keys, now=now)),
    )
    return selection.choose(found, choice, pinned=pinned)


def _news(session: Session, rhythm: Rhythm, start: datetime, now: datetime) -> list[Article]:
    """What has come since the window began and has not gone to these readers, newest first."""
    feed_ids = newsletters.list_feed_ids(session, rhythm.edition_id)
    # A first issue is made of the window's stories. Later ones count from when a story could first be had, not from
    # the date it bears: those that a feed brings late, or that were dated by their first draft, would be lost for good.
    is_first = issues.last_sent(session, rhythm) is None
    oldest = start if is_first else start - BACKDATED
    found = articles.latest(session, feed_ids, since=oldest, until=now, limit=_LOOKED_AT)
    recent = [article for article in found if is_first or _came_at(article) > start - GRACE]
    gone = already_sent.stories(session, rhythm, [article.story_key for article in recent])
    return [article for article in recent if article.story_key not in gone]


def _came_at(article: Article) -> datetime:
    """When a story could first be had: it had been seen, its hour had come, its embargo was over."""
    return max(article.first_seen_at, article.published_at, article.embargo_until or article.first_seen_at)


def _window_start(session: Session, rhythm: Rhythm, first_time: datetime) -> datetime:
    """Where the last *sent* issue's window ended: what a skipped or cancelled one would have held is not lost."""
    last = issues.last_sent(session, rhythm)
    return first_time if last is None else last.window_end


def _open(
    session: Session, edition_id: int, placed: Sequence[selection.Placed], start: datetime, now: datetime
) -> Issue:
    titles = [each.article.title for each in placed]
    issue = Issue(
        edition_id=edition_id,
        number=issues.next_number(session, edition_id),
        layout=layouts.DAILY,
        state=IssueState.DRAFT,
        subject=headlines.subject(titles),
        preheader=headlines.preheader(titles),
        window_start=start,
        window_end=now,
        scheduled_for=now,
        created_at=now,
    )
    session.add(issue)
    session.flush()
    session.add_all(_item(issue, each, position) for position, each in enumerate(placed, start=1))
    return issue


def _item(issue: Issue, each: selection.Placed, position: int) -> Item:
    return Item(
        issue_id=issue.id,
        article_id=each.article.id,
        article_revision=each.article.revision,
        position=position,
        reason=each.reason,
    )


def _rests(session: Session, schedule: Schedule, slot_time: SlotTime) -> str | None:
    on = slot_time.local_date
    name = holidays.named(holidays.of_editions(session, [schedule.edition_id], since=on)[schedule.edition_id], on)
    return None if name is None else holidays.resting(name)


def _too_late(schedule: Schedule, slot_time: SlotTime, now: datetime) -> str | None:
    late = now - slot_time.due_at
    if late > schedule.late_limit:
        return (
            f"Not sent: it could only be made {selection.length(late)} after its time, "
            f"and the schedule allows {selection.length(schedule.late_limit)}."
        )
    if schedules.rule_of(schedule).slots_between(slot_time.due_at, now):
        return "Not sent: the next slot had come before it could be made; its stories are in that issue."
    return None


def _too_few_to_send(schedule: Schedule, placed: Sequence[selection.Placed]) -> str | None:
    if not placed:
        return "Not sent: there was no new article."
    if len(placed) < schedule.fewest and schedule.too_few is TooFew.SKIP:
        return f"Not sent: {_shortage(schedule, placed)}."
    return None


def _waiting(schedule: Schedule, placed: Sequence[selection.Placed]) -> str | None:
    if len(placed) < schedule.fewest and schedule.too_few is TooFew.HOLD:
        return f"Waits for a person: {_shortage(schedule, placed)}."
    return None


def _shortage(schedule: Schedule, placed: Sequence[selection.Placed]) -> str:
    return f"{len(placed)} new of at least {schedule.fewest} articles"
