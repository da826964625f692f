"""What the fault tests run on: ports for their servers, what those offer, and the event loops."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping

import pytest
import uvloop

from tests.mailer.doubles import OFFERED, WELL

#: Modules whose tests hold connections and nothing else: they run on asyncio's loop and on uvloop's, whose transports are
#: other code.
_ON_BOTH_LOOPS = {"test_routes_tls", "test_streams"}


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loops that a test runs on."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.path.stem in _ON_BOTH_LOOPS:
        loops["uvloop"] = uvloop.new_event_loop
    return loops


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
