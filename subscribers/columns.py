"""Columns: what the headers of other tools' exports mean to us.

listmonk      email, name, attributes, status (enabled | blocklisted), created_at
Mailchimp     Email Address, First Name, Last Name, OPTIN_TIME, CONFIRM_TIME, UNSUB_TIME, CLEAN_TIME
Ghost         email, name, subscribed_to_emails, created_at
Substack      Email, Name, email_disabled, created_at (`active_subscription` means paid, and nothing here)
Broadsheet    address, name, language, edition, state, confirmed_at, ended_at, consent, suppressed
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mailer import address
from mailer.address import EmailAddress


class Meaning(enum.StrEnum):
    ADDRESS = "address"
    NAME = "name"
    FIRST_NAME = "first name"
    LAST_NAME = "last name"
    LANGUAGE = "language"
    EDITION = "edition"
    STATUS = "status"
    WANTS = "wants mail (yes or no)"
    REFUSES = "refuses mail (yes or no)"
    LEFT_AT = "when they left"
    SUPPRESSED = "must not be mailed"
    CONSENT_AT = "when they agreed"
    CONSENT = "how they agreed"


_HEADERS: dict[Meaning, str] = {
    Meaning.ADDRESS: "address|email|e mail|mail|email address|e mail address|mail address|subscriber email|emails"
    "|البريد|البريد الالكتروني|البريد الإلكتروني|الايميل|الإيميل|ايميل|إيميل|بريد الكتروني|بريد إلكتروني|عنوان البريد"
    "|ئیمەیڵ|ئیمەیل|ئیمەیڵەکان|ناونیشانی ئیمەیڵ|پۆستی ئەلیکترۆنی|e posta|eposta|adresse|courriel|correo",
    Meaning.NAME: "name|full name|fullname|display name|subscriber name|الاسم|الإسم|اسم|الاسم الكامل|ناو|ناوی تەواو|nom",
    Meaning.FIRST_NAME: "first name|firstname|given name|fname|الاسم الاول|الاسم الأول|ناوی یەکەم",
    Meaning.LAST_NAME: "last name|lastname|surname|family name|lname|الكنية|اسم العائلة|ناوی خێزان|نازناو",
    Meaning.LANGUAGE: "language|lang|locale|اللغة|لغة|زمان",
    Meaning.EDITION: "edition|النسخة|الطبعة|چاپ",
    Meaning.STATUS: "status|state|subscription status|subscription state|email status|الحالة|حالة الاشتراك|دۆخ|بار",
    Meaning.WANTS: "subscribed|is subscribed|subscribed to emails|opted in|opt in|accepts marketing|مشترك|بەشداربوو",
    Meaning.REFUSES: "unsubscribed|email disabled|opted out|opt out|blocklisted|blacklisted|globally unsubscribed",
    Meaning.LEFT_AT: "unsub time|unsubscribed at|unsubscribe date|ended at|opted out at|deleted at|تاريخ الالغاء",
    Meaning.SUPPRESSED: "suppressed|clean time|cleaned at|bounced at|complained at|blocked at",
    Meaning.CONSENT_AT: "confirmed at|confirm time|consent date|consented at|consent at|optin time|opt in time|opted in at"
    "|opt in date|subscribed at|subscription date|signup date|signed up at|created at|date added|added"
    "|تاريخ الموافقة|تاريخ الاشتراك|بەرواری ڕەزامەندی|بەرواری بەشداری",
    Meaning.CONSENT: "consent|consent source|source|signup source|opt in source|form|مصدر الموافقة|المصدر|سەرچاوە",
}
_MEANING = {header: meaning for meaning, headers in _HEADERS.items() for header in headers.split("|")}
#: Of several dates the strongest evidence is taken: a confirmation before a sign-up before "created".
_STRONGEST = ("confirmed at", "confirm time", "consent date", "consented at", "consent at")


#: Columns that are shown.
_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where what stands. `assumed` says what was guessed; `headers` is empty where the file has none."""

    headers: tuple[str, ...]
    places: dict[Meaning, int]
    assumed: str | None = None

    def told(self) -> list[tuple[str, Meaning | None]]:
        """Every column with what it is read as; None for what is not read."""
        meanings = {place: meaning for meaning, place in self.places.items()}
        width = max([len(self.headers), *(place + 1 for place in self.places.values())])
        names = [*self.headers, *(f"column {place + 1}" for place in range(len(self.headers), width))]
        return [(name, meanings.get(place)) for place, name in enumerate(names[:_SHOWN])]

    def cell(self, cells: Sequence[str], meaning: Meaning) -> str:
        place = self.places.get(meaning)
        return cells[place].strip() if place is not None and place < len(cells) else ""


@dataclass(frozen=True, slots=True)
class NoAddress:
    """No column holds addresses; `found` are the headers there are."""

    found: tuple[str, ...]

    @property
    def problem(self) -> str:
        if len(self.found) == 1:
            seen = f"The only column is “{self.found[0][:60]}”"
        else:
            seen = "The columns are " + ", ".join(f"“{name[:60]}”" for name in self.found[:12])
        return (
            f"No column holds email addresses. {seen}. Name the column with the addresses “email” and choose it again."
        )


def read(first: Sequence[str]) -> Columns | NoAddress:
    """What the first record's cells say about the columns; where it is no header but holds an address, that."""
    headers = tuple(_shown(cell) for cell in first)
    found: dict[Meaning, int] = {}
    strengths: dict[Meaning, int] = {}
    for place, header in enumerate(headers):
        name = _plain(header)
        meaning = _MEANING.get(name)
        strength = 1 + (name in _STRONGEST)
        if meaning is not None and strength > strengths.get(meaning, 0):
            found[meaning], strengths[meaning] = place, strength
    if Meaning.ADDRESS in found:
        return Columns(headers=headers, places=found)
    for place, cell in enumerate(first):
        if isinstance(address.parse(cell), EmailAddress):
            assumed = f"The file has no header; column {place + 1} holds addresses, and nothing else of it is read."
            return Columns(headers=(), places={Meaning.ADDRESS: place}, assumed=assumed)
    return NoAddress(headers)


def _plain(header: str) -> str:
    """A header without what tools differ in: case, marks, underscores, vowel signs."""
    text = unicodedata.normalize("NFKC", header).casefold()
    return " ".join(re.sub(r"[\W_ـ\u064b-\u0652]+", " ", text).split())


def _shown(header: str) -> str:
    return " ".join("".join(char for char in header if unicodedata.category(char)[0] != "C").split())[:80]
