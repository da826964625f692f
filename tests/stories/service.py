"""The whole service in this process: the sample newsroom, a mailbox on loopback, and a clock that can be put forward."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import httpx2
from sqlalchemy import select
from sqlalchemy.orm import Session

from broadsheet import clock, serving
from broadsheet.demo import setting
from broadsheet.demo.newsroom import SampleNewsroom
from broadsheet.demo.visitor import Visitor
from broadsheet.mailbox.server import Mailbox
from broadsheet.mailbox.store import StoredMessage
from broadsheet.relays import Smtp
from broadsheet.settings import load
from broadsheet.tables import metadata
from broadsheet.wiring import House
from ground.engine import WorkLane
from mailer import address
from mailer.bounce_reports import BounceReport
from newsletters.issues import Issue, IssueState
from newsletters.schedules import Terms
from subscribers import subscribers, subscriptions

T = TypeVar("T")

HOST = "127.0.0.1"
PATIENCE = 30.0


def this_morning() -> datetime:
    """The last time it was 07:05 in Erbil: the morning's slot is five minutes old.

    Not a fixed date: the clockwork under the scheduler goes by the machine's clock and would make up for all days since.
    """
    now = clock.now()
    morning = now.replace(hour=4, minute=5, second=0, microsecond=0)
    return morning if morning <= now else morning - timedelta(days=1)


@dataclass(slots=True)
class StoryClock:
    """Goes on as clocks do, and can be put forward."""

    start: datetime = field(default_factory=this_morning)
    _began: float = field(default_factory=time.monotonic)

    def __call__(self) -> datetime:
        return self.start + timedelta(seconds=time.monotonic() - self._began)

    def put_forward(self, by: timedelta) -> None:
        self.start += by


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    house: House
    clock: StoryClock
    newsroom: SampleNewsroom
    mailbox: Mailbox
    mailbox_url: str
    client: httpx2.AsyncClient
    visitor: Visitor
    editions: dict[str, int]  # ids by language

    async def write(self, story: Callable[[Session], T]) -> T:
        def tell() -> T:
            with self.house.database.write() as session:
                return story(session)

        return await asyncio.to_thread(tell)

    async def read(self, question: Callable[[Session], T]) -> T:
        def ask() -> T:
            with self.house.database.read() as session:
                return question(session)

        return await asyncio.to_thread(ask)

    async def dump(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of every table."""

        def all_rows(session: Session) -> dict[str, list[tuple[object, ...]]]:
            return {
                table.name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
                for table in metadata.sorted_tables
            }

        return await self.read(all_rows)

    async def add_readers(self, language: str, addresses: Iterable[str]) -> dict[str, int]:
        """Readers who confirmed long ago; the ids of their subscriptions by address."""

        def add(session: Session) -> dict[str, int]:
            return {
                text: _confirmed(session, text, language, self.editions[language], self.clock()) for text in addresses
            }

        return await self.write(add)

    async def schedule(self, *languages: str, terms: Terms) -> None:
        """Daily at seven, from yesterday on: this morning's slot is due."""
        editions = {language: self.editions[language] for language in languages}

        def add(session: Session) -> None:
            setting.add_schedules(session, editions, now=self.clock(), terms=terms)

        await self.write(add)

    async def collect(self) -> None:
        await self.ask("collect", WorkLane.COLLECT)

    async def compose(self) -> None:
        """What the heartbeat asks for: each schedule's drafts that are due."""
        await self.ask("reconcile", WorkLane.UPKEEP)
        await self.quiet(WorkLane.UPKEEP)

    async def publish(self) -> None:
        await self.ask("publish_due", WorkLane.UPKEEP)

    async def read_bounces(self, *, reports: int) -> None:
        """Read the bounce box until this many reports are in the books."""

        def count(session: Session) -> bool:
            return len(session.scalars(select(BounceReport.id)).all()) >= reports

        async def look() -> bool:
            await self.ask("poll_bounces", WorkLane.INBOUND)
            return await self.read(count)

        await self.until(look)

    async def finished(self, *issue_ids: int) -> None:
        """Wait until these issues are sent."""

        def all_finished(session: Session) -> bool:
            states = session.scalars(select(Issue.state).where(Issue.id.in_(issue_ids))).all()
            return len(states) == len(issue_ids) and all(state is IssueState.FINISHED for state in states)

        async def look() -> bool:
            self.house.engine.submit("settle", {}, lane=WorkLane.UPKEEP, key="settle")
            return await self.read(all_finished)

        await self.until(look)

    async def todays_issues(self) -> list[int]:
        """Compose, publish and send what is due; the ids of the issues that came of it."""
        before = set(await self.issue_ids())
        await self.compose()
        await self.publish()
        made = sorted(set(await self.issue_ids()) - before)
        assert made, "no issue came of this morning's slots"
        await self.finished(*made)
        return made

    async def issue_ids(self) -> list[int]:
        return await self.read(lambda session: list(session.scalars(select(Issue.id).order_by(Issue.id))))

    async def ask(self, task: str, lane: WorkLane) -> None:
        """Ask the engine for what a heartbeat would ask for, and wait until it is done."""
        async with asyncio.timeout(PATIENCE):
            while not self.house.engine.submit(task, {}, lane=lane, key=task):  # noqa: ASYNC110 - an engine announces no end
                await asyncio.sleep(0.02)
        await self.quiet(lane)

    async def quiet(self, lane: WorkLane) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.house.engine.stats()[lane].waiting or self.house.engine.stats()[lane].running:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def quiet_everywhere(self) -> None:
        for lane in WorkLane:
            await self.quiet(lane)

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await holds():  # noqa: ASYNC110 - a database announces nothing
                await asyncio.sleep(0.05)

    def digest_to(self, recipient: str) -> StoredMessage:
        """The one digest that this reader has received."""
        found = self.digests_to(recipient)
        assert len(found) == 1, f"{recipient} has {len(found)} digests"
        return found[0]

    def digests_to(self, recipient: str) -> list[StoredMessage]:
        """Oldest first."""
        return [mail for mail in reversed(self.mailbox.messages(recipient)) if mail.parsed()["List-Post"] == "NO"]


@asynccontextmanager
async def a_service(folder: Path, *, database_url: str = "") -> AsyncIterator[Service]:
    """`broadsheet serve` with everything around it. All of it answers on loopback only."""
    story_clock = StoryClock()
    mailbox = Mailbox(folder / "mailbox", (), folder / "bounces", story_clock)
    with serving.listening(HOST, 0) as bound:
        base_url = f"http://{HOST}:{bound.getsockname()[1]}"
        async with (
            SampleNewsroom(story_clock()) as newsroom,
            serving.open_mailbox(mailbox, HOST, 0) as (smtp_port, mailbox_url),
        ):
            settings = load(
                data_dir=folder,
                database_url=database_url,
                keys_file=None,
                base_url=base_url,
                mail_domain="news.zagroscourier.example",
                bounce_domain="bounces.zagroscourier.example",
                bounces_maildir=folder / "bounces",
                smtp=Smtp(host=HOST, port=smtp_port, tls="none", connections=4),
                fetch_allowed_hosts=(newsroom.host,),
                form_min_age=0,
            )
            with House(settings, story_clock) as house:
                async with (
                    serving.running(house, bound, development=True),
                    httpx2.AsyncClient(base_url=base_url, trust_env=False, timeout=30) as client,
                ):
                    with house.database.write() as session:
                        editions = setting.set_up(
                            session, newsroom.feeds, site_url=newsroom.base_url, now=story_clock()
                        )
                    yield Service(
                        house=house,
                        clock=story_clock,
                        newsroom=newsroom,
                        mailbox=mailbox,
                        mailbox_url=mailbox_url,
                        client=client,
                        visitor=Visitor(client),
                        editions=editions,
                    )


def _confirmed(session: Session, text: str, language: str, edition_id: int, now: datetime) -> int:
    parsed = address.parse(text)
    assert isinstance(parsed, address.EmailAddress), text
    reader = subscribers.find_or_add(session, parsed, language=language, now=now)
    subscription = subscriptions.find_or_add(session, reader.id, edition_id, now=now)
    subscriptions.ask_again(subscription, now=now)
    subscriptions.activate(subscription, now=now)
    session.flush()
    return subscription.id
