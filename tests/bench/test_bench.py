"""The benchmark itself: its mail server counts right, and a run goes through the real rooms."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bench.sink import Count, Manners, Sink, build

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("sink"))


class Talk:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 5)
        self._replies = self._socket.makefile("rb")

    def __call__(self, said: bytes, replies: int = 1) -> list[bytes]:
        """What is said, and the replies to it, by their first words."""
        self._socket.sendall(said)
        return [self._reply() for _ in range(replies)]

    def close(self) -> None:
        self._replies.close()
        self._socket.close()

    def _reply(self) -> bytes:
        line = self._replies.readline()
        while line[3:4] == b"-":
            line = self._replies.readline()
        return line[:3]


@contextmanager
def talking(program: Path, manners: Manners) -> Iterator[tuple[Sink, Talk]]:
    with Sink(program, manners) as sink, closing(Talk(sink.port)) as talk:
        assert talk(b"", 1) == [b"220"]
        assert talk(b"EHLO me\r\n") == [b"250"]
        yield sink, talk


MAIL, RCPT = b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<c@d.example>\r\n"


def test_one_message_after_the_other(program: Path) -> None:
    with talking(program, Manners()) as (sink, talk):
        for _ in range(2):
            assert talk(MAIL) + talk(RCPT) + talk(b"DATA\r\n") == [b"250", b"250", b"354"]
            assert talk(b"Subject: x\r\n\r\nA line\r\n..\r\n.\r\n") == [b"250"]
        assert sink.count() == Count(accepted=2, refused=0, dropped=0, connections=1, bytes=58)


def test_the_end_of_a_message_is_found_wherever_it_is_cut(program: Path) -> None:
    content = b"A line\r\n.\r\r\n.x\r\n.\r\n"
    with talking(program, Manners()) as (sink, talk):
        for cut in range(1, len(content)):
            talk(MAIL + RCPT + b"DATA\r\n", 3)
            talk(content[:cut], 0)
            assert talk(content[cut:]) == [b"250"]
        assert sink.count().accepted == len(content) - 1


def test_a_pipelined_group_with_the_next_message(program: Path) -> None:
    with talking(program, Manners()) as (sink, talk):
        group = MAIL + RCPT + b"DATA\r\n"
        assert talk(group, 3) == [b"250", b"250", b"354"]
        assert talk(b"x\r\n.\r\n" + group, 4) == [b"250", b"250", b"250", b"354"]
        assert sink.count().accepted == 1


def test_a_window_of_chunks(program: Path) -> None:
    one = MAIL + RCPT + b"BDAT 5 LAST\r\n12345"
    with talking(program, Manners()) as (sink, talk):
        assert talk(one * 3, 9) == [b"250"] * 9
        assert sink.count() == Count(accepted=3, refused=0, dropped=0, connections=1, bytes=15)


def test_who_is_refused_gets_no_message(program: Path) -> None:
    with talking(program, Manners(refuse_percent=100)) as (sink, talk):
        assert talk(MAIL + RCPT + b"DATA\r\n", 3) == [b"250", b"552", b"554"]
        assert (sink.count().accepted, sink.count().refused) == (0, 1)


def test_a_dropped_connection_ends_at_mail(program: Path) -> None:
    with talking(program, Manners(drop_percent=100)) as (sink, talk):
        assert talk(MAIL) == [b""]
        assert sink.count().dropped == 1


def test_a_run_sends_through_the_ledger_and_writes_its_figures(tmp_path: Path) -> None:
    figures = tmp_path / "bench.json"
    command = [
        sys.executable,
        "-m",
        "bench",
        "--messages",
        "300",
        "--rounds",
        "1",
        "--only",
        "G8a",
        "--json",
        str(figures),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode in {0, 1}, done.stderr
    found = json.loads(figures.read_text())
    [goal] = found["goals"]
    assert goal["number"] == "G8a"
    assert 20 < goal["measured"] < 400
    assert found["rounds"]["ours"][0] > 0
