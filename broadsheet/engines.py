"""Which engine runs this process's work, and what the shared one needs before it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broadsheet.rounds import WINDOW, Rounds
from broadsheet.settings import ConfigurationError, Settings
from ground.database import Database
from ground.engine import Engine, WorkLane
from jobs.lanes import Pace

if TYPE_CHECKING:
    from broadsheet.wiring import House


def engine(house: House) -> Engine:
    """The engine that the settings choose. Raises ConfigurationError when its package is not there."""
    pace, refills = _pace(house.settings), [Rounds(house).refill]
    if not house.settings.is_shared:
        from jobs.local import LocalEngine

        return LocalEngine(house.tasks, clock=house.clock, pace=pace, refills=refills)
    _require_package()
    from jobs.procrastinate import ProcrastinateEngine

    return ProcrastinateEngine(house.tasks, house.database, pace=pace, refills=refills)


def install(database: Database) -> None:
    """Bring the job tables to this version. Raises ConfigurationError when the package is not there."""
    _require_package()
    from jobs import schema

    schema.install(database)


def require(database: Database) -> None:
    """Raises ConfigurationError when the shared engine cannot work on this database."""
    _require_package()
    from jobs import schema

    problem = schema.problem(database)
    if problem is not None:
        raise ConfigurationError(problem)


def require_shared(settings: Settings, who: str) -> None:
    """Raises ConfigurationError where work that is asked for in one process would never reach another."""
    if not settings.is_shared:
        raise ConfigurationError(
            f"{who} needs a queue that several processes share. Set engine to procrastinate and database_url to a "
            "PostgreSQL database, and run `broadsheet migrate`; or let `broadsheet serve` do the work alone."
        )


def _require_package() -> None:
    from jobs import schema

    if not schema.is_available():
        raise ConfigurationError(
            "engine is procrastinate, and its package is not installed here. Install Broadsheet with it "
            "(pip install 'broadsheet[procrastinate]'), or set engine to local."
        )


def _pace(settings: Settings) -> Pace:
    ways = settings.ways
    return Pace(
        limits={
            # A notice is a batch of its own: they go side by side.
            WorkLane.TX: sum(route.tx_connections for route in ways.values() if "tx" in route.lanes),
            # A batch uses all of a route's connections while the next one is made ready; and one whose last message a
            # server does not answer waits for it, for ten minutes, beside those that go on.
            WorkLane.BULK: 2 + 2 * len(ways),
            WorkLane.COLLECT: 1,
            WorkLane.INBOUND: 1,
            WorkLane.UPKEEP: 2,
        },
        windows={WorkLane.BULK: WINDOW},
    )
