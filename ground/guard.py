"""The guard under our HTTP client: it decides, per connection, whether an address may be spoken to at all.

Checking a URL before fetching is not enough: a name may answer with another address the second time (DNS rebinding), and
a redirect leads elsewhere. So the guard sits where the socket is opened: it resolves the name itself, checks every
address, and connects to exactly the address it has checked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import httpcore2

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> addresses in text form. Raises OSError when the name has none."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

#: Networks that `ipaddress` calls global although they lead, or may lead, to an inside.
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "::/96",  # IPv4-compatible (RFC 4291 2.5.5.1)
        "::ffff:0:0/96",  # IPv4-mapped: reaches the IPv4 stack around every IPv4 rule
        "64:ff9b:1::/48",  # local-use NAT64 (RFC 8215)
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4: carries an IPv4 address of any kind
        "fec0::/10",  # site-local of old
    )
)

#: WHATWG URL 3.5, "ends in a number": what a browser would read as an IPv4 address. A dotted quad is one by itself and
#: is checked as such; every other shape (127.1, 0x7f000001, 2130706433, 017700000001) exists to get past a check.
_ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$", re.IGNORECASE)
_DOTTED_QUAD = re.compile(r"^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$")


class Refused(Exception):  # noqa: N818 - the guard's answer, not a fault
    """The guard did not let a connection happen. The text names the host and says why."""


def check_host(host: str) -> None:
    """Raise `Refused` for a host that is written in a way no newsroom writes one."""
    if not host:
        raise Refused("The address names no host.")
    if "%" in host:
        raise Refused(f"{host} names a network interface; only public hosts are fetched.")
    if _ENDS_IN_NUMBER.search(host) and not _DOTTED_QUAD.match(host):
        raise Refused(f"{host} is a number in disguise, not a host name.")


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody on the internet may serve from."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip in _NAT64:
        # Measured: `ipaddress` calls 64:ff9b::7f00:1 global, and behind a NAT64 gateway it is 127.0.0.1.
        return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    if any(ip.version == network.version and ip in network for network in _REFUSED):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


async def resolve(host: str, port: int) -> Sequence[str]:
    """The system's answer for a host name, in its order of preference."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """Opens connections for httpcore2, to checked addresses only.

    `allowed_hosts` holds "host:port" entries that pass unchecked: the demo's own loopback server, a newsroom's feed
    server on the inside. Nothing but that exact host and port passes.
    """

    def __init__(self, *, allowed_hosts: frozenset[str] = frozenset(), resolver: Resolver = resolve) -> None:
        self._allowed_hosts = allowed_hosts
        self._resolver = resolver
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        trouble: Exception = httpcore2.ConnectError(f"{host} has no address.")
        for address in await self._addresses(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as problem:
                trouble = problem
        raise trouble

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        allowed = f"{host}:{port}" in self._allowed_hosts
        if not allowed:
            check_host(host)
        try:
            addresses = await self._resolver(host, port)
        except (OSError, UnicodeError) as problem:
            raise httpcore2.ConnectError(f"The name {host} was not found.") from problem
        if not allowed:
            for address in addresses:
                if not is_public(address):
                    raise Refused(f"{host} leads to {address}, which is not a public address.")
        return addresses
