"""Preview: what a compiled letter looks like in a mail program, without sending it.

It is read out of the very message that is sent, filled for nobody: links that would be a reader's own lead nowhere.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage

from mailer.letter import Compiled

#: Gmail shows about so much of a message's HTML and hides the rest, the footer included, behind a link.
CUT_AT = 102 * 1024
#: No host of this name can ever exist (RFC 2606 2).
NOWHERE = "https://preview.invalid/"

_DARK = re.compile(r"\(\s*prefers-color-scheme:\s*dark\s*\)")
_STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(</style>)", re.DOTALL)
_SCHEMES = re.compile(r"(color-scheme:\s*)light dark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A message of nobody's, as its reader's program would unpack it."""

    subject: str
    html: str
    text: str
    sentences: int | None = None  # of a summary at most, where it was too long (mailer.folding)
    left: int = 0  # stories that stand on the web only
    largest: int = 0  # of all the copies that readers get: their links are longer than nobody's, and they choose blocks

    @property
    def size(self) -> int:
        """Bytes of HTML that a copy has at most, as the programs that cut long messages count them."""
        return max(len(self.html.encode()), self.largest)


def read(compiled: Compiled) -> Copy:
    """Fill a letter for nobody and unpack it."""
    message = email.message_from_bytes(compiled.fill(nobody(compiled)), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return Copy(
        subject=str(message["Subject"]),
        html=_part(message, "html"),
        text=_part(message, "plain"),
        sentences=compiled.sentences,
        left=compiled.left,
        largest=compiled.size(),
    )


def page(copy: Copy, *, dark: bool) -> str:
    """The HTML part as a page in a frame: light or dark whatever the desk's own screen is, links open beside it.

    What a reader's program decides, `prefers-color-scheme`, no page can decide for a frame. So the media query of the
    letter's own style sheet is answered here: `all` where the dark rules are to hold, `not all` where not. Beside that,
    the declared scheme (which colours the canvas) and a `<base>` for the links, nothing is changed.
    """
    scheme, query = ("dark", "all") if dark else ("light", "not all")

    def answered(found: re.Match[str]) -> str:
        return found[1] + _SCHEMES.sub(rf"\g<1>{scheme}", _DARK.sub(query, found[2])) + found[3]

    html = _STYLE.sub(answered, copy.html)
    return html.replace("<head>", '<head><base target="_blank">', 1)


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert part is not None, "a compiled letter has both parts"
    return str(part.get_content()).replace("\r\n", "\n")


def nobody(compiled: Compiled) -> Mapping[str, str]:
    """The values of a letter's holes for no reader at all."""
    values = dict.fromkeys((hole.name for hole in compiled.holes), "-")
    return values | {name: NOWHERE + name.removesuffix("_url") for name in compiled.links} | dict(compiled.urls)
