"""A single message, as a feed of one."""

from __future__ import annotations

from collections.abc import Callable

from mailer.transports import Outcome, Parcel


class Single:
    """Its outcome is None until it is settled."""

    def __init__(self, parcel: Parcel) -> None:
        self.outcome: Outcome | None = None
        self._parcel: Parcel | None = parcel

    @property
    def is_over(self) -> bool:
        return self._parcel is None

    async def next(self) -> Parcel | None:
        return self.take()

    def take(self) -> Parcel | None:
        parcel, self._parcel = self._parcel, None
        return parcel

    def settle(self, parcel: Parcel, outcome: Outcome) -> None:
        del parcel
        self.outcome = outcome

    def listen(self, wake: Callable[[int], bool]) -> None:
        """There will be no other."""

    def leave(self, wake: Callable[[int], bool]) -> None:
        """Nobody listens."""
