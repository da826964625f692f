"""The wire: what may go on it, and how a message looks there."""

from __future__ import annotations

import re

from mailer.transports import Parcel

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f<>\ud800-\udfff]")
_LONE = re.compile(rb"\r\n|\r|\n")


def unsendable(parcel: Parcel) -> str | None:
    """Why this must not go on the wire, whoever made it. aiosmtplib would send a broken address cut short, to somebody else."""
    envelope = parcel.envelope
    if _FORBIDDEN.search(envelope.recipient) or "@" not in envelope.recipient:
        return "malformed address"
    if _FORBIDDEN.search(envelope.return_path) or not envelope.return_path.isascii():
        return "malformed return path"
    if not parcel.is_canonical and b"\x00" in parcel.message:
        return "the message holds a NUL byte"
    return None


def canonical(message: bytes) -> bytes:
    """The message with CRLF only, and one at its end.

    A lone CR or LF would let a sender hide a second message in the first (SMTP smuggling, CVE-2023-51764).
    """
    pairs = message.count(b"\r\n")
    if message.count(b"\n") != pairs or message.count(b"\r") != pairs:
        message = _LONE.sub(b"\r\n", message)
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def stuffed(content: bytes) -> bytes:
    """A canonical message with its dots doubled, as DATA wants them (RFC 5321 4.5.2), without the last one."""
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..")


def wire(message: bytes) -> bytes:
    """The content as it leaves after DATA: CRLF only, dots stuffed, ended by CRLF.CRLF."""
    return stuffed(canonical(message)) + b".\r\n"
