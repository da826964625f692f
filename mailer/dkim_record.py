"""The DKIM record: the public half of a key, as DNS shows it (RFC 6376 3.6.1, RFC 8463 4).

b202611a-rsa._domainkey.news.example.org.  IN TXT  ( "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQ..." "...IDAQAB" )
"""

from __future__ import annotations

import base64
import binascii
import enum
import re
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailer.dkim import Algorithm, KeyName, PrivateKey

#: The longest string in a TXT record (RFC 1035 3.3); a longer text is several strings, which readers join.
LONGEST = 255
_KINDS = {Algorithm.RSA: "rsa", Algorithm.ED25519: "ed25519"}
_BLANKS = re.compile(r"\s+")


class Found(enum.StrEnum):
    """What DNS says of a key."""

    RIGHT = "right"
    TESTING = "testing"  # the right key, and t=y: receivers treat the mail as if it were unsigned
    NOTHING = "nothing"
    OTHER = "other"  # another key, or a record that is none
    SEVERAL = "several"  # more than one record: RFC 6376 3.6.2.2 lets each receiver do as it likes
    REVOKED = "revoked"  # an empty p=


def public_half(key: PrivateKey) -> str:
    """The record's p=: base64 of what each algorithm's RFC puts there."""
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode("ascii")
    return base64.b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode("ascii")


def text(name: KeyName, public: str) -> str:
    return f"v=DKIM1; k={_KINDS[name.algorithm]}; p={public}"


def strings(record: str) -> list[str]:
    """The record as a zone holds it: no string of it over 255 bytes."""
    return [record[start : start + LONGEST] for start in range(0, len(record), LONGEST)]


def zone_line(name: KeyName, public: str) -> str:
    """The record as a line of a zone file, which most DNS hosts' forms take as well."""
    quoted = " ".join(f'"{part}"' for part in strings(text(name, public)))
    return f"{name.record_name}. IN TXT ( {quoted} )"


def judge(records: Sequence[str], name: KeyName, public: str) -> Found:
    """Whether these TXT records (each joined of its strings) are this key's."""
    if not records:
        return Found.NOTHING
    if len(records) > 1:
        return Found.SEVERAL
    tags = _tags(records[0])
    shown = _bytes(tags.get("p"))
    if shown == b"":
        return Found.REVOKED
    kind = tags.get("k", "rsa")
    if tags.get("v", "DKIM1") != "DKIM1" or kind != _KINDS[name.algorithm] or shown != _bytes(public):
        return Found.OTHER
    return Found.TESTING if "y" in _BLANKS.sub("", tags.get("t", "")).split(":") else Found.RIGHT


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _bytes(value: str | None) -> bytes | None:
    try:
        return None if value is None else base64.b64decode(_BLANKS.sub("", value), validate=True)
    except (binascii.Error, ValueError):
        return None
