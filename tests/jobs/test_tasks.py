"""Tasks: a morning and a missed night, driven by task names alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from feedback import heartbeats
from ground.database import Database
from ground.engine import Payload, WorkLane
from jobs.tasks import Parts, tasks
from jobs.timetable import HEARTBEATS
from mailer.batches import Batch, BatchState
from mailer.deliveries import Delivery, State
from newsletters.issues import Issue, IssueState
from newsletters.publish import Publisher
from newsletters.schedules import Schedule, Slot
from tests.newsletters.builders import BASE_URL, RecordingEngine, StoringCompiler, a_desk, a_reader, morning_news
from tests.newsletters.test_compose import SLOT


class Morning:
    """A newsroom whose clock the test moves."""

    def __init__(self, database: Database, now: datetime) -> None:
        self.database = database
        self.now = now
        self.engine = RecordingEngine()
        self.stories: list[str] = []
        compiler = StoringCompiler(database, now)
        self.parts = Parts(
            database=database,
            clock=lambda: self.now,
            engine=self.engine,
            publisher=Publisher(database, compiler, self.engine, lambda: self.now, BASE_URL),
            send_batch=self.send_batch,
            collect=self.story("collect"),
            recover=self.story("recover"),
            poll_bounces=self.story("poll_bounces"),
            tell=self.story("tell"),
            remind=self.story("remind"),
            put_right=self.story("put_right"),
            look_again=self.story("look_again"),
            sign_ahead=self.story("sign_ahead"),
            carry_import=self.carry_import,
        )
        self.tasks = tasks(self.parts)
        with database.write() as session:
            self.desk = a_desk(session, now)
            session.get_one(Schedule, self.desk.schedule).starts_at = SLOT.due_at - timedelta(hours=2)
            morning_news(session, self.desk, SLOT.due_at - timedelta(hours=1))
            for name in ("ava@example.org", "dilan@gmail.com"):
                a_reader(session, self.desk.edition, name, now)

    def story(self, name: str) -> StoryCalled:
        return StoryCalled(name, self.stories)

    async def carry_import(self, import_id: int) -> None:
        self.stories.append(f"import {import_id}")

    async def send_batch(self, batch_id: int) -> None:
        """What a dispatcher leaves behind."""
        with self.database.write() as session:
            batch = session.get_one(Batch, batch_id)
            batch.state = BatchState.DONE
            for delivery in session.scalars(select(Delivery).where(Delivery.id.between(batch.first_id, batch.last_id))):
                delivery.state = State.ACCEPTED

    async def beat(self) -> None:
        """One beat of everything, and whatever it asked for."""
        for heartbeat in HEARTBEATS:
            await self.run(heartbeat.task, {})

    async def run(self, task: str, payload: Payload) -> None:
        await self.tasks[task](payload)
        while self.engine.submitted:
            asked = self.engine.submitted.pop(0)
            await self.tasks[asked.task](asked.payload)

    def states(self) -> list[IssueState]:
        with self.database.read() as session:
            return list(session.scalars(select(Issue.state).order_by(Issue.id)))


class StoryCalled:
    """A story of another room that notes that it was told."""

    def __init__(self, name: str, told: list[str]) -> None:
        self.name = name
        self.told = told

    async def __call__(self) -> None:
        self.told.append(self.name)


async def test_a_morning_goes_from_draft_to_finished_by_heartbeats_alone(database: Database) -> None:
    morning = Morning(database, SLOT.due_at - timedelta(minutes=45))
    await morning.beat()
    assert morning.states() == []
    morning.now = SLOT.due_at - timedelta(minutes=30)
    await morning.beat()
    assert morning.states() == [IssueState.DRAFT]
    morning.now = SLOT.due_at - timedelta(seconds=1)
    await morning.beat()
    assert morning.states() == [IssueState.DRAFT]
    morning.now = SLOT.due_at
    await morning.beat()
    await morning.beat()
    assert morning.states() == [IssueState.FINISHED]
    assert morning.stories[:3] == ["collect", "recover", "poll_bounces"]


async def test_a_service_that_slept_over_its_slot_sends_it_on_return(database: Database) -> None:
    morning = Morning(database, SLOT.due_at + timedelta(hours=3))
    await morning.beat()
    await morning.beat()
    assert morning.states() == [IssueState.FINISHED]
    with database.read() as session:
        assert session.scalar(select(func.count(Delivery.id))) == 2


async def test_a_service_that_slept_too_long_tells_the_editor(database: Database) -> None:
    morning = Morning(database, SLOT.due_at + timedelta(hours=9))
    await morning.beat()
    assert morning.states() == []
    with database.read() as session:
        told = session.scalars(select(Slot.skipped)).one()
        assert told == "Not sent: it could only be made 9 h after its time, and the schedule allows 4 h."


def test_every_heartbeat_names_a_task(database: Database, now: datetime) -> None:
    morning = Morning(database, now)
    assert {beat.task for beat in HEARTBEATS} < set(morning.tasks)
    assert {beat.lane for beat in HEARTBEATS} == {WorkLane.COLLECT, WorkLane.UPKEEP, WorkLane.INBOUND}


async def test_a_round_notes_that_it_ran_and_one_that_breaks_why(database: Database, now: datetime) -> None:
    morning = Morning(database, now)

    async def breaks() -> None:
        raise RuntimeError("no way out")

    async def cannot_read() -> str:
        return "the Maildir is gone"

    known = tasks(replace(morning.parts, recover=breaks, poll_bounces=cannot_read, process="host:1:ab"))
    await known["settle"]({})
    await known["poll_bounces"]({})
    with pytest.raises(RuntimeError):
        await known["recover"]({})
    with database.read() as session:
        noted = {row.name: (row.process, row.pace_seconds, row.problem) for row in heartbeats.rounds(session)}
    assert noted == {
        "settle": ("host:1:ab", 10, None),
        "poll_bounces": ("host:1:ab", 60, "the Maildir is gone"),
        "recover": ("host:1:ab", 10, "RuntimeError: no way out"),
    }
