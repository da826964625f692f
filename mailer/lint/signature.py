"""Rules about DKIM signatures (M06), as far as the message alone tells: what was signed, and whether it is still that.

Whether the key in DNS made it is the receiving server's to say; a body that was changed on the way is the usual reason
why it does not hold, and shows without any key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from mailer.lint.finding import Severity, Spot
from mailer.lint.mail import Mail

_MOST = 5
_BLANKS = re.compile(rb"[ \t]+")
_FROM = re.compile(r"@([\w.-]{1,253})>?\s*\Z")


def signatures_hold(mail: Mail) -> Iterator[Spot]:
    """M06. RFC 6376 3.4, 3.7; 8.2 says why a length is a hole."""
    for field in mail.all("DKIM-Signature")[:_MOST]:
        tags = _tags(field.value)
        hashed, name = _bytes(tags.get("bh", "")), tags.get("d", "")[:80]
        if not hashed or not tags.get("b"):
            yield Spot("A DKIM signature has no b= or bh=.", "DKIM-Signature")
        elif (
            tags.get("a", "").endswith("sha256") and not tags.get("l") and hashed != _hash(mail.raw, tags.get("c", ""))
        ):
            yield Spot(f"The body is not the one that {name} signed: it was changed afterwards.", "DKIM-Signature")
        if tags.get("l"):
            yield Spot(
                "A DKIM signature is of a part of the body only (l=): anybody can add to it.",
                "DKIM-Signature",
                Severity.WARNING,
            )
        if tags.get("a") == "rsa-sha1":
            yield Spot(
                "A DKIM signature is rsa-sha1, which no receiver counts (RFC 8301).", "DKIM-Signature", Severity.WARNING
            )


def signer_is_the_sender(mail: Mail) -> Iterator[Spot]:
    """M06. RFC 7489 3.1.1: DMARC counts a signature by the sender's own domain only."""
    signers = [_tags(field.value).get("d", "").lower() for field in mail.all("DKIM-Signature")[:_MOST]]
    sender = _FROM.search(mail.get("From"))
    if not signers or sender is None:
        return
    own = ".".join(sender[1].lower().split(".")[-2:])
    if not any(signer == own or signer.endswith(f".{own}") for signer in signers):
        yield Spot(
            f"It is signed by {signers[0][:80]}, and comes from {sender[1][:80]}: that does not count.",
            "DKIM-Signature",
        )


def _tags(value: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in value.split(";"))
    return {name.strip(): re.sub(r"\s+", "", text) for name, mark, text in pairs if mark}


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _hash(raw: bytes, canonical: str) -> bytes:
    body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2]  # a file that was saved has the line ends of its system
    if canonical.partition("/")[2].lower() == "relaxed":
        body = b"\n".join(_BLANKS.sub(b" ", line).rstrip(b" ") for line in body.split(b"\n"))
        body = body.rstrip(b"\n") + b"\n" if body.strip(b"\n") else b""
    else:
        body = body.rstrip(b"\n") + b"\n"
    return hashlib.sha256(body.replace(b"\n", b"\r\n")).digest()
