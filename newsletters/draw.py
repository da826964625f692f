"""Draw: feeds and the editions that draw from them. Every act is one line of the audit trail, or is refused in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from articles import feeds, tend
from articles.articles import Article
from articles.feeds import Feed, FeedRefused, Said
from newsletters import newsletters, zones
from newsletters.newsletters import Edition, EditionFeed
from staff.members import AuditEntry, audit


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Nothing was stored: somebody changed what is said about the feed after this editor had seen it. It now says this."""

    feed: Feed
    editions: tuple[int, ...]
    by: str | None


def add_feed(
    session: Session, url: str, said: Said, editions: Collection[int], *, by: str, now: datetime
) -> Feed | FeedRefused:
    """Collect from an address, and let editions draw from it. A known feed gets further editions and changes no more."""
    meant = _meant(session, said, editions)
    if isinstance(meant, FeedRefused):
        return meant
    known = feeds.find_by_url(session, url)
    feed = feeds.add_feed(session, url, now=now, said=meant)
    if isinstance(feed, FeedRefused):
        return feed
    if known is None:
        audit(session, "feed.add", f"feed:{feed.id}", actor=by, now=now, url=feed.url, editions=sorted(editions))
    _draw(session, feed.id, set(editions) | set(_drawing(session, feed.id)), by=by, now=now, is_told=known is not None)
    return feed


def change_feed(
    session: Session, feed_id: int, said: Said, editions: Collection[int], *, seen: str | None, by: str, now: datetime
) -> Feed | FeedRefused | Overtaken:
    """Say something else about a feed, and which editions draw from it, unless what it says is not what was `seen`."""
    meant = _meant(session, said, editions)
    if isinstance(meant, FeedRefused):
        return meant
    there = tend.find(session, feed_id)
    if isinstance(there, FeedRefused):
        return there
    drawing = tuple(_drawing(session, feed_id))
    if seen is not None and seen != version(there, drawing):
        return Overtaken(there, drawing, _last_actor(session, feed_id))
    feed = tend.change(session, feed_id, meant, by=by, now=now)
    if isinstance(feed, Feed):
        _draw(session, feed_id, set(editions), by=by, now=now, is_told=True)
    return feed


def version(feed: Feed, editions: Collection[int]) -> str:
    """A short mark of all that is said about a feed: another one when anything of it has changed."""
    said = asdict(Said(**{each.name: getattr(feed, each.name) for each in fields(Said)}))
    return hashlib.sha256(json.dumps([said, sorted(editions)], sort_keys=True).encode()).hexdigest()[:16]


def remove_feed(session: Session, feed_id: int, *, by: str, now: datetime) -> str | FeedRefused:
    """Forget a feed from which nothing was collected and no edition draws; its address."""
    feed = tend.find(session, feed_id)
    if isinstance(feed, FeedRefused):
        return feed
    tie = _tie(session, feed_id)
    if tie is not None:
        return FeedRefused(tie)
    audit(session, "feed.remove", f"feed:{feed_id}", actor=by, now=now, url=feed.url)
    session.delete(feed)
    session.flush()
    return feed.url


def editions_drawing(session: Session, feed_ids: Sequence[int]) -> dict[int, list[int]]:
    """The editions that draw from each of these feeds."""
    found: dict[int, list[int]] = {feed_id: [] for feed_id in feed_ids}
    rows = select(EditionFeed).where(EditionFeed.feed_id.in_(feed_ids)).order_by(EditionFeed.edition_id)
    for row in session.scalars(rows):
        found[row.feed_id].append(row.edition_id)
    return found


def zone_of(text: str) -> str | FeedRefused:
    """The zone that somebody means, or which they may have meant."""
    found = zones.find(text)
    if found is not None:
        return found
    near = zones.near(text)
    advice = f"Did you mean {' or '.join(near)}?" if near else "Write one like Asia/Baghdad, or a city."
    return FeedRefused(f"“{text[:64]}” is no time zone that is known here. {advice}", "zone")


def _meant(session: Session, said: Said, editions: Collection[int]) -> Said | FeedRefused:
    """What was said, with the zone by IANA's name; refused where it names a zone or an edition that is not there."""
    zone = zone_of(said.zone)
    if isinstance(zone, FeedRefused):
        return zone
    if set(editions) - set(session.scalars(select(Edition.id).where(Edition.id.in_(editions)))):
        return FeedRefused("One of these editions is not there any more. Choose again.", "editions")
    return replace(said, zone=zone)


def _last_actor(session: Session, feed_id: int) -> str | None:
    """Who last said something about it; collecting and pausing say nothing."""
    lines = select(AuditEntry.actor).where(
        AuditEntry.subject == f"feed:{feed_id}", AuditEntry.act.in_(("feed.add", "feed.change", "feed.draw"))
    )
    return session.scalar(lines.order_by(AuditEntry.id.desc()).limit(1))


def _drawing(session: Session, feed_id: int) -> list[int]:
    return editions_drawing(session, [feed_id])[feed_id]


def _draw(session: Session, feed_id: int, wanted: set[int], *, by: str, now: datetime, is_told: bool) -> None:
    before = set(_drawing(session, feed_id))
    for edition_id in sorted(wanted - before):
        newsletters.draw_from(session, edition_id, [feed_id])
    session.execute(
        delete(EditionFeed).where(EditionFeed.feed_id == feed_id, EditionFeed.edition_id.in_(before - wanted))
    )
    if is_told and wanted != before:
        audit(session, "feed.draw", f"feed:{feed_id}", actor=by, now=now, editions=sorted(wanted))


def _tie(session: Session, feed_id: int) -> str | None:
    """Why a feed has to stay: what hangs on it."""
    if session.scalar(select(Article.id).where(Article.feed_id == feed_id).limit(1)) is not None:
        return "Articles were collected from this feed, and issues may hold them. Pause it instead."
    drawing = len(_drawing(session, feed_id))
    if drawing:
        return f"{drawing} edition{'s draw' if drawing > 1 else ' draws'} from this feed. Take it out there first, or pause it."
    return None
