"""Look over: what the lint says of a compiled letter, before anybody gets it. Runs in a child process.

The letter is filled as for one reader, whose links lead nowhere: the rules look at the very message that would be sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
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
    about = known_of(compiled, kind, sender, context)
    return lint.look(compiled.fill(_somebody(compiled, sender)), about)


def known_of(compiled: Compiled, kind: Kind, sender: Sender, context: Mapping[str, Any]) -> About:
    """What is known of a letter of ours beside its bytes."""
    return About(
        purpose=Purpose(kind.value),
        is_ours=True,
        html_bytes=compiled.size(),
        postal_address=sender.postal_address,
        stories=tuple(_told(context)),
        **_known(context),
    )


def _known(context: Mapping[str, Any]) -> dict[str, Any]:
    """What an issue's own facts let the rules ask."""
    issue, items = context.get("issue", {}), context.get("items", ())
    pictures = [item["image"] for item in items if item.get("image")]
    return {
        "paywalled": tuple(str(item["title"]) for item in items if item.get("paywalled")),
        "view_url": issue.get("view_url", "") if items else "",
        "day": date.fromisoformat(issue["date"]) if items and issue.get("date") else None,
        "credits": {image["url"]: image["credit"] for image in pictures if image.get("credit")},
    }


def _somebody(compiled: Compiled, sender: Sender) -> dict[str, str]:
    domain = sender.address.rpartition("@")[2]
    return {
        **preview.nobody(compiled),
        "_to": "reader@preview.invalid",
        "_date": "Thu, 01 Jan 2026 00:00:00 +0000",  # the day is not looked at; a Date of this form is sent
        "_message_id": f"look-over@{domain}",
        "_letter": "0",
    }


def _told(context: Mapping[str, Any]) -> Iterator[str]:
    """What others wrote and the letter quotes."""
    for item in context.get("items", ()):
        yield from (str(item[name]) for name in _TEXTS if item.get(name))
    issue = context.get("issue", {})
    yield from (str(issue[name]) for name in ("subject", "preheader") if issue.get(name))
