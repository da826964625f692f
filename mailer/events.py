"""Mail events: what anybody tells us about a delivery, normalised, whoever said it (an SMTP reply, a DSN, a hook).

The vocabulary follows django-anymail's table, which most of the field shares.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class EventKind(enum.StrEnum):
    BOUNCED = "bounced"  # refused for good or for now, after acceptance
    DEFERRED = "deferred"  # the next server is still trying
    DELIVERED = "delivered"
    COMPLAINED = "complained"
    AUTOREPLIED = "autoreplied"
    OTHER = "other"


class BounceKind(enum.StrEnum):
    HARD = "hard"  # the mailbox does not exist: never mail it again
    SOFT = "soft"  # full, down, too busy: the address may live
    POLICY = "policy"  # they refuse *us*: never a reason to suppress a reader
    NONE = "none"  # not a bounce


@dataclass(frozen=True, slots=True, kw_only=True)
class MailEvent:
    """One thing that was said about one delivery (or about an address, when no signed token names the delivery)."""

    kind: EventKind
    bounce: BounceKind = BounceKind.NONE
    delivery_id: int | None = None  # only from a token whose MAC was right
    recipient: str | None = None
    action: str | None = None  # RFC 3464 2.3.3: failed, delayed, delivered, relayed, expanded
    status: str | None = None  # RFC 3463: 5.1.1
    reason: str = ""  # our word for it: no_such_user, mailbox_full, ...
    diagnostic: str | None = None
    at: datetime | None = None
