"""Turning a stranger's markup into plain text that is safe to set in a letter.

Nothing from a feed is ever used as HTML. Texts become plain here and are escaped again where they are shown.
"""

from __future__ import annotations

import html
import re
import unicodedata

import nh3

from ground.bidi import balanced

SUMMARY_LENGTH = 240
TITLE_LENGTH = 500
_FRAGMENT_LENGTH = 400_000
_TEXT_LENGTH = 6_000  # more of a text is never looked at for a summary
_DEPTH = 200

_BLOCKS = frozenset(
    {
        "p", "div", "br", "hr", "li", "ul", "ol", "dl", "dt", "dd", "blockquote", "pre",
        "h1", "h2", "h3", "h4", "h5", "h6", "table", "tr", "section", "article", "header", "footer",
    }
)  # fmt: skip
_DROPPED = frozenset(
    {
        "script", "style", "iframe", "object", "embed", "svg", "math", "form", "select", "textarea", "button",
        "template", "noscript", "figure", "figcaption", "video", "audio", "canvas", "title",
    }
)  # fmt: skip
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]*)[^<>]*?(/?)>")
#: Elements that close by themselves: an unclosed row of them is bad style, not depth.
_FLAT = frozenset(
    {
        "p", "br", "hr", "img", "li", "td", "th", "tr", "dd", "dt", "option", "meta", "link", "input",
        "source", "wbr", "area", "col",
    }
)  # fmt: skip

_BREAK = re.compile(r"</?(?:" + "|".join(sorted(_BLOCKS)) + r")\b[^<>]*>")

#: Bidirectional overrides and embeddings turn letters around ("exe.gpj"); isolates and marks stay, good text needs them.
_TURNING = dict.fromkeys([*range(0x202A, 0x202F), 0xFEFF, 0x00AD])
#: A C1 control in a text is a letter of Windows-1252 that somebody mislabelled: U+0092 is its apostrophe. Sent as a
#: control it makes Gmail clip the letter.
_WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}  # five have no letter

#: A text without any of these needs no looking at letter by letter, which is most of a feed's cost. What is known to be
#: good is listed, and not what is bad: Latin, Greek, Cyrillic, Arabic, punctuation, currency.
_ODD = re.compile(
    "[^\t\n\r -~\u00a0-\u00ac\u00ae-\u0377\u0400-\u052f\u060c-\u061b\u061e-\u06dc\u2010-\u2027\u2030-\u205e\u20a0-\u20bf]"
)

_CUT_MARK = re.compile(r"\s*(?:\[\s*(?:…|\.\.\.)\s*\]|(?:…|\.\.\.))\s*$")
_FOOTERS = (
    re.compile(r"\s*The post .{0,600}? appeared first on .{0,300}?\.?\s*$", re.DOTALL),
    re.compile(
        r"\s*(?:Continue reading|Read more|Read the full (?:story|article))(?:\s*[→»…].{0,200}|\s*)$", re.IGNORECASE
    ),
)
_SENTENCE_END = re.compile(r"""(?<=[.!?؟…。۔])["'”’»)\]]*(?=\s|$)""")
_INITIALS = re.compile(r"(?:\b[A-Za-z]\.|\b(?:Mr|Mrs|Ms|Dr|St|No|vs|Jan|Feb|Aug|Sept?|Oct|Nov|Dec)\.)$")


def plain(text: str | None) -> str:
    """One line of text: no controls, no overrides, single spaces. Not for markup."""
    if not text:
        return ""
    if _ODD.search(text):
        text = text.translate(_WINDOWS).translate(_TURNING)
        text = "".join(" " if character.isspace() else character for character in text)
        text = balanced("".join(each for each in text if unicodedata.category(each) not in ("Cc", "Cs", "Co", "Cn")))
    return unicodedata.normalize("NFC", " ".join(text.split()))


def paragraphs(markup: str | None) -> list[str]:
    """The paragraphs of an HTML fragment as plain text; scripts, figures, forms and their contents are gone."""
    if not markup:
        return []
    cleaned = nh3.clean(
        flatten(markup),
        tags=set(_BLOCKS),
        clean_content_tags=set(_DROPPED),
        attributes={"*": set()},  # an empty mapping would leave lang and title, which nh3 lets through everywhere
        link_rel=None,
    )
    texts = (plain(html.unescape(piece)) for piece in _BREAK.split(cleaned))
    return [text for text in texts if text]


def flatten(markup: str) -> str:
    """The fragment, unless it is nested so deeply that it is an attack: then only its text.

    Measured: 50,000 nested <div> cost nh3 3.3 s, so depth is counted before anything builds a tree.
    """
    markup = markup[:_FRAGMENT_LENGTH]
    return _TAG.sub(" ", markup) if is_deep(markup, _DEPTH) else markup


def is_deep(markup: str, deepest: int) -> bool:
    """Whether elements are nested more than `deepest` deep."""
    depth = 0
    for found in _TAG.finditer(markup):
        closing, name, empty = found.groups()
        if empty or name.lower() in _FLAT:
            continue
        depth = max(depth - 1, 0) if closing else depth + 1
        if depth > deepest:
            return True
    return False


def headline(text: str | None, *, is_markup: bool) -> str:
    """A title as one plain line of at most 500 characters."""
    return cut(" ".join(paragraphs(text)), TITLE_LENGTH) if is_markup else label(text, TITLE_LENGTH)


def label(text: str | None, longest: int) -> str:
    """A title, a section, a tag or a name as one plain line. Many feeds escape them once too often ("Arts &amp; Culture")."""
    line = plain(text)
    return cut(plain(html.unescape(line)) if "&" in line else line, longest)


def is_cut(text: str) -> bool:
    """Whether a machine cut this text ("Write to us, call […]"): an excerpt, not a summary."""
    return _CUT_MARK.search(without_footers(text)) is not None


def without_footers(text: str) -> str:
    """Without what blog software hangs under a text ("The post … appeared first on …")."""
    text = text[:_TEXT_LENGTH]
    for footer in _FOOTERS:
        text = footer.sub("", text)
    return text


def summarise(text: str) -> str | None:
    """At most 240 characters, ended at the end of a sentence where there is one."""
    text = without_footers(text)
    text, cut_marks = _CUT_MARK.subn("", text)
    if cut_marks and len(text) <= SUMMARY_LENGTH:
        whole = _whole_sentences(text, len(text) - 1)
        return whole or (text + "…" if text else None)
    if len(text) <= SUMMARY_LENGTH:
        return text or None
    return _whole_sentences(text, SUMMARY_LENGTH) or cut(text, SUMMARY_LENGTH)


def first_sentence(text: str) -> str:
    """For an entry without a title."""
    for end in _ends(text[:_TEXT_LENGTH]):
        return text[:end].rstrip(".")
    return cut(text, 120)


def cut(text: str, length: int) -> str:
    """At most `length` characters, cut between words and marked."""
    if len(text) <= length:
        return text
    head = text[: length - 1]
    return (head.rsplit(" ", 1)[0] if " " in head else head).rstrip(" ,;:-–—") + "…"


def _whole_sentences(text: str, length: int) -> str:
    return text[: max((end for end in _ends(text) if end <= length), default=0)]


def _ends(text: str) -> list[int]:
    return [found.end() for found in _SENTENCE_END.finditer(text) if not _INITIALS.search(text[: found.start()])]
