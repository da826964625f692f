"""Child processes for work that would hold the interpreter: inlining CSS, parsing feeds and reports (law 3).

What they are given comes from outside, so each has a limit of memory and of processor time. A child that meets one dies,
and with it Python's whole pool; here the pool is made anew, and what the others were doing is done again, once.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import ParamSpec, TypeVar

import structlog

from broadsheet.cores import WORKERS

P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger()

#: Address space of one child. Inlining a digest takes a tenth of it.
MEMORY = 2 * 1024**3
#: Seconds of processor time in a child's whole life; work is counted in milliseconds, so only a runaway meets it soon.
PROCESSOR_TIME = 3_600
#: Seconds between two looks whether the parent lives.
_LOOK_EVERY = 1.0
#: For children whose work is long and whose input is not from outside.
NO_LIMIT = resource.RLIM_INFINITY


class Children(Executor):
    """A pool that outlives its children."""

    def __init__(self, workers: int = WORKERS, *, processor_time: int = PROCESSOR_TIME) -> None:
        self._workers = workers
        self._processor_time = processor_time
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn` in a child. Its future raises BrokenProcessPool when children died of it twice."""
        outer: Future[T] = Future()

        def begin(*, is_last: bool) -> None:
            pool = self._open()
            children = pool._processes  # noqa: SLF001 - see `_end_late`
            try:
                inner = pool.submit(fn, *args, **kwargs)
            except (BrokenProcessPool, OSError) as error:
                if not pool._broken:  # noqa: SLF001 - see `_end_late`
                    raise
                # A pool that breaks closes its pipes under a child that `submit` is just starting: "handle is closed".
                self._replace(pool)
                ended(BrokenProcessPool(str(error)), is_last=is_last)
                return
            _end_late(pool, children)
            inner.add_done_callback(lambda done: settle(pool, done, is_last=is_last))

        def settle(pool: ProcessPoolExecutor, done: Future[T], *, is_last: bool) -> None:
            if done.cancelled():
                outer.cancel()
                return
            error = done.exception()
            if isinstance(error, BrokenProcessPool):
                self._replace(pool)
                ended(error, is_last=is_last)
            elif outer.set_running_or_notify_cancel():  # nobody may be waiting any more
                if error is None:
                    outer.set_result(done.result())
                else:
                    outer.set_exception(error)

        def ended(error: BrokenProcessPool, *, is_last: bool) -> None:
            if not (is_last or self._closed):
                begin(is_last=True)
            elif outer.set_running_or_notify_cancel():
                outer.set_exception(error)

        begin(is_last=False)
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - Executor's own signature
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait, cancel_futures=cancel_futures)

    def _open(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._closed:
                raise RuntimeError("the child processes were shut down")
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    max_workers=self._workers,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_limit_yourself,
                    initargs=(self._processor_time,),
                )
            return self._pool

    def _replace(self, broken: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is not broken:
                return
            self._pool = None
        log.warning("children_died", meaning="a child met its limit of memory or time; new ones are started")
        broken.shutdown(wait=False)


def _end_late(pool: ProcessPoolExecutor, children: Mapping[int, BaseProcess] | None) -> None:
    """End a child that began while another one died.

    A pool that breaks ends the children it knows and then waits for all it has. One that was just being started by
    `submit` is known too late to be ended, and is waited for at the end of the program, for ever.
    """
    if pool._broken:  # noqa: SLF001 - Python says it nowhere else
        for child in list((children or {}).values()):
            child.terminate()


def _end_with(parent: int) -> None:
    """End when the parent does: one that is killed closes no pipe that its other children hold, too."""
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os._exit(1)


def _limit_yourself(processor_time: int) -> None:
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    # Ctrl+C reaches the whole process group; the parent decides when children end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (processor_time, processor_time))
