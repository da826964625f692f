"""The trigger: our schedules as APScheduler wants to be told about them.

APScheduler's own CronTrigger loses days around clock changes (in New York it does not fire at 00:00 on 9 March 2026)
and fires twice in the repeated hour; a schedule's slots do neither (newsletters.schedule).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from apscheduler.triggers.base import BaseTrigger

from newsletters.schedule import Schedule


class WallClockTrigger(BaseTrigger):  # type: ignore[misc] # APScheduler is not typed
    """Fires `lead` before each slot of a schedule."""

    def __init__(self, schedule: Schedule, *, lead: timedelta = timedelta(0)) -> None:
        self.schedule = schedule
        self.lead = lead

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first moment later than both; what was missed in between is found by `reconcile`, once."""
        after = now if previous_fire_time is None else max(previous_fire_time, now)
        return self.schedule.next_slots(after + self.lead, 1)[0].due_at - self.lead

    def __str__(self) -> str:
        return f"{self.schedule.rule()} - {self.lead}"
