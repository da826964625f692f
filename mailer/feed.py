"""The feed: a batch's intended messages that no connection has taken yet.

A sender waits for the next one, or listens and takes one whenever its connection has room for another. Each is settled
once: handed over, or given back because the batch was stopped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mailer.deliveries import Row
from mailer.transports import Outcome, Parcel


@dataclass(slots=True, eq=False, kw_only=True)
class Intended(Parcel):
    """A message and the attempt that it is."""

    row: Row
    attempt: int


class Feed:
    """Between the feeder, which puts, and the senders, who take."""

    def __init__(self, settle: Callable[[Intended, Outcome], None], give_back: Callable[[Intended], None]) -> None:
        self.taken = asyncio.Event()  # set while none waits
        self.taken.set()
        self.settle = settle
        self.is_over = False
        self._give_back = give_back
        self._is_stopped = False
        self._waiting: deque[Intended] = deque()
        self._listeners: dict[Callable[[int], bool], None] = {}
        self._news = asyncio.Event()  # set while one waits, or none will come

    def put(self, parcels: Iterable[Intended]) -> None:
        """Messages whose intents are committed."""
        self._waiting.extend(parcels)
        if self._is_stopped:
            self.stop()
        if not self._waiting:
            return
        self.taken.clear()
        self._news.set()
        # An equal share each, in turn: a connection that could have them all would leave the others without any.
        while self._waiting and self._listeners:
            share = -(-len(self._waiting) // len(self._listeners))
            took = [wake(share) for wake in tuple(self._listeners)]
            if not any(took):
                return

    def take(self) -> Intended | None:
        """The next message, if one waits."""
        if not self._waiting:
            return None
        parcel = self._waiting.popleft()
        if not self._waiting:
            self._emptied()
        return parcel

    async def next(self) -> Intended | None:
        """The next message, as soon as there is one; None when there will be no more."""
        while not self._waiting:
            if self.is_over:
                return None
            await self._news.wait()
        return self.take()

    def listen(self, wake: Callable[[int], bool]) -> None:
        """Call `wake` when messages have come."""
        self._listeners[wake] = None

    def leave(self, wake: Callable[[int], bool]) -> None:
        """Do not call it any more."""
        self._listeners.pop(wake, None)

    def stop(self) -> None:
        """Hand over nothing more: what waits, and what is yet put, goes back."""
        self._is_stopped = True
        while self._waiting:
            self._give_back(self._waiting.popleft())
        self._emptied()

    def end(self) -> None:
        """Nothing more will be put."""
        self.is_over = True
        self._news.set()
        for wake in tuple(self._listeners):
            wake(1)  # finds nothing, and so lets its connection go

    def _emptied(self) -> None:
        self.taken.set()
        if not self.is_over:
            self._news.clear()
