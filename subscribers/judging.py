"""Judging a row of a list: what becomes of it, given what stands here.

Two rules go before all others: an import never brings back who left, and never mails who must not be mailed.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ground.tokens import KeyRing
from mailer import suppressions
from mailer.suppressions import Cause, Suppression
from subscribers.consents import Act, ConsentEvent
from subscribers.imports import ImportMode
from subscribers.reading import Entry, Wish
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState


class Outcome(enum.StrEnum):
    """What becomes of a row. Every row has exactly one."""

    ADDED = "added"  # active from now on
    ASKED = "asked"  # gets a letter, and is active when its button is pressed
    UNCHANGED = "unchanged"  # was active before
    WAITING = "waiting"  # was asked before, by whatever way; is not asked again
    NOTED = "noted"  # the list says that they left or must not be mailed: kept, so that nobody adds them later
    LEFT = "left"  # left here, and is not brought back
    SUPPRESSED = "suppressed"  # must not be mailed, and stays so
    UNCONFIRMED = "unconfirmed"  # the list itself says that they never confirmed
    REPEATED = "repeated"  # stands further above
    ELSEWHERE = "elsewhere"  # belongs to another edition, or to none that is known
    UNREADABLE = "unreadable"  # no address, or no row


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """An edition that readers are imported to. `variant_id` is its compiled letter "confirm", where that is needed."""

    name: str  # courier/en
    edition_id: int
    language: str
    variant_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The order under which rows are judged, with all that is needed to carry it out."""

    mode: ImportMode
    source: str
    file_hash: str
    edition_id: int | None
    destinations: tuple[Destination, ...]
    keys: KeyRing

    def destination(self, edition: str | None) -> Destination | None:
        """Where a row goes that names this edition; None where that is not part of this import."""
        named = next((each for each in self.destinations if each.name == edition), None)
        if self.edition_id is None:
            return named
        if named is not None and named.edition_id != self.edition_id:
            return None
        return next(each for each in self.destinations if each.edition_id == self.edition_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A row and what becomes of it; `reason` says why it is not taken, for the error file."""

    entry: Entry
    outcome: Outcome
    reason: str | None = None
    destination: Destination | None = None
    subscription_id: int | None = None  # one that waits for its confirmation
    cause: Cause | None = None  # why their address is suppressed, if it is


@dataclass(frozen=True, slots=True)
class _Here:
    """What stands here about a row's reader."""

    subscription: tuple[int, SubscriptionState, datetime | None] | None
    suppressed: Cause | None
    has_left: bool = False  # at any time, whatever was asked since


def judge(session: Session, entries: Sequence[Entry], terms: Terms, *, now: datetime) -> list[Verdict]:
    """What becomes of each of these rows, by a few questions to the database."""
    going = [(entry, terms.destination(entry.edition)) for entry in entries]
    read = [entry for entry in entries if entry.problem is None]
    subscriptions = _subscriptions(session, read, {each.edition_id for _, each in going if each is not None})
    suppressed = _suppressed(session, read, terms.keys, now)
    left = _left(session, [number for number, state, _ in subscriptions.values() if state is SubscriptionState.PENDING])
    verdicts = []
    for entry, destination in going:
        edition_id = destination.edition_id if destination is not None else 0
        subscription = subscriptions.get((entry.key, edition_id))
        has_left = subscription is not None and subscription[0] in left
        here = _Here(subscription, suppressed.get(entry.key), has_left)
        verdicts.append(_verdict(entry, destination, here, terms.mode))
    return verdicts


def _verdict(entry: Entry, destination: Destination | None, here: _Here, mode: ImportMode) -> Verdict:
    if entry.problem is not None:
        return Verdict(entry=entry, outcome=Outcome.UNREADABLE, reason=entry.problem)
    if entry.is_repeated:
        return Verdict(entry=entry, outcome=Outcome.REPEATED, reason="the same reader stands further above in the file")
    if destination is None:
        return Verdict(entry=entry, outcome=Outcome.ELSEWHERE, reason=_elsewhere(entry))
    outcome, reason = _outcome(entry, here, mode)
    waits = here.subscription is not None and here.subscription[1] is SubscriptionState.PENDING
    return Verdict(
        entry=entry,
        outcome=outcome,
        reason=reason,
        destination=destination,
        subscription_id=here.subscription[0] if here.subscription is not None and waits else None,
        cause=here.suppressed,
    )


def _outcome(entry: Entry, here: _Here, mode: ImportMode) -> tuple[Outcome, str | None]:
    if here.suppressed is not None:
        return Outcome.SUPPRESSED, _SUPPRESSED[here.suppressed]
    if entry.wish is Wish.BLOCKED:
        return Outcome.NOTED, None
    if here.subscription is not None:
        return _known(entry, here.subscription, mode, has_left=here.has_left)
    if entry.wish is Wish.LEFT:
        return Outcome.NOTED, None
    if mode is ImportMode.MUST_CONFIRM:
        return Outcome.ASKED, None
    if entry.wish is Wish.WAITS:
        return Outcome.UNCONFIRMED, "the list says that they never confirmed; import them as “must confirm” to ask them"
    return Outcome.ADDED, None


def _known(
    entry: Entry, subscription: tuple[int, SubscriptionState, datetime | None], mode: ImportMode, *, has_left: bool
) -> tuple[Outcome, str | None]:
    _, state, ended_at = subscription
    if state is SubscriptionState.ENDED:
        on = f" on {ended_at:%Y-%m-%d}" if ended_at is not None else ""
        left = (
            None if entry.wish is Wish.LEFT else f"they left here{on} and are not brought back; they can sign up again"
        )
        return Outcome.LEFT, left
    if entry.wish is Wish.LEFT:
        word = Outcome.UNCHANGED if state is SubscriptionState.ACTIVE else Outcome.WAITING
        return word, "the list says that they left, here they have not; nothing was changed"
    if state is SubscriptionState.ACTIVE:
        return Outcome.UNCHANGED, None
    if has_left:  # anybody may have typed their address into the form since
        return Outcome.WAITING, "they left here once; only their own answer to the letter brings them back"
    vouched = mode is ImportMode.CONFIRMED and entry.wish is Wish.JOIN
    return (Outcome.ADDED, None) if vouched else (Outcome.WAITING, None)


_ENDS = (Act.LEFT, Act.COMPLAINED)

_SUPPRESSED = {
    Cause.HARD_BOUNCE: "mail to this address came back: there is no such mailbox",
    Cause.COMPLAINT: "they reported our mail as spam and are not mailed again",
    Cause.MANUAL: "the address is suppressed",
    Cause.ERASED: "they asked to be forgotten and are not mailed again",
}


def _elsewhere(entry: Entry) -> str:
    if entry.edition is None:
        return "the row names no edition; choose one for the whole file"
    return f"the row is of the edition “{entry.edition}”, which is not part of this import"


def _subscriptions(
    session: Session, entries: Sequence[Entry], edition_ids: set[int]
) -> Mapping[tuple[str, int], tuple[int, SubscriptionState, datetime | None]]:
    rows = session.execute(
        select(
            Subscriber.address_key, Subscription.edition_id, Subscription.id, Subscription.state, Subscription.ended_at
        )
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .where(Subscriber.address_key.in_([entry.key for entry in entries]), Subscription.edition_id.in_(edition_ids))
    )
    return {(key, edition_id): (number, state, ended_at) for key, edition_id, number, state, ended_at in rows}


def _left(session: Session, pending: Sequence[int]) -> set[int]:
    """Which of these subscriptions were ended by their reader before they were asked again."""
    if not pending:
        return set()
    ended = (ConsentEvent.subscriber_id == Subscription.subscriber_id) & (
        ConsentEvent.edition_id == Subscription.edition_id
    )
    rows = (
        select(Subscription.id)
        .join(ConsentEvent, ended)
        .where(Subscription.id.in_(pending), ConsentEvent.act.in_(_ENDS))
    )
    return set(session.scalars(rows))


def _suppressed(session: Session, entries: Sequence[Entry], keys: KeyRing, now: datetime) -> Mapping[str, Cause]:
    """Suppressions by address, those of the forgotten found again by their mark."""
    marks = {suppressions.mark(keys, entry.key): entry.key for entry in entries}
    asked = [*marks, *(entry.key for entry in entries)]
    rows = session.execute(
        select(Suppression.address_key, Suppression.cause).where(
            Suppression.address_key.in_(asked),
            Suppression.lifted_at.is_(None),
            or_(Suppression.until.is_(None), Suppression.until > now),
        )
    )
    return {marks.get(key, key): cause for key, cause in rows}
