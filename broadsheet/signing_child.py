"""What a signing child does: it reads each private key once and signs digests; ahead of a letter's time it also writes the
messages that it signs. It is given fields and a compiled letter, and reads nothing that comes from outside."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeVar, cast

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mailer import dkim, message
from mailer.compiled import Compiled
from mailer.dkim import KeyName, PrivateKey
from mailer.message import Mint, Recipient

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Keys:
    """Those that sign for one domain: their names, and the files with their private halves."""

    names: tuple[KeyName, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Messages of one letter that are to be signed, made of what."""

    compiled: bytes  # the stored variant
    recipients: Sequence[Recipient]
    mint: Mint
    keys: Mapping[str, Keys]  # by domain
    at: datetime


def sign(files: Sequence[str], digests: Sequence[Sequence[bytes]]) -> list[list[bytes]]:
    """Each message's digests, one for each of the keys in these files, signed. No digests: the keys are only read."""
    keys = [_key(file) for file in files]
    return [[dkim.signature(key, digest) for key, digest in zip(keys, each, strict=True)] for each in digests]


def headers(work: Work) -> list[bytes | None]:
    """What stands in front of each message when it is signed; None where no key signs, or it cannot be written."""
    compiled = _compiled(work.compiled)
    return [_header(compiled, each, work) for each in work.recipients]


def _header(compiled: Compiled, recipient: Recipient, work: Work) -> bytes | None:
    try:
        written = message.build(compiled, recipient, work.mint)
        keys = nearest(work.keys, dkim.from_domain(written))
        if keys is None:
            return None
        unsigned = dkim.prepare(written, keys.names, at=work.at)
    except Exception:  # noqa: BLE001 - whatever is wrong with one row is told when it is sent; the others are signed
        return None
    [values] = sign(keys.files, [unsigned.digests])
    return dkim.header(unsigned, values)


def nearest(signers: Mapping[str, S], domain: str) -> S | None:
    """Who signs for a domain: its own keys, or those of the nearest one above it."""
    labels = domain.split(".")
    above = (".".join(labels[start:]) for start in range(len(labels)))
    return next((signers[each] for each in above if each in signers), None)


@lru_cache(maxsize=8)
def _compiled(stored: bytes) -> Compiled:
    return Compiled.from_bytes(stored)


@cache
def _key(file: str) -> PrivateKey:
    """A selector is never used twice, so a file's private half is the same for ever; the parent has proved it."""
    pem = json.loads(Path(file).read_text(encoding="utf-8"))["private"]
    return cast("PrivateKey", load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True))
