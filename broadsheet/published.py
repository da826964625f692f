"""Whether the public half of a DKIM key stands in DNS."""

from __future__ import annotations

from dataclasses import dataclass

import dns.exception
import dns.resolver

from broadsheet.dkim_keys import StoredKey
from broadsheet.settings import ConfigurationError
from mailer import dkim_record
from mailer.dkim_record import Found

#: Seconds for one name, all servers together.
_PATIENCE = 10.0

_WORDS = {
    Found.RIGHT: "its record is in DNS and is this key's",
    Found.TESTING: "its record is this key's, but says t=y: receivers treat such mail as unsigned; take the t=y out",
    Found.NOTHING: "DNS has no TXT record there; add the one that `broadsheet keys show` prints, and wait until it is served",
    Found.OTHER: "the TXT record there is not this key's; put the one there that `broadsheet keys show` prints",
    Found.SEVERAL: "there is more than one TXT record there; leave only the one that `broadsheet keys show` prints",
    Found.REVOKED: "the record there has an empty p=, which revokes the key; put the one there that `broadsheet keys show` prints",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found at a key's name."""

    key: StoredKey
    is_right: bool
    words: str


class Dns:
    """Asks this machine's name servers, or one that is named."""

    def __init__(self, nameserver: str | None = None) -> None:
        self._resolver = dns.resolver.Resolver(configure=nameserver is None)
        if nameserver is not None:
            host, port = _host_and_port(nameserver)
            try:
                self._resolver.nameservers = [host]
            except ValueError:
                raise ConfigurationError(
                    f"{nameserver!r} is no name server. Write its IP address: 192.0.2.53"
                ) from None
            self._resolver.port = port

    def look(self, key: StoredKey) -> Look:
        """Look for a key's record. A server that does not answer is told as that, never as a missing record."""
        name = key.name.record_name
        try:
            answer = self._resolver.resolve(f"{name}.", "TXT", lifetime=_PATIENCE)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            found = Found.NOTHING
        except dns.exception.DNSException as problem:
            why = f"in {_PATIENCE:g} seconds" if isinstance(problem, dns.exception.Timeout) else str(problem.msg or "")
            return Look(key=key, is_right=False, words=f"{name}: DNS did not answer {why}; nothing is known, try again")
        else:
            records = [b"".join(each.strings).decode("utf-8", "replace") for each in answer]
            found = dkim_record.judge(records, key.name, key.public)
        return Look(key=key, is_right=found is Found.RIGHT, words=f"{name}: {_WORDS[found]}")


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and host.count(":") == 0 and 0 < int(port) < 65536:
        return host, int(port)
    return text.strip("[]"), 53
