"""A relay: what the server behind a route does with our mail, as its operator declares it.

Some sign with a key of their own, some write Message-ID, Date or Return-Path anew, and most can be told a name of ours
that their hooks repeat. By that name, or by the id in their 250 reply, an event finds its delivery.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass


class Correlation(enum.StrEnum):
    """The header in which a relay takes a name of ours, and gives it back in its hooks."""

    SES = "X-SES-MESSAGE-TAGS"
    SENDGRID = "X-SMTPAPI"
    MAILGUN = "X-Mailgun-Variables"
    POSTMARK = "X-PM-Metadata"

    def field(self, name: str) -> str:
        """The header field that carries `name`, without its line end."""
        match self:
            case Correlation.SES:
                return f"{self}: delivery={name}"
            case Correlation.SENDGRID:
                return f"{self}: {json.dumps({'unique_args': {'delivery': name}})}"
            case Correlation.MAILGUN:
                return f"{self}: {json.dumps({'delivery': name})}"
            case Correlation.POSTMARK:
                return f"{self}-delivery: {name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Raises ValueError, in words that continue "the route", for what cannot be true together."""

    signs: bool = False  # with a key of its own: then we do not
    keeps_message_id: bool = True
    keeps_date: bool = True
    keeps_return_path: bool = True
    correlation: Correlation | None = None

    def __post_init__(self) -> None:
        replaced = [
            header for header, kept in (("Message-ID", self.keeps_message_id), ("Date", self.keeps_date)) if not kept
        ]
        if replaced and not self.signs:
            raise ValueError(
                f"has a relay that replaces {' and '.join(replaced)}, which our signature covers, so that no signature would "
                'be valid: set signs to "relay" and let that sign'
            )

    def mark(self, return_path: str) -> bytes:
        """What this relay wants in front of a message: the delivery's name, where it takes one.

        The name is the signed part of the return path, so that nobody can forge an event for it. No signature covers
        the header, because some relays take it out: it may be added before signing or after.
        """
        if self.correlation is None:
            return b""
        name = return_path.partition("@")[0].rpartition("+")[2]
        return f"{self.correlation.field(name)}\r\n".encode("ascii")
