"""How mail leaves this process: the routes of the settings, and what a row of the ledger becomes on the wire."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from broadsheet.settings import ConfigurationError, Settings
from mailer import envelope, message
from mailer.batches import Lease
from mailer.deliveries import Row
from mailer.dispatch import Dispatcher
from mailer.letter import Compiled
from mailer.letters import Lane
from mailer.message import Mint
from mailer.pacing import GROUPS, Cap
from mailer.press import Press
from mailer.transports.route import Route, Tls
from mailer.transports.smtp import SmtpTransport
from newsletters import sender

if TYPE_CHECKING:
    from broadsheet.signing import Signing
    from broadsheet.wiring import House


def dispatcher(house: House) -> Dispatcher[Compiled]:
    """The dispatcher; each lane has connections of its own, so that a digest never delays a confirmation."""
    smtp = house.settings.smtp
    transports = {
        Lane.BULK: SmtpTransport(_route(house.settings, "bulk", smtp.connections)),
        Lane.TX: SmtpTransport(_route(house.settings, "tx", smtp.tx_connections)),
    }
    mint = Mint(
        keys=house.keys,
        base_url=house.settings.base_url,
        message_domain=house.settings.mail_domain,
        bounce_domain=house.settings.bounce_domain,
    )
    rng = random.Random()  # noqa: S311 - spreads retries
    return Dispatcher(
        house.database,
        transports,
        press(mint, house.signing),
        clock=house.clock,
        owner=house.owner,
        rng=rng,
        caps=caps(house.settings),
    )


def caps(settings: Settings) -> dict[str, Cap]:
    """What each receiving-domain group is given at most, as the mailer reads it."""
    return {group: Cap(**getattr(settings.pacing, group).model_dump()) for group in GROUPS}


def press(mint: Mint, signing: Signing | None = None) -> Press[Compiled]:
    """From a stored variant and a row to return path and message; unsigned, where the relay signs."""

    def build(compiled: Compiled, row: Row, lease: Lease) -> bytes:
        recipient = message.Recipient(
            delivery_id=row.id,
            letter_id=lease.span.letter_id,
            recipient_id=row.recipient_id,
            address=row.address,
            fields=row.fields,
            due_at=lease.due_at,
        )
        return message.build(compiled, recipient, mint)

    def return_path(delivery_id: int) -> str:
        return envelope.return_path(mint.keys, delivery_id, mint.bounce_domain)

    return Press(
        load=Compiled.from_bytes, build=build, return_path=return_path, sign=None if signing is None else signing.sign
    )


def check(settings: Settings) -> None:
    """Raises ConfigurationError where mail could not leave by these settings."""
    _route(settings, "bulk", settings.smtp.connections)


def sender_domains(house: House) -> list[str]:
    """The domains that the newsletters' letters come from."""
    with house.database.read() as session:
        return sender.domains(session)


def unsigned(house: House, domains: Sequence[str]) -> list[str]:
    """Those of these domains that no key signs for; before the first newsletter, mail_domain stands for them."""
    signing = house.signing
    if signing is None:
        return []
    return [domain for domain in domains or [house.settings.mail_domain] if signing.signers(domain) is None]


def _route(settings: Settings, name: str, connections: int) -> Route:
    smtp = settings.smtp
    try:
        return Route(
            host=smtp.host,
            port=smtp.port,
            name=name,
            tls=Tls(smtp.tls),
            username=smtp.username,
            password=smtp.password.get_secret_value() if smtp.password else None,
            connections=connections,
            max_messages=smtp.messages_per_connection,
        )
    except ValueError as problem:
        raise ConfigurationError(f"The smtp settings cannot be used: {problem}.") from None
