"""One message's way over a stream, the steps that a reply may be expected to, and what the stream may do."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

from mailer.transports import Outcome, P, Stage
from mailer.transports.manners import Manners, Mode
from mailer.transports.offers import Offers
from mailer.transports.route import Route


class Step(enum.Enum):
    """What a reply is expected to."""

    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"
    EMPTY = "empty"  # the end of a message that nobody is to get
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a stream may do."""

    route: Route
    mode: Mode
    offers: Offers
    manners: Manners
    room: int  # messages that the connection still takes
    was_used: bool  # it has carried messages before
    nearly_full: Callable[[], object]  # called once when the next connection had better be made

    @property
    def window(self) -> int:
        return self.route.window if self.mode is Mode.CHUNKING else 1


@dataclass(slots=True, eq=False)
class Trip(Generic[P]):
    """One message's way over the connection."""

    parcel: P
    content: Sequence[bytes]
    size: int  # of all of it, in bytes
    stage: Stage = Stage.MAIL  # the first that has no good reply yet
    has_left: bool = False  # the content's first byte, as far as we know
    refusal: Outcome | None = None
