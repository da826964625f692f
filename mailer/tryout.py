"""Tryout: a newsroom's own templates, rendered with a made-up issue and looked over by the lint, before a real one comes.

A letter is tried in each language. What the lint would block is told as what is broken: file, line and reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mailer.compiler import LetterJob, compiled_bytes
from mailer.letter import BrokenLetter, Kind
from mailer.lint import Severity
from mailer.look_over import look_over
from mailer.render import HTML, MJML, Folders
from mailer.sender import Sender

_SITE = "https://news.example.org"
_STORIES = 9
_LONG = "The council has approved the first nine kilometres of the line; tracks are to be laid from September."
_ENGLISH = "Rubar bridge reopens to traffic after a repair of 14 months"
_TITLES = {
    "ar": "إعادة فتح جسر روبار بعد أربعة عشر شهراً من الصيانة",
    "ckb": "پردی ڕووبار دوای ١٤ مانگ نۆژەنکردنەوە کرایەوە",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One letter in one language; no problem when it can be sent."""

    template: str
    language: str
    problem: str | None


def letters(folders: Folders) -> list[str]:
    """The letters that own templates have a part in: all of them where a shared part (`_frame.html`) is the newsroom's."""
    if folders.own is None or not folders.own.is_dir():
        return []
    own = {path.name for path in folders.own.iterdir() if path.is_dir()}
    if any(path.is_file() and path.name.startswith("_") for path in folders.own.iterdir()):
        own |= {path.name for path in folders.templates.iterdir() if path.is_dir()}
    return sorted(own)


def try_out(folders: Folders, languages: tuple[str, ...]) -> Iterator[Tried]:
    """Each letter in each language, one after the other."""
    for template in letters(folders):
        for language in languages:
            yield Tried(template=template, language=language, problem=_problem(folders, template, language))


def _problem(folders: Folders, template: str, language: str) -> str | None:
    kind = Kind.ISSUE if _shows_stories(folders, template) else Kind.TX
    sender = _sender(language)
    job = LetterJob(template=template, language=language, kind=kind, sender=sender, context=_context(language))
    try:
        kept = compiled_bytes(job, hashlib.sha256(job.digest().encode()).hexdigest(), folders)
    except BrokenLetter as broken:
        return str(broken)
    found = look_over(kept, kind, sender, job.context).findings
    wrong = [each for each in found if each.blocks or each.severity is Severity.ERROR]
    return f"The lint objects ({wrong[0].id}, {template}): {wrong[0].words} {wrong[0].mend}" if wrong else None


def _shows_stories(folders: Folders, template: str) -> bool:
    known = [folder / template for folder in (folders.own, folders.templates) if folder is not None]
    places = [folder / page for folder in known for page in (HTML, MJML)]
    found = next((place for place in places if place.is_file()), None)
    return found is not None and "items" in found.read_text(encoding="utf-8", errors="replace")


def _sender(language: str) -> Sender:
    return Sender(
        publisher="The Zagros Courier",
        address="briefing@news.example.org",
        reply_to="desk@news.example.org",
        postal_address="12 Citadel Road, Zeryan",
        site_url=_SITE,
        privacy_url=f"{_SITE}/privacy",
        list_id=f"briefing-{language}.news.example.org",
        title="Morning briefing",
        tagline="The day's stories in five minutes",
        frequency="one email a day",
        language=language,
        zone="Asia/Baghdad",
        archive_url=f"{_SITE}/archive/briefing/{language}",
        signup_url=f"{_SITE}/n/briefing/{language}",
    )


def _context(language: str) -> dict[str, Any]:
    """What any letter of ours is handed, all at once."""
    title = _TITLES.get(language, _ENGLISH)
    issue = {
        "number": 12,
        "date": "2026-03-09",
        "due_at": "2026-03-09T05:30:00+00:00",
        "subject": title,
        "preheader": title,
        "view_url": f"{_SITE}/archive/briefing/{language}/12",
        "archive_url": f"{_SITE}/archive/briefing/{language}",
    }
    return {
        "issue": issue,
        "items": [_item(number, title, language) for number in range(1, _STORIES + 1)],
        "besides": _besides(title, language),
        "correction": {"subject": title, "paragraphs": [title, title]},
        "title": title,
        "texts": [title, _LONG],
        "now": _LONG,
        "why": "invited",
        "edition": "Morning briefing",
        "edition_language": language,
        "number": 12,
        "stories": [title],
        "more": 2,
        "short": title,
        "at": "07:00",
        "button": "Look at the issue",
        "url": f"{_SITE}/console",
        "console_url": f"{_SITE}/console",
        "sign_in_url": f"{_SITE}/sign-in",
        "is_for_ops": True,
    }


def _besides(title: str, language: str) -> dict[str, Any]:
    story = {"title": title, "url": f"{_SITE}/story/1", "language": language}
    other = {"name": "English", "language": "en", "title": "Morning briefing", "url": f"{_SITE}/archive/briefing/en/12"}
    return {
        "most_read": [story] * 3,
        "errata": [story | {"words": _LONG, "date": "2026-03-08"}],
        "others": [other | {"headlines": [{"title": _ENGLISH, "url": f"{_SITE}/story/2"}]}],
        "feedback": True,
        "forward": True,
    }


def _item(number: int, title: str, language: str) -> dict[str, Any]:
    image = {"url": f"{_SITE}/images/bridge.jpg", "alt": title, "credit": "D. Kanispi", "width": 1200, "height": 630}
    return {
        "title": f"{title} ({number})",
        "url": f"{_SITE}/story/{number}",
        "summary": _LONG if number % 2 else None,
        "section": ("Roads", "Weather", None)[number % 3],
        "authors": ["Hanar Dolan", "Karo Zozan"][: number % 3],
        "published_at": "2026-03-09T03:05:00+00:00",
        "language": language,
        "reading_minutes": number,
        "paywalled": number == 3,
        "image": image if number == 1 else None,
        "profile": {"bio": title, "url": _SITE, "avatar_url": f"{_SITE}/images/face.jpg"} if number == 1 else None,
        "earlier": [{"title": title, "url": f"{_SITE}/story/9", "language": language}] if number == 1 else [],
    }
