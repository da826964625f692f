"""Reading within limits, in a child process: so much processor time and memory for one document, and no more.

Two limits of time: the first raises in Python and costs one document; the second, for what is stuck in C, ends the child,
and the pool starts another.
"""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from articles.entry import NotAFeed, ParsedFeed
from articles.resize import Frame, Resized, Unusable

#: Seconds of processor time for one document; a feed of 500 entries takes less than one.
SECONDS = 10
_UNTIL_KILLED = 10
#: What a child may grow by, in bytes; the largest document that is fetched has 5 MiB.
GROWTH = 512 * 1024**2


class _TooLong(Exception):  # noqa: N818 - a signal, not a fault
    pass


def parse(body: bytes, content_type: str | None, url: str) -> ParsedFeed | NotAFeed:
    """`formats.parse`, stopped when it takes too much."""
    from articles import formats

    try:
        with _limited():
            return formats.parse(body, content_type, url)
    except _TooLong:
        return NotAFeed(detail="Reading the feed took too long; its document may be made to do that. It was given up.")
    except MemoryError:
        return NotAFeed(
            detail="Reading the feed took too much memory; its document may be made to do that. It was given up."
        )


def resize(body: bytes, frame: Frame = Frame()) -> Resized | Unusable:  # noqa: B008 - frozen
    """`articles.resize.resize`, stopped when it takes too much."""
    from articles import resize as resizing

    try:
        with _limited():
            return resizing.resize(body, frame)
    except (_TooLong, MemoryError):
        return Unusable("It takes too much time or memory to be read.")


@contextmanager
def _limited() -> Iterator[None]:
    """Only where a process does nothing else: limits are the whole process's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    memory, time = resource.getrlimit(resource.RLIMIT_AS), resource.getrlimit(resource.RLIMIT_CPU)
    before = signal.signal(signal.SIGPROF, _stop)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (_least(_size() + GROWTH, memory), memory[1]))
        resource.setrlimit(resource.RLIMIT_CPU, (_least(_used() + SECONDS + _UNTIL_KILLED, time), time[1]))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_CPU, time)
        resource.setrlimit(resource.RLIMIT_AS, memory)
        signal.signal(signal.SIGPROF, before)


def _least(wanted: int, limit: tuple[int, int]) -> int:
    known = [each for each in limit if each != resource.RLIM_INFINITY]
    return min([wanted, *known])


def _used() -> int:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return int(usage.ru_utime + usage.ru_stime) + 1


def _size() -> int:
    """This process's address space; where the system does not tell, as much as makes the limit no limit."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 2**62
    return pages * resource.getpagesize()


def _stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise _TooLong
