"""Offers: what a server said to EHLO, and the commands that follow from it."""

from __future__ import annotations

from mailer.envelope import Envelope
from mailer.transports import Outcome, Result, Stage


class Offers:
    """The extensions of one session."""

    def __init__(self, said: dict[str, str], route: str) -> None:
        self._route = route
        size = said.get("size", "")
        self._says_size = "size" in said
        #: The longest message that the server takes, as it says (RFC 1870); 0 for one that does not say.
        self._most = int(size) if size.isascii() and size.isdigit() else 0
        self._utf8 = "smtputf8" in said
        self._8bit = "8bitmime" in said

    def objection(self, envelope: Envelope, size: int) -> Outcome | None:
        """Why the server would not take a message of so many bytes: then it is not asked."""
        if not self._utf8 and not envelope.recipient.isascii():
            return Outcome(result=Result.REFUSED, stage=Stage.RCPT, reply="needs SMTPUTF8", route=self._route)
        if self._most and size > self._most:
            # Nobody's mailbox is at fault, and the same holds for every reader of this letter.
            why = f"too large for this relay, which takes {self._most} bytes"
            return Outcome(result=Result.DEFERRED, stage=Stage.MAIL, reply=why, route=self._route)
        return None

    def mail(self, envelope: Envelope, size: int, *, is_ascii: bool) -> bytes:
        """MAIL FROM, with what the server wants to know beforehand."""
        words = b"MAIL FROM:<%s>" % envelope.return_path.encode()
        if self._says_size:
            words += b" SIZE=%d" % size
        if not envelope.recipient.isascii():
            words += b" SMTPUTF8"
        if self._8bit and not is_ascii:
            words += b" BODY=8BITMIME"
        return words + b"\r\n"

    def rcpt(self, envelope: Envelope) -> bytes:
        return b"RCPT TO:<%s>\r\n" % envelope.recipient.encode()
