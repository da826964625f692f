"""What the demo tells at its end, and whether all of it came true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Summary:
    """Figures read from the service and the mailbox, never assumed."""

    collected: dict[str, int] = field(default_factory=dict)  # articles by feed
    issue: str = ""
    subject: str = ""
    items: int = 0
    signed_up: int = 0
    confirmed: int = 0
    recipients: int = 0
    accepted: int = 0
    in_doubt: int = 0
    bounced: list[str] = field(default_factory=list)  # "address: reply"
    unsubscribed: list[str] = field(default_factory=list)
    mails: int = 0
    mailbox: Path = Path()
    seconds: float = 0.0
    shortfalls: list[str] = field(default_factory=list)

    def lines(self) -> Sequence[tuple[str, str]]:
        """What is printed, label by label."""
        feeds = [(f"  {title}", f"{count} articles") for title, count in self.collected.items()]
        return [
            ("Collected", f"{sum(self.collected.values())} articles from {len(self.collected)} feeds"),
            *feeds,
            ("Issue", f"{self.issue}, {self.items} articles"),
            ("Subject", self.subject),
            ("Readers confirmed", f"{self.confirmed} of {self.signed_up} who signed up"),
            ("Accepted", f"{self.accepted} of {self.recipients} recipients, {self.in_doubt} in doubt"),
            ("Bounced", f"{len(self.bounced)}"),
            *((f"  {line.split(': ', 1)[0]}", line.split(": ", 1)[1]) for line in self.bounced),
            ("Unsubscribed", f"{len(self.unsubscribed)} with one click ({', '.join(self.unsubscribed)})"),
            ("Mails received", f"{self.mails}, in {self.mailbox}"),
            ("Time", f"{self.seconds:.1f} s"),
        ]
