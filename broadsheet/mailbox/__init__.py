"""The local mailbox: an SMTP server on this machine that keeps what it accepts, and pages to read it.

For development and the demo. Nothing in it leaves this machine. Told to, it refuses an address, holds it off for a
while, or takes the mail and reports it undeliverable afterwards, so that bounces can be seen.
"""

from __future__ import annotations

from broadsheet.mailbox.pages import create_mailbox_app
from broadsheet.mailbox.rules import Rule, RuleProblem, Rules
from broadsheet.mailbox.server import Mailbox
from broadsheet.mailbox.store import StoredMessage

__all__ = ["Mailbox", "Rule", "RuleProblem", "Rules", "StoredMessage", "create_mailbox_app"]
