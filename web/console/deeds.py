"""Deeds: a line of the audit trail in plain words. An act without words of its own is told by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ground.language import Texts
from staff.members import AuditEntry

#: Where the thing that a line is about can be looked at.
_PAGES = {
    "issue": "/console/issues/{}",
    "schedule": "/console/schedules/{}",
    "edition": "/console/look/{}",
    "feed": "/console/sources/{}",
    "staff": "/console/people/{}",
    "import": "/console/readers/import/{}",
}
_LONGEST = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    words: str
    subject: str  # "issue 12", a name, or whatever was written down
    href: str | None
    facts: list[tuple[str, str]]  # the rest of what was written down, by its names


def told(entry: AuditEntry, names: Mapping[str, str], texts: Texts) -> Deed:
    """`names` are those of the people that lines are about, by `staff:7`."""
    thing, _, number = entry.subject.partition(":")
    page = _PAGES.get(thing) if number.isdecimal() else None
    numbered = f"{_things(texts).get(thing, thing)} {number}" if number.isdecimal() else entry.subject
    return Deed(
        words=_words(texts).get(entry.act) or entry.act.replace(".", ": ").replace("-", " "),
        subject=names.get(entry.subject, numbered),
        href=page.format(number) if page else None,
        facts=[(name.replace("_", " "), _plain(value)) for name, value in entry.detail.items() if value is not None],
    )


def kinds(texts: Texts) -> dict[str, str]:
    """The kinds of things that lines are about, as the trail can be asked for them."""
    _ = texts.gettext
    return {
        "issue": _("Issues"),
        "schedule": _("Schedules"),
        "edition": _("Editions"),
        "feed": _("Sources"),
        "suppression": _("Suppressions"),
        "import": _("Imports"),
        "subscriber": _("Readers"),
        "staff": _("People"),
    }


def _things(texts: Texts) -> dict[str, str]:
    _ = texts.gettext
    return {
        "issue": _("issue"),
        "schedule": _("schedule"),
        "edition": _("edition"),
        "feed": _("source"),
        "import": _("import"),
        "subscriber": _("reader"),
        "staff": _("member of staff"),
    }


def _words(texts: Texts) -> dict[str, str]:
    _ = texts.gettext
    return {
        "issue.add": _("put a story into"),
        "issue.alert": _("made, as breaking news,"),
        "issue.approve": _("approved"),
        "issue.cancel": _("cancelled"),
        "issue.compose": _("composed by hand"),
        "issue.drop": _("took a story out of"),
        "issue.move": _("moved a story in"),
        "issue.note": _("changed the editor’s note of"),
        "issue.figure": _("changed the number of the day in"),
        "issue.diary": _("changed the days ahead in"),
        "issue.leave_out": _("took a correction out of"),
        "issue.put_back": _("put a correction back into"),
        "issue.pause": _("paused"),
        "issue.pin": _("pinned a story in"),
        "issue.recompose": _("composed anew"),
        "issue.restore": _("brought a story back into"),
        "issue.resume": _("resumed"),
        "issue.rewrite": _("rewrote a story of"),
        "issue.send_now": _("sent at once"),
        "issue.subject": _("changed the subject line of"),
        "issue.test": _("sent the desk a test of"),
        "issue.take_back": _("took back"),
        "issue.undo_edit": _("undid an edit of"),
        "edition.look": _("changed the look of"),
        "edition.logo": _("changed the logo of"),
        "schedule.add": _("added"),
        "schedule.change": _("changed"),
        "schedule.remove": _("removed"),
        "schedule.start": _("switched on"),
        "schedule.stop": _("switched off"),
        "feed.add": _("added"),
        "feed.change": _("changed"),
        "feed.collect": _("had collected"),
        "feed.draw": _("changed which editions draw from"),
        "feed.pause": _("paused"),
        "feed.remove": _("removed"),
        "feed.resume": _("resumed"),
        "import.check": _("had a list of readers checked:"),
        "import.discard": _("discarded a list of readers:"),
        "import.start": _("began to take readers in:"),
        "subscriber.erase": _("forgot"),
        "suppression.add": _("suppressed"),
        "suppression.lift": _("lifted the suppression of"),
        "sending.free": _("let mail leave again:"),
        "sending.probe": _("tested whether bounces come back:"),
        "sending.hold": _("paused all sending:"),
        "issue.correct": _("ordered a correction of"),
        "issue.correct-undo": _("took back a correction of"),
        "sponsor.book": _("booked a sponsor for"),
        "sponsor.release": _("took a sponsor’s booking out of"),
        "staff.appoint": _("appointed"),
        "staff.disable": _("disabled"),
        "staff.enable": _("enabled again:"),
        "staff.link": _("made a one-time link for"),
        "staff.mail": _("changed whether mail goes to"),
        "staff.password": _("set a password for"),
        "staff.role": _("changed the role of"),
        "staff.sign-in": _("signed in"),
        "staff.sign-out": _("signed out everywhere:"),
    }


def _plain(value: object) -> str:
    if isinstance(value, dict):
        text = ", ".join(f"{name} {each}" for name, each in value.items())
    elif isinstance(value, list):
        text = ", ".join(map(str, value))
    else:
        text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
