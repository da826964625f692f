"""Which engine runs this process's work, and what the shared one needs before it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broadsheet.settings import ConfigurationError, Settings
from ground.engine import Engine, WorkLane

if TYPE_CHECKING:
    from broadsheet.wiring import House
    from jobs.lanes import Pace


def engine(house: House) -> Engine:
    """The engine that the settings choose. Raises ConfigurationError when its package is not there."""
    from broadsheet.rounds import Rounds

    pace, refills = _pace(house.settings), [Rounds(house).refill]
    check(house.settings)
    if not is_shared(house.settings):
        from jobs.local import LocalEngine

        return LocalEngine(house.tasks, clock=house.clock, pace=pace, refills=refills)
    from jobs.procrastinate import ProcrastinateEngine

    return ProcrastinateEngine(house.tasks, house.database, pace=pace, refills=refills)


def is_shared(settings: Settings) -> bool:
    """Whether several processes share the work."""
    return settings.engine == "procrastinate"


def check(settings: Settings) -> None:
    """Raises ConfigurationError where the engine that is chosen cannot work."""
    if not is_shared(settings):
        return
    from jobs import schema

    if settings.database_url.startswith("sqlite"):
        raise ConfigurationError(
            "engine is procrastinate, which shares work through PostgreSQL, and the database is SQLite. "
            "Set database_url to postgresql+psycopg://..., or engine to local."
        )
    if not schema.is_available():
        raise ConfigurationError(
            "engine is procrastinate, and its package is not installed here. Install Broadsheet with it "
            "(pip install 'broadsheet[procrastinate]'), or set engine to local."
        )


def install(house: House) -> None:
    """Bring the job tables to this version, where there are to be any."""
    check(house.settings)
    if is_shared(house.settings):
        from jobs import schema

        schema.install(house.database)


def require(house: House) -> None:
    """Raises ConfigurationError when the tables of the engine that is chosen are not this version's."""
    check(house.settings)
    if is_shared(house.settings):
        from jobs import schema

        problem = schema.problem(house.database)
        if problem is not None:
            raise ConfigurationError(problem)


def require_shared(settings: Settings, who: str) -> None:
    """Raises ConfigurationError where work that is asked for in one process would never reach another."""
    if not is_shared(settings):
        raise ConfigurationError(
            f"{who} needs a queue that several processes share. Set engine to procrastinate and database_url to a "
            "PostgreSQL database, and run `broadsheet migrate`; or let `broadsheet serve` do the work alone."
        )


def _pace(settings: Settings) -> Pace:
    from broadsheet.rounds import WINDOW
    from jobs.lanes import Pace

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
