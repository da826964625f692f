"""Tend: what an editor does to a feed that is there. Every act is one line of the audit trail, or is refused in words."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from articles import feeds
from articles.feeds import Feed, FeedRefused, Said
from staff.members import audit

#: However often somebody asks, a feed's server is asked no more often than this.
_BREATH = timedelta(seconds=30)


def change(session: Session, feed_id: int, said: Said, *, by: str, now: datetime) -> Feed | FeedRefused:
    """Say something else about a feed; what was collected stays as it is."""
    refused = feeds.unfit(said)
    if refused is not None:
        return refused
    feed = find(session, feed_id)
    if isinstance(feed, FeedRefused):
        return feed
    changed = {name: value for name, value in asdict(said).items() if getattr(feed, name) != value}
    for name, value in changed.items():
        setattr(feed, name, value)
    if "is_ranking" in changed:
        feeds.begin_anew(feed)
        feed.ranking, feed.silent_after = [], None
    if changed:
        audit(session, "feed.change", f"feed:{feed_id}", actor=by, now=now, **changed)
    session.flush()
    return feed


def pause(session: Session, feed_id: int, *, by: str, now: datetime) -> Feed | FeedRefused:
    """Collect it no more; what it brought stays."""
    return _switch(session, feed_id, is_on=False, by=by, now=now)


def resume(session: Session, feed_id: int, *, by: str, now: datetime) -> Feed | FeedRefused:
    """Collect it again, at the next look."""
    return _switch(session, feed_id, is_on=True, by=by, now=now)


def collect_soon(session: Session, feed_id: int, *, by: str, now: datetime) -> Feed | FeedRefused:
    """Let a feed be collected at the next look, whatever its interval; whoever calls asks the engine for one."""
    feed = find(session, feed_id)
    if isinstance(feed, FeedRefused):
        return feed
    if not feed.enabled:
        return FeedRefused("Collecting this feed is paused. Resume it first.")
    if feed.last_fetch_at is not None and now - feed.last_fetch_at < _BREATH:
        return FeedRefused("It was collected a moment ago; its server is not asked twice within half a minute.")
    feed.next_fetch_at = min(feed.next_fetch_at, now)
    audit(session, "feed.collect", f"feed:{feed_id}", actor=by, now=now)
    session.flush()
    return feed


def find(session: Session, feed_id: int) -> Feed | FeedRefused:
    found = session.get(Feed, feed_id, with_for_update=True)
    if found is None:
        return FeedRefused(f"There is no feed {feed_id}. It may have been removed.", is_gone=True)
    return found


def _switch(session: Session, feed_id: int, *, is_on: bool, by: str, now: datetime) -> Feed | FeedRefused:
    feed = find(session, feed_id)
    if isinstance(feed, FeedRefused) or feed.enabled == is_on:
        return feed
    feed.enabled = is_on
    if is_on:
        feed.next_fetch_at = now
    audit(session, "feed.resume" if is_on else "feed.pause", f"feed:{feed_id}", actor=by, now=now)
    session.flush()
    return feed
