"""DKIM (RFC 6376): the signature headers of a message, made from its bytes and a key, and from nothing else.

What the compiler makes is canonical as it stands: no doubled or dangling blank, CRLF at every line end, exactly one at
the end. So the relaxed body (RFC 6376 3.4.4) is the body, and hashing it is all there is to do: general
canonicalisation would cost twenty times the hash. Header fields are few, and are made canonical here.

    DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; t=1773028800;
     d=news.example.org; s=b2026a;
     h=From:To:Subject:...:From;
     bh=...;
     b=...
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

CRLF = b"\r\n"

#: Signed wherever it occurs. What a relay may rewrite (Return-Path, Received) is not ours to sign.
SIGNED = frozenset(
    {
        b"from", b"to", b"reply-to", b"subject", b"date", b"message-id", b"mime-version", b"content-type",
        b"content-language", b"content-transfer-encoding", b"auto-submitted", b"feedback-id",
        b"cfbl-address", b"cfbl-feedback-id",
    }
)  # fmt: skip
_LISTS = b"list-"

_FOLD = re.compile(rb"\r\n(?=[ \t])")
_BLANKS = re.compile(rb"[ \t]+")
_NAME = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\Z"
)

#: Gmail and others refuse less (RFC 8301 3.2 forbids under 1024 and asks for 2048).
LEAST_BITS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key and where its public half stands in DNS: `<selector>._domainkey.<domain>`.

    Raises ValueError for names that cannot stand in a signature, and for an RSA key of under 2048 bits.
    """

    domain: str
    selector: str
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

    def __post_init__(self) -> None:
        for what, name in (("domain", self.domain), ("selector", self.selector)):
            if not _NAME.match(name):
                raise ValueError(f"The DKIM {what} {name!r} is not a host name in ASCII letters.")
        if isinstance(self.key, rsa.RSAPrivateKey) and self.key.key_size < LEAST_BITS:
            raise ValueError(
                f"The DKIM key {self.selector!r} has {self.key.key_size} bits; receivers want {LEAST_BITS} or more. "
                "Make a new one."
            )

    @property
    def algorithm(self) -> str:
        return "rsa-sha256" if isinstance(self.key, rsa.RSAPrivateKey) else "ed25519-sha256"

    def signature(self, data: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), SHA256())
        return self.key.sign(hashlib.sha256(data).digest())  # RFC 8463 3: Ed25519 of the SHA-256


def sign(message: bytes, keys: Sequence[SigningKey], *, at: datetime) -> bytes:
    """The message with one DKIM-Signature a key before it; the first key's stands first.

    `at` is the signatures' `t=`: the row's due time, so that the same row gives the same bytes. Raises ValueError for a
    message whose body is not canonical as it stands: it was not compiled here, and its signature would not verify.
    """
    head, _, body = message.partition(CRLF + CRLF)
    if not body.endswith(CRLF) or body.endswith(CRLF + CRLF):
        raise ValueError("the body does not end with exactly one line end")
    body_hash = base64.b64encode(hashlib.sha256(body).digest())
    names, signed = _signed(_fields(head))
    made = [_signature(key, names, signed, body_hash, at) for key in keys]
    return b"".join(made) + message


def _signature(key: SigningKey, names: bytes, signed: bytes, body_hash: bytes, at: datetime) -> bytes:
    tags = f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed; t={int(at.timestamp())};\r\n"
    place = f" d={key.domain}; s={key.selector};\r\n h="
    unsigned = (tags + place).encode("ascii") + names + b";\r\n bh=" + body_hash + b";\r\n b="
    # RFC 6376 3.7: the signature's own field comes last, with an empty b= and without a line end.
    value = key.signature(signed + _relaxed(unsigned))
    return unsigned + CRLF.join(_lines(base64.b64encode(value))) + CRLF


def _lines(encoded: bytes) -> Iterator[bytes]:
    yield encoded[:72]
    for start in range(72, len(encoded), 72):
        yield b" " + encoded[start : start + 72]


def _fields(head: bytes) -> list[bytes]:
    """The header fields, each on one line."""
    return _FOLD.sub(b"", head).split(CRLF)


def _signed(fields: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The h= tag, folded, and what is hashed: every signed field in relaxed form (RFC 6376 3.4.2).

    From is named once more than it occurs: a second one, added on the way, breaks the signature (RFC 6376 8.15).
    """
    names, lines = [], []
    # Of several fields of one name the last counts first (RFC 6376 5.4.2); we write each once, so order is free.
    for field in fields:
        name = field.partition(b":")[0]
        lowered = name.lower()
        if lowered in SIGNED or lowered.startswith(_LISTS):
            names.append(name)
            lines.append(_relaxed(field) + CRLF)
    return _folded([*names, b"From"]), b"".join(lines)


def _folded(names: Sequence[bytes]) -> bytes:
    lines = [names[0]]
    for name in names[1:]:
        if len(lines[-1]) + len(name) > 70:
            lines.append(name)
        else:
            lines[-1] += b":" + name
    return b":\r\n ".join(lines)


def _relaxed(field: bytes) -> bytes:
    name, _, value = _FOLD.sub(b"", field).partition(b":")
    return name.lower().rstrip() + b":" + _BLANKS.sub(b" ", value).strip()
