"""A sample newsroom's letters for the tests of this folder: senders, a digest's context, one page of each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mailer.render import Folders, Page
from mailer.sender import Sender, Theme

ROOT = Path(__file__).parent.parent.parent
FOLDERS = Folders(templates=ROOT / "templates" / "email", locales=ROOT / "locales")
LANGUAGES = ("en", "ar", "ckb")
NOTICES = ("confirm", "welcome", "already", "goodbye", "reminder", "changed", "move", "moved", "correction")
MARKER = "0123456789abcdef"

_NAMES = {
    "en": ("The Zagros Courier", "Morning briefing", "Sunday to Thursday at 07:00"),
    "ar": ("بريد زاغروس", "موجز الصباح", "من الأحد إلى الخميس"),
    "ckb": ("پۆستەی زاگرۆس", "پوختەی بەیانی", "یەکشەممە تا پێنجشەممە"),
}
_TITLES = {
    "en": "Rubar bridge reopens to traffic after 14-month repair",
    "ar": "إعادة فتح جسر روبار بعد أربعة عشر شهراً من الصيانة",
    "ckb": "پردی ڕووبار دوای ١٤ مانگ نۆژەنکردنەوە کرایەوە",
}
_SECTIONS = ("Roads", "Weather", "Sport", "Culture", "Health", "Business", "Business", "Water", None)


def sender(language: str = "en", **changes: object) -> Sender:
    publisher, title, frequency = _NAMES[language]
    values: dict[str, Any] = {
        "publisher": publisher,
        "address": "briefing@zagroscourier.example",
        "reply_to": "editors@zagroscourier.example",
        "postal_address": "12 Bazaar Street, Zeryan",
        "site_url": "https://zagroscourier.example",
        "privacy_url": "https://zagroscourier.example/privacy",
        "list_id": f"briefing-{language}.news.zagroscourier.example",
        "title": title,
        "tagline": "",
        "frequency": frequency,
        "language": language,
        "zone": "Asia/Baghdad",
        "archive_url": f"https://news.zagroscourier.example/archive/briefing/{language}",
        "signup_url": f"https://news.zagroscourier.example/n/briefing/{language}",
        "theme": Theme(brand="#7a1f3d"),
    }
    return Sender(**(values | changes))


def item(number: int, language: str = "en", **changes: object) -> dict[str, Any]:
    values: dict[str, Any] = {
        "title": f"{_TITLES[language]} ({number})",
        "url": f"https://zagroscourier.example/story/{number}?a=1&b=2",
        "summary": f"Summary {number} of what happened." if number < 7 else None,
        "section": _SECTIONS[(number - 1) % len(_SECTIONS)],
        "authors": ["Hanar Dolan", "Karo Zozan"][: number % 3],
        "published_at": "2026-03-09T03:05:00Z",
        "language": language,
        "reading_minutes": number,
        "face": "https://zagroscourier.example/images/hanar.png" if number == 2 else None,
        "paywalled": number == 3,
        "image": {"url": "https://zagroscourier.example/images/bridge.png", "alt": "A bridge", "credit": "D. Kanispi",
                  "width": 1200, "height": 630} if number in {1, 2} else None,
    }  # fmt: skip
    return values | changes


def digest(language: str = "en", count: int = 9, **changes: object) -> dict[str, Any]:
    issue = {
        "number": 12,
        "date": "2026-03-09",
        "due_at": "2026-03-09T05:30:00+00:00",
        "subject": _TITLES[language],
        "preheader": "Late snow expected · First tram line approved",
        "view_url": f"https://news.zagroscourier.example/archive/briefing/{language}/12",
        "archive_url": f"https://news.zagroscourier.example/archive/briefing/{language}",
    }
    return {"issue": issue, "items": [item(number, language) for number in range(1, count + 1)]} | changes


def alert(language: str = "en") -> dict[str, Any]:
    return digest(language, 1)


def correction(language: str = "en") -> dict[str, Any]:
    about = {
        "number": 12,
        "subject": _TITLES[language],
        "date": "2026-03-09",
        "view_url": f"https://news.zagroscourier.example/archive/briefing/{language}/12",
    }
    return {"issue": about, "correction": {"subject": _TITLES[language], "paragraphs": [_TITLES[language]] * 2}}


def page(
    template: str = "daily", language: str = "en", *, context: Mapping[str, Any] | None = None, **changes: object
) -> Page:
    if context is None:
        made = {"daily": digest, "weekly": digest, "follow": digest, "breaking": alert, "correction": correction}
        context = made[template](language) if template in made else {}
    values: dict[str, Any] = {
        "template": template, "language": language, "sender": sender(language), "context": context, "marker": MARKER,
    }  # fmt: skip
    return Page(**(values | changes))
