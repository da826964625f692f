"""Fixtures of this room."""

from __future__ import annotations

from datetime import datetime

import pytest

from ground.database import Database
from tests.newsletters.press import Press


@pytest.fixture
def press(database: Database, now: datetime) -> Press:
    return Press(database, now)
