"""The compiler: one compilation for one content, in a child process, found again in the database."""

from __future__ import annotations

import asyncio
import dataclasses
import multiprocessing
import shutil
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from ground.database import Database
from ground.tokens import KeyRing
from mailer import folding, letters, message
from mailer.compiler import Compiler, LetterJob, compiled_bytes
from mailer.letter import BrokenLetter, Compiled, Kind
from mailer.letters import Variant
from mailer.message import Mint, Recipient
from mailer.sender import Theme
from tests.mailer.letters_at_hand import FOLDERS, digest, item, sender

NOW = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)


class CountingExecutor(Executor):
    """Runs at once, in this thread, and counts."""

    def __init__(self) -> None:
        self.calls = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 - as the base class has it
        self.calls += 1
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as problem:  # noqa: BLE001 - an executor carries whatever was raised
            done.set_exception(problem)
        return done


@pytest.fixture
def executor() -> CountingExecutor:
    return CountingExecutor()


@pytest.fixture
def compiler(database: Database, executor: CountingExecutor) -> Compiler:
    return make(database, executor)


@pytest.fixture
def child() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def make(database: Database, executor: Executor, templates: Path = FOLDERS.templates) -> Compiler:
    return Compiler(database, executor, templates, FOLDERS.locales, lambda: NOW)


def job(**changes: Any) -> LetterJob:  # noqa: ANN401 - as dataclasses.replace has it
    found = LetterJob(template="daily", language="en", kind=Kind.ISSUE, sender=sender(), context=digest())
    return dataclasses.replace(found, **changes)


CONFIRM = job(template="confirm", kind=Kind.TX, context={})


def stored(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Variant)) or 0


async def test_a_stored_variant_becomes_a_message(database: Database, compiler: Compiler, keys: KeyRing) -> None:
    variant_id = await compiler.variant(job())
    with database.read() as session:
        compiled = Compiled.from_bytes(session.get_one(Variant, variant_id).compiled)
    assert compiled.fields == {"unsubscribe_url", "preferences_url"}
    row = Recipient(
        delivery_id=1, letter_id=1, recipient_id=1, address="a@x.example", fields={"unsubscribe_url": "9"}, due_at=NOW
    )
    mint = Mint(keys=keys, base_url="https://n.example", message_domain="n.example", bounce_domain="b.example")
    built = message.build(compiled, row, mint)
    assert b"Subject: Rubar bridge reopens" in built
    assert b"zz" not in built.replace(b"zzz", b"")


async def test_the_same_content_is_compiled_once(
    database: Database, compiler: Compiler, executor: CountingExecutor
) -> None:
    ids = {await compiler.variant(CONFIRM) for _ in range(3)}
    ids |= set(await asyncio.gather(*(compiler.variant(CONFIRM) for _ in range(20))))
    assert (len(ids), executor.calls, stored(database)) == (1, 1, 1)


async def test_twenty_who_ask_at_once_share_one_compilation(compiler: Compiler, executor: CountingExecutor) -> None:
    ids = await asyncio.gather(*(compiler.variant(CONFIRM) for _ in range(20)))
    assert (len(set(ids)), executor.calls) == (1, 1)


async def test_one_who_gives_up_does_not_fail_the_others(compiler: Compiler) -> None:
    first = asyncio.create_task(compiler.variant(CONFIRM))
    second = asyncio.create_task(compiler.variant(CONFIRM))
    await asyncio.sleep(0)
    first.cancel()
    assert isinstance(await second, int)


async def test_another_process_finds_what_is_stored(
    database: Database, compiler: Compiler, executor: CountingExecutor
) -> None:
    first = await compiler.variant(job())
    assert await make(database, executor).variant(job()) == first
    assert executor.calls == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"language": "ckb"},
        {"template": "welcome"},
        {"kind": Kind.TX},
        {"sender": sender(tagline="x")},
        {"context": digest(count=3)},
        {"for_web": True},
        {"with_blocks": True},
        {"sender": sender(theme=Theme(brand="#0b4f6c"))},
        {"sender": sender(theme=Theme(brand="#7a1f3d", logo_url="https://zagroscourier.example/logo.png"))},
    ],
)
def test_every_part_of_a_job_counts_in_its_digest(changed: dict[str, Any]) -> None:
    assert job(**changed).digest() != job().digest()


def test_the_order_of_the_data_does_not_count() -> None:
    context = digest()
    assert job(context=dict(reversed(context.items()))).digest() == job(context=context).digest()


def test_a_context_that_no_json_can_hold_is_named() -> None:
    with pytest.raises(TypeError, match="holds a datetime"):
        job(context={"at": NOW}).digest()


async def test_a_changed_template_is_compiled_anew(
    database: Database, executor: CountingExecutor, tmp_path: Path
) -> None:
    templates = tmp_path / "email"
    shutil.copytree(FOLDERS.templates, templates)
    compiler = make(database, executor, templates)
    first = await compiler.variant(CONFIRM)
    (templates / "confirm" / "subject.txt").write_text("Another subject")
    assert await compiler.variant(CONFIRM) != first


async def test_a_broken_letter_is_named_and_nothing_is_stored(
    database: Database, executor: CountingExecutor, tmp_path: Path
) -> None:
    templates = tmp_path / "email"
    shutil.copytree(FOLDERS.templates, templates)
    (templates / "confirm" / "body.txt").write_text("{% if %}")
    compiler = make(database, executor, templates)
    with pytest.raises(BrokenLetter, match=r"confirm/body\.txt, line 1"):
        await compiler.variant(CONFIRM)
    assert stored(database) == 0
    shutil.copy(FOLDERS.templates / "confirm" / "body.txt", templates / "confirm" / "body.txt")
    assert await compiler.variant(CONFIRM)  # a mended template works without a restart


async def test_a_digest_letter_without_a_way_out_names_its_template(compiler: Compiler) -> None:
    with pytest.raises(BrokenLetter, match=r"confirm/body\.html.*unsubscribe"):
        await compiler.variant(job(template="confirm", context={}))


@pytest.mark.slow
async def test_a_child_process_compiles_and_renders(database: Database, child: ProcessPoolExecutor) -> None:
    compiler = make(database, child)
    assert await compiler.variant(job(language="ckb", sender=sender("ckb"), context=digest("ckb")))
    public = await compiler.render(job(for_web=True))
    assert public.html.startswith("<!DOCTYPE html>")
    assert public.marker == ""


def test_two_who_store_the_same_get_one_row(database: Database) -> None:
    ids = set()
    for content in (b"first", b"second"):
        with database.write() as session:
            ids.add(letters.store_variant(session, digest="d", language="en", compiled=content, now=NOW))
    with database.read() as session:
        assert session.get_one(Variant, ids.pop()).compiled == b"first"
    assert not ids


async def test_what_is_looked_at_is_what_would_be_stored_and_writes_nothing(
    database: Database, compiler: Compiler, executor: CountingExecutor
) -> None:
    seen = [await compiler.compiled(job()) for _ in range(3)]
    assert (executor.calls, stored(database)) == (1, 0)
    variant_id = await compiler.variant(job())
    with database.read() as session:
        kept = Compiled.from_bytes(letters.compiled_of(session, variant_id))
    assert seen == [kept] * 3


async def test_another_look_is_another_variant_and_notices_are_kept_in_the_same_way(
    compiler: Compiler, executor: CountingExecutor
) -> None:
    looks = [sender(), sender(theme=Theme(brand="#0b4f6c")), sender("ckb")]
    for template, kind, context in (("daily", Kind.ISSUE, digest()), ("welcome", Kind.TX, {})):
        jobs = [
            job(template=template, kind=kind, context=context, sender=look, language=look.language) for look in looks
        ]
        first = [await compiler.variant(each) for each in jobs]
        assert len(set(first)) == 3
        assert [await compiler.variant(each) for each in jobs] == first
    assert executor.calls == 6


async def test_two_processes_that_compile_the_same_store_one_variant(database: Database) -> None:
    both = [make(database, CountingExecutor()), make(database, CountingExecutor())]
    found = await asyncio.gather(*(each.variant(job()) for each in both))
    assert (len(set(found)), stored(database)) == (1, 1)
    first, second = (compiled_bytes(job(), job().digest(), FOLDERS) for _ in both)
    assert first == second


async def test_a_letter_that_gmail_would_cut_is_stored_with_a_warning(compiler: Compiler) -> None:
    with capture_logs() as logs:
        await compiler.variant(job(context=digest(count=40)))
        assert logs == []
        await compiler.variant(job(context=digest(count=240)))
        await compiler.variant(job(context=digest(items=[item(1, summary="endless " * 15_000)])))
    folded, _, warning = logs
    assert (folded["event"], folded["log_level"]) == ("letter_was_folded", "info")
    assert folded["size"] <= folding.BUDGET
    assert folded["left"] > 0
    assert (warning["event"], warning["log_level"]) == ("letter_is_long", "warning")
    assert warning["size"] > warning["cut_at"] == 102 * 1024


async def test_the_lint_looks_at_the_stored_letter_and_asks_once(
    compiler: Compiler, executor: CountingExecutor, database: Database
) -> None:
    await compiler.variant(job())
    first, again = await compiler.lint(job()), await compiler.lint(job())
    assert first is again
    assert (executor.calls, stored(database)) == (2, 1)
    assert not first.blocking


async def test_the_lint_of_what_nobody_stored_stores_nothing(compiler: Compiler, database: Database) -> None:
    unsound = job(context={**digest(), "issue": {**digest()["issue"], "subject": ""}})
    report = await compiler.lint(unsound)
    assert {each.id for each in report.blocking} == {"N01"}
    assert stored(database) == 0


class DyingExecutor(CountingExecutor):
    """Its children die of the second thing that they are given: here, of looking at a letter."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 - as the base class has it
        if self.calls:
            fn = _die
        return super().submit(fn, *args, **kwargs)


def _die(*_: object) -> None:
    raise BrokenProcessPool


async def test_a_letter_at_which_the_checks_die_waits_for_a_person(database: Database) -> None:
    report = await make(database, DyingExecutor()).lint(job())
    assert [each.id for each in report.blocking] == ["H04"]
