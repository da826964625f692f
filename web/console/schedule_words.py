"""Schedules in words: what the sentence on the page says, and the same for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta

from ground.language import Texts
from newsletters import zones
from newsletters.ahead import Ahead, ClockChange
from newsletters.layouts import Layout
from newsletters.occasion import LAST
from newsletters.schedule import EVERY_DAY, Day, Schedule
from newsletters.schedules import Autonomy, TooFew


def day(texts: Texts, which: Day) -> str:
    _ = texts.gettext
    return {
        Day.SUN: _("Sunday"),
        Day.MON: _("Monday"),
        Day.TUE: _("Tuesday"),
        Day.WED: _("Wednesday"),
        Day.THU: _("Thursday"),
        Day.FRI: _("Friday"),
        Day.SAT: _("Saturday"),
    }[which]


def week(texts: Texts) -> list[tuple[int, str]]:
    """The days to tick."""
    return [(int(each), day(texts, each)) for each in Day]


def rule(texts: Texts, schedule: Schedule) -> str:
    """Sunday to Thursday at 07:00, Baghdad time."""
    times = texts.listing([texts.time(at) for at in schedule.times])
    return texts.gettext("%(days)s at %(times)s, %(place)s time") % {
        "days": _when(texts, schedule),
        "times": times,
        "place": zones.place(schedule.zone),
    }


def _when(texts: Texts, schedule: Schedule) -> str:
    """Sunday to Thursday; the first and last Friday of the month; day 1 and 15 of the month."""
    _, occasion = texts.gettext, schedule.occasion
    ordinals = {1: _("first"), 2: _("second"), 3: _("third"), 4: _("fourth"), LAST: _("last")}
    if occasion.numbers:
        named = [texts.number(number) for number in sorted(occasion.numbers - {LAST})]
        named += [_("the last")] if LAST in occasion.numbers else []
        return _("Day %(numbers)s of the month") % {"numbers": texts.listing(named)}
    if occasion.weeks:
        which = texts.listing([ordinals[week] for week in ordinals if week in occasion.weeks])
        return _("The %(which)s %(days)s of the month") % {"which": which, "days": days(texts, schedule.days)}
    return days(texts, schedule.days)


def days(texts: Texts, chosen: Collection[Day]) -> str:
    """Every day; Sunday to Thursday; Monday, Wednesday and Friday."""
    if set(chosen) == EVERY_DAY:
        return texts.gettext("Every day")
    first = [each for each in sorted(chosen) if Day((each - 1) % 7) not in chosen]
    if len(first) == 1 and len(chosen) > 2:
        last = Day((first[0] + len(chosen) - 1) % 7)
        return texts.gettext("%(first)s to %(last)s") % {"first": day(texts, first[0]), "last": day(texts, last)}
    return texts.listing([day(texts, each) for each in sorted(chosen)])


def autonomy(texts: Texts, chosen: Autonomy) -> str:
    _ = texts.gettext
    return {
        Autonomy.AUTOMATIC: _("goes by itself"),
        Autonomy.UNLESS_STOPPED: _("goes unless somebody stops it"),
        Autonomy.APPROVED: _("goes only when approved"),
    }[chosen]


def too_few(texts: Texts, chosen: TooFew) -> str:
    _ = texts.gettext
    return {
        TooFew.SKIP: _("skip the issue"),
        TooFew.SHORTEN: _("send a shorter one"),
        TooFew.HOLD: _("wait for a person"),
    }[chosen]


def layout(texts: Texts, name: str) -> str:
    """A layout's plain name; its own where it is one that was chosen before and is no more."""
    _ = texts.gettext
    words = {
        "daily": _("a daily briefing"),
        "weekly": _("a week by sections"),
        "follow": _("what each reader follows"),
    }
    return words.get(name, name)


def choice(texts: Texts, which: Layout) -> str:
    """A layout in a list to choose from: the newsroom's own ones are told apart."""
    own = texts.gettext("%(name)s (your own)") % {"name": which.name}
    return own if which.is_own else layout(texts, which.name)


def choices(texts: Texts, among: Sequence[Layout], chosen: str) -> list[tuple[str, str]]:
    """All of them; one that was chosen and is gone stays in sight, and is not swapped for another unasked."""
    listed = [(each.name, choice(texts, each)) for each in among]
    if chosen and chosen not in dict(listed):
        listed.append((chosen, texts.gettext("%(name)s (folder missing)") % {"name": chosen}))
    return listed


def clock_changes(texts: Texts, ahead: Ahead, schedule: Schedule) -> list[str]:
    """One sentence for each change of the clock, or one that says there is none."""
    if ahead.changes:
        return [_change(texts, change, schedule) for change in ahead.changes]
    place = zones.place(schedule.zone)
    return [texts.gettext("The clocks in %(place)s do not change in the next twelve months.") % {"place": place}]


def _change(texts: Texts, change: ClockChange, schedule: Schedule) -> str:
    _ = texts.gettext
    moves = (
        _("On %(day)s clocks go forward from %(before)s to %(after)s")
        if change.is_forward
        else _("On %(day)s clocks go back from %(before)s to %(after)s")
    )
    said = moves % {
        "day": texts.date(change.on, "long"),
        "before": texts.time(change.before),
        "after": texts.time(change.after),
    }
    return f"{said}: {_effect(texts, change, schedule)}"


def _effect(texts: Texts, change: ClockChange, schedule: Schedule) -> str:
    _ = texts.gettext
    if change.skipped:
        times = texts.listing([texts.time(slot.local_time) for slot in change.skipped])
        wall = texts.time(change.after)
        return texts.ngettext(
            "%(times)s does not exist, the issue goes at %(wall)s.",
            "%(times)s do not exist, the issue goes at %(wall)s.",
            len(change.skipped),
        ) % {"times": times, "wall": wall}
    if change.repeated:
        times = texts.listing([texts.time(slot.local_time) for slot in change.repeated])
        return texts.ngettext(
            "%(times)s comes twice, the issue goes the first time.",
            "%(times)s come twice, the issue goes the first time.",
            len(change.repeated),
        ) % {"times": times}
    at = schedule.times[0]
    return _("%(time)s stays %(time)s, which is then %(new)s UTC instead of %(old)s.") % {
        "time": texts.time(at),
        "new": texts.time(_utc(at, change.after - change.at.replace(tzinfo=None))),
        "old": texts.time(_utc(at, change.before - change.at.replace(tzinfo=None))),
    }


def _utc(at: time, offset: timedelta) -> time:
    return (datetime.combine(date(2000, 1, 2), at) - offset).time()
