"""What every test may ask for: databases of both kinds, a fixed clock, keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broadsheet.tables import metadata
from ground import migrations
from ground.database import Database
from ground.language import Languages
from ground.tokens import KeyRing

ROOT = Path(__file__).parent.parent


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
def database(tmp_path: Path) -> Iterator[Database]:
    """A fresh SQLite database at the newest revision."""
    opened = Database(f"sqlite:///{tmp_path / 'broadsheet.sqlite3'}")
    migrations.upgrade(opened, metadata)
    yield opened
    opened.dispose()
