"""The memory transport: keeps what it is given. For your own tests of letters, and for dry runs."""

from __future__ import annotations

from collections.abc import Callable

from mailer.envelope import Envelope
from mailer.transports import Outcome, Result, Stage

Answer = Callable[[Envelope], Outcome]


def accept(_: Envelope) -> Outcome:
    return Outcome(
        result=Result.ACCEPTED, stage=Stage.DOT, code=250, enhanced="2.0.0", reply="2.0.0 Ok", route="memory"
    )


class MemoryTransport:
    """Accepts everything into `sent`, or says what `answer` says."""

    def __init__(self, *, connections: int = 4, answer: Answer = accept) -> None:
        self.name = "memory"
        self.connections = connections
        self.sent: list[tuple[Envelope, bytes]] = []  # what was accepted, in order
        self._answer = answer

    async def send(self, envelope: Envelope, message: bytes) -> Outcome:
        outcome = self._answer(envelope)
        if outcome.result is Result.ACCEPTED:
            self.sent.append((envelope, message))
        return outcome

    async def close(self) -> None:
        """Nothing is open."""
