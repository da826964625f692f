"""Delivery status notifications: RFC 3464, and RFC 6533 for international addresses.

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; reader@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <reader@example.org>: User unknown
"""

from __future__ import annotations

import re
from dataclasses import replace

from mailer import address
from mailer.bounces import verdicts
from mailer.bounces.parts import Headers, Part, fields_of
from mailer.events import BounceKind, EventKind, MailEvent

TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})

MAX_RECIPIENTS = 200

_ACTIONS = {
    "failed": EventKind.BOUNCED,
    "delayed": EventKind.DEFERRED,
    "delivered": EventKind.DELIVERED,
    "relayed": EventKind.DELIVERED,
    "expanded": EventKind.DELIVERED,
}
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])([45])\d\d(?![\d.])")
_BRACKETED = re.compile(r"<([^<>\s]{3,320})>")
_BEGIN = re.compile(r"^(?:Reporting-MTA|Original-Recipient|Final-Recipient)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_END = re.compile(r"^(?:[ \t]?--\S|Content-Type:|Return-Path:|Received:)", re.IGNORECASE | re.MULTILINE)
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")  # RFC 6533 section 3


def read(part: Part, notice: str) -> list[MailEvent]:
    """One event a recipient block. `notice` is the report's part for people: its words serve where no diagnostic stands."""
    return read_text(part.text, notice)


def read_text(text: str, notice: str) -> list[MailEvent]:
    return [_event(block, notice) for block in _blocks(text)[:MAX_RECIPIENTS]]


def loose(body: str) -> str:
    """The fields in a report whose boundary is wrong: from `Reporting-MTA` to the next delimiter or returned message."""
    begun = _BEGIN.search(body)
    if begun is None:
        return ""
    text = body[begun.start() : begun.start() + 64 * 1024]
    ended = _END.search(text)
    return text[: ended.start()] if ended else text


def recipient_of(value: str) -> str | None:
    """`rfc822; <Reader@Example.org>` to a clean address, or None; a report's word is not to be trusted as it stands."""
    text = value.partition(";")[2] or value
    text = _ESCAPED.sub(_unescaped, text).strip().rstrip(";,.")
    bracketed = _BRACKETED.search(text)
    found = address.parse(bracketed[1] if bracketed else text.partition(" ")[0].strip("<>'\""))
    return str(found) if isinstance(found, address.EmailAddress) else None


def _unescaped(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else ""


def _blocks(text: str) -> list[Headers]:
    """The per-recipient groups. Some write no blank line between groups, others too many: the fields decide."""
    groups: list[dict[str, str]] = []
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fresh = True
        for name, value in fields_of(paragraph):
            starts = name in {"final-recipient", "original-recipient"} and (
                not groups or name in groups[-1] or (fresh and _is_complete(groups[-1]))
            )
            if starts:
                groups.append({})
            fresh = False
            if groups:
                groups[-1].setdefault(name, value)
    return [Headers(list(group.items())) for group in groups]


def _is_complete(group: dict[str, str]) -> bool:
    return "action" in group or "status" in group


def _event(block: Headers, notice: str) -> MailEvent:
    diagnostic = block.get("diagnostic-code")
    action = (block.get("action").lower().split() or [""])[0].strip(";,.")
    status = _status(block.get("status"), diagnostic)
    kind = _ACTIONS.get(action, EventKind.DELIVERED if status.startswith("2") else EventKind.BOUNCED)
    event = MailEvent(
        kind=kind,
        recipient=_recipient(block),
        action=action or None,
        status=status or None,
        reason=action or "delivered",
        diagnostic=(diagnostic or notice).strip()[:512] or None,
    )
    return event if kind is EventKind.DELIVERED else _failure(event, block, notice)


def _failure(event: MailEvent, block: Headers, notice: str) -> MailEvent:
    comment = block.get("status").partition("(")[2]
    verdict = verdicts.judge(event.status or "", f"{block.get('diagnostic-code')} {comment}".strip(), notice)
    bounce = verdict.bounce
    if event.kind is EventKind.DEFERRED and bounce is BounceKind.HARD:
        bounce = BounceKind.SOFT  # they are still trying, whatever the code says
    return replace(event, bounce=bounce, reason=verdict.reason)


def _recipient(block: Headers) -> str | None:
    # RFC 3464 2.3.1: the original recipient is the one we addressed; the final one may be where an alias led.
    for name in ("final-recipient", "original-recipient"):
        found = recipient_of(block.get(name)) if name in block else None
        if found is not None:
            return found
    return None


def _status(field: str, diagnostic: str) -> str:
    """The enhanced status; where the field is missing or says only `5.0.0`, the server's own reply may know more."""
    own = _STATUS.search(field)
    told = _STATUS.search(diagnostic)
    if own is None:
        if told is not None:
            return told[0]
        reply = _REPLY.search(diagnostic)
        return f"{reply[1]}.0.0" if reply else ""
    if told is not None and told[1] == own[1] and own[2] == "0":
        return told[0]
    return own[0]
