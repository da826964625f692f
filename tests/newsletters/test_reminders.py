"""One reminder to who asked by a form and did not confirm; then silence."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from ground.database import Database
from mailer.address import EmailAddress, parse
from mailer.deliveries import Delivery
from mailer.letters import Letter, Variant
from mailer.suppressions import Cause, suppress
from newsletters.reminders import Reminders
from subscribers import opt_in
from subscribers.consents import Evidence
from subscribers.opt_in import Confirmation, Confirmed, SignUpRequest
from subscribers.subscriptions import Subscription
from tests.newsletters.builders import BASE_URL, Desk, RecordingEngine, StoringCompiler, a_desk

DAY = timedelta(days=1)


class Waiting:
    """Somebody who signed up at `now` and has not confirmed."""

    def __init__(self, database: Database, now: datetime, *, source: str = "form:page") -> None:
        self.database, self.now, self.begun_at = database, now, now
        self.engine, self.compiler = RecordingEngine(), StoringCompiler(database, now)
        with database.write() as session:
            self.desk: Desk = a_desk(session, now)
            session.add(Variant(id=900, digest="x", language="en", compiled=b"", created_at=now))
        self.ask(source)

    def ask(self, source: str = "form:page") -> None:
        who = parse("reader@example.net")
        assert isinstance(who, EmailAddress)
        request = SignUpRequest(
            edition_id=self.desk.edition,
            address=who,
            language="en",
            evidence=Evidence(source=source),
            confirm_variant_id=900,
            already_variant_id=900,
        )
        with self.database.write() as session:
            opt_in.request(session, request, now=self.now)

    async def after(self, *days: float) -> list[int]:
        """How many reminders leave on each of these days."""
        reminders = Reminders(
            database=self.database,
            compiler=self.compiler,
            engine=self.engine,
            clock=lambda: self.now,
            base_url=BASE_URL,
        )
        sent = []
        for day in days:
            self.now = self.begun_at + day * DAY
            sent.append(await reminders.send())
        return sent

    def confirm(self, payload: str) -> object:
        with self.database.write() as session:
            confirmation = Confirmation(payload=payload, evidence=Evidence(source="page"), welcome_variant_id=900)
            return opt_in.confirm(session, confirmation, now=self.now)

    def letters(self) -> list[tuple[str, Delivery]]:
        with self.database.read() as session:
            rows = session.execute(
                select(Letter.name, Delivery).join(Letter, Letter.id == Delivery.letter_id).order_by(Delivery.id)
            )
            return [(name, delivery) for name, delivery in rows]


async def test_who_does_not_confirm_is_reminded_once_and_its_link_confirms(database: Database, now: datetime) -> None:
    waiting = Waiting(database, now)
    assert await waiting.after(1, 2.9, 3, 3.1, 5, 9) == [0, 0, 1, 0, 0, 0]
    [_, (name, letter)] = waiting.letters()
    assert (name, letter.address, letter.scope) == ("reminder", "reader@example.net", f"edition:{waiting.desk.edition}")
    assert waiting.compiler.jobs[-1].sender.title == "Morning briefing"
    assert [each.payload for each in waiting.engine.submitted] == [{"batch": 2}]
    assert isinstance(waiting.confirm(letter.fields["confirm_url"]), Confirmed)


async def test_who_confirmed_left_or_is_suppressed_is_not_reminded(database: Database, now: datetime) -> None:
    waiting = Waiting(database, now)
    assert isinstance(waiting.confirm(waiting.letters()[0][1].fields["confirm_url"]), Confirmed)
    assert await waiting.after(3) == [0]


async def test_a_suppressed_address_is_not_reminded_even_when_it_is_free_again(
    database: Database, now: datetime
) -> None:
    waiting = Waiting(database, now)
    with database.write() as session:
        suppress(session, "reader@example.net", Cause.COMPLAINT, now=now, until=now + 4 * DAY)
    assert await waiting.after(3, 5) == [0, 0]


async def test_who_asks_anew_after_a_reminder_gets_their_letter_and_no_second_reminder(
    database: Database, now: datetime
) -> None:
    waiting = Waiting(database, now)
    await waiting.after(3)
    waiting.now = now + 4 * DAY + timedelta(minutes=1)
    waiting.ask()
    assert [name for name, _ in waiting.letters()] == ["confirm", "reminder", "confirm"]
    assert await waiting.after(7, 8, 12) == [0, 0, 0]


@pytest.mark.parametrize("source", ["import:readers.csv: row 3", "api:shop"])
async def test_who_did_not_ask_by_a_form_is_not_reminded(database: Database, now: datetime, source: str) -> None:
    assert await Waiting(database, now, source=source).after(3, 9) == [0, 0]


async def test_nobody_is_reminded_of_what_they_have_long_forgotten(database: Database, now: datetime) -> None:
    """The service was off for a fortnight."""
    assert await Waiting(database, now).after(10, 14, 30) == [0, 0, 0]


async def test_a_reminder_is_the_letter_of_its_day(database: Database, now: datetime) -> None:
    waiting = Waiting(database, now)
    await waiting.after(3)
    waiting.ask()
    assert len(waiting.letters()) == 2
    with database.read() as session:
        assert session.scalars(select(Subscription.reminded_at)).one() == now + 3 * DAY
