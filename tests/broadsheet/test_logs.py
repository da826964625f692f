"""Logs: an error is told with where it broke, and without whom it was about."""

from __future__ import annotations

import json
import logging
from typing import Literal

import pytest
import structlog

from broadsheet import logs


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_shows_no_variables(form: Literal["console", "json"], capsys: pytest.CaptureFixture[str]) -> None:
    before, handlers = structlog.get_config(), logging.getLogger().handlers[:]
    logs.configure(form)
    try:
        _break("ann@example.org")
    finally:
        structlog.configure(**before)
        logging.getLogger().handlers[:] = handlers
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told
    assert "_break" in told
    assert "ann@example.org" not in told
    if form == "json":
        assert json.loads(told)["event"] == "it broke"


def _break(who: str) -> None:
    try:
        assert len(who) / 0
    except ZeroDivisionError:
        structlog.get_logger().exception("it broke")
