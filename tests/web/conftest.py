"""A newsroom with three editions behind the real app."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from httpx2 import Response
from sqlalchemy import insert, select
from starlette.testclient import TestClient

from articles.preview import Viewer
from broadsheet.tables import metadata
from ground.database import Database
from ground.engine import LaneStats, Payload, WorkLane
from ground.fetch import Fetcher
from ground.language import Languages
from ground.tokens import KeyRing, Purpose
from mailer.compiler import LetterJob, compiled_bytes
from mailer.deliveries import Delivery
from mailer.letter import Compiled
from mailer.letters import Variant
from mailer.lint import Report
from mailer.look_over import look_over
from mailer.render import Folders
from newsletters.arrivals import Arrivals
from newsletters.issues import Issue, IssueState
from newsletters.newsletters import Edition, Newsletter
from staff import sign_ins
from staff.members import Member, Role
from staff.passwords import Passwords
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription
from tests.conftest import ROOT
from web.app import create_app
from web.browser import Cookies
from web.kept import form_token
from web.parts import FormRules, Parts

PASSWORD = "three words in a row"
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_PASSWORD_HASH = Passwords(_CHEAP).hash(PASSWORD)
_numbers = itertools.count(1)
LETTERS = Folders(templates=ROOT / "templates" / "email", locales=ROOT / "locales")
BASE = "https://news.example.org"
EDITIONS = {
    "en": ("Morning briefing", "The day's stories in five minutes", "one email, Sunday to Thursday"),
    "ar": ("نشرة الصباح", "أخبار اليوم في خمس دقائق", "رسالة واحدة من الأحد إلى الخميس"),
    "ckb": ("پوختەی بەیانی", "هەواڵەکانی ڕۆژ لە پێنج خولەکدا", "یەک ئیمەیڵ، لە یەکشەممە تا پێنجشەممە"),
}


class StoringCompiler:
    """Compiles nothing, but stores a true row for every digest, as the real one does."""

    def __init__(self, database: Database, now: datetime) -> None:
        self._database, self._now = database, now
        self.jobs: list[LetterJob] = []

    async def variant(self, job: LetterJob) -> int:
        self.jobs.append(job)
        return await asyncio.to_thread(self._store, job)

    async def lint(self, job: LetterJob) -> Report:
        """The true letter, looked over here."""
        made = await asyncio.to_thread(compiled_bytes, job, job.digest(), LETTERS)
        return look_over(made, job.kind, job.sender, job.context)

    async def compiled(self, job: LetterJob) -> Compiled:
        """The true letter, compiled here: previews are read out of it."""
        made = await asyncio.to_thread(compiled_bytes, job, job.digest(), LETTERS)
        return Compiled.from_bytes(made)

    def _store(self, job: LetterJob) -> int:
        with self._database.write() as session:
            found = session.scalar(select(Variant.id).where(Variant.digest == job.digest()))
            if found is not None:
                return found
            made = Variant(digest=job.digest(), language=job.language, compiled=b"", created_at=self._now)
            session.add(made)
            session.flush()
            return made.id


@dataclass
class ListingEngine:
    """Notes what was submitted."""

    submitted: list[tuple[str, dict[str, Any], WorkLane]] = field(default_factory=list)

    def submit(
        self, task: str, payload: Payload, *, lane: WorkLane, run_at: datetime | None = None, key: str | None = None
    ) -> bool:
        del run_at, key
        self.submitted.append((task, dict(payload), lane))
        return True

    async def run(self, lanes: Sequence[WorkLane], stop: asyncio.Event) -> None:
        del lanes
        await stop.wait()

    def stats(self) -> Mapping[WorkLane, LaneStats]:
        return {}

    def cancel(self, key: str) -> bool:
        del key
        return False


class SignedIn:
    """A browser of staff: `get` and `post` as a person does, with the form's token."""

    def __init__(self, house: House, member: Member) -> None:
        self.house, self.member = house, member
        self.client = TestClient(house.client.app, base_url=BASE, follow_redirects=False)
        self.token = f"token-of-{member.role}-{next(_numbers)}"
        browser = sign_ins.Browser(token=self.token, user_agent="a browser")
        with house.database.write() as session:
            self.sign_in_id = sign_ins.begin(session, member, browser, now=house.now).id
        cookies = Cookies(house.keys, BASE, house.parts.lifetimes.idle)
        signed = house.keys.sign(Purpose.SESSION, self.token, expires_at=house.now + house.parts.lifetimes.idle)
        self.client.cookies.set(cookies.session, signed)

    def get(self, path: str, **headers: str) -> Response:
        return self.client.get(path, headers=headers)

    def post(self, path: str, data: Mapping[str, object] | None = None, **headers: str) -> Response:
        """Press a button: the answer itself, not the page it leads to."""
        return self.client.post(path, data={"form": self.form(path), **(data or {})}, headers=headers)

    def form(self, path: str) -> str:
        return form_token(self.house.keys, self.sign_in_id, path)


class House:
    """The app, its database, and the few things that tests do with both."""

    def __init__(self, parts: Parts, engine: ListingEngine, compiler: StoringCompiler, now: datetime) -> None:
        self.engine, self.compiler, self.now = engine, compiler, now
        self.parts = replace(parts, clock=lambda: self.now)
        self.database, self.keys = parts.database, parts.keys
        self.client = TestClient(create_app(self.parts), base_url=BASE, client=("203.0.113.9", 50_000))

    def sign_in(self, role: Role = Role.EDITOR, address: str | None = None) -> SignedIn:
        """Somebody of this role at their browser; the same person when asked again."""
        return SignedIn(self, self.member(role, address))

    def member(self, role: Role = Role.EDITOR, address: str | None = None) -> Member:
        """Somebody of this role, who signs in with the house's password."""
        address = address or f"{role}@news.example.org"
        with self.database.write() as session:
            member = session.scalar(select(Member).where(Member.address_key == address))
            if member is None:
                member = Member(
                    address=address,
                    address_key=address,
                    name=f"The {role}",
                    role=role,
                    password_hash=_PASSWORD_HASH,
                    created_at=self.now,
                )
                session.add(member)
                session.flush()
            return member

    def sign_up(self, email: str, language: str = "en", **headers: str) -> str:
        """Press the button on the sign-up page, as a person does; the answer's text."""
        page = self.client.get(f"/n/courier/{language}")
        token = page.text.split('name="token" value="')[1].split('"')[0]
        answer = self.client.post(f"/n/courier/{language}", data={"email": email, "token": token}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    def letters(self) -> list[Delivery]:
        with self.database.read() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))

    def link(self, purpose: Purpose, letter: Delivery | None = None) -> str:
        """The path that the newest letter (or this one) carries, as the mailer would sign it."""
        letter = letter or self.letters()[-1]
        if purpose is Purpose.CONFIRM:
            token = self.keys.sign(purpose, letter.fields["confirm_url"], expires_at=self.now + timedelta(hours=72))
            return f"/confirm/{token}"
        return f"/u/{self.keys.sign(purpose, letter.fields['unsubscribe_url'])}"

    def join(self, email: str, language: str = "en") -> str:
        """Sign up and confirm; the path of the unsubscribe link in the welcome letter."""
        self.sign_up(email, language)
        assert self.client.post(self.link(Purpose.CONFIRM)).status_code == 200
        return self.link(Purpose.UNSUBSCRIBE)

    def subscription(self, email: str) -> Subscription:
        with self.database.read() as session:
            joined = select(Subscription).join(Subscriber, Subscriber.id == Subscription.subscriber_id)
            return session.scalars(joined.where(Subscriber.address_key == email.casefold())).one()

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        with self.database.read() as session:
            return {
                table.name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
                for table in metadata.sorted_tables
            }


def add_newsroom(database: Database, now: datetime) -> None:
    with database.write() as session:
        newsletter = Newsletter(
            slug="courier",
            publisher="The Zagros Courier",
            sender_address="briefing@news.example.org",
            reply_to="desk@news.example.org",
            postal_address="12 Citadel Road, Erbil, Iraq",
            site_url="https://courier.example.org",
            privacy_url="https://courier.example.org/privacy",
            theme={"brand": "#7a1f1f"},
            created_at=now,
        )
        session.add(newsletter)
        session.flush()
        for language, (title, tagline, frequency) in EDITIONS.items():
            session.add(
                Edition(
                    newsletter_id=newsletter.id,
                    language=language,
                    title=title,
                    tagline=tagline,
                    frequency=frequency,
                    zone="Asia/Baghdad",
                    created_at=now,
                )
            )


def add_issue(
    database: Database, edition_id: int, number: int, state: IssueState, now: datetime, **values: object
) -> None:
    row = {
        "edition_id": edition_id,
        "number": number,
        "layout": "daily",
        "state": state,
        "subject": f"Issue {number}",
        "preheader": f"What issue {number} says",
        "window_start": now - timedelta(days=1),
        "window_end": now,
        "scheduled_for": now,
        "created_at": now,
        "web_html": f"<!doctype html><p>The letter of issue {number}</p>",
    }
    with database.write() as session:
        session.execute(insert(Issue).values(row | values))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks the whole app, with all its routes and templates, is no unit: `make page-test` runs them."""
    for item in items:
        if "house" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.pages)


@pytest.fixture(scope="session")
def viewer() -> Viewer:
    """The real one, which may fetch no private host; a thread reads for it, where a child process would."""
    return Viewer(Fetcher(), ThreadPoolExecutor(1), lambda: datetime(2026, 3, 9, 4, 0, tzinfo=UTC))


@pytest.fixture
def house(
    database: Database, keys: KeyRing, languages: Languages, viewer: Viewer, now: datetime, tmp_path: Path
) -> Iterator[House]:
    """Forms need no rest and answers no floor here; tests that are about those make their own."""
    add_newsroom(database, now)
    engine, compiler = ListingEngine(), StoringCompiler(database, now)
    parts = Parts(
        database=database,
        keys=keys,
        engine=engine,
        compiler=compiler,
        executor=viewer._executor,
        arrivals=Arrivals(
            database=database,
            compiler=compiler,
            keys=keys,
            executor=ThreadPoolExecutor(1),
            clock=lambda: now,
            base_url=BASE,
            folder=tmp_path / "imports",
        ),
        viewer=viewer,
        clock=lambda: now,
        languages=languages,
        templates=ROOT / "templates",
        base_url=BASE,
        form=FormRules(min_age=timedelta(0)),
        passwords=Passwords(_CHEAP),
        answer_floor=timedelta(0),
    )
    made = House(parts, engine, compiler, now)
    yield made
    made.client.close()
