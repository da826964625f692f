"""Deeds: a line of the audit trail in plain words. An act without words of its own is told by its name."""

from __future__ import annotations

from dataclasses import dataclass

from ground.language import Texts
from staff.members import AuditEntry

#: Where the thing that a line is about can be looked at.
_PAGES = {
    "issue": "/console/issues/{}",
    "schedule": "/console/schedules/{}",
    "staff": "/console/people",
    "import": "/console/readers/import/{}",
}
_LONGEST = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    words: str
    subject: str  # "issue 12", or whatever was written down
    href: str | None
    facts: list[tuple[str, str]]  # the rest of what was written down, by its names


def told(entry: AuditEntry, texts: Texts) -> Deed:
    thing, _, number = entry.subject.partition(":")
    known = number.isdecimal()
    page = _PAGES.get(thing) if known else None
    return Deed(
        words=_words(texts).get(entry.act) or entry.act.replace(".", ": ").replace("-", " "),
        subject=f"{kinds(texts).get(thing, thing)} {number}" if known else entry.subject,
        href=page.format(number) if page else None,
        facts=[(name.replace("_", " "), _plain(value)) for name, value in entry.detail.items() if value is not None],
    )


def kinds(texts: Texts) -> dict[str, str]:
    """The kinds of things that lines are about, as the trail can be asked for them."""
    _ = texts.gettext
    return {
        "issue": _("Issue"),
        "schedule": _("Schedule"),
        "feed": _("Source"),
        "import": _("Import"),
        "subscriber": _("Reader"),
        "suppression": _("Suppression"),
        "staff": _("Member of staff"),
    }


def _words(texts: Texts) -> dict[str, str]:
    _ = texts.gettext
    return {
        "issue.add": _("put a story in"),
        "issue.approve": _("approved it"),
        "issue.cancel": _("cancelled it"),
        "issue.drop": _("took a story out"),
        "issue.move": _("moved a story"),
        "issue.pause": _("paused it"),
        "issue.pin": _("pinned a story"),
        "issue.recompose": _("composed it anew"),
        "issue.restore": _("brought a story back"),
        "issue.resume": _("let it go on"),
        "issue.rewrite": _("rewrote a story’s words"),
        "issue.send": _("sent it now"),
        "issue.subject": _("changed the subject line"),
        "issue.test": _("sent a test to the desk"),
        "issue.undo": _("took it back while it was held"),
        "schedule.add": _("added it"),
        "schedule.change": _("changed it"),
        "schedule.remove": _("removed it"),
        "schedule.start": _("switched it on"),
        "schedule.stop": _("switched it off"),
        "import.check": _("had a list of readers checked"),
        "import.discard": _("discarded a list of readers"),
        "import.start": _("began to take readers in"),
        "subscriber.erase": _("forgot a reader"),
        "suppression.add": _("suppressed an address"),
        "suppression.lift": _("lifted a suppression"),
        "staff.appoint": _("appointed somebody"),
        "staff.disable": _("disabled somebody"),
        "staff.enable": _("enabled somebody again"),
        "staff.link": _("made a one-time link"),
        "staff.password": _("set a password"),
        "staff.role": _("changed somebody’s role"),
        "staff.sign-in": _("signed in"),
        "staff.sign-out": _("signed somebody out everywhere"),
    }


def _plain(value: object) -> str:
    if isinstance(value, dict):
        text = ", ".join(f"{name} {each}" for name, each in value.items())
    elif isinstance(value, list):
        text = ", ".join(map(str, value))
    else:
        text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
