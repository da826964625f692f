"""Messages: the RFC 5322 bytes handed to a transport, made of a compiled letter and one recipient's row.

The headers are decided when the letter is compiled; what depends on the recipient is filled like any other field:

    To, Date, Message-ID, List-Unsubscribe, Feedback-ID
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
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
    return b"".join(Writer(mint).pieces(compiled, recipient))


class Writer:
    """Writes the messages of letters; what all copies of one letter share is worked out for the first of them."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._forms: dict[int, _Form] = {}  # by the letter's identity; each holds its letter, so no number comes twice

    def pieces(self, compiled: Compiled, recipient: Recipient) -> list[bytes]:
        """The message for one recipient, not put together yet.

        A field that is a link holds its token's payload and becomes the signed URL. Raises FieldProblem for a row that
        cannot be filled.
        """
        form = self._form(compiled, recipient)
        given = recipient.fields
        values = {
            "_to": _recipient_address(recipient.address),
            "_message_id": message_id(recipient, self._mint),
            **form.shared,
        }
        name = ""
        try:
            for name, key, written in form.fields:
                value = given.get(key)
                if value is None:
                    raise FieldProblem(name, "the row has no value for it")
                values[name] = written(str(value))
        except ValueError as problem:
            raise FieldProblem(name, str(problem)) from problem
        if form.has_blocks and (own := given.get(blocks.FIELD)) is not None:
            values[blocks.FIELD] = str(own)
        return compiled.pieces(values)

    def _form(self, compiled: Compiled, recipient: Recipient) -> _Form:
        form = self._forms.get(id(compiled))
        if form is None or form.due_at != recipient.due_at or form.letter_id != recipient.letter_id:
            if len(self._forms) >= _FORMS:
                self._forms.clear()
            form = _form(compiled, recipient.letter_id, recipient.due_at, self._mint)
            self._forms[id(compiled)] = form
        return form


#: Letters whose forms a writer keeps: a digest in a few languages and the notices.
_FORMS = 32


@dataclass(frozen=True, slots=True)
class _Form:
    """What the copies of a letter that are due at one time have in common."""

    compiled: Compiled
    letter_id: int
    due_at: datetime
    shared: Mapping[str, str]  # the date, the letter's number, links to articles that were left open
    fields: Sequence[tuple[str, str, Callable[[str], str]]]  # name, key in the row, how it is written
    has_blocks: bool


def _form(compiled: Compiled, letter_id: int, due_at: datetime, mint: Mint) -> _Form:
    date = format_datetime(due_at.astimezone(UTC))
    fields = []
    for name in sorted(compiled.fields):
        link = compiled.links.get(name)
        written = str if link is None else _signed(link, due_at, mint)
        fields.append((name, (link and link.payload) or name, written))
    shared = {"_date": date, "_letter": str(letter_id), **compiled.urls}
    return _Form(compiled, letter_id, due_at, shared, fields, bool(compiled.common))


def _signed(link: LinkSpec, due_at: datetime, mint: Mint) -> Callable[[str], str]:
    """From a token's payload to the URL. Raises ValueError for what is no payload."""
    sign = mint.keys.signer(link.purpose, expires_at=None if link.valid_for is None else due_at + link.valid_for)
    start = f"{mint.base_url.rstrip('/')}{link.path}"
    return lambda payload: start + sign(payload)


def message_id(recipient: Recipient, mint: Mint) -> str:
    """`<HMAC(letter, recipient)>@domain` without the brackets: derived, so it need not be stored, and says nothing."""
    mac = mint.keys.lasting_mac(Purpose.MESSAGE_ID, f"{recipient.letter_id}.{recipient.recipient_id}".encode())
    return f"{mac[:20].hex()}@{mint.message_domain}"


def _recipient_address(text: str) -> str:
    """One plain address. What was stored was checked once; a second look keeps a damaged row from naming two people."""
    if address.is_plain(text):
        return text
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
