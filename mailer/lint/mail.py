"""A mail as the lint's rules look at it: header fields as they stand, the two texts, the page parsed once.

It is read from bytes that may be anybody's: MIME is cut by the bounce reader's own parser, which is linear and bounded
(the standard library's is not), and a bare HTML file is a mail without headers.
"""

from __future__ import annotations

import email.errors
import email.header
import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from mailer.bounces import parts
from mailer.bounces.parts import Part
from mailer.lint.page import Page

#: More is never looked at; a mail this size is refused by most servers anyway.
MAX_BYTES = 25 * 1024 * 1024
_MAX_VALUE = 8_192
_FIELD = re.compile(rb"([!-9;-~]{1,80})[ \t]*:(.*)", re.DOTALL)
_CHARSET = re.compile(r"""charset\s{0,9}=\s{0,9}["']?([\w.:-]{1,40})""", re.IGNORECASE)
_HTML = re.compile(rb"\s{0,1000}(?:<!--|<!doctype|<html|<head|<body|<table|<div|<\?xml|<style|<p\b)", re.IGNORECASE)
_BEGINS = re.compile(rb"(?:From |[!-9;-~]{1,80}[ \t]*:)")
_ELEMENT = re.compile(rb"<(?:html|head|body|table)[\s>]", re.IGNORECASE)
_UNSUBSCRIBE = re.compile(
    r"unsubscri|opt[ -]?out|إلغاء\s+الاشتراك|ألغ|پەیوەندی بپچڕێنە|هەڵوەشاندنەوە|abbestell|désabonn|darse de baja",
    re.IGNORECASE,
)


class Purpose(enum.StrEnum):
    """What a mail is for: what is asked of a mailing is not asked of a receipt."""

    ISSUE = "issue"  # to many who subscribed
    TX = "tx"  # an answer to what one person did
    STAFF = "staff"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of a mail beside its bytes. Nothing need be."""

    purpose: Purpose | None = None  # None: it is told by the mail's own headers
    is_ours: bool = False  # the house's own rules are errors in it; in others' mail they are advice
    sent_at: datetime | None = None
    html_bytes: int = 0  # of the largest copy that a reader gets
    postal_address: str = ""
    stories: Sequence[str] = ()  # texts that others wrote and we quote
    paywalled: Sequence[str] = ()  # titles of stories that only members can read
    view_url: str = ""  # of the issue's public page
    day: date | None = None  # on which it goes, where its newsroom is
    credits: Mapping[str, str] = field(default_factory=dict)  # whose each picture is, by its address


@dataclass(frozen=True, slots=True)
class Field:
    name: str  # as written
    raw: bytes  # the whole value with its folds, without the last line end
    value: str  # unfolded, not decoded


class Mail:
    """One mail."""

    def __init__(self, raw: bytes, about: About | None = None) -> None:
        self.raw = raw[:MAX_BYTES]
        self.about = about or About()
        self.is_message = not _is_page(self.raw)
        self.parts: list[Part] = list(parts.cut(self.raw)) if self.is_message else []
        self.fields: list[Field] = list(_fields(self.raw)) if self.is_message else []

    # -- headers

    def all(self, name: str) -> list[Field]:
        return [each for each in self.fields if each.name.lower() == name.lower()]

    def get(self, name: str) -> str:
        """The first value of this name, unfolded; nothing where there is none."""
        return next((each.value for each in self.all(name)), "")

    def words(self, name: str) -> str:
        """The same, decoded (RFC 2047)."""
        value = self.get(name)[:4_096]
        try:
            return str(email.header.make_header(email.header.decode_header(value)))
        except (email.errors.HeaderParseError, LookupError, ValueError):
            return value

    @cached_property
    def subject(self) -> str:
        if self.is_message:
            return self.words("Subject")
        title = self.page.first("title") if self.page else None
        return title.text if title else ""

    # -- texts

    @cached_property
    def texts(self) -> list[Part]:
        """The parts that a mail program shows, in their order."""
        return [each for each in self.parts if each.type in {"text/plain", "text/html"} and not is_attached(each)]

    @cached_property
    def html(self) -> str | None:
        if not self.is_message:
            return self.raw.decode("utf-8", "replace")
        part = next((each for each in self.texts if each.type == "text/html"), None)
        return None if part is None else decoded(part)

    @cached_property
    def text(self) -> str | None:
        part = next((each for each in self.texts if each.type == "text/plain"), None)
        return None if part is None else decoded(part)

    @cached_property
    def page(self) -> Page | None:
        return None if self.html is None else Page(self.html)

    @cached_property
    def html_bytes(self) -> int:
        return max(len((self.html or "").encode("utf-8", "replace")), self.about.html_bytes)

    # -- what it is

    @cached_property
    def purpose(self) -> Purpose:
        if self.about.purpose is not None:
            return self.about.purpose
        if self.get("Auto-Submitted").lower() not in {"", "no"} and not self.all("List-Unsubscribe"):
            return Purpose.TX
        if any(self.all(name) for name in ("List-Id", "List-Unsubscribe", "List-Post")):
            return Purpose.ISSUE
        if self.get("Precedence").lower() in {"bulk", "list"} or self.unsubscribe_links:
            return Purpose.ISSUE
        return Purpose.UNKNOWN

    @property
    def is_bulk(self) -> bool:
        return self.purpose is Purpose.ISSUE

    @cached_property
    def unsubscribe_links(self) -> list[str]:
        """The addresses under links that speak of unsubscribing."""
        links = self.page.links if self.page else []
        return [
            node.get("href")
            for node in links
            if not node.is_hidden and (_UNSUBSCRIBE.search(node.text) or node.get("href") in self.list_unsubscribe)
        ]

    @cached_property
    def list_unsubscribe(self) -> list[str]:
        return re.findall(r"<([^<>\s]{1,2000})>", self.get("List-Unsubscribe"))


def _is_page(raw: bytes) -> bool:
    """Whether it is an HTML file: it begins with a tag, or has one and begins as no header block does."""
    return bool(_HTML.match(raw) or (not _BEGINS.match(raw) and _ELEMENT.search(raw[:16_384])))


def is_attached(part: Part) -> bool:
    return part.headers.get("content-disposition").lower().startswith("attachment")


def charset(part: Part) -> str:
    found = _CHARSET.search(part.headers.get("content-type")[:1_000])
    return found[1].lower() if found else ""


def decoded(part: Part) -> str:
    try:
        return part.body.decode(charset(part) or "utf-8")
    except (LookupError, UnicodeDecodeError):
        return parts.as_text(part.body)


def head_of(raw: bytes) -> bytes:
    """The header block, its last line end included."""
    ends = [at for at in (raw.find(b"\r\n\r\n"), raw.find(b"\n\n")) if at >= 0]
    return raw[: min(ends) + 1] if ends else raw[: parts.MAX_HEADERS]


def _fields(raw: bytes) -> list[Field]:
    found: list[list[bytes]] = []
    for line in head_of(raw)[: parts.MAX_HEADERS].split(b"\n"):
        if line[:1] in {b" ", b"\t"} and found:
            found[-1].append(line)
        elif line.strip():
            found.append([line])
    fields = []
    for lines in found[:500]:
        whole = b"\n".join(lines)
        match = _FIELD.match(whole)
        if match is not None:
            value = b" ".join(piece.strip() for piece in match[2].split(b"\n"))
            fields.append(
                Field(match[1].decode("ascii"), match[2].rstrip(b"\r"), parts.as_text(value).strip()[:_MAX_VALUE])
            )
    return fields
