"""Proxies whose X-Forwarded-For is believed, as an operator names them."""

from __future__ import annotations

import ipaddress


def checked(networks: tuple[str, ...]) -> tuple[str, ...]:
    """The same, if each is an address or a network. Raises ValueError for what is none, or is everybody."""
    for text in networks:
        try:
            everybody = ipaddress.ip_network(text).prefixlen == 0
        except ValueError:
            raise ValueError(f"{text!r} is no address and no network: write 10.0.0.5 or 10.0.0.0/24") from None
        if everybody:
            raise ValueError(f"{text!r} is everybody: name the proxies that stand in front, like 10.0.0.5")
    return networks
