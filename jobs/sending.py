"""The task that sends a batch. It stands apart, so that a process which only sends loads no newsletter and no schedule."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ground.engine import Payload, Task


def task(send: Callable[[int], Awaitable[object]]) -> Task:
    """`send_batch`: harmless when the batch was sent before, is held by somebody else, or is gone."""

    async def send_batch(payload: Payload) -> None:
        await send(int(payload["batch"]))

    return send_batch
