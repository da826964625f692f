"""Language: texts through gettext, writing direction by script, dates by Babel.

Catalogues are the .po files themselves (`locales/<tag>/LC_MESSAGES/*.po`, one a subject: letters, pages): they are read
at start, so there is no compiled file to forget.
"""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from functools import cache, cached_property
from pathlib import Path
from typing import Literal
from unicodedata import bidirectional, decimal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time, get_timezone, get_timezone_location
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from ground.bidi import isolate

Direction = Literal["ltr", "rtl"]
DateStyle = Literal["full", "long", "medium", "short"]
Digits = Literal["western", "arabic-indic"]

#: Scripts that run from right to left. Direction follows the script, not a list of languages: Sorani is as
#: right-to-left as Arabic, and Kurmanji (ku-Latn) is not.
_RTL_SCRIPTS = frozenset({"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Rohg", "Mand", "Samr"})

#: CLDR's full date for ckb puts its parts in an order that no newsroom prints; these are the newsroom's.
_DATE_PATTERNS = {
    "ckb": {"full": "EEEE، dی MMMMی y", "long": "dی MMMMی y", "medium": "dی MMMMی y", "short": "y/MM/dd"},
}

#: Babel knows the customer's Arabic month names (آذار) only by the country.
_LOCALES = {"ar": "ar_IQ", "ckb": "ckb_IQ", "en": "en_GB"}

#: CLDR joins Sorani names with a Latin comma; a newsroom writes "A، B و C".
_LISTS = {"ckb": ("، ", " و ")}

#: Digits by CLDR's default numbering of the customer's country: ٩ آذار ٢٠٢٦, as its newspapers print it.
_NUMBERINGS = {"arab": str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")}

#: What parts thousands and decimals beside these digits.
_MARKS = str.maketrans("٬٫", ",.")

#: The names that a newsroom chooses digits by, and CLDR's.
_CHOSEN: dict[Digits, str] = {"western": "latn", "arabic-indic": "arab"}

#: CLDR calls it "Central Kurdish"; its readers call it Kurdish.
_NAMES = {"ckb": "کوردی"}

#: CLDR has no Sorani names of cities; of these zones readers of a Kurdish newsroom read the clock.
_PLACES = {
    "ckb": {
        "Asia/Baghdad": "بەغدا",
        "Asia/Tehran": "تاران",
        "Asia/Damascus": "دیمەشق",
        "Asia/Dubai": "دوبەی",
        "Europe/Istanbul": "ئیستانبوڵ",
        "Europe/London": "لەندەن",
        "Europe/Berlin": "بەرلین",
        "Europe/Vienna": "ڤیەننا",
        "Europe/Paris": "پاریس",
        "Europe/Amsterdam": "ئەمستردام",
        "Europe/Oslo": "ئۆسلۆ",
        "Europe/Stockholm": "ستۆکهۆڵم",
        "Europe/Helsinki": "هێلسینکی",
        "America/New_York": "نیویۆرک",
        "America/Toronto": "تۆرۆنتۆ",
        "Australia/Sydney": "سیدنی",
    }
}


@cache
def _locale(tag: str) -> Locale:
    return Locale.parse(_LOCALES.get(tag, tag.replace("-", "_")))


@cache
def direction(tag: str) -> Direction:
    """Which way a language tag (BCP 47: `ar`, `ckb`, `ku-Latn`) is written."""
    subtags = tag.replace("_", "-").split("-")
    script = next((part.title() for part in subtags[1:] if len(part) == 4 and part.isalpha()), None)
    if script is None:
        script = _likely_script(subtags[0].lower())
    return "rtl" if script in _RTL_SCRIPTS else "ltr"


def _likely_script(language: str) -> str | None:
    from babel.core import get_global

    likely = get_global("likely_subtags").get(language)
    return likely.split("_")[1] if likely and likely.count("_") >= 1 else None


def apart(text: str, around: Direction = "ltr") -> str:
    """A run in a sentence of that direction: isolated when it holds letters of the other one."""
    other = {"R", "AL"} if around == "ltr" else {"L"}
    return isolate(text) if any(bidirectional(char) in other for char in text) else text


class Texts:
    """Everything one language says: translations, plurals, direction, dates."""

    def __init__(self, tag: str, translations: gettext.NullTranslations, digits: Digits | None = None) -> None:
        self.tag = tag
        numbering = _CHOSEN[digits] if digits else _locale(tag).default_numbering_system
        self._numerals = _NUMBERINGS.get(numbering, {})
        self.direction: Direction = direction(tag)
        self.gettext = translations.gettext
        self.ngettext = translations.ngettext
        self.pgettext = translations.pgettext
        self.npgettext = translations.npgettext
        self.translations = translations

    @property
    def name(self) -> str:
        """What the language calls itself: English, العربية, کوردی."""
        locale = _locale(self.tag)
        return _NAMES.get(self.tag) or locale.languages.get(locale.language) or self.tag

    @property
    def start(self) -> str:
        """The physical side where lines begin; mails need `left`/`right`, clients ignore logical properties."""
        return "right" if self.direction == "rtl" else "left"

    @property
    def end(self) -> str:
        return "left" if self.direction == "rtl" else "right"

    @property
    def mark(self) -> str:
        """The invisible letter that gives a line of plain text this language's direction (U+200F or U+200E)."""
        return "\u200f" if self.direction == "rtl" else "\u200e"

    @property
    def dot(self) -> str:
        """What parts two facts on a line. A middle dot beside Arabic-Indic digits is read as their zero: ١ · is ten."""
        return "–" if self.number(0) == "٠" else "·"

    def number(self, count: int) -> str:
        """A count in this language's digits."""
        return self._digits(str(count))

    def count(self, number: int) -> str:
        """A great number as a newspaper prints it: 18,204 or ١٨٬٢٠٤."""
        return self._digits(f"{number:,}").replace(",", "," if self.number(0) == "0" else "٬")

    def figure(self, text: str) -> str:
        """A number that somebody typed, with its marks, in this language's digits: 18,204.5 or ١٨٬٢٠٤٫٥."""
        plain = "".join(str(decimal(char)) if char.isdecimal() else char for char in text).translate(_MARKS)
        if self.number(0) == "0":
            return plain
        return self._digits(re.sub(r"(?<=\d)[.,](?=\d)", lambda found: "٬" if found[0] == "," else "٫", plain))

    def apart(self, text: str) -> str:
        """The text, isolated when it holds letters of the other direction.

        Without it "By هانار · 3 min read" shows as "By 3 · هانار min read": digits and marks join the run before them.
        """
        return apart(text, self.direction)

    def listing(self, names: Sequence[str]) -> str:
        """Names in a row as a sentence has them: "A, B and C"."""
        names = [self.apart(name) for name in names]
        own = _LISTS.get(self.tag)
        if own is None:
            return format_list(names, locale=_locale(self.tag))
        comma, last = own
        return last.join(part for part in (comma.join(names[:-1]), "".join(names[-1:])) if part)

    def _digits(self, text: str) -> str:
        return text.translate(self._numerals)

    def date(self, day: date, style: DateStyle = "full") -> str:
        pattern = _DATE_PATTERNS.get(self.tag, {}).get(style, style)
        return self._digits(format_date(day, format=pattern, locale=_locale(self.tag)))

    def weekday(self, number: int) -> str:
        """The name of a day of the week; Monday is 0."""
        return str(_locale(self.tag).days["format"]["wide"][number])

    def time(self, at: datetime | time, zone: str | None = None) -> str:
        """The hour as a newsroom prints it: 24 hours, in `zone` when an instant is given."""
        if isinstance(at, datetime) and zone is not None:
            at = at.astimezone(ZoneInfo(zone))
        return self._digits(format_time(at, format="HH:mm", locale=_locale(self.tag)))

    def moment(self, at: datetime | str, zone: str) -> str:
        """The hour of an instant (or of its ISO form) with the place whose clock it is: "08:30 (Baghdad)"."""
        at = datetime.fromisoformat(at) if isinstance(at, str) else at
        place = _PLACES.get(self.tag, {}).get(zone) or get_timezone_location(
            get_timezone(zone), locale=_locale(self.tag), return_city=True
        )
        return f"{self.time(at, zone)} ({place})"


class Languages:
    """The catalogues of one folder. A language without a catalogue speaks English, in its own direction."""

    def __init__(self, locales: Path) -> None:
        self._locales = locales
        self._texts: dict[tuple[str, Digits | None], Texts] = {}

    @cached_property
    def available(self) -> list[str]:
        folders = {path.parent.parent.name.replace("_", "-") for path in self._locales.glob("*/LC_MESSAGES/*.po")}
        return sorted({"en", *folders})

    def texts(self, tag: str, digits: Digits | None = None) -> Texts:
        """What a language says; with these digits, where a newsroom has chosen them."""
        found = self._texts.get((tag, digits))
        if found is None:
            found = self._texts[tag, digits] = Texts(tag, self._read(tag), digits)
        return found

    def _read(self, tag: str) -> gettext.NullTranslations:
        found: gettext.NullTranslations | None = None
        for path in sorted((self._locales / tag.replace("-", "_") / "LC_MESSAGES").glob("*.po")):
            catalogue = _catalogue(path, _locale(tag))
            if found is None:
                found = catalogue
            else:
                found.add_fallback(catalogue)
        return found or gettext.NullTranslations()


def _catalogue(path: Path, locale: Locale) -> gettext.GNUTranslations:
    with path.open("rb") as source:
        catalogue = read_po(source, locale=locale)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
