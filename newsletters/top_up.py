"""Top up: an audience that was written down ahead of its time is brought up to its time.

Whoever did something since, by their own word or by an import, has a consent event that says so. These readers, and nobody
else but those whose pause or suppression has ended, are judged anew: what was written down of them is taken out, and
written down as it is now.
So the work at the slot is as much as has happened, whatever the audience's size: a million readers of whom ten acted cost
one transaction. (Who left, paused or was suppressed skipped their own rows in their own transaction.)

A top-up that was broken off begins again: who is judged twice is written down once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import chain, groupby

from sqlalchemy import and_, delete, or_, select, tuple_
from sqlalchemy.orm import Session

from ground.database import Database
from mailer import recall
from mailer.suppressions import Suppression
from newsletters import audience, portions, takeover
from newsletters.issues import Exclusion
from newsletters.takeover import Freeze, Named, Statements
from subscribers.consents import Act, ConsentEvent
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState

#: Readers in one transaction; each is taken out and written down again.
PAGE = 100
#: After these a reader may get what they did not get before, or get it otherwise.
_ACTS = (Act.CONFIRMED, Act.RESUBSCRIBED, Act.CHANGED, Act.IMPORTED)
#: Clocks of two processes differ by less, and an act is committed sooner after its time.
_MOMENT = timedelta(minutes=1)


def top_up(database: Database, order: Freeze) -> bool:
    """Judge anew who acted since. Blocks, so it belongs in a thread. False when it was cancelled or sealed meanwhile."""
    order = _as_it_was(database, order)
    at_its_time = replace(order, now=max(order.now, order.due_at))
    statements = takeover.of_named(at_its_time, is_sqlite=database.is_sqlite)
    judged: set[int] = set()
    acted = (_who_acted(database, order, act) for act in _ACTS)
    over = (_whose_pause_is_over(database, order), _whose_suppression_is_over(database, order))
    for page in chain(*acted, *over):
        fresh = sorted(set(page) - judged)
        judged.update(fresh)
        if fresh and not _judge_anew(database, statements, at_its_time, fresh):
            return False
    return True


def _as_it_was(database: Database, order: Freeze) -> Freeze:
    """The order as the freeze had it: a letter that was compiled in one piece cannot be sent in parts."""
    with database.read() as session:
        is_personal = order.own is not None and portions.are_cut(session, order.letter_id, order.own)
    if not is_personal:
        return replace(order, own=None, had=())
    return replace(order, had=tuple(each for each in order.had if each.letter_id < order.letter_id))


def _who_acted(database: Database, order: Freeze, act: Act) -> Iterator[list[int]]:
    """A page of them at a time, in the order of their acts; read, so that no writer waits for it."""
    place = (order.now - _MOMENT, 0)
    while True:
        with database.read() as session:
            events = session.execute(
                select(ConsentEvent.at, ConsentEvent.id, ConsentEvent.subscriber_id, ConsentEvent.edition_id)
                .where(
                    ConsentEvent.act == act,
                    ConsentEvent.at >= place[0],
                    tuple_(ConsentEvent.at, ConsentEvent.id) > tuple_(*place),
                )
                .order_by(ConsentEvent.at, ConsentEvent.id)
                .limit(PAGE)
            ).all()
        if not events:
            return
        place = (events[-1].at, events[-1].id)
        # A change of address names no edition.
        yield [each.subscriber_id for each in events if each.edition_id in (None, order.rhythm.edition_id)]


def _whose_pause_is_over(database: Database, order: Freeze) -> Iterator[list[int]]:
    """Who rested when the audience was written down, and no longer does."""
    after = 0
    while True:
        with database.read() as session:
            ids = session.scalars(
                select(Subscription.subscriber_id)
                .where(
                    Subscription.edition_id == order.rhythm.edition_id,
                    Subscription.paused_until > order.now,
                    Subscription.paused_until <= order.due_at,
                    Subscription.subscriber_id > after,
                )
                .order_by(Subscription.subscriber_id)
                .limit(PAGE)
            ).all()
        if not ids:
            return
        after = ids[-1]
        yield list(ids)


def _whose_suppression_is_over(database: Database, order: Freeze) -> Iterator[list[int]]:
    """Whose suppression was lifted since the audience was written down, or has come to its end."""
    has_ended = and_(Suppression.lifted_at.is_(None), Suppression.until > order.now, Suppression.until <= order.due_at)
    after = 0
    while True:
        with database.read() as session:
            found = session.execute(
                select(Suppression.id, Subscriber.id)
                .join(Subscriber, Subscriber.address_key == Suppression.address_key)
                .where(Suppression.id > after, or_(Suppression.lifted_at >= order.now - _MOMENT, has_ended))
                .order_by(Suppression.id)
                .limit(PAGE)
            ).all()
        if not found:
            return
        after = found[-1][0]
        yield [subscriber_id for _, subscriber_id in found]


def _judge_anew(database: Database, statements: Statements, order: Freeze, ids: Sequence[int]) -> bool:
    readers = _who_read(database, order, ids)
    cutting = order.cutting()
    if cutting is not None:
        portions.cut(database, cutting, only={topics_id for _, _, topics_id in readers if topics_id is not None})
    with database.write_bulk() as session:
        if not audience.is_open(session, order):
            return False
        _take_out(session, order, [number for _, number, _ in readers])
        for group, of_group in groupby(readers, key=lambda reader: reader[0]):
            part = Named(group, tuple(number for _, number, _ in of_group))
            audience.take_over(session, statements, order, part)
    return True


def _who_read(database: Database, order: Freeze, ids: Sequence[int]) -> list[tuple[str, int, int | None]]:
    """Those who take the edition now, in whatever rhythm; of who has left, the row stays that says so."""
    with database.read() as session:
        found = session.execute(
            select(Subscriber.domain_group, Subscriber.id, Subscription.topics_id)
            .join(Subscription, Subscription.subscriber_id == Subscriber.id)
            .where(
                Subscriber.id.in_(ids),
                Subscription.edition_id == order.rhythm.edition_id,
                Subscription.state == SubscriptionState.ACTIVE,
            )
            .order_by(Subscriber.domain_group, Subscriber.id)
        )
        return [(row.domain_group, row.id, row.topics_id) for row in found]


def _take_out(session: Session, order: Freeze, ids: Sequence[int]) -> None:
    recall.recall(session, order.letter_id, ids)
    session.execute(delete(Exclusion).where(Exclusion.issue_id == order.issue_id, Exclusion.subscriber_id.in_(ids)))
