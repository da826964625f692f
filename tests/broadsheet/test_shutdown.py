"""Who may serve: one process a port, and on SQLite one process a folder; and how a service ends."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import pytest

from broadsheet import serving
from broadsheet.settings import ConfigurationError, load
from broadsheet.wiring import House
from ground.tokens import Purpose


def test_a_port_is_granted_once() -> None:
    with serving.listening("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        with pytest.raises(ConfigurationError, match="the port is taken"), serving.listening("127.0.0.1", port):
            pytest.fail("two processes would each have thought the port was theirs")


def test_a_folder_is_held_while_a_service_runs_on_it(tmp_path: Path) -> None:
    assert not serving.is_held(tmp_path)
    with House(load(data_dir=tmp_path, database_url="", keys_file=None, bounces_maildir=None)) as house:
        house.require_tables()
        with serving.holding(house):
            assert serving.is_held(tmp_path)
            with pytest.raises(ConfigurationError, match="Another `broadsheet serve`"), serving.holding(house):
                pytest.fail("two services on one SQLite file")
        assert not serving.is_held(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("breaks", [False, True])
async def test_a_service_ends_at_once_whatever_is_connected(tmp_path: Path, breaks: bool) -> None:  # noqa: FBT001
    """A browser keeps its connection, another one never sends the rest of its form. Neither holds up the end."""
    settings = load(data_dir=tmp_path, database_url="", keys_file=None, bounces_maildir=None)
    with serving.listening("127.0.0.1", 0) as bound, House(settings) as house:
        port = bound.getsockname()[1]
        with (
            socket.create_connection(("127.0.0.1", port)) as idle,
            socket.create_connection(("127.0.0.1", port)) as half,
        ):
            try:
                async with serving.running(house, bound, development=True):
                    idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                    assert (await asyncio.to_thread(idle.recv, 1000)).startswith(b"HTTP/1.1 200")
                    link = f"/u/{house.keys.sign(Purpose.UNSUBSCRIBE, '1')}".encode()
                    half.sendall(
                        b"POST " + link + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
                        b"Content-Type: application/x-www-form-urlencoded\r\n\r\na="
                    )
                    await asyncio.sleep(0.2)  # it has been read, and waits for the rest
                    began = time.monotonic()
                    if breaks:
                        raise RuntimeError("something broke")  # noqa: TRY301 - the block is what breaks
            except* RuntimeError:
                assert breaks
            assert time.monotonic() - began < serving.FAREWELL + 2
