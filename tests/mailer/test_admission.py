"""Admission: a group that pushes back goes slower, one that refuses us waits, and everybody else goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, func, select, update

from ground.database import Database
from mailer import breakers, budgets, ledger, letters, notices
from mailer.batches import Batch
from mailer.breakers import Breaker, Trouble
from mailer.deliveries import Delivery, State
from mailer.dispatch import Dispatcher
from mailer.envelope import Envelope
from mailer.letters import Lane, Letter, LetterState
from mailer.pacing import Cap, domain_group
from mailer.suppressions import Suppression
from mailer.transports import Outcome, Result, Stage
from mailer.transports.memory import MemoryTransport, accept
from tests.mailer import builders
from tests.mailer.doubles import dispatcher

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

SLOWER = Outcome(
    result=Result.UNREACHABLE, stage=Stage.RCPT, code=421, enhanced="4.7.28", reply="4.7.28 Unusual rate of mail"
)
LATER = Outcome(result=Result.DEFERRED, stage=Stage.RCPT, code=451, enhanced="4.7.1", reply="4.7.1 Try again later")
BLOCKED = Outcome(result=Result.REFUSED, stage=Stage.RCPT, code=550, enhanced="5.7.1", reply="5.7.1 <a@b.c> blocked")
UNKNOWN = Outcome(result=Result.REFUSED, stage=Stage.RCPT, code=550, enhanced="5.1.1", reply="5.1.1 User unknown")
WRONG_PASSWORD = Outcome(
    result=Result.UNREACHABLE, stage=Stage.AUTH, code=535, enhanced="5.7.8", reply="5.7.8 Wrong password"
)


class Service:
    """A worker with a clock that is put forward, and servers that say what a test wants."""

    def __init__(self, database: Database, now: datetime, caps: dict[str, Cap] | None = None) -> None:
        self.database = database
        self.now = now
        self.say: Callable[[str], Outcome | None] = lambda _: None
        self.asked: Counter[str] = Counter()  # by domain
        self.transport = MemoryTransport(connections=4, answer=self._answer)
        self.worker: Dispatcher[bytes] = dispatcher(database, self.transport, clock=lambda: self.now, caps=caps)

    def _answer(self, envelope: Envelope) -> Outcome:
        domain = envelope.recipient.rpartition("@")[2]
        self.asked[domain] += 1
        return self.say(domain) or accept(envelope)

    def write(self, count: int, domain: str) -> int:
        with self.database.write() as session:
            letter_id = builders.letter(session, count, now=self.now, domain=domain)
            group = domain_group(domain)
            session.execute(update(Delivery).where(Delivery.letter_id == letter_id).values(domain_group=group))
            session.execute(update(Batch).where(Batch.letter_id == letter_id).values(domain_group=group))
        return letter_id

    async def send(self, lane: Lane = Lane.BULK) -> None:
        """All that is due at this moment."""
        for _ in range(200):
            with self.database.read() as session:
                due = ledger.due_batches(session, lane, now=self.now, limit=20)
            if not due:
                return
            for batch in due:
                await self.worker.send_batch(batch)
        raise AssertionError("the same batches are due again and again")

    async def run(self, lasting: timedelta, step: timedelta) -> None:
        end = self.now + lasting
        while self.now < end:
            await self.send()
            self.now += step

    def states(self, letter_id: int) -> dict[State, int]:
        with self.database.read() as session:
            assert ledger.verify(session) == []
            return {state: number for state, number in ledger.counts(session, letter_id).items() if number}

    def breakers(self) -> list[Breaker]:
        with self.database.read() as session:
            return list(breakers.standing(session))

    def suppressed(self) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count(Suppression.id))) or 0


@pytest.fixture
def service(database: Database, now: datetime) -> Service:
    return Service(database, now)


def only(domain: str, outcome: Outcome) -> Callable[[str], Outcome | None]:
    return lambda asked: outcome if asked == domain else None


@pytest.mark.parametrize("said", [SLOWER, LATER])
async def test_a_group_that_pushes_back_waits_and_the_others_go_on(service: Service, said: Outcome) -> None:
    gmail, others = service.write(600, "gmail.com"), service.write(600, "example.org")
    service.say = only("gmail.com", said)
    await service.send()
    assert service.states(others) == {State.ACCEPTED: 600}
    assert service.asked["gmail.com"] <= 8  # those that were in flight
    assert service.states(gmail).get(State.READY, 0) >= 592
    with service.database.read() as session:
        assert (
            session.scalar(select(func.count()).where(Delivery.state == State.CLAIMED)) == 0
        )  # nothing waits in a lease
        [pace] = budgets.paces(session)
    assert (pace.route, pace.domain_group, pace.per_minute) == ("memory", "gmail", 30)
    assert service.suppressed() == 0


async def test_a_slowed_group_keeps_to_its_rate_and_is_restored_by_what_it_takes(service: Service) -> None:
    service.write(2_000, "gmail.com")
    left = [1]
    service.say = lambda _: SLOWER if left and left.pop() else None
    await service.run(MINUTE, SECOND)
    first_minute = len(service.transport.sent)
    assert 15 <= first_minute <= 40  # half of the least that is usual, 30 a minute, and a pause before
    await service.run(6 * MINUTE, SECOND)
    with service.database.read() as session:
        assert budgets.paces(session) == []
    assert len(service.transport.sent) == 2_000


async def test_one_slow_server_among_thousands_says_nothing_about_the_others(service: Service) -> None:
    letter_id = service.write(40, "example.org")
    said = [LATER, None, None] * 4
    service.say = lambda _: said.pop() if said else None
    await service.send()
    assert service.states(letter_id) == {State.ACCEPTED: 36, State.DEFERRED: 4}
    with service.database.read() as session:
        assert budgets.paces(session) == []


async def test_a_group_that_refuses_us_ten_times_is_paused_and_probed_with_one_message(service: Service) -> None:
    letter_id, others = service.write(300, "gmail.com"), service.write(300, "example.org")
    service.say = only("gmail.com", BLOCKED)
    await service.send()
    assert service.asked["gmail.com"] <= 14
    assert service.states(others) == {State.ACCEPTED: 300}
    [breaker] = service.breakers()
    assert (breaker.trouble, breaker.scope) == (Trouble.GROUP_REFUSES, "group:memory:gmail")
    assert (breaker.why, breaker.until) == ("550 5.7.1 <***@b.c> blocked", service.now + 15 * MINUTE)
    assert service.suppressed() == 0

    before = service.asked["gmail.com"]
    service.now += 14 * MINUTE
    await service.send()
    assert service.asked["gmail.com"] == before
    service.now += MINUTE
    await service.send()
    assert service.asked["gmail.com"] == before + 1  # the probe, refused
    [breaker] = service.breakers()
    assert (breaker.trips, breaker.until) == (2, service.now + 30 * MINUTE)

    service.say = lambda _: None
    service.now += 30 * MINUTE
    await service.send()
    assert service.breakers() == []
    with service.database.read() as session:
        assert session.scalars(select(Breaker.lifted_by)).all() == [breakers.PROBE]
    found = service.states(letter_id)
    assert found[State.FAILED] <= 15
    assert found[State.ACCEPTED] >= 285
    assert service.suppressed() == 0


async def test_a_group_that_is_paused_on_one_route_goes_over_another(service: Service) -> None:
    letter_id, others = service.write(300, "gmail.com"), service.write(300, "example.org")
    blocked, free = (
        MemoryTransport(answer=lambda to: BLOCKED if "gmail" in to.recipient else accept(to)),
        MemoryTransport(),
    )
    blocked.name, free.name = "blocked", "free"
    service.worker = dispatcher(service.database, blocked, free, clock=lambda: service.now)
    await service.send()
    found = service.states(letter_id)
    assert found == {State.FAILED: found[State.FAILED], State.ACCEPTED: 300 - found[State.FAILED]}
    assert found[State.FAILED] <= 14
    assert service.states(others) == {State.ACCEPTED: 300}
    assert [breaker.scope for breaker in service.breakers()] == ["group:blocked:gmail"]


async def test_an_acceptance_between_refusals_is_no_row(service: Service) -> None:
    service.write(100, "gmail.com")
    count = [0]

    def now_and_then(_: str) -> Outcome | None:
        count[0] += 1
        return BLOCKED if count[0] % 9 else None

    service.say = now_and_then
    await service.send()
    assert service.breakers() == []


async def test_who_lifts_a_breaker_sends_the_group_on_its_way_at_once(service: Service) -> None:
    letter_id = service.write(300, "gmail.com")
    service.say = lambda _: BLOCKED
    await service.send()
    service.say = lambda _: None
    service.now += MINUTE
    with service.database.write() as session:
        [breaker] = breakers.standing(session)
        assert breakers.lift(session, breaker.id, by="ops@example.org", now=service.now) is not None
        assert breakers.lift(session, breaker.id, by="ops@example.org", now=service.now) is None
    await service.send()
    assert service.states(letter_id)[State.ACCEPTED] >= 286


async def test_a_wrong_password_stops_the_route_touches_nobody_and_is_lifted(service: Service) -> None:
    letter_id = service.write(300, "example.org")
    service.say = lambda _: WRONG_PASSWORD
    await service.send()
    asked = service.asked["example.org"]
    assert asked <= 4
    [breaker] = service.breakers()
    assert (breaker.trouble, breaker.scope) == (Trouble.ROUTE_REFUSES, "route:memory")
    assert service.states(letter_id) == {State.READY: 300}
    service.now += MINUTE
    with service.database.write() as session:
        notices.enqueue(
            session,
            "confirm",
            notices.Notice(
                variant_id=builders.variant(session, service.now),
                recipient_id=9,
                address="new@example.org",
                address_key="new@example.org",
                domain_group="other",
                fields={"name": "New"},
            ),
            now=service.now,
        )
    await service.send(Lane.TX)
    assert service.asked["example.org"] == asked  # in this test both lanes have the same route
    service.say = lambda _: None
    with service.database.write() as session:
        breakers.lift(session, breaker.id, by="ops@example.org", now=service.now)
    await service.send(Lane.TX)
    await service.send()
    assert service.states(letter_id) == {State.ACCEPTED: 300}
    assert len(service.transport.sent) == 301


async def test_a_wrong_password_is_tried_again_by_itself(service: Service) -> None:
    letter_id = service.write(300, "example.org")
    service.say = lambda _: WRONG_PASSWORD
    await service.send()
    asked = service.asked["example.org"]
    for _ in range(3):
        service.now += 16 * MINUTE
        await service.send()
        asked += 1
        assert service.asked["example.org"] == asked
    service.say = lambda _: None
    service.now += 16 * MINUTE
    await service.run(HOUR, MINUTE)
    assert service.breakers() == []
    assert service.states(letter_id) == {State.ACCEPTED: 300}


async def test_a_letter_whose_first_readers_are_unknown_is_held_and_goes_on_when_somebody_says_so(
    service: Service,
) -> None:
    letter_id = service.write(1_500, "example.org")
    count = [0]

    def many(_: str) -> Outcome | None:
        count[0] += 1
        return UNKNOWN if count[0] % 20 == 0 else None

    service.say = many
    await service.send()
    found = service.states(letter_id)
    assert 11 <= found[State.FAILED] <= 12  # 2 % of 500 are ten
    assert found[State.READY] > 1_200
    with service.database.read() as session:
        assert session.scalars(select(Letter.state)).one() is LetterState.PAUSED
        breaker = breakers.of_letter(session, letter_id)
        assert breaker is not None
        assert breaker.why.startswith("11 of the first 220: 550 5.1.1")
    with service.database.write() as session:
        letters.resume(session, letter_id)
        breakers.lift_letter(session, letter_id, by="ops@example.org", now=service.now)
    service.worker = dispatcher(
        service.database, service.transport, clock=lambda: service.now
    )  # it forgets what it saw
    await service.send()
    assert service.states(letter_id)[State.ACCEPTED] > 1_400


async def test_a_domain_that_knows_nobody_any_more_is_paused_and_its_suppressions_await_a_person(
    service: Service,
) -> None:
    service.write(2_000, "gmail.com")
    service.say = lambda _: UNKNOWN if service.asked["gmail.com"] > 1_000 else None
    await service.send()
    assert service.asked["gmail.com"] <= 1_070
    troubles = {breaker.trouble: breaker for breaker in service.breakers()}
    assert set(troubles) == {Trouble.UNKNOWN_DOMAIN, Trouble.GROUP_REFUSES}
    domain = troubles[Trouble.UNKNOWN_DOMAIN]
    assert (domain.scope, domain.until) == ("domain:gmail.com", None)
    with service.database.read() as session:
        marked = session.scalars(select(Suppression.breaker_id)).all()
    assert len(marked) >= 50
    assert set(marked) == {domain.id}


async def test_batches_of_a_capped_group_do_not_go_side_by_side(database: Database, now: datetime) -> None:
    import asyncio

    service = Service(database, now, caps={"gmail": Cap(connections=1)})
    most, flying = [0], [0]

    class Watched(MemoryTransport):
        async def send(self, envelope: Envelope, message: bytes) -> Outcome:
            flying[0] += 1
            most[0] = max(most[0], flying[0])
            await asyncio.sleep(0.001)
            flying[0] -= 1
            return await super().send(envelope, message)

    service.worker = dispatcher(
        database, Watched(connections=4), clock=lambda: service.now, caps={"gmail": Cap(connections=1)}
    )
    one, two = service.write(20, "gmail.com"), service.write(20, "gmail.com")
    with database.read() as session:
        due = ledger.due_batches(session, Lane.BULK, now=service.now, limit=20)
    await asyncio.gather(*(service.worker.send_batch(batch) for batch in due))
    assert most[0] == 1
    service.now += 6 * SECOND
    await service.send()
    assert service.states(one) | service.states(two) == {State.ACCEPTED: 20}


async def test_a_limit_costs_a_statement_for_a_group_of_intents_and_none_for_a_message(service: Service) -> None:
    service.write(1_000, "gmail.com")
    with service.database.write() as session:
        budgets.slow(session, "memory", "gmail", measured=10**7, why="slower", now=service.now - MINUTE)
    taken = [0]

    @event.listens_for(service.database.writer, "before_cursor_execute")
    def _count(_c: object, _cursor: object, statement: str, *_: object) -> None:
        taken[0] += statement.startswith("UPDATE budgets")

    await service.send()
    assert len(service.transport.sent) == 1_000
    # A group is as large as the connections at least; how much larger depends on how busy the machine is.
    assert 0 < taken[0] <= 1_000 / service.transport.connections + 1
