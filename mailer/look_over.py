"""Look over: what the lint says of a compiled letter, before anybody gets it. Runs in a child process.

The letter is filled as for one reader, whose links lead nowhere: the rules look at the very message that would be sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mailer import lint, preview
from mailer.compiled import Compiled
from mailer.letter import Kind
from mailer.lint import About, Purpose, Report
from mailer.sender import Sender

_TEXTS = ("title", "summary", "section", "text")


def look_over(kept: bytes, kind: Kind, sender: Sender, context: Mapping[str, Any]) -> Report:
    """The findings on a stored letter. Raises ValueError for what another version of this program stored."""
    compiled = Compiled.from_bytes(kept)
    about = About(
        purpose=Purpose(kind.value),
        is_ours=True,
        html_bytes=compiled.size(),
        postal_address=sender.postal_address,
        stories=tuple(told(context)),
    )
    return lint.look(compiled.fill(_somebody(compiled, sender)), about)


def _somebody(compiled: Compiled, sender: Sender) -> dict[str, str]:
    domain = sender.address.rpartition("@")[2]
    return {
        **preview.nobody(compiled),
        "_to": "reader@preview.invalid",
        "_date": "Thu, 01 Jan 2026 00:00:00 +0000",  # the day is not looked at; a Date of this form is sent
        "_message_id": f"look-over@{domain}",
        "_letter": "0",
    }


def told(context: Mapping[str, Any]) -> Iterator[str]:
    """What others wrote and the letter quotes."""
    for item in context.get("items", ()):
        yield from (str(item[name]) for name in _TEXTS if item.get(name))
    issue = context.get("issue", {})
    yield from (str(issue[name]) for name in ("subject", "preheader") if issue.get(name))
