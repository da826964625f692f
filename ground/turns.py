"""Turns: who writes next on SQLite, which has one write lock and gives it to whoever happens to ask in the right moment.

Who finds that lock taken sleeps, longer each time, up to 100 ms; who has just released it takes it again. Freeze, flusher
and import would between them keep a reader's click waiting for seconds (measured: 9.5 s behind transactions of 50 rows,
one straight after the other). So the writers of a process take turns here before they ask SQLite: a lock that wakes who
waits for it, and before each bulk transaction a gap and everybody else who waits.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds after a bulk transaction in which none of this process begins: time enough to wake who waits.
GAP = 0.0005
#: Seconds that a bulk transaction waits for everybody else, if they come without end.
_OTHERS_FIRST = 0.1
#: Another process (an import, a command) leaves gaps, too; this finds them.
_ASK_EVERY = 0.0003
#: A lock that is held for longer than this is not a bulk writer's.
_ASK_SELDOM_AFTER, _ASK_SELDOM = 0.1, 0.005


class Turns:
    """The writers of one process and one SQLite file. Everything here blocks, so it belongs in threads."""

    def __init__(self, patience: float) -> None:
        self._patience = patience  # seconds; SQLite's own answer after that is "database is locked"
        self._writing = threading.Lock()
        self._bulk = threading.Lock()
        self._bulk_ended = 0.0
        self._nobody_waits = threading.Condition()
        self._waiting = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Write when nobody else of this process does. Who waits in vain goes on to ask SQLite, and hears it from there."""
        with self._queued():
            mine = self._writing.acquire(timeout=self._patience)
        try:
            yield
        finally:
            if mine:
                self._writing.release()

    @contextmanager
    def bulk_turn(self) -> Iterator[None]:
        """The same for one of many transactions: one bulk writer after the other, and a gap for all others in between."""
        with self._bulk:
            time.sleep(max(0.0, self._bulk_ended + GAP - time.monotonic()))
            with self._nobody_waits:  # on a busy machine the gap alone is over before a waiting thread wakes
                self._nobody_waits.wait_for(lambda: self._waiting == 0, timeout=_OTHERS_FIRST)
            try:
                with self.turn():
                    yield
            finally:
                self._bulk_ended = time.monotonic()

    @contextmanager
    def _queued(self) -> Iterator[None]:
        with self._nobody_waits:
            self._waiting += 1
        try:
            yield
        finally:
            with self._nobody_waits:
                self._waiting -= 1
                self._nobody_waits.notify_all()

    def begin(self, connection: sqlite3.Connection) -> None:
        """Take SQLite's lock. Raises sqlite3.OperationalError when another process holds it all the time."""
        began = time.monotonic()
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as problem:
                waited = time.monotonic() - began
                if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or waited >= self._patience:
                    raise
            else:
                return
            time.sleep(_ASK_EVERY if waited < _ASK_SELDOM_AFTER else _ASK_SELDOM)
