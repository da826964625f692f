"""What the local mailbox has taken: `<n>.eml` and its envelope `<n>.json` in one folder, and an index in memory."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import SMTP
from pathlib import Path

_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """One mail to one recipient."""

    id: int
    sender: str  # the envelope's: the signed return path
    recipient: str  # the envelope's
    subject: str
    size: int  # bytes
    received_at: datetime
    path: Path

    def raw(self) -> bytes:
        return self.path.read_bytes()

    def parsed(self) -> EmailMessage:
        return message_from_bytes(self.raw(), policy=SMTP)


class Store:
    """The folder. A restart finds everything again; a mail without its envelope (a crash between the two) is left out."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._messages: dict[int, StoredMessage] = {}
        self._by_recipient: dict[str, list[int]] = {}
        taken = [int(path.stem) for path in folder.glob("*.eml") if path.stem.isdecimal()]
        self._next = max(taken, default=0) + 1
        for number in sorted(taken):
            self._remember_again(number)

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, raw: bytes, *, sender: str, recipient: str, received_at: datetime) -> StoredMessage:
        """Write one mail and its envelope. Raises OSError when the disk refuses: the sender must then not be told 250."""
        number = self._next
        self._next += 1
        message = StoredMessage(
            id=number,
            sender=sender,
            recipient=recipient,
            subject=subject_of(raw),
            size=len(raw),
            received_at=received_at,
            path=self._folder / f"{number}.eml",
        )
        message.path.write_bytes(raw)
        message.path.with_suffix(".json").write_text(_envelope(message), encoding="utf-8")
        self._remember(message)
        return message

    def get(self, number: int) -> StoredMessage | None:
        return self._messages.get(number)

    def messages(self, to: str | None = None) -> list[StoredMessage]:
        """All, or all to one recipient; newest first."""
        if to is None:
            return list(reversed(self._messages.values()))
        return [self._messages[number] for number in reversed(self._by_recipient.get(to.casefold(), []))]

    def search(self, words: str) -> list[StoredMessage]:
        """Those whose recipient or subject contains the words; newest first."""
        wanted = words.casefold()
        return [
            each for each in self.messages() if wanted in each.recipient.casefold() or wanted in each.subject.casefold()
        ]

    def clear(self) -> int:
        """Delete everything; how many there were. Numbers are not used again, so that an open page never shows another mail."""
        gone = list(self._messages.values())
        self._messages.clear()
        self._by_recipient.clear()
        for message in gone:
            message.path.with_suffix(".json").unlink(missing_ok=True)
            message.path.unlink(missing_ok=True)
        return len(gone)

    def _remember(self, message: StoredMessage) -> None:
        self._messages[message.id] = message
        self._by_recipient.setdefault(message.recipient.casefold(), []).append(message.id)

    def _remember_again(self, number: int) -> None:
        path = self._folder / f"{number}.eml"
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            self._remember(
                StoredMessage(
                    id=number,
                    sender=str(told["sender"]),
                    recipient=str(told["recipient"]),
                    subject=str(told["subject"]),
                    size=int(told["size"]),
                    received_at=datetime.fromisoformat(told["received_at"]),
                    path=path,
                )
            )


def subject_of(raw: bytes) -> str:
    """The subject as a person reads it; whatever it holds, one line."""
    end = raw.find(b"\r\n\r\n", 0, _HEADER_BYTES)
    headers = BytesHeaderParser().parsebytes(raw[: end if end >= 0 else _HEADER_BYTES])
    given = str(headers.get("Subject", ""))
    try:
        decoded = str(make_header(decode_header(given)))
    except (LookupError, ValueError):  # an unknown charset, broken base64
        decoded = given
    return " ".join(decoded.encode("utf-8", "replace").decode().split())[:500]


def _envelope(message: StoredMessage) -> str:
    return json.dumps(
        {
            "sender": message.sender,
            "recipient": message.recipient,
            "subject": message.subject,
            "size": message.size,
            "received_at": message.received_at.isoformat(),
        },
        ensure_ascii=False,
    )
