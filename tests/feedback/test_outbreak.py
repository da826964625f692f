"""Reports by mail trip the breakers that a refusal in the session trips."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select

from feedback import apply, outbreak
from ground.database import Database
from mailer import breakers, quarantine
from mailer.breakers import Breaker, Trouble
from mailer.deliveries import Delivery
from mailer.events import BounceKind, EventKind, MailEvent
from mailer.letters import Letter, LetterState
from mailer.suppressions import Suppression

Deliver = Callable[..., int]


def deliveries(database: Database, deliver: Deliver, addresses: list[str]) -> list[int]:
    """All accepted, in the order of the addresses."""
    first = deliver(addresses[0])
    with database.write() as session:
        row = dict(session.execute(select(Delivery.__table__).where(Delivery.id == first)).mappings().one())
        del row["id"]
        others = [
            {**row, "recipient_id": n, "address": address, "address_key": address}
            for n, address in enumerate(addresses[1:], 1)
        ]
        made = insert(Delivery).returning(Delivery.id, sort_by_parameter_order=True)
        return [first, *session.scalars(made, others)]


def unknown(database: Database, delivery_id: int, now: datetime) -> None:
    event = MailEvent(
        kind=EventKind.BOUNCED,
        delivery_id=delivery_id,
        bounce=BounceKind.HARD,
        reason="user_unknown",
        status="5.1.1",
        diagnostic="550 5.1.1 no such user",
    )
    with database.write() as session:
        apply.apply_mail(session, f"{delivery_id:064}", [event], now=now)


def look(database: Database, now: datetime) -> list[Trouble]:
    with database.write() as session:
        outbreak.look(session, now=now)
    with database.read() as session:
        return [each.trouble for each in breakers.standing(session)]


def letter_state(database: Database) -> LetterState:
    with database.read() as session:
        return session.get_one(Letter, 1).state


def test_an_issue_whose_readers_are_gone_is_held(database: Database, deliver: Deliver, now: datetime) -> None:
    sent = deliveries(database, deliver, [f"reader@d{n}.example" for n in range(200)])
    for delivery_id in sent[:10]:
        unknown(database, delivery_id, now)
    assert look(database, now) == []
    assert letter_state(database) is LetterState.SENDING
    unknown(database, sent[10], now)
    assert look(database, now) == [Trouble.UNKNOWN_READERS]
    assert letter_state(database) is LetterState.PAUSED
    with database.read() as session:
        assert session.scalars(select(Breaker.why)).one() == "11 reports within an hour: 550 5.1.1 no such user"


def test_a_fiftieth_of_a_large_issue_may_be_gone(database: Database, deliver: Deliver, now: datetime) -> None:
    sent = deliveries(database, deliver, [f"reader@d{n}.example" for n in range(611)])
    for delivery_id in sent[:12]:
        unknown(database, delivery_id, now)
    assert look(database, now) == []


def test_what_a_person_let_go_on_goes_on(database: Database, deliver: Deliver, now: datetime) -> None:
    for delivery_id in deliveries(database, deliver, [f"reader@d{n}.example" for n in range(20)]):
        unknown(database, delivery_id, now)
    look(database, now)
    with database.write() as session:
        breakers.lift_letter(session, 1, by="ops@example.org", now=now)
        session.get_one(Letter, 1).state = LetterState.SENDING
    assert look(database, now) == []


def test_a_domain_that_forgot_everybody_waits_for_a_person(database: Database, deliver: Deliver, now: datetime) -> None:
    finish(database, of_one_domain(database, deliver, 60), now)
    assert look(database, now) == [Trouble.UNKNOWN_DOMAIN]
    with database.read() as session:
        [standing] = breakers.standing(session)
        assert (standing.domain, quarantine.count(session, standing.id)) == ("example.net", 60)


def of_one_domain(database: Database, deliver: Deliver, count: int) -> list[int]:
    return deliveries(database, deliver, [f"reader{n}@example.net" for n in range(count)])


def finish(database: Database, reported: list[int], now: datetime) -> None:
    """The issue is out when its reports come."""
    with database.write() as session:
        session.get_one(Letter, 1).state = LetterState.FINISHED
    for delivery_id in reported:
        unknown(database, delivery_id, now)


def test_who_is_reported_afterwards_is_as_doubtful(database: Database, deliver: Deliver, now: datetime) -> None:
    finish(database, of_one_domain(database, deliver, 60), now)
    look(database, now)
    unknown(database, deliver("late@example.net"), now + timedelta(minutes=5))
    look(database, now + timedelta(minutes=5))
    with database.read() as session:
        assert session.scalar(select(func.count()).where(Suppression.breaker_id.is_not(None))) == 61


def test_a_decision_is_not_asked_for_twice(database: Database, deliver: Deliver, now: datetime) -> None:
    finish(database, of_one_domain(database, deliver, 60), now)
    look(database, now)
    with database.write() as session:
        [standing] = breakers.standing(session)
        quarantine.settle(session, standing.id, believed=True, by="ops@example.org", now=now)
        breakers.lift(session, standing.id, by="ops@example.org", now=now)
    assert look(database, now + timedelta(minutes=1)) == []


def test_a_few_of_a_large_domain_are_only_gone(database: Database, deliver: Deliver, now: datetime) -> None:
    finish(database, of_one_domain(database, deliver, 1100)[:51], now)
    assert look(database, now) == []
