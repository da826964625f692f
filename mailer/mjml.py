"""MJML: a newsroom's page written in that language becomes HTML before anything else is done with it.

mrml reads it, where it is installed (the extra `mjml`). The stand-ins for fields and the marks of blocks are letters and
comments, which it leaves as they are, so all that follows is the same as for a page in HTML: inlining, blocks, the lint.
Nothing is included or fetched: it knows no other file, and links no fonts.
"""

from __future__ import annotations

import re

from mailer.letter import BrokenLetter

_STYLE = re.compile(r"<style(?=[\s>])(.*?</style>)", re.DOTALL)
_WIDTH = re.compile(r"(max-width: ?[\d.]+(?:%|px));")


def to_html(source: str, place: str) -> str:
    """The page. Raises BrokenLetter for what is no MJML, and where nothing is installed that reads it."""
    try:
        import mrml
    except ImportError:
        raise BrokenLetter(
            place,
            "it is written in MJML, and the package that reads it is not installed. Install Broadsheet with it "
            "(pip install 'broadsheet[mjml]'), or write body.html.",
        ) from None
    try:
        page = mrml.to_html(source, None, mrml.RenderOptions(fonts={})).content
    except OSError as problem:
        why = f"it cannot be read as MJML ({problem}). Close what is open, and include no other file."
        raise BrokenLetter(place, why) from None
    return _STYLE.sub(_for_phones, str(page))


def _for_phones(found: re.Match[str]) -> str:
    """What stands in the head: the other styles are in the elements already, and a phone's must win over them."""
    return '<style data-premailer="ignore"' + _WIDTH.sub(r"\1 !important;", found[1])
