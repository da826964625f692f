"""Calling ops: what has stopped, or is about to, told by a letter to those whom it concerns.

A breaker is told at once. What may pass by itself (a queue that stands, a full disk, a round that fails) is told when it has
lasted for some minutes. Each cause is one letter, and another when it still lasts hours later.

The letter about a route that refuses us takes another route where there is one; where not, it waits for this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from articles import health
from articles.feeds import Feed
from articles.health import Health
from feedback import alerts, watch
from ground.database import Database
from mailer import breakers, quarantine
from mailer.breakers import Breaker, Trouble
from mailer.deliveries import Delivery
from mailer.letters import Letter
from mailer.told import Manner
from newsletters import issues
from newsletters.staff_post import StaffLetter
from staff.members import Role

#: Still there after this long, it is told again.
_QUIET = timedelta(hours=6)
_AT_ONCE = Manner(quiet=_QUIET)
_WHEN_IT_LASTS = Manner(patience=timedelta(minutes=5), quiet=_QUIET)
_OF_FEEDS = Manner(patience=timedelta(minutes=30), quiet=timedelta(days=3))
#: More feeds than these in trouble at once are one cause: the network, or a newsroom's server.
_MANY = 3
_NAMED = 10
#: Complaints of an issue that ops are told of: Gmail and Yahoo want fewer than one in a thousand, and refuse at three.
_COMPLAINTS, _SHARE = 3, 0.001
_COMPLAINED_WITHIN = timedelta(days=2)

_TITLES = {
    "tables": "The tables are at another revision",
    "database": "The database is in trouble",
    "rounds": "Rounds no longer run",
    "disk": "The disk is nearly full",
    "queue": "Mail stands still",
    "round": "A round fails again and again",
}
_FEED_TITLES = {Health.FAILING: "A source cannot be read", Health.SILENT: "A source has fallen silent"}


def letters(database: Database, folder: Path | None, *, base_url: str, now: datetime) -> list[StaffLetter]:
    """All that ops are to know now; the post leaves out what it has told before."""
    base_url = base_url.rstrip("/")
    lasting = [each for each in watch.problems(database, folder, now=now) if each.is_failing or _is_round(each.check)]
    found = [_lasting(each, base_url) for each in lasting]
    with database.read() as session:
        found += [_tripped(session, each, base_url) for each in breakers.standing(session)]
        found += _complaints(session, base_url, now)
        found += _feeds(session, base_url, now)
    return found


def _is_round(check: str) -> bool:
    return check.startswith("round_")


def _lasting(problem: watch.Problem, base_url: str) -> StaffLetter:
    title = _TITLES.get(problem.check.partition("_")[0], "Something is wrong")
    return _letter(f"watch:{problem.check}", title, [problem.text], f"{base_url}/ops", manner=_WHEN_IT_LASTS)


def _tripped(session: Session, breaker: Breaker, base_url: str) -> StaffLetter:
    waiting = quarantine.count(session, breaker.id) if breaker.trouble is Trouble.UNKNOWN_DOMAIN else 0
    text = alerts.told(breaker, waiting)
    return _letter(f"breaker:{breaker.trouble}:{breaker.scope}"[:300], _title(breaker), [text], f"{base_url}/ops")


def _title(breaker: Breaker) -> str:
    match breaker.trouble:
        case Trouble.ROUTE_REFUSES:
            return f"Nothing leaves by the route {breaker.route}"
        case Trouble.GROUP_REFUSES:
            return f"Mail to {breaker.domain_group} is refused by the route {breaker.route}"
        case Trouble.SENDER_REFUSED:
            return "Our sender address is refused, and an issue is paused"
        case Trouble.UNKNOWN_READERS:
            return "Too many readers are unknown, and an issue is paused"
        case Trouble.UNKNOWN_DOMAIN:
            return f"Is it true what {breaker.domain} says of its mailboxes?"


def _complaints(session: Session, base_url: str, now: datetime) -> list[StaffLetter]:
    counted = session.execute(
        select(Delivery.letter_id, Letter.sealed_count, func.count())
        .join(Letter, Letter.id == Delivery.letter_id)
        .where(Delivery.complained_at > now - _COMPLAINED_WITHIN)
        .group_by(Delivery.letter_id, Letter.sealed_count)
        .having(func.count() >= _COMPLAINTS)
    ).all()
    found = []
    known = issues.of_letters(session, [row[0] for row in counted])
    for letter_id, sent, complaints in counted:
        issue = known.get(letter_id)
        if issue is None or complaints < _SHARE * (sent or 0):
            continue
        text = (
            f"{complaints:,} of {sent or 0:,} readers of issue {issue.number}, “{issue.subject}”, have reported it as spam. "
            "Above one in a thousand, providers begin to refuse a newsroom's mail; above three they do. Those readers are "
            "unsubscribed already. Look where the others signed up, and whether the way out is easy to find."
        )
        title = "Many readers report an issue as spam"
        found.append(_letter(f"complaints:{letter_id}", title, [text], f"{base_url}/ops/issues/{issue.id}"))
    return found


def _feeds(session: Session, base_url: str, now: datetime) -> list[StaffLetter]:
    """Feeds that fail or have fallen silent; whoever looks after the sources is told."""
    suspects = session.scalars(
        select(Feed)
        .where(
            Feed.enabled,
            or_(
                Feed.failures >= health.PATIENCE,
                func.coalesce(Feed.last_story_at, Feed.created_at) < now - timedelta(days=1),
            ),
        )
        .order_by(Feed.id)
    ).all()
    stories = health.stories_of(session, [feed.id for feed in suspects], now=now)
    troubled = {Health.FAILING, Health.SILENT}
    told = [(feed, how) for feed in suspects if (how := health.health(feed, stories[feed.id], now=now)) in troubled]
    if len(told) > _MANY:
        title = f"{len(told)} sources bring nothing new"
        texts = [_of_feed(feed, how) for feed, how in told[:_NAMED]]
        texts += [f"And {len(told) - _NAMED} more."] if len(told) > _NAMED else []
        return [_feed_letter("feeds", title, texts, base_url)]
    return [_feed_letter(f"feed:{feed.id}:{how}", _FEED_TITLES[how], [_of_feed(feed, how)], base_url)
            for feed, how in told]  # fmt: skip


def _of_feed(feed: Feed, how: Health) -> str:
    name = f"“{feed.title}”" if feed.title else feed.url
    if how is Health.FAILING:
        return f"We could not fetch {name}, {feed.failures} times in a row. Its stories are missing from drafts."
    return f"{name} answers, but has brought no new story for much longer than usual. Has it moved?"


def _feed_letter(cause: str, title: str, texts: Sequence[str], base_url: str) -> StaffLetter:
    return _letter(cause, title, texts, f"{base_url}/console/sources", to=Role.EDITOR, manner=_OF_FEEDS)


def _letter(
    cause: str,
    title: str,
    texts: Sequence[str],
    url: str,
    *,
    to: Role = Role.OPS,
    manner: Manner = _AT_ONCE,
) -> StaffLetter:
    context = {"title": title, "texts": list(texts), "url": url, "is_for_ops": to is Role.OPS}
    return StaffLetter(cause=cause, template="alert", context=context, to=to, manner=manner)
