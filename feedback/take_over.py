"""Take over: what a worker held that has fallen silent goes to the others within a minute, not when its lease runs out.

Silent is not dead: it may be slow, cut off from the database, or stopped by a debugger. That is harmless. Whatever it
notes later under its old lease changes nothing that another has leased since, and it cannot intend a row it no longer
holds; a 250 that it really got still ends the doubt about that row (mailer.results). The grace before a doubt is settled
is longer than the time a server may take to answer.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from feedback import heartbeats
from mailer import leases, ledger
from mailer.recovery import Recovered


def take_over(session: Session, *, me: str, now: datetime) -> Recovered:
    """Take back the leases of workers that have said nothing for `heartbeats.SILENT_AFTER`; never this process's own.

    One that never said anything is left to its lease: nothing is known of it.
    """
    silent = heartbeats.silent(session, now=now) - {me}
    gone = [lease for lease in leases.holders(session) if leases.worker_of(lease) in silent]
    return ledger.recover_leases(session, gone, now=now) if gone else Recovered(0, 0, 0)


def take_from(session: Session, worker: str, *, now: datetime) -> Recovered:
    """Take back the leases of one worker, by whoever has seen it end."""
    gone = [lease for lease in leases.holders(session) if leases.worker_of(lease) == worker]
    return ledger.recover_leases(session, gone, now=now) if gone else Recovered(0, 0, 0)
