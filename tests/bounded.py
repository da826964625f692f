"""A bound for what hostile input may cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def processor_time(most: float) -> Iterator[None]:
    """At most so many seconds of this process's own work: a wall's clock would count what else the machine is doing."""
    began = time.process_time()
    yield
    spent = time.process_time() - began
    assert spent < most, f"{spent:.1f} s of processor time, and {most:g} s are the most"
