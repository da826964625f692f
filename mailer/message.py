"""Messages: the RFC 5322 bytes handed to a transport, made of a compiled letter and one recipient's row.

The headers are decided when the letter is compiled; what depends on the recipient is filled like any other field:

    To, Date, Message-ID, List-Unsubscribe, Feedback-ID
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from ground.tokens import KeyRing, Purpose
from mailer import address, blocks, encoding
from mailer.field import FieldProblem, LinkSpec, token
from mailer.letter import BrokenLetter, Compiled, Header, Kind, Rendered
from mailer.sender import Sender

_LIST_ID = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+\Z")
_URL = re.compile(r"https?://[!-;=?-~]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mint:
    """What links, message ids and return paths are made with."""

    keys: KeyRing
    base_url: str
    message_domain: str
    bounce_domain: str


@dataclass(slots=True, kw_only=True)  # not frozen: there is one for each message, and that would triple its cost
class Recipient:
    """One delivery's row, as the mailer keeps it."""

    delivery_id: int
    letter_id: int
    recipient_id: int
    address: str
    fields: Mapping[str, Any]
    due_at: datetime  # the letter's: every copy and every resend carries the same Date


def headers(rendered: Rendered, sender: Sender, kind: Kind) -> list[Header]:
    """The header fields of a letter in the order they are sent, MIME's own excepted.

    Raises ValueError, naming the setting, for a sender's identity that cannot stand in a header.
    """

    def field(name: str) -> str:
        return token(rendered.marker, name)

    found = [
        Header(name="From", value=_mailbox("From", sender.publisher, sender.address)),
        Header(name="To", value=field("_to")),
        Header(name="Reply-To", value=_address(sender.reply_to, "reply-to address")),
        Header(name="Subject", value=rendered.subject, is_text=True),
        Header(name="Date", value=field("_date")),
        Header(name="Message-ID", value=f"<{field('_message_id')}>"),
        Header(name="Content-Language", value=rendered.language),
    ]
    if kind is not Kind.STAFF:
        found += _list_headers(rendered, sender, field("unsubscribe_url"))
    if kind is Kind.ISSUE:
        if field("unsubscribe_url") not in rendered.html:
            raise BrokenLetter(
                "body.html", 'a digest needs an unsubscribe link; add field("unsubscribe_url") to the page'
            )
        found += [Header(name="List-Post", value="NO")]  # RFC 2369 3.4: an announcement list
    else:
        # RFC 3834 5: other machines must not answer. Exchange obeys only its own header.
        found += [
            Header(name="Auto-Submitted", value="auto-generated"),
            Header(name="X-Auto-Response-Suppress", value="OOF, AutoReply"),
        ]
    return [
        *found,
        Header(name="Feedback-ID", value=f"{field('_letter')}:{_list_id(sender)}:{kind}:{_sender_id(sender)}"),
    ]


def _list_headers(rendered: Rendered, sender: Sender, unsubscribe: str) -> list[Header]:
    list_id = _list_id(sender)
    name = encoding.phrase(sender.title, indent=len("List-Id: "))
    fold = "\r\n " if "=?" in name or len(name) + len(list_id) > 64 else " "
    found = [Header(name="List-Id", value=f"{name}{fold}<{list_id}>" if name else f"<{list_id}>")]
    if _URL.match(sender.archive_url):
        found.append(Header(name="List-Archive", value=f"<{sender.archive_url}>"))
    if unsubscribe in rendered.html:
        # RFC 8058: one https link, literally. The standard library would fold a long one into encoded words, which
        # no provider reads; here it stands on one line however long it is (RFC 5322 2.1.1 allows 998).
        found += [
            Header(name="List-Unsubscribe", value=f"<{unsubscribe}>"),
            Header(name="List-Unsubscribe-Post", value="List-Unsubscribe=One-Click"),
        ]
    return found


def build(compiled: Compiled, recipient: Recipient, mint: Mint) -> bytes:
    """The message for one recipient: ASCII, CRLF, the same bytes whenever it is asked for the same row.

    Raises FieldProblem for a row that cannot be filled.
    """
    return b"".join(pieces(compiled, recipient, mint))


def pieces(compiled: Compiled, recipient: Recipient, mint: Mint) -> list[bytes]:
    """The same message, not put together yet.

    A field that is a link holds its token's payload and becomes the signed URL. Raises FieldProblem for a row that
    cannot be filled.
    """
    values = {
        "_to": _recipient_address(recipient.address),
        "_date": _date(recipient.due_at),
        "_message_id": message_id(recipient, mint),
        "_letter": str(recipient.letter_id),
    }
    for name in compiled.fields:
        link = compiled.links.get(name)
        value = recipient.fields.get((link and link.payload) or name)
        if value is None:
            raise FieldProblem(name, "the row has no value for it")
        values[name] = str(value) if link is None else _url(name, link, str(value), recipient.due_at, mint)
    if compiled.urls:  # links to articles that were left open
        values.update(compiled.urls)
    if compiled.common and (own := recipient.fields.get(blocks.FIELD)) is not None:
        values[blocks.FIELD] = str(own)
    return compiled.pieces(values)


@lru_cache(maxsize=64)
def _date(due_at: datetime) -> str:
    return format_datetime(due_at.astimezone(UTC))


def message_id(recipient: Recipient, mint: Mint) -> str:
    """`<HMAC(letter, recipient)>@domain` without the brackets: derived, so it need not be stored, and says nothing."""
    mac = mint.keys.lasting_mac(Purpose.MESSAGE_ID, f"{recipient.letter_id}.{recipient.recipient_id}".encode())
    return f"{mac[:20].hex()}@{mint.message_domain}"


def _url(name: str, link: LinkSpec, payload: str, due_at: datetime, mint: Mint) -> str:
    expires_at = None if link.valid_for is None else due_at + link.valid_for
    try:
        signed = mint.keys.sign(link.purpose, payload, expires_at=expires_at)
    except ValueError as problem:
        raise FieldProblem(name, str(problem)) from problem
    return f"{mint.base_url.rstrip('/')}{link.path}{signed}"


def _recipient_address(text: str) -> str:
    """One plain address. What was stored was checked once; a second look keeps a damaged row from naming two people."""
    found = address.parse(text)
    if isinstance(found, address.BadAddress):
        raise FieldProblem("_to", f"the stored address is {found.reason}")
    if found.needs_smtputf8:
        raise FieldProblem("_to", "the address has letters beyond ASCII before the @, which needs SMTPUTF8")
    return str(found)


def _address(text: str, what: str) -> str:
    found = address.parse(text)
    if isinstance(found, address.BadAddress) or found.needs_smtputf8:
        raise ValueError(f"The {what} {text!r} is not a plain e-mail address; correct it in the newsletter's settings.")
    return str(found)


def _mailbox(header: str, name: str, address_text: str) -> str:
    checked = _address(address_text, "sender address")
    shown = encoding.phrase(name, indent=len(header) + 2)
    last_line = len(shown.rpartition("\r\n")[2])
    fold = "\r\n " if "=?" in shown or last_line + len(checked) > 64 else " "
    return f"{shown}{fold}<{checked}>" if shown else checked


def _list_id(sender: Sender) -> str:
    if not _LIST_ID.match(sender.list_id):
        raise ValueError(
            f"The list id {sender.list_id!r} is not a name like briefing-en.news.example.org (RFC 2919); "
            "correct it in the newsletter's settings."
        )
    return sender.list_id


def _sender_id(sender: Sender) -> str:
    """Five to fifteen characters that stay the same for all of a newsroom's mail, as feedback loops want it."""
    domain = sender.address.rpartition("@")[2].lower()
    return re.sub(r"[^a-z0-9]+", "-", domain)[-15:].strip("-").ljust(5, "0")
