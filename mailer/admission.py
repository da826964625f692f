"""Admission: whether a batch may leave now, how much of it at a time, and what is done about the answers.

    look      before a batch is leased: breakers and budgets; what cannot go waits in the ledger, not in a lease
    take      with each group of intents, in their transaction: the group's ration
    note      each outcome, in memory; what it calls for is a signal
    heed      the signals, written with the next commit

A letter's costs are per batch and per group of intents; nothing here is asked or written for each message.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from mailer import batches, breakers, budgets, letters, quarantine
from mailer.batches import BATCHES, LETTERS, BatchState
from mailer.breakers import Bar, Scope, Trouble
from mailer.deliveries import Row
from mailer.letters import Lane, LetterState
from mailer.pacing import NO_CAP, OTHERS, Cap, domain_group
from mailer.reception import UNKNOWN_WITHIN, FirstReaders, Passed, Reception, Signal, Slow, Trip, told
from mailer.transports import Outcome, Result

#: A breaker without an end is looked at again so often; lifting it calls its batches back at once.
_LOOK_AGAIN = timedelta(hours=1)
#: Another batch of a group whose connections are capped is on its way.
_WAIT_FOR_OTHERS = timedelta(seconds=5)
#: Letters whose first readers are remembered.
_LETTERS = 32


class Admission:
    """One batch's: the route it takes, and what it may do there."""

    def __init__(
        self,
        route: str,
        *,
        reception: Reception | None = None,
        first_readers: FirstReaders | None = None,
        most: int | None = None,
        probes: Sequence[int] = (),
    ) -> None:
        self.route = route
        self.probes = probes
        self.most = 1 if probes else most  # messages in the next group of intents; None: as many as there are
        self.is_over = False  # nothing more for now
        self.next_at: datetime | None = None  # when there may be more
        self._reception = reception
        self.first_readers = first_readers

    def connections(self, rows: int) -> int:
        """How many of the route's connections so many rows may use."""
        cap = self._reception.cap.connections if self._reception is not None else None
        return rows if cap is None else min(rows, cap)

    def began(self) -> None:
        if self._reception is not None:
            self._reception.busy += 1

    def ended(self) -> None:
        if self._reception is not None:
            self._reception.busy -= 1

    def take(self, session: Session, ids: Sequence[int], *, now: datetime) -> Sequence[int]:
        """Those of the group's ids that may be intended, all or none."""
        if self.probes:
            self.is_over = True
            return ids[:1]
        reception = self._reception
        if reception is None:
            return ids
        ration = budgets.take(
            session,
            reception.route,
            reception.domain_group,
            len(ids),
            accepted=reception.accepted_since,
            cap=reception.cap,
            now=now,
        )
        if ration is None:
            self.most = None
            return ids
        reception.accepted_since = False
        self.most = ration.most
        if ration.next_at > now:
            self.is_over, self.next_at = True, ration.next_at
        return ids if ration.granted else []

    def note(self, outcome: Outcome, row: Row, *, is_down: bool, now: datetime) -> list[Signal]:
        """What an outcome calls for, mostly nothing. `is_down`: the line is, and not this one connection only."""
        if is_down and outcome.result is Result.UNREACHABLE and outcome.code is not None and outcome.code >= 500:
            why = told(outcome)
            return [Trip(Trouble.ROUTE_REFUSES, Scope(route=self.route), why)]
        signals: list[Signal] = []
        if self._reception is not None and (signal := self._reception.note(outcome, row.address_key, now=now)):
            signals.append(signal)
        if self.first_readers is not None and (trip := self.first_readers.note(outcome)):
            signals.append(trip)
        if self.probes:
            signals += self._probed(outcome)
        return signals

    def _probed(self, outcome: Outcome) -> list[Signal]:
        if outcome.result is Result.ACCEPTED:
            return [Passed(each) for each in self.probes]
        if self._reception is not None and self._reception.refuses_us(outcome):
            scope = Scope(route=self._reception.route, domain_group=self._reception.domain_group)
            return [Trip(Trouble.GROUP_REFUSES, scope, told(outcome))]
        return []  # this one message says nothing: somebody probes again in two minutes


@dataclass(frozen=True, slots=True)
class Look:
    """The routes that a batch may take, by name. None: it was put off, or there is nothing to lease."""

    admissions: Mapping[str, Admission]
    refused: frozenset[str] = frozenset()  # routes whose server refuses us, as far as nobody has lifted that


_NOTHING = Look({})

#: Built once: it goes with every batch, and to build it takes longer than to run it.
_LOOK = (
    select(BATCHES.c.lane, BATCHES.c.domain_group, BATCHES.c.letter_id, LETTERS.c.state)
    .join(LETTERS, LETTERS.c.id == BATCHES.c.letter_id)
    .where(
        BATCHES.c.id == bindparam("b_batch"),
        BATCHES.c.state == BatchState.OPEN,
        BATCHES.c.next_at <= bindparam("b_now", type_=BATCHES.c.next_at.type),
    )
)


class Admissions:
    """What this process knows about routes, groups and letters; one for all batches."""

    def __init__(self, routes: Mapping[Lane, Sequence[str]], caps: Mapping[str, Cap]) -> None:
        self._routes = routes
        self._caps = caps
        self._receptions: dict[tuple[str, str], Reception] = {}
        self._first_readers: OrderedDict[int, FirstReaders] = OrderedDict()

    def look(self, session: Session, batch_id: int, *, now: datetime) -> Look:
        """Before a batch is leased, in the same transaction. Where no route takes its group, all its like are put off.

        Notices are held up by a route that refuses us and by nothing else: they are few, and people wait for them.
        """
        batch = session.connection().execute(_LOOK, {"b_batch": batch_id, "b_now": now}).one_or_none()
        if batch is None:
            return _NOTHING
        routes = self._routes[batch.lane]
        if batch.state is not LetterState.SENDING:  # a cancelled one is leased to be skipped
            return Look({route: Admission(route) for route in routes})
        group = batch.domain_group if batch.lane is Lane.BULK else None
        found = breakers.bars(session, routes, group)
        refused = frozenset(bar.route for bar in found if bar.trouble is Trouble.ROUTE_REFUSES)
        admissions, waits = {}, []
        for route in routes:
            asked = self._ask(session, route, group, [bar for bar in found if bar.route == route], now)
            if isinstance(asked, datetime):
                waits.append(asked)
                continue
            asked.first_readers = None if group is None else self._firsts(batch.letter_id)
            if asked.probes:
                return Look({route: asked}, refused)
            admissions[route] = asked
        if not admissions:
            batches.put_off(session, batch.lane, batch.domain_group, until=min(waits), now=now)
        return Look(admissions, refused)

    def _ask(
        self, session: Session, route: str, group: str | None, bars: Sequence[Bar], now: datetime
    ) -> Admission | datetime:
        """One route's answer: an admission, or when to ask again."""
        closed = [bar.until or now + _LOOK_AGAIN for bar in bars if bar.until is None or bar.until > now]
        if closed:
            return max(closed)
        reception = None if group is None else self._reception(route, group, now)
        most = None
        if reception is not None:
            if reception.cap.connections is not None and reception.busy:
                return now + _WAIT_FOR_OTHERS
            ration = budgets.find(session, route, reception.domain_group, reception.cap, now=now)
            if ration is not None and ration.next_at > now:
                return ration.next_at
            most = None if ration is None else ration.most
        if not all(breakers.claim_probe(session, bar.breaker_id, now=now) for bar in bars):
            return now + _WAIT_FOR_OTHERS
        return Admission(route, reception=reception, most=most, probes=[bar.breaker_id for bar in bars])

    def _reception(self, route: str, group: str, now: datetime) -> Reception:
        key = (route, group)
        if key not in self._receptions:
            self._receptions[key] = Reception(route, group, self._caps.get(group, NO_CAP), now=now)
        return self._receptions[key]

    def _firsts(self, letter_id: int) -> FirstReaders:
        found = self._first_readers.setdefault(letter_id, FirstReaders(letter_id))
        self._first_readers.move_to_end(letter_id)
        while len(self._first_readers) > _LETTERS:
            self._first_readers.popitem(last=False)
        return found


def heed(session: Session, signal: Signal, *, now: datetime) -> None:
    """Write down what an outcome called for."""
    match signal:
        case Slow():
            budgets.slow(
                session, signal.route, signal.domain_group, measured=signal.per_minute, why=signal.why, now=now
            )
        case Passed():
            breakers.lift(session, signal.breaker_id, by=breakers.PROBE, now=now)
        case Trip():
            _trip(session, signal, now)


def _trip(session: Session, signal: Trip, now: datetime) -> None:
    breaker = breakers.trip(session, signal.trouble, signal.scope, why=signal.why, now=now)
    if breaker is None:
        return
    if signal.scope.letter_id is not None:
        letters.pause(session, signal.scope.letter_id)
    if signal.scope.domain is not None:
        quarantine.begin(session, breaker.id, signal.scope.domain, since=now - UNKNOWN_WITHIN)
        if (group := domain_group(signal.scope.domain)) != OTHERS and signal.scope.route is not None:
            breakers.trip(
                session,
                Trouble.GROUP_REFUSES,
                Scope(route=signal.scope.route, domain_group=group),
                why=signal.why,
                now=now,
            )
