"""Ports for the servers of the fault tests."""

from __future__ import annotations

import socket

import pytest

from tests.mailer.doubles import OFFERED, WELL


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(params=list(OFFERED))
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the servers of a test offer, and so how they are spoken to."""
    name: str = request.param
    monkeypatch.setitem(WELL, "EHLO", OFFERED[name])
    return name
