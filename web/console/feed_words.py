"""Feeds in words: how one does, and what to doubt about an address before it is taken."""

from __future__ import annotations

from datetime import timedelta

from articles.health import Health
from articles.preview import Doubt, Preview
from ground.language import Texts


def health(texts: Texts, state: Health) -> tuple[str, str]:
    """The word and the tone of its chip."""
    _ = texts.gettext
    return {
        Health.NEW: (_("not collected yet"), "quiet"),
        Health.WELL: (_("well"), "go"),
        Health.SILENT: (_("silent"), "wait"),
        Health.STUMBLING: (_("failed last time"), "wait"),
        Health.FAILING: (_("failing"), "stop"),
        Health.PAUSED: (_("paused"), "quiet"),
    }[state]


def span(texts: Texts, long: timedelta) -> str:
    """40 min, 5 h, 3 days."""
    minutes = max(0, round(long / timedelta(minutes=1)))
    if minutes < 100:
        return texts.gettext("%(n)s min") % {"n": texts.number(minutes)}
    hours = round(minutes / 60)
    if hours < 48:
        return texts.gettext("%(n)s h") % {"n": texts.number(hours)}
    days = round(hours / 24)
    return texts.ngettext("%(n)s day", "%(n)s days", days) % {"n": texts.number(days)}


def language(texts: Texts, tag: str) -> str:
    """What letters are called, or a language by its own name."""
    return texts.gettext("Latin letters") if tag == "latin" else tag


def doubts(texts: Texts, preview: Preview, *, zone: str, said: str | None) -> list[str]:
    """What an editor should know, one sentence each, the gravest first."""
    return [_doubt(texts, each, preview, zone, said or preview.language) for each in Doubt if each in preview.doubts]


def doubt(texts: Texts, which: Doubt, *, zone: str) -> str:
    """The same for one entry, in two or three words."""
    _ = texts.gettext
    return {
        Doubt.NO_PICTURES: _("no image"),
        Doubt.NO_SUMMARIES: _("no summary"),
        Doubt.NO_DATES: _("no date"),
        Doubt.ASSUMED_ZONE: _("read as %(zone)s") % {"zone": zone},
    }.get(which, "")


def _doubt(texts: Texts, which: Doubt, preview: Preview, zone: str, said: str | None) -> str:
    _ = texts.gettext
    count, found = texts.number(preview.doubts[which]), texts.number(preview.found)
    sentence = {
        Doubt.NO_ENTRIES: _("It holds no story at all now."),
        Doubt.NO_PICTURES: _("No images: none of its %(found)s stories has one."),
        Doubt.NO_SUMMARIES: _("No summaries: %(count)s of %(found)s stories have none."),
        Doubt.NO_DATES: _("No dates: %(count)s of %(found)s stories name none that can be believed, and come last."),
        Doubt.ASSUMED_ZONE: _("Dates without zone: %(count)s of %(found)s are read as %(zone)s."),
        Doubt.OTHER_LANGUAGE: _(
            "The titles are in another language than said: said is %(said)s, their letters are %(letters)s."
        ),
        Doubt.UNUSABLE: _("%(count)s entries are left out: they have no link, or no words."),
        Doubt.STALE: _("Nothing new for more than a month."),
    }[which]
    letters = "" if preview.letters is None else language(texts, preview.letters)
    return sentence % {"count": count, "found": found, "zone": zone, "said": said, "letters": letters}
