"""The report a mail server writes when it took a mail and then could not deliver it: RFC 3464 in a multipart/report (RFC 6522)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

HOST = "mailbox.localhost"

_WORDS = {
    "5.1.1": "No such user",
    "5.2.1": "Mailbox disabled",
    "5.2.2": "Mailbox full",
    "5.7.1": "Message refused by policy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Undeliverable:
    return_path: str
    recipient: str
    status: str  # RFC 3463
    original: bytes
    number: int  # makes the report's own id


def write(failure: Undeliverable, *, now: datetime) -> bytes:
    """The report's bytes, addressed to the return path, with the returned message's headers; line ends are CRLF."""
    boundary = f"report-{failure.number}-{int(now.timestamp())}"
    said = f"550 {failure.status} {_WORDS.get(failure.status, 'Delivery failed')}"
    if failure.status.startswith("4"):
        said = f"450 {failure.status} Delivery failed for now, and the time is over"
    head = failure.original.partition(b"\r\n\r\n")[0]
    top = f"""Return-Path: <>
Delivered-To: {failure.return_path}
Date: {format_datetime(now)}
From: Mail Delivery System <mailer-daemon@{HOST}>
To: <{failure.return_path}>
Subject: Undelivered mail returned to sender
Message-ID: <{boundary}@{HOST}>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"

--{boundary}
Content-Type: text/plain; charset=utf-8

Your message could not be delivered to <{failure.recipient}>:
{said}

--{boundary}
Content-Type: message/delivery-status

Reporting-MTA: dns; {HOST}
Arrival-Date: {format_datetime(now)}

Original-Recipient: rfc822; {failure.recipient}
Final-Recipient: rfc822; {failure.recipient}
Action: failed
Status: {failure.status}
Diagnostic-Code: smtp; {said}

--{boundary}
Content-Type: text/rfc822-headers

Return-Path: <{failure.return_path}>
"""
    return top.replace("\n", "\r\n").encode() + head + f"\r\n\r\n--{boundary}--\r\n".encode()
