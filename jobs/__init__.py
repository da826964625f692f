"""The door of time: APScheduler, the timetable, and the engines that run what rooms submit."""
