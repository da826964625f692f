"""The local mailbox's SMTP side, on the loop of the program it runs in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakSet

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from broadsheet.clock import Clock
from broadsheet.mailbox import reports
from broadsheet.mailbox.rules import Action, Rule, RuleProblem, Rules
from broadsheet.mailbox.session import MailboxSession
from broadsheet.mailbox.store import Store, StoredMessage
from mailer import address
from mailer.inbound.maildir import Maildir

log = structlog.get_logger()

MAX_BYTES = 32 * 1024 * 1024


class Mailbox:
    """Keeps what it accepts in `folder`; writes reports of what it bounces to `maildir`.

    Raises ValueError for a bounce rule where no Maildir is given, and OSError where the folder cannot be written.
    """

    def __init__(self, folder: Path, rules: Iterable[Rule], maildir: Path | None, clock: Clock) -> None:
        self.rules = Rules()
        self._store = Store(folder)
        self._maildir = Maildir(maildir) if maildir is not None else None
        if self._maildir is not None:
            self._maildir.create()
        self._clock = clock
        self._arrived = asyncio.Event()
        for rule in rules:
            problem = self.tell(rule)
            if problem is not None:
                raise ValueError(problem.text)

    def tell(self, rule: Rule) -> RuleProblem | None:
        """From now on do this with that address."""
        if rule.action is Action.BOUNCE and self._maildir is None:
            return RuleProblem("A bounce needs a Maildir to write the report to, and this mailbox has none.")
        self.rules.add(rule)
        return None

    def messages(self, to: str | None = None) -> list[StoredMessage]:
        """All, or all to one recipient; newest first."""
        return self._store.messages(to)

    def search(self, words: str) -> list[StoredMessage]:
        return self._store.search(words)

    def message(self, number: int) -> StoredMessage | None:
        return self._store.get(number)

    def clear(self) -> int:
        """Delete every mail; how many there were."""
        return self._store.clear()

    async def wait_for(
        self,
        *,
        to: str,
        subject_contains: str = "",
        after: int = 0,
        timeout: float = 10.0,  # noqa: ASYNC109 - callers want the error below, which says what was waited for
    ) -> StoredMessage:
        """The newest mail to this recipient with an id above `after`, as soon as there is one. Raises TimeoutError."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    arrived = self._arrived
                    for message in self.messages(to):
                        if message.id > after and subject_contains in message.subject:
                            return message
                    await arrived.wait()
        except TimeoutError:
            raise TimeoutError(
                f"No mail to {to} with {subject_contains!r} in its subject came within {timeout:g} s; "
                f"{len(self._store)} mails are in the mailbox."
            ) from None

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
        """Listen while the block runs; gives the port. Raises OSError when the port is taken."""
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # it writes full addresses
        loop = asyncio.get_running_loop()
        connections: WeakSet[SMTP] = WeakSet()

        def connect() -> SMTP:
            session = MailboxSession(
                _Handler(self),
                data_size_limit=MAX_BYTES,
                enable_SMTPUTF8=True,
                hostname=reports.HOST,
                ident="Broadsheet mailbox",
                loop=loop,
            )
            connections.add(session)
            return session

        server = await loop.create_server(connect, host, port)
        bound: int = server.sockets[0].getsockname()[1]
        log.info("mailbox.open", host=host, port=bound, messages=len(self._store))
        try:
            yield bound
        finally:
            server.close()
            for session in connections:
                if isinstance(session.transport, asyncio.WriteTransport):
                    session.transport.abort()
            await server.wait_closed()

    def accept(self, raw: bytes, *, sender: str, recipients: list[str]) -> int:
        """Keep a mail for each recipient, or report it undeliverable; the last one's number."""
        now = self._clock()
        number = 0
        for recipient in recipients:
            number = self._store.add(raw, sender=sender, recipient=recipient, received_at=now).id
            status = self.rules.report_status(recipient)
            # A report about a report (null sender) would go round for ever: RFC 5321 4.5.5.
            answerable = isinstance(address.parse(sender), address.EmailAddress)
            if status is not None and self._maildir is not None and answerable:
                failure = reports.Undeliverable(
                    return_path=sender, recipient=recipient, status=status, original=raw, number=number
                )
                self._maildir.deliver(reports.write(failure, now=now), now=now)
        self._arrived.set()
        self._arrived = asyncio.Event()
        return number


class _Handler:
    """aiosmtpd's hooks: what RCPT and the final dot answer."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, recipient: str, options: list[str]
    ) -> str:
        del server, session, options
        found = address.parse(recipient)
        if isinstance(found, address.BadAddress):
            return "553 5.1.3 That is no address"
        refusal = self._mailbox.rules.refusal(str(found))
        if refusal is not None:
            return refusal
        envelope.rcpt_tos.append(str(found))
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        del server, session
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            number = self._mailbox.accept(
                raw, sender=(envelope.mail_from or "").strip("<>"), recipients=envelope.rcpt_tos
            )
        except OSError as error:
            log.warning("mailbox.write_failed", problem=str(error))
            return "452 4.3.1 The mailbox cannot write to its disk"
        return f"250 2.0.0 Ok: queued as {number}"
