"""Choosing: what a reader presses on their preference page, written down at once, with the way back.

    choose -> Chosen (nothing to do, or done; `undo` is the choice that puts it back) | Refused

A choice that changes nothing leaves no trace. What changes a permission is a consent event; so is a change of rhythm
or pause, for "why did I get this" is asked about those too.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer import deliveries, suppressions
from subscribers import consents, own_hour, preferences, subscriptions, topics
from subscribers.consents import Act, Evidence
from subscribers.preferences import BeAlerted, Choice, ComeAt, Follow, Narrow, Pause, Speak, TurnOff, TurnOn
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import LEFT, PAUSED, Subscription, SubscriptionState

#: The page offers four weeks; the rest is for other clocks and pages that were left open.
LONGEST_PAUSE = timedelta(days=35)


class Why(enum.StrEnum):
    """Why a choice was not taken."""

    NOT_OFFERED = "not_offered"  # no such edition or rhythm, or a pause that begins in the past
    NOT_ON = "not_on"  # it is about an edition that this reader does not get (any more)
    NO_PLACE = "no_place"  # no zone of this name is known
    NOT_ALLOWED = "not_allowed"  # the address is suppressed, or was never confirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    undo: Choice | None  # None when nothing changed, or nothing can be put back


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    why: Why


#: The editions a reader may choose, each with the schedules that are rhythms beside its own. (Newsletters know them.)
Offer = Mapping[int, frozenset[int]]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Whose choice it is, locked, with what they take."""

    session: Session
    subscriber: Subscriber
    evidence: Evidence
    now: datetime

    def taken(self) -> list[Subscription]:
        return preferences.list_of(self.session, self.subscriber.id, lock=True)

    def active(self, edition_id: int) -> Subscription | None:
        running = SubscriptionState.ACTIVE
        return next((each for each in self.taken() if each.edition_id == edition_id and each.state is running), None)

    def note(self, act: Act, subscription: Subscription | None, detail: str = "") -> None:
        consents.record(
            self.session,
            act,
            Evidence(
                source=f"{self.evidence.source}{detail and ': '}{detail}",
                wording=self.evidence.wording if act in _PERMITS else None,
                ip=self.evidence.ip,
                user_agent=self.evidence.user_agent,
            ),
            subscriber_id=self.subscriber.id,
            edition_id=subscription.edition_id if subscription else None,
            generation=subscription.generation if subscription else None,
            now=self.now,
        )


#: Acts that need the words that were shown.
_PERMITS = frozenset({Act.CONFIRMED, Act.RESUBSCRIBED})


def choose(
    session: Session, subscriber_id: int, choice: Choice, offer: Offer, evidence: Evidence, *, now: datetime
) -> Chosen | Refused:
    """Do what was pressed. Twice is harmless."""
    reader = _Reader(session, preferences.lock_reader(session, subscriber_id), evidence, now)
    match choice:
        case TurnOn():
            return _turn_on(reader, choice, offer)
        case TurnOff():
            return _turn_off(reader, choice)
        case Follow():
            return _follow(reader, choice, offer)
        case Pause():
            return _pause(reader, choice)
        case Narrow():
            return _narrow(reader, choice)
        case ComeAt():
            return _come_at(reader, choice)
        case BeAlerted():
            return _be_alerted(reader, choice)
        case Speak():
            return _speak(reader, choice)


def _turn_on(reader: _Reader, choice: TurnOn, offer: Offer) -> Chosen | Refused:
    if not set(choice.edition_ids) <= set(offer) or not _is_sound(reader, choice, offer):
        return Refused(why=Why.NOT_OFFERED)
    suppression = suppressions.standing(reader.session, reader.subscriber.address_key, now=reader.now)
    if not preferences.may_turn_on(reader.taken(), suppression):
        return Refused(why=Why.NOT_ALLOWED)
    turned = [edition_id for edition_id in choice.edition_ids if _activate(reader, edition_id)]
    for further in (choice.rhythm, choice.pause):
        if isinstance(further, Follow):
            _follow(reader, further, offer)
        elif isinstance(further, Pause):
            _pause(reader, further)
    return Chosen(undo=TurnOff(edition_ids=tuple(turned)) if turned else None)


def _is_sound(reader: _Reader, choice: TurnOn, offer: Offer) -> bool:
    rhythm, pause = choice.rhythm, choice.pause
    return (rhythm is None or _is_offered(rhythm, offer)) and (pause is None or _is_ahead(pause, now=reader.now))


def _activate(reader: _Reader, edition_id: int) -> bool:
    """Whether this made a difference."""
    session, now = reader.session, reader.now
    subscription = subscriptions.find_or_add(session, reader.subscriber.id, edition_id, now=now)
    if subscription.state is SubscriptionState.ACTIVE:
        return False
    returns = subscription.state is SubscriptionState.ENDED
    subscription.generation += 1  # links of earlier requests and leaves are over
    subscriptions.activate(subscription, now=now)
    reader.note(Act.RESUBSCRIBED if returns else Act.CONFIRMED, subscription)
    return True


def _turn_off(reader: _Reader, choice: TurnOff) -> Chosen:
    wanted = choice.edition_ids
    running = [
        each
        for each in reader.taken()
        if each.state is not SubscriptionState.ENDED and (wanted is None or each.edition_id in wanted)
    ]
    may_return = [each for each in running if each.state is SubscriptionState.ACTIVE]
    rest = _rest_of(may_return[0], now=reader.now) if len(may_return) == 1 else None
    for each in running:
        subscriptions.end(each, LEFT, now=reader.now)
        reader.note(Act.LEFT, each)
        _skip(reader, each, LEFT)
    if not may_return:
        return Chosen(undo=None)
    return Chosen(undo=TurnOn(edition_ids=tuple(each.edition_id for each in may_return), pause=rest))


def _rest_of(subscription: Subscription, *, now: datetime) -> Pause | None:
    until = subscription.paused_until
    return Pause(edition_id=subscription.edition_id, until=until) if until is not None and until > now else None


def _follow(reader: _Reader, choice: Follow, offer: Offer) -> Chosen | Refused:
    if not _is_offered(choice, offer):
        return Refused(why=Why.NOT_OFFERED)
    subscription = reader.active(choice.edition_id)
    if subscription is None:
        return Refused(why=Why.NOT_ON)
    before = subscription.schedule_id
    if before == choice.schedule_id:
        return Chosen(undo=None)
    subscription.schedule_id = choice.schedule_id
    reader.note(Act.CHANGED, subscription, f"rhythm {choice.schedule_id or 'own'}")
    return Chosen(undo=Follow(edition_id=choice.edition_id, schedule_id=before))


def _is_offered(choice: Follow, offer: Offer) -> bool:
    rhythms = offer.get(choice.edition_id)
    return rhythms is not None and (choice.schedule_id is None or choice.schedule_id in rhythms)


def _pause(reader: _Reader, choice: Pause) -> Chosen | Refused:
    if not _is_ahead(choice, now=reader.now):
        return Refused(why=Why.NOT_OFFERED)
    subscription = reader.active(choice.edition_id)
    if subscription is None:
        return Refused(why=Why.NOT_ON)
    before = _rest_of(subscription, now=reader.now) or Pause(edition_id=choice.edition_id, until=None)
    if before == choice:
        return Chosen(undo=None)
    subscription.paused_until = choice.until
    reader.note(Act.CHANGED, subscription, f"pause {choice.until.date() if choice.until else 'ended'}")
    if choice.until is not None:
        _skip(reader, subscription, PAUSED)
    return Chosen(undo=before)


def _is_ahead(choice: Pause, *, now: datetime) -> bool:
    return choice.until is None or now < choice.until <= now + LONGEST_PAUSE


def _narrow(reader: _Reader, choice: Narrow) -> Chosen | Refused:
    subscription = reader.active(choice.edition_id)
    if subscription is None:
        return Refused(why=Why.NOT_ON)
    before = topics.read(reader.session, subscription.topics_id)
    if before == choice.topics:
        return Chosen(undo=None)
    wanted = choice.topics
    found = None if wanted is None else topics.find_or_add(reader.session, choice.edition_id, wanted)
    subscription.topics_id = found
    reader.note(Act.CHANGED, subscription, f"topics {wanted or 'all'}")
    return Chosen(undo=Narrow(edition_id=choice.edition_id, topics=before))


def _come_at(reader: _Reader, choice: ComeAt) -> Chosen | Refused:
    if choice.hour is not None and not choice.hour.is_sound:
        return Refused(why=Why.NO_PLACE)
    subscription = reader.active(choice.edition_id)
    if subscription is None:
        return Refused(why=Why.NOT_ON)
    before = own_hour.parse(subscription.own_hour)
    if before == choice.hour:
        return Chosen(undo=None)
    subscription.own_hour = None if choice.hour is None else str(choice.hour)
    reader.note(Act.CHANGED, subscription, f"hour {choice.hour or 'at once'}")
    return Chosen(undo=ComeAt(edition_id=choice.edition_id, hour=before))


def _be_alerted(reader: _Reader, choice: BeAlerted) -> Chosen | Refused:
    subscription = reader.active(choice.edition_id)
    if subscription is None:
        return Refused(why=Why.NOT_ON)
    suppression = suppressions.standing(reader.session, reader.subscriber.address_key, now=reader.now)
    if choice.is_on and not preferences.may_turn_on(reader.taken(), suppression):
        return Refused(why=Why.NOT_ALLOWED)
    if subscription.alerts == choice.is_on:
        return Chosen(undo=None)
    subscription.alerts = choice.is_on
    reader.note(Act.CHANGED, subscription, f"alerts {'on' if choice.is_on else 'off'}")
    return Chosen(undo=BeAlerted(edition_id=choice.edition_id, is_on=not choice.is_on))


def _speak(reader: _Reader, choice: Speak) -> Chosen:
    before = reader.subscriber.language
    if before == choice.language:
        return Chosen(undo=None)
    reader.subscriber.language = choice.language
    reader.note(Act.CHANGED, None, f"language {choice.language}")
    return Chosen(undo=Speak(language=before))


def _skip(reader: _Reader, subscription: Subscription, reason: str) -> None:
    """What has not been handed over does not go: the last look before it leaves finds it skipped."""
    scope = f"edition:{subscription.edition_id}"
    deliveries.skip_recipient(reader.session, subscription.subscriber_id, reason=reason, scope=scope)
