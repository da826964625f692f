"""The demo's story: the whole service, run once for real.

A sample newsroom serves its feeds on loopback; they are collected over HTTP. Readers sign up and confirm through the
mails they receive. Each edition's schedule finds this morning's slot, composes, renders and sends over SMTP to a local
mailbox. One mail is refused, one comes back later, one reader leaves with one click. Nothing in it is pretended.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from rich.console import Console
from sqlalchemy import select
from sqlalchemy.orm import Session

from broadsheet import clock, serving
from broadsheet.demo import desk, invitation, people, setting, signatures
from broadsheet.demo.newsroom import SampleFeed, SampleNewsroom
from broadsheet.demo.people import Person
from broadsheet.demo.summary import Summary
from broadsheet.demo.visitor import DemoFailed, Visitor
from broadsheet.mailbox.rules import Action, Rule
from broadsheet.mailbox.server import Mailbox
from broadsheet.relays import Smtp
from broadsheet.settings import ConfigurationError, Settings, load
from broadsheet.wiring import House
from ground.engine import WorkLane
from mailer.bounce_reports import BounceReport
from newsletters.issues import Issue, IssueState

T = TypeVar("T")

HOST = "127.0.0.1"
#: Seconds for one step. A step takes a second or two; a busy machine is given time.
PATIENCE = 60.0
#: The business pages' feed comes later in the day.
_LATER = 2
#: The exit code of a program that Ctrl+C ended before it was done.
INTERRUPTED = 130


async def run(folder: Path, *, once: bool, port: int) -> int:
    """Run the demo in `folder`; the exit code. Without `once` the service goes on until Ctrl+C."""
    began = time.monotonic()
    console = Console(highlight=False, soft_wrap=True)
    interrupted = _interruption()
    async with AsyncExitStack() as stack:
        bound = stack.enter_context(_a_port(port))
        base_url = f"http://{HOST}:{bound.getsockname()[1]}"
        newsroom = await stack.enter_async_context(SampleNewsroom(clock.now()))
        mailbox = Mailbox(folder / "mailbox", (), folder / "bounces", clock.now)
        smtp_port, mailbox_url = await stack.enter_async_context(serving.open_mailbox(mailbox, HOST, 0))
        house = stack.enter_context(House(_settings(folder, base_url, smtp_port, newsroom.host)))
        signatures.make_keys(house.dkim_keys, now=house.clock())
        await stack.enter_async_context(serving.running(house, bound, development=True))
        newsroom.newsletter_url = f"{base_url}/n/{setting.SLUG}/en"
        client = await stack.enter_async_context(httpx2.AsyncClient(base_url=base_url, trust_env=False, timeout=30))
        story = _Story(house, mailbox, Visitor(client), console)
        try:
            summary = await _unless(interrupted, story.tell(newsroom, began))
        except (DemoFailed, TimeoutError) as problem:
            console.print(f"\nThe demo stopped: {problem}")
            return 1
        if summary is None:
            console.print("\nStopped before its end.")
            return INTERRUPTED
        _print(console, summary)
        if not once:
            invitation.invite(console, base_url, mailbox_url, newsroom.base_url, await story.way_in())
            await interrupted.wait()
    return 1 if summary.shortfalls() else 0


def _interruption() -> asyncio.Event:
    """Set by Ctrl+C or SIGTERM, from the first moment on, so that everything is closed in order."""
    interrupted = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    return interrupted


async def _unless(interrupted: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What comes of the work; None when it was interrupted."""
    doing, asking = asyncio.create_task(work), asyncio.create_task(interrupted.wait())
    await asyncio.wait({doing, asking}, return_when=asyncio.FIRST_COMPLETED)
    for task in (doing, asking):
        task.cancel()  # does nothing to the one that is done
    await asyncio.wait({doing, asking})
    return None if doing.cancelled() else doing.result()


def _settings(folder: Path, base_url: str, smtp_port: int, newsroom: str) -> Settings:
    return load(
        data_dir=folder,
        database_url="",
        keys_file=None,
        base_url=base_url,
        mail_domain="news.zagroscourier.example",
        bounce_domain="bounces.zagroscourier.example",
        bounces_maildir=folder / "bounces",
        smtp=Smtp(host=HOST, port=smtp_port, tls="none", connections=4),
        routes={},
        fetch_allowed_hosts=(newsroom,),
        form_min_age=0,
    )


class _Story:
    """One run of the demo, step by step."""

    def __init__(self, house: House, mailbox: Mailbox, visitor: Visitor, console: Console) -> None:
        self._house = house
        self._mailbox = mailbox
        self._visitor = visitor
        self._console = console

    async def tell(self, newsroom: SampleNewsroom, began: float) -> Summary:
        editions = await self._set_up(newsroom)
        await self._collect(len(newsroom.feeds) - 1)
        readers = people.readers()
        await self._sign_up(readers)
        await self._confirm(readers)
        self._two_mailboxes_change()
        await self._send(editions)
        left = await self._unsubscribe(readers[0])
        await self._read_bounces()
        signed_in = await self._sign_in()
        await self._leave_a_draft(newsroom.feeds[_LATER], editions["en"])
        summary = Summary(
            signed_up=len(readers),
            unsubscribed=[left.address],
            signed_in=signed_in,
            mails=len(self._mailbox.messages()),
            signed=signatures.signed_by_both(self._mailbox.messages()),
            mailbox=self._house.settings.data_dir / "mailbox",
            seconds=time.monotonic() - began,
        )
        await self._read(summary.read)
        return summary

    async def _set_up(self, newsroom: SampleNewsroom) -> dict[str, int]:
        def story(session: Session) -> dict[str, int]:
            return setting.set_up(session, _morning(newsroom), site_url=newsroom.base_url, now=self._house.clock())

        return await self._write(story)

    async def _collect(self, feeds: int) -> None:
        with self._step(f"Collecting {feeds} feeds of the sample newsroom over HTTP"):
            await self._ask("collect", WorkLane.COLLECT)

    async def _sign_up(self, readers: list[Person]) -> None:
        with self._step(f"{len(readers)} readers fill in the sign-up box"):
            await asyncio.gather(*(self._visitor.sign_up(f"/n/{setting.SLUG}/{one.language}", one) for one in readers))

    async def _confirm(self, readers: list[Person]) -> None:
        with self._step("They confirm through the mails they received"):
            await asyncio.gather(*(self._confirm_one(reader) for reader in readers))

    async def _confirm_one(self, reader: Person) -> None:
        mail = await self._mailbox.wait_for(to=reader.address, timeout=PATIENCE)
        await self._visitor.confirm(mail.parsed())
        await self._mailbox.wait_for(to=reader.address, after=mail.id, timeout=PATIENCE)  # the welcome

    def _two_mailboxes_change(self) -> None:
        self._mailbox.tell(
            Rule(action=Action.REFUSE, address=people.CLOSED.address, reply="550 5.1.1 No such user here")
        )
        self._mailbox.tell(Rule(action=Action.BOUNCE, address=people.RETURNED.address, status="5.1.1"))

    async def _send(self, editions: Mapping[str, int]) -> None:
        with self._step(f"This morning's slot is composed, rendered and sent in {len(editions)} languages"):

            def story(session: Session) -> None:
                setting.add_schedules(session, editions, now=self._house.clock())

            await self._write(story)
            self._house.engine.submit("reconcile", {}, lane=WorkLane.UPKEEP)
            await self._until("every issue is finished", lambda session: self._all_finished(session, len(editions)))

    def _all_finished(self, session: Session, wanted: int) -> bool:
        states = session.scalars(select(Issue.state)).all()
        if len(states) == wanted and all(state is IssueState.FINISHED for state in states):
            return True
        # The heartbeats would ask for the same in a few seconds.
        self._house.engine.submit("publish_due", {}, lane=WorkLane.UPKEEP, key="publish_due")
        self._house.engine.submit("settle", {}, lane=WorkLane.UPKEEP, key="settle")
        return False

    async def _unsubscribe(self, reader: Person) -> Person:
        with self._step(f"{reader.address} leaves with one click"):
            mails = [mail.parsed() for mail in self._mailbox.messages(reader.address)]
            digest = next((mail for mail in mails if mail["List-Unsubscribe"] and mail["List-Post"]), None)
            if digest is None:
                raise DemoFailed(f"{reader.address} has received no digest.")
            await self._visitor.unsubscribe_with_one_click(digest)
        return reader

    async def _read_bounces(self) -> None:
        with self._step("The report of a mail that came back is read"):
            await self._ask("poll_bounces", WorkLane.INBOUND)
            await self._until("the report is read", lambda session: session.scalar(select(BounceReport.id)) is not None)

    async def _sign_in(self) -> bool:
        with self._step("The owner signs in to the console by a one-time link"):
            await self._write(lambda session: desk.appoint_owner(session, now=self._house.clock()))
            return await desk.sign_in(await self.way_in())

    async def way_in(self) -> str:
        """A link that signs the owner in, once."""
        return await self._write(lambda session: desk.way_in(self._house, session))

    async def _leave_a_draft(self, later: SampleFeed, edition_id: int) -> None:
        with self._step("An editor adds one more source; a draft of its stories waits at the desk"):
            now = self._house.clock
            await self._write(lambda session: desk.add_source(session, later, edition_id, now=now()))
            await self._ask("collect", WorkLane.COLLECT)
            await self._write(lambda session: desk.leave_a_draft(session, edition_id, now=now()))

    async def _ask(self, task: str, lane: WorkLane) -> None:
        """Ask the engine for what a heartbeat would ask for, and wait until it is done."""
        engine = self._house.engine
        async with asyncio.timeout(PATIENCE):
            while not engine.submit(task, {}, lane=lane, key=task):  # noqa: ASYNC110 - an engine announces no end
                await asyncio.sleep(0.05)  # a heartbeat's own is running; ours comes after it
            while engine.stats()[lane].waiting or engine.stats()[lane].running:  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.05)

    async def _until(self, what: str, holds: Callable[[Session], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not await self._read(holds):  # noqa: ASYNC110 - a database announces nothing
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise DemoFailed(f"waited {PATIENCE:g} s until {what}.") from None

    async def _read(self, question: Callable[[Session], T]) -> T:
        def ask() -> T:
            with self._house.database.read() as session:
                return question(session)

        return await asyncio.to_thread(ask)

    async def _write(self, story: Callable[[Session], T]) -> T:
        def tell() -> T:
            with self._house.database.write() as session:
                return story(session)

        return await asyncio.to_thread(tell)

    @contextmanager
    def _step(self, sentence: str) -> Iterator[None]:
        began = time.monotonic()
        with self._console.status(f"{sentence} ..."):
            yield
        self._console.print(f"  {sentence}  [dim]{time.monotonic() - began:.1f} s[/dim]")


def _morning(newsroom: SampleNewsroom) -> list[SampleFeed]:
    return [feed for number, feed in enumerate(newsroom.feeds) if number != _LATER]


@contextmanager
def _a_port(wanted: int) -> Iterator[socket.socket]:
    """The wanted port, or any free one: a demo does not fail because something else is served on 8000."""
    try:
        listening = serving.listening(HOST, wanted)
        bound = listening.__enter__()
    except ConfigurationError:
        listening = serving.listening(HOST, 0)
        bound = listening.__enter__()
    try:
        yield bound
    finally:
        listening.__exit__(None, None, None)


def _print(console: Console, summary: Summary) -> None:
    console.print()
    lines = summary.lines()
    width = max(len(label) for label, _ in lines) + 2
    for label, value in lines:
        style = "dim" if label.startswith(" ") else "bold"
        console.print(f"[{style}]{label:<{width}}[/{style}]", end="")
        console.print(value, markup=False)
    for sentence in summary.shortfalls():
        console.print(f"[red]{sentence}[/red]")
