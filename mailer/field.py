"""Fields: the places in a letter that are filled per recipient, and how a value is made safe for each kind of place."""

from __future__ import annotations

import enum
import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from urllib.parse import quote

from ground.tokens import Purpose
from mailer import encoding

NAME = r"_?[a-z][a-z0-9_]*"
#: Characters of a value: names and links, not articles.
LONGEST = 20_000


class Context(enum.StrEnum):
    """Where a field stands, which decides how its value is escaped."""

    HTML = "html"  # text or a quoted attribute
    URL = "url"  # the whole of a link
    URL_PART = "url_part"  # a piece of a link
    TEXT = "text"  # the plain part
    PLAIN_URL = "plain_url"  # the whole of a link, in the plain part
    LITERAL = "literal"  # a structured header, ASCII as it stands
    WORDS = "words"  # free text in a header


#: A value to the bytes that are safe in one context. Raises ValueError for one that cannot stand there.
Encoder = Callable[[str], bytes]


class FieldProblem(Exception):  # noqa: N818 - a refused value, not a program error
    """A row whose value cannot stand in its field. The delivery fails with this reason, the batch goes on."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"field {self.name!r}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSpec:
    """A field that is a signed link. Its row holds the token's payload; the URL is base_url + path + token.

    Two links about the same thing (a subscription) share one payload, so that a row holds it once.
    """

    purpose: Purpose
    path: str
    valid_for: timedelta | None  # counted from the letter's due time; None is for ever
    payload: str | None = None  # the field of the row that holds it; None is the link's own name


#: The links a template may name.
LINKS: Mapping[str, LinkSpec] = {
    "confirm_url": LinkSpec(purpose=Purpose.CONFIRM, path="/confirm/", valid_for=timedelta(hours=72)),
    "unsubscribe_url": LinkSpec(purpose=Purpose.UNSUBSCRIBE, path="/u/", valid_for=None),
    # It gives more than it takes away, and mails are forwarded: a newer letter has a newer one.
    "preferences_url": LinkSpec(
        purpose=Purpose.PREFERENCES, path="/p/", valid_for=timedelta(days=180), payload="unsubscribe_url"
    ),
    "feedback_url": LinkSpec(
        purpose=Purpose.FEEDBACK, path="/f/", valid_for=timedelta(days=180), payload="unsubscribe_url"
    ),
    "move_url": LinkSpec(purpose=Purpose.MOVE, path="/move/", valid_for=timedelta(hours=72)),
    # Staff's ways in: one that waits for somebody's morning, and one that was asked for a moment ago.
    "invite_url": LinkSpec(purpose=Purpose.SIGN_IN, path="/sign-in/", valid_for=timedelta(hours=72)),
    "reset_url": LinkSpec(purpose=Purpose.SIGN_IN, path="/sign-in/", valid_for=timedelta(hours=1)),
}


def token(marker: str, name: str) -> str:
    """The stand-in for a field: letters, digits, `-` and `_` only, so it survives HTML, CSS inlining and URLs.

    The marker is not guessable from outside, so that an article cannot ask for a reader's links.
    """
    if not re.fullmatch(NAME, name):
        raise ValueError(f"field name {name!r}: small letters, digits and _")
    return f"zz{marker}-{name}-zz"


def filled(name: str, context: Context, values: Mapping[str, str]) -> bytes:
    """The bytes that go into the hole. Raises FieldProblem when the value is missing or cannot stand there."""
    return all_filled([(name, ENCODERS[context])], values)[0]


def all_filled(places: Sequence[tuple[str, Encoder]], values: Mapping[str, str]) -> list[bytes]:
    """The same for many holes; each message asks for all of its letter's at once."""
    found: list[bytes] = []
    name = ""
    try:
        for name, encoder in places:
            value = values[name]
            if len(value) > LONGEST:
                # Encoding a megabyte takes seconds, and nothing else is sent meanwhile.
                raise FieldProblem(name, f"{len(value)} characters are too many; a field takes {LONGEST}")
            found.append(encoder(value))
    except KeyError:
        raise FieldProblem(name, "the row has no value for it") from None
    except ValueError as problem:
        raise FieldProblem(name, str(problem)) from None
    return found


def _html(value: str) -> bytes:
    return encoding.quoted(html.escape(encoding.clean(value)))


def _url(value: str) -> bytes:
    if (link := _plain_link(value)) is not None:
        return link
    # Not cleaned: an address that is normalised is another address. What cleaning is for is percent-encoded here.
    return encoding.quoted(html.escape(quote(_leads(value), safe=_URL_SAFE, errors="replace")))


def _plain_url(value: str) -> bytes:
    """As `_url`, but letters stay readable."""
    if (link := _plain_link(value)) is not None:
        return link
    return encoding.quoted(_UNPRINTABLE.sub(lambda found: quote(found[0], errors="replace"), _leads(value)))


@lru_cache(maxsize=16)
def _plain_link(value: str) -> bytes | None:
    """A link that needs no escape in any context. A message asks for each of its own two or three times in a row."""
    return encoding.quoted(value) if _PLAIN_LINK.match(value) else None


def _leads(value: str) -> str:
    if not value.startswith(("https://", "http://", "mailto:")):
        raise ValueError("a link must begin with https://, http:// or mailto:")
    return value


def _url_part(value: str) -> bytes:
    return encoding.quoted(quote(encoding.clean(value), safe=""))


def _text(value: str) -> bytes:
    if value.startswith("http") and (link := _plain_link(value)) is not None:
        return link
    return encoding.quoted(encoding.clean(value))


def _literal(value: str) -> bytes:
    if not value or not (value.isascii() and value.isprintable()):
        raise ValueError("a header takes printable ASCII only, on one line")
    if len(value) > _LONGEST_LITERAL:
        raise ValueError(f"{len(value)} characters are too many for a header line")
    return value.encode("ascii")


def _word_value(value: str) -> bytes:
    if not _ONE_LINE.match(value):
        raise ValueError("a header takes one line only")
    if len(value) > _LONGEST_WORDS:
        raise ValueError(f"{len(value)} characters are too many for a header")
    return word_lines(encoding.clean(value)).encode("ascii")


def word_lines(text: str) -> str:
    """Encoded words, each on a folded line of its own; readers join them without a blank (RFC 2047 6.2)."""
    return "".join(f"\r\n {word}" for word in encoding.words(text, indent=1))


#: Nothing in it needs an escape in any context: our signed links.
_PLAIN_LINK = re.compile(r"https?://[A-Za-z0-9/:.~_-]+\Z")
_URL_SAFE = ":/?#[]@!$&'()*+,;=%~"
#: Blanks, controls, marks of lines and of direction, and halves of letters.
_UNPRINTABLE = re.compile("[\\x00-\\x20\\x7f-\\xa0\\u2000-\\u200f\\u2028-\\u202f\\u2066-\\u2069\\ud800-\\udfff]+")
_LONGEST_LITERAL = 900  # RFC 5322 2.1.1: a line has 998 characters at most, and the rest of it is constant
_LONGEST_WORDS = 1_000
_ONE_LINE = re.compile(r"[^\r\n\0]*\Z")
ENCODERS: Mapping[Context, Encoder] = {
    Context.HTML: _html,
    Context.URL: _url,
    Context.URL_PART: _url_part,
    Context.TEXT: _text,
    Context.PLAIN_URL: _plain_url,
    Context.LITERAL: _literal,
    Context.WORDS: _word_value,
}
