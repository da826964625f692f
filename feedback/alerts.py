"""Alerts: what the service has stopped or slowed by itself, in words that say why, what it means and what to do.

They stand on the board and in the gauges, each begins with a line at `error` in the log, and ops are mailed about it
(feedback.call_ops).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from mailer import breakers, budgets, quarantine
from mailer.breakers import Breaker, Trouble
from mailer.budgets import Pace

_GROUP = {"gmail": "Gmail", "microsoft": "Microsoft", "yahoo": "Yahoo", "apple": "Apple", "other": "the other domains"}


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that ops should know. `check` is its short name, for machines."""

    check: str
    text: str


def alerts(session: Session) -> list[Alert]:
    """All of them, the newest breaker first."""
    found = [Alert(str(each.trouble), told(each, _waiting(session, each))) for each in breakers.standing(session)]
    slowed = [pace for pace in budgets.paces(session) if pace.slowed_at is not None]
    return [*found, *(Alert(f"slowed_{pace.domain_group}", _slowed(pace)) for pace in slowed)]


def told(breaker: Breaker, waiting: int = 0) -> str:
    """A breaker in a sentence or three. `waiting`: suppressions that await a decision about it."""
    group = _GROUP.get(breaker.domain_group or "", breaker.domain_group)
    until = f"{breaker.until:%H:%M} UTC" if breaker.until is not None else "somebody lifts this"
    match breaker.trouble:
        case Trouble.ROUTE_REFUSES:
            return (
                f"The mail server of the route {breaker.route} refuses us: {breaker.why}. Nothing leaves by it until {until}, "
                "then one message is tried. Put host, user name or password right, then lift this."
            )
        case Trouble.GROUP_REFUSES:
            return (
                f"Mail to {group} is refused by the route {breaker.route}: {breaker.why}. What is left for them waits until "
                f"{until}, then one message is tried. No reader is suppressed for it."
            )
        case Trouble.SENDER_REFUSED:
            return (
                f"Our sender address is refused: {breaker.why}. The issue is paused. Put that right with whoever runs the "
                "server, then resume."
            )
        case Trouble.UNKNOWN_READERS:
            return (
                f"Too many readers of an issue are unknown: {breaker.why}. The rest of it is paused. Is it an old list? Look at "
                "the bounces, then resume or cancel."
            )
        case Trouble.UNKNOWN_DOMAIN:
            return _doubtful(breaker, waiting)


def _doubtful(breaker: Breaker, waiting: int) -> str:
    return (
        f"{breaker.domain} says of many mailboxes within an hour that they do not exist: {breaker.why}. That may be its own "
        f"mistake. {waiting} suppressions wait for somebody to say whether to believe it; nobody there is mailed meanwhile."
    )


def _slowed(pace: Pace) -> str:
    group = _GROUP.get(pace.domain_group, pace.domain_group)
    return (
        f"Mail to {group} goes at {pace.per_minute:.0f} a minute by the route {pace.route}, because they asked for less: "
        f"{pace.why}. It grows again by itself with what they accept."
    )


def _waiting(session: Session, breaker: Breaker) -> int:
    return quarantine.count(session, breaker.id) if breaker.trouble is Trouble.UNKNOWN_DOMAIN else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A breaker as the board shows it."""

    breaker: Breaker
    text: str
    is_question: bool  # it asks whom to believe


def standing(session: Session) -> Sequence[Standing]:
    """The breakers that stand, the newest first."""
    return [
        Standing(
            breaker=each, text=told(each, _waiting(session, each)), is_question=each.trouble is Trouble.UNKNOWN_DOMAIN
        )
        for each in breakers.standing(session)
    ]
