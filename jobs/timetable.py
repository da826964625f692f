"""The whole cadence of the service on one screen.

Beside these, each enabled schedule has two moments of its own: its draft, `lead` before the slot, and the slot.
Those only save waiting; whatever they miss, `reconcile` and `publish_due` find.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ground.engine import WorkLane


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A task that is asked for at a fixed pace. Where the last one still runs, the new one is left out."""

    task: str
    every: timedelta
    lane: WorkLane


HEARTBEATS = (
    Heartbeat("collect", timedelta(seconds=30), WorkLane.COLLECT),  # each feed has its own interval
    Heartbeat("reconcile", timedelta(seconds=60), WorkLane.UPKEEP),  # drafts that are due, missed slots
    Heartbeat("publish_due", timedelta(seconds=10), WorkLane.UPKEEP),
    Heartbeat("settle", timedelta(seconds=10), WorkLane.UPKEEP),  # finished and cancelled issues
    Heartbeat("recover", timedelta(seconds=10), WorkLane.UPKEEP),  # leases that ran out, rows in doubt
    Heartbeat("poll_bounces", timedelta(seconds=60), WorkLane.INBOUND),
    Heartbeat("tell", timedelta(seconds=60), WorkLane.UPKEEP),  # what needs a person, to staff by mail
    Heartbeat("put_right", timedelta(seconds=20), WorkLane.UPKEEP),  # corrections whose moment of undo is over
    Heartbeat("look_again", timedelta(seconds=60), WorkLane.COLLECT),  # pages of stories that are about to go
    Heartbeat("sign_ahead", timedelta(seconds=10), WorkLane.UPKEEP),  # what is frozen and not due yet
    Heartbeat("remind", timedelta(minutes=15), WorkLane.UPKEEP),  # who asked for letters and has not confirmed
)

#: How long a change to a schedule may take to be noticed: whoever made it, on whatever machine, wrote it into the rows.
SCHEDULES_ARE_READ_EVERY = timedelta(seconds=2)
