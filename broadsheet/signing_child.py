"""What a signing child does: it reads each private key once and signs digests. No message ever comes here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import cast

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mailer import dkim
from mailer.dkim import PrivateKey


def sign(files: Sequence[str], digests: Sequence[Sequence[bytes]]) -> list[list[bytes]]:
    """Each message's digests, one for each of the keys in these files, signed. No digests: the keys are only read."""
    keys = [_key(file) for file in files]
    return [[dkim.signature(key, digest) for key, digest in zip(keys, each, strict=True)] for each in digests]


@cache
def _key(file: str) -> PrivateKey:
    """A selector is never used twice, so a file's private half is the same for ever; the parent has proved it."""
    pem = json.loads(Path(file).read_text(encoding="utf-8"))["private"]
    return cast("PrivateKey", load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True))
