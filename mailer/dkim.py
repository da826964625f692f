"""DKIM (RFC 6376): the signature headers of a message, made from its bytes and a key, and from nothing else.

    prepare (a message, the keys' names) -> digests -> a private key signs each, anywhere -> finish -> the signed message

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
import enum
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

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
_BLANKS = re.compile(rb"[ \t]{2,}|\t")
_FROM = re.compile(rb"(?:\A|\r\n)from:((?:[^\r]|\r\n[ \t])*)", re.IGNORECASE)
_DOMAIN = re.compile(rb"@([A-Za-z0-9.-]+)>?[ \t]*\Z")
_NAME = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\Z"
)

#: Gmail and others refuse less (RFC 8301 3.2 forbids under 1024 and asks for 2048).
LEAST_BITS = 2048


class Algorithm(enum.StrEnum):
    RSA = "rsa-sha256"  # what every receiver verifies
    ED25519 = "ed25519-sha256"  # RFC 8463: small and quick, and not known everywhere: a second signature


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyName:
    """What a signature says of its key; its public half stands in DNS at `record_name`.

    Raises ValueError for names that cannot stand there.
    """

    domain: str
    selector: str
    algorithm: Algorithm

    def __post_init__(self) -> None:
        for what, name in (("domain", self.domain), ("selector", self.selector)):
            if not _NAME.match(name):
                raise ValueError(f"The DKIM {what} {name!r} is not a host name in ASCII letters.")

    @property
    def record_name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key and its name. Raises ValueError for an RSA key of under 2048 bits."""

    domain: str
    selector: str
    key: PrivateKey

    def __post_init__(self) -> None:
        _ = self.name
        if isinstance(self.key, rsa.RSAPrivateKey) and self.key.key_size < LEAST_BITS:
            raise ValueError(
                f"The DKIM key {self.selector!r} has {self.key.key_size} bits; receivers want {LEAST_BITS} or more. "
                "Make a new one."
            )

    @property
    def name(self) -> KeyName:
        algorithm = Algorithm.RSA if isinstance(self.key, rsa.RSAPrivateKey) else Algorithm.ED25519
        return KeyName(domain=self.domain, selector=self.selector, algorithm=algorithm)


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A message, and what its keys have to sign: all that a signature depends on is in its digest."""

    message: bytes
    fields: tuple[bytes, ...]  # each key's DKIM-Signature field up to its empty b=
    digests: tuple[bytes, ...]  # 32 bytes for each key


def prepare(message: bytes, names: Sequence[KeyName], *, at: datetime) -> Unsigned:
    """What the keys of these names have to sign.

    `at` is the signatures' `t=`: the row's due time, so that the same row gives the same bytes. Raises ValueError for a
    message that has not exactly one From, or whose body is not canonical as it stands: it was not compiled here, and its
    signature would not verify.
    """
    head, _, body = message.partition(CRLF + CRLF)
    if not body.endswith(CRLF) or body.endswith(CRLF + CRLF):
        raise ValueError("the body does not end with exactly one line end")
    body_hash = base64.b64encode(hashlib.sha256(body).digest())
    listed, signed = _signed(head)
    hashed = hashlib.sha256(signed)
    fields, digests = [], []
    for name in names:
        written, relaxed = _tags(name, int(at.timestamp()), listed)
        whole = hashed.copy()
        whole.update(relaxed + body_hash + b"; b=")  # RFC 6376 3.7: its own field comes last, without b= and line end
        fields.append(written + body_hash + b";\r\n b=")
        digests.append(whole.digest())
    return Unsigned(message, tuple(fields), tuple(digests))


@lru_cache(maxsize=64)
def _tags(name: KeyName, at: int, listed: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """A signature's field up to its bh=, as it is written and in relaxed form: the same for all copies of a letter."""
    tags = f"DKIM-Signature: v=1; a={name.algorithm}; c=relaxed/relaxed; t={at};\r\n"
    place = f" d={name.domain}; s={name.selector};\r\n h="
    written = (tags + place).encode("ascii") + _folded(listed) + b";\r\n bh="
    return written, _relaxed(_unfolded(written))


def signature(key: PrivateKey, digest: bytes) -> bytes:
    """The private key's part: a third of a millisecond for RSA, a tenth of that for Ed25519."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, padding.PKCS1v15(), Prehashed(SHA256()))
    return key.sign(digest)  # RFC 8463 3: Ed25519 signs the SHA-256 as a message of its own


def prove(key: PrivateKey) -> None:
    """Raises ValueError for a private key whose signatures its own public half does not verify: it was damaged."""
    digest = hashlib.sha256(b"Broadsheet").digest()
    try:
        made = signature(key, digest)
        if isinstance(key, rsa.RSAPrivateKey):
            key.public_key().verify(made, digest, padding.PKCS1v15(), Prehashed(SHA256()))
        else:
            key.public_key().verify(made, digest)
    except InvalidSignature:
        raise ValueError("it signs what its public half does not verify") from None


def finish(unsigned: Unsigned, signatures: Sequence[bytes]) -> bytes:
    """The message with its signatures before it."""
    return header(unsigned, signatures) + unsigned.message


def header(unsigned: Unsigned, signatures: Sequence[bytes]) -> bytes:
    """One DKIM-Signature a key; the first key's stands first."""
    made = [
        field + CRLF.join(_lines(base64.b64encode(value))) + CRLF
        for field, value in zip(unsigned.fields, signatures, strict=True)
    ]
    return b"".join(made)


def sign(message: bytes, keys: Sequence[SigningKey], *, at: datetime) -> bytes:
    """`prepare`, each key's `signature`, `finish`."""
    unsigned = prepare(message, [key.name for key in keys], at=at)
    made = [signature(key.key, digest) for key, digest in zip(keys, unsigned.digests, strict=True)]
    return finish(unsigned, made)


def from_domain(message: bytes) -> str:
    """The domain of the From address, which a signature's d= must align with (RFC 9989). Raises ValueError without one."""
    found = _FROM.search(message, 0, message.find(CRLF + CRLF) + 2)
    domain = None if found is None else _DOMAIN.search(_unfolded(found[1]))
    if domain is None:
        raise ValueError("the message has no From address")
    return domain[1].decode("ascii").lower()


def _lines(encoded: bytes) -> Iterator[bytes]:
    yield encoded[:72]
    for start in range(72, len(encoded), 72):
        yield b" " + encoded[start : start + 72]


def _signed(head: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """The names for the h= tag, and what is hashed: every signed field in relaxed form (RFC 6376 3.4.2).

    From is named once more than it occurs: a second one, added on the way, breaks the signature (RFC 6376 8.15).
    """
    names, lines, froms = [], [], 0
    # Of several fields of one name the last counts first (RFC 6376 5.4.2); we write each once, so order is free.
    for field in _unfolded(head).split(CRLF):
        name = field.partition(b":")[0]
        lowered = name.lower()
        if lowered in SIGNED or lowered.startswith(_LISTS):
            names.append(name)
            lines.append(_relaxed(field) + CRLF)
            froms += lowered == b"from"
    if froms != 1:
        raise ValueError("the message has not exactly one From")
    return (*names, b"From"), b"".join(lines)


def _folded(names: Sequence[bytes]) -> bytes:
    lines = [names[0]]
    for name in names[1:]:
        if len(lines[-1]) + len(name) > 70:
            lines.append(name)
        else:
            lines[-1] += b":" + name
    return b":\r\n ".join(lines)


def _unfolded(head: bytes) -> bytes:
    """Each field on one line, its runs of blanks one blank each."""
    return _BLANKS.sub(b" ", _FOLD.sub(b"", head))


def _relaxed(field: bytes) -> bytes:
    name, _, value = field.partition(b":")
    return name.lower() + b":" + value.strip()
