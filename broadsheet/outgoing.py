"""How mail leaves this process: the routes of the settings, and what a row of the ledger becomes on the wire."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from broadsheet import __version__, filling
from broadsheet.relays import Smtp
from broadsheet.settings import ConfigurationError, Settings
from mailer import envelope, message
from mailer.deliveries import Row
from mailer.dispatch import Dispatcher
from mailer.leases import Lease
from mailer.letter import Compiled
from mailer.letters import Lane
from mailer.lines import Way
from mailer.message import Mint
from mailer.pacing import GROUPS, Cap
from mailer.press import Press, Signer
from mailer.transports.manners import Manners
from mailer.transports.relay import Relay
from mailer.transports.route import Route, Tls
from mailer.transports.smtp import SmtpTransport

if TYPE_CHECKING:
    from broadsheet.signing import Signing
    from broadsheet.wiring import House

log = structlog.get_logger()


def dispatcher(house: House) -> Dispatcher[Compiled]:
    """The dispatcher; each lane has connections of its own, so that a digest never delays a confirmation."""
    rng = random.Random()  # noqa: S311 - spreads retries
    return Dispatcher(
        house.database,
        ways(house.settings),
        press_of(house),
        clock=house.clock,
        owner=house.owner,
        rng=rng,
        caps=caps(house.settings),
    )


def press_of(house: House) -> Press[Compiled]:
    """The press of this process, with its keys."""
    return press(_mint(house), house.signing)


def signer_ahead(house: House) -> Signer | None:
    """Who signs ahead; None where every relay signs."""
    return None if house.signing is None else _Ahead(_mint(house), house.signing)


def _mint(house: House) -> Mint:
    return Mint(
        keys=house.keys,
        base_url=house.settings.base_url,
        message_domain=house.settings.mail_domain,
        bounce_domain=house.settings.bounce_domain,
    )


def caps(settings: Settings) -> dict[str, Cap]:
    """What each receiving-domain group is given at most, as the mailer reads it."""
    return {group: Cap(**getattr(settings.pacing, group).model_dump()) for group in GROUPS}


def press(mint: Mint, signing: Signing | None = None) -> Press[Compiled]:
    """From a stored variant and a row to return path and message; unsigned, where the relay signs."""

    writer = message.Writer(mint)

    def build(compiled: Compiled, row: Row, lease: Lease) -> list[bytes]:
        return writer.pieces(compiled, filling.recipient(row, lease))

    def return_path(delivery_id: int) -> str:
        return envelope.return_path(mint.keys, delivery_id, mint.bounce_domain)

    return Press(
        load=Compiled.from_bytes,
        build=build,
        return_path=return_path,
        sign=None if signing is None else signing.sign,
        ahead=None if signing is None else _Ahead(mint, signing),
        is_canonical=True,
    )


@dataclass(frozen=True, slots=True)
class _Ahead:
    """Signs ahead; its mark names everything of this process that a message depends on."""

    mint: Mint
    signing: Signing

    @property
    def mark(self) -> bytes:
        mint = self.mint
        ours = (__version__, mint.keys.current, mint.base_url, mint.message_domain, mint.bounce_domain)
        return repr(ours).encode() + self.signing.mark

    async def headers(self, stored: bytes, rows: Sequence[Row], lease: Lease) -> list[bytes | None]:
        recipients = [filling.recipient(row, lease) for row in rows]
        return await self.signing.headers(stored, recipients, self.mint, lease.due_at)


def check(settings: Settings) -> None:
    """Raises ConfigurationError where mail could not leave by these settings."""
    ways(settings)


def sender_domains(house: House) -> list[str]:
    """The domains that the newsletters' letters come from."""
    from newsletters import sender  # not for a process that only sends

    with house.database.read() as session:
        return sender.domains(session)


def unsigned(house: House, domains: Sequence[str]) -> list[str]:
    """Those of these domains that no key signs for; before the first newsletter, mail_domain stands for them."""
    signing = house.signing
    if signing is None:
        return []
    return [domain for domain in domains or [house.settings.mail_domain] if signing.signers(domain) is None]


def say_who_signs(house: House) -> None:
    """Plainly, at every start: mail that leaves unsigned is refused by the large providers."""
    if house.signing is None:
        log.info("the_relay_signs")
        return
    if house.signing.domains:
        log.info("signing_keys", domains=house.signing.domains)
    for domain in unsigned(house, sender_domains(house)):
        log.warning("mail_leaves_unsigned", domain=domain, remedy=f"broadsheet keys new {domain}")


def ways(settings: Settings) -> dict[Lane, list[Way]]:
    """The ways out of each lane, with connections of its own. Raises ConfigurationError, naming the route."""
    manners = Manners()
    return {
        lane: [_way(settings, name, lane, manners) for name, route in settings.ways.items() if lane in route.lanes]
        for lane in (Lane.BULK, Lane.TX)
    }


def _way(settings: Settings, name: str, lane: Lane, manners: Manners) -> Way:
    smtp = settings.ways[name]
    try:
        transport = SmtpTransport(_route(smtp, name, settings.helo, lane), manners=manners)
        return Way(transport=transport, weight=smtp.weight, relay=_relay(smtp))
    except OSError as problem:  # ssl.SSLError is one, too
        raise ConfigurationError(
            f"The route {name!r} trusts {smtp.trusted_ca}, which cannot be used ({problem.strerror or problem}): "
            "name a file with certificates in PEM form."
        ) from None
    except ValueError as problem:
        raise ConfigurationError(f"The route {name!r} cannot be used: it {problem}.") from None


def _route(smtp: Smtp, name: str, helo: str, lane: Lane) -> Route:
    return Route(
        host=smtp.host,
        port=smtp.port,
        name=name,
        helo=helo,
        tls=Tls(smtp.tls),
        trusted_ca=smtp.trusted_ca,
        username=smtp.username,
        password=smtp.password.get_secret_value() if smtp.password else None,
        connections=smtp.connections if lane is Lane.BULK else smtp.tx_connections,
        max_messages=smtp.messages_per_connection,
        pipelining=smtp.pipelining,
        chunking=smtp.chunking,
    )


def _relay(smtp: Smtp) -> Relay:
    return Relay(
        signs=smtp.signs == "relay",
        keeps_message_id=smtp.keeps_message_id,
        keeps_date=smtp.keeps_date,
        keeps_return_path=smtp.keeps_return_path,
        correlation=smtp.correlation,
    )
