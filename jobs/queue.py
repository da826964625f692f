"""The shared queue, as whoever submits sees it: short transactions on our own connections, from any thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import structlog
from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from ground.database import Database
from ground.engine import LaneStats, Payload, WorkLane
from jobs.lanes import Pace
from jobs.schema import SCHEMA

log = structlog.get_logger()

_PATH = text(f"SET LOCAL search_path TO {SCHEMA}")
_ROOM = text("""
    SELECT (SELECT count(*) FROM procrastinate_jobs WHERE queue_name = :lane AND status = 'todo'),
           EXISTS (SELECT 1 FROM procrastinate_jobs WHERE lock = :key AND status = 'doing')
""")
_COUNTS = text("""
    SELECT queue_name, count(*) FILTER (WHERE status = 'todo'), count(*) FILTER (WHERE status = 'doing')
    FROM procrastinate_jobs GROUP BY queue_name
""")
_WAITING = text("SELECT id FROM procrastinate_jobs WHERE queueing_lock = :key AND status = 'todo'")


class Queue:
    """Jobs that wait for a worker, somewhere."""

    def __init__(self, database: Database, pace: Pace) -> None:
        self._database = database
        self._pace = pace
        # Never opened: it only writes through the connections it is given.
        self._app = App(connector=SyncPsycopgConnector())

    def submit(self, task: str, payload: Payload, lane: WorkLane, run_at: datetime | None, key: str | None) -> bool:
        """Put a job there. False when one with its key waits or runs, its lane's window is full, or the database is away."""
        try:
            with self._transaction() as connection:
                waiting, is_running = connection.execute(_ROOM, {"lane": lane.value, "key": key}).one()
                if is_running or waiting >= self._pace.window(lane):
                    return False
                self._defer(connection, task, payload, queue=lane.value, schedule_at=run_at, key=key)
        except AlreadyEnqueued:
            return False
        except (ConnectorException, OperationalError) as problem:
            # Whoever asked has written down what is to be done: a refill finds it there.
            log.warning("job_not_submitted", task=task, problem=_reason(problem))
            return False
        return True

    def cancel(self, key: str) -> bool:
        """Take a waiting job away; False when none waits under this key."""
        with self._transaction() as connection:
            job_id = connection.scalar(_WAITING, {"key": key})
            if job_id is None:
                return False
            raw = connection.connection.driver_connection
            return self._app.job_manager.cancel_job_by_id(job_id, delete_job=True, connection=raw)

    def stats(self) -> Mapping[WorkLane, LaneStats]:
        """What waits and what runs, in all processes together."""
        with self._transaction() as connection:
            counted = {name: LaneStats(waiting, running) for name, waiting, running in connection.execute(_COUNTS)}
        return {lane: counted.get(lane.value, LaneStats(0, 0)) for lane in WorkLane}

    def _defer(
        self,
        connection: Connection,
        task: str,
        payload: Payload,
        *,
        key: str | None,
        **options: Any,  # noqa: ANN401 - procrastinate's own
    ) -> None:
        # The driver's connection, inside the transaction that has begun above: on one where SQLAlchemy has begun nothing,
        # its commit would commit nothing, and the job would vanish without an error.
        raw = connection.connection.driver_connection
        deferrer = self._app.configure_task(task, lock=key, queueing_lock=key, connection=raw, **options)
        deferrer.defer(**payload)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._database.writer.begin() as connection:
            connection.execute(_PATH)
            yield connection


def _reason(problem: Exception) -> str:
    return " ".join(str(problem.__cause__ or problem).split())[:200]
