"""The DKIM keys' folder: one file a key, readable by its owner only.

    dkim/news.example.org/b202611a-rsa.json
    {"domain": ..., "selector": ..., "algorithm": ..., "public": ..., "made_at": ..., "found_at": ..., "active_since": ...,
     "retired_at": null, "private": "-----BEGIN PRIVATE KEY-----..."}

A key signs from the time it became active until a younger one of its domain and algorithm does: becoming active is one
file put in its place, so there is no moment in which two keys sign, or none.
"""

from __future__ import annotations

import enum
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from broadsheet import durable
from broadsheet.settings import ConfigurationError
from mailer import dkim, dkim_record
from mailer.dkim import Algorithm, KeyName, PrivateKey, SigningKey

#: RSA's signature stands first: some receivers read only one.
ORDER = (Algorithm.RSA, Algorithm.ED25519)
_TIMES = ("made_at", "found_at", "active_since", "retired_at")


class KeyState(enum.StrEnum):
    NEW = "new"  # waits for its record in DNS; signs nothing yet
    ACTIVE = "active"  # signs
    RESTING = "resting"  # signs no more; its record must stay, for mails that are still on their way
    RETIRED = "retired"  # its private half is gone, its record may go


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    domain: str
    selector: str
    algorithm: Algorithm
    public: str  # the p= of its record
    private: str | None = field(repr=False)  # PEM; None when it was retired
    made_at: datetime
    found_at: datetime | None = None  # when its record was last seen in DNS
    active_since: datetime | None = None
    retired_at: datetime | None = None

    @property
    def name(self) -> KeyName:
        return KeyName(domain=self.domain, selector=self.selector, algorithm=self.algorithm)

    def private_key(self) -> PrivateKey:
        """Raises ValueError when it is damaged, or no match for the public half."""
        # Proving its primes takes 60 ms; whether it signs what the public half verifies is what matters, and takes one.
        made = load_pem_private_key((self.private or "").encode(), password=None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(made, (rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey)):
            raise ValueError("it is neither RSA nor Ed25519")  # noqa: TRY004 - the file's value is wrong
        signing = SigningKey(domain=self.domain, selector=self.selector, key=made)
        if signing.name != self.name or dkim_record.public_half(made) != self.public:
            raise ValueError("its two halves do not match")
        dkim.prove(made)
        return made


class KeyFolder:
    """The keys of one installation."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[StoredKey]:
        """All keys, by domain and age, RSA first. Raises ConfigurationError for a file that is damaged or that others may read."""
        found = [_read(path) for path in sorted(self.path.glob("*/*.json"))]
        return sorted(found, key=lambda key: (key.domain, key.made_at, ORDER.index(key.algorithm), key.selector))

    def mark(self) -> frozenset[tuple[str, int]]:
        """Changes whenever a key does: each file is replaced, never written over."""
        try:
            folders = [entry.path for entry in os.scandir(self.path) if entry.is_dir()]
            return frozenset((entry.path, entry.inode()) for each in folders for entry in os.scandir(each))
        except FileNotFoundError:
            return frozenset()

    def file(self, name: KeyName) -> Path:
        return self.path / name.domain / f"{name.selector}.json"

    def write(self, key: StoredKey) -> None:
        path = self.file(key.name)
        for folder in (self.path, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        durable.write(path, json.dumps(asdict(key), default=_plain, indent=1))


def make(name: KeyName, *, now: datetime) -> StoredKey:
    """A new key of this name. An RSA one takes a tenth of a second or two."""
    key: PrivateKey
    if name.algorithm is Algorithm.RSA:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    return StoredKey(
        domain=name.domain,
        selector=name.selector,
        algorithm=name.algorithm,
        public=dkim_record.public_half(key),
        private=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"),
        made_at=now,
    )


def state(key: StoredKey, keys: Sequence[StoredKey]) -> tuple[KeyState, datetime]:
    """How a key stands among the others, and since when."""
    if key.retired_at is not None:
        return KeyState.RETIRED, key.retired_at
    others = [
        each
        for each in keys
        if (each.domain, each.algorithm) == (key.domain, key.algorithm) and each.active_since is not None
    ]
    if key.active_since is None:
        passed_over = [each.active_since for each in others if each.active_since and each.made_at > key.made_at]
        return (KeyState.RESTING, min(passed_over)) if passed_over else (KeyState.NEW, key.made_at)
    younger = [each.active_since for each in others if each.active_since and each.active_since > key.active_since]
    return (KeyState.RESTING, min(younger)) if younger else (KeyState.ACTIVE, key.active_since)


def active(keys: Sequence[StoredKey]) -> dict[str, list[StoredKey]]:
    """The keys that sign, by domain; RSA first."""
    found: dict[str, list[StoredKey]] = {}
    for algorithm in ORDER:
        for key in keys:
            if key.algorithm is algorithm and state(key, keys)[0] is KeyState.ACTIVE:
                found.setdefault(key.domain, []).append(key)
    return found


def _read(path: Path) -> StoredKey:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigurationError(
            f"Others on this machine may read the private key in {path}. If somebody else can have read it, make new "
            f"keys (`broadsheet keys new`); else: chmod 600 {path}"
        )
    try:
        key = _understand(json.loads(path.read_text(encoding="utf-8")))
        misplaced = (key.domain, key.selector) != (path.parent.name, path.stem)
        if key.retired_at is None:
            key.private_key()
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise _damaged(path, str(problem)) from None
    if misplaced:
        raise _damaged(path, "it is not the key that its name says")
    return key


def _understand(stored: dict[str, Any]) -> StoredKey:
    times = {name: stored[name] and datetime.fromisoformat(stored[name]) for name in _TIMES}
    return StoredKey(**stored | times | {"algorithm": Algorithm(stored["algorithm"])})


def _damaged(path: Path, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"The DKIM key {path} is damaged ({problem}). Put it back from a backup; or move it away, make new keys "
        "(`broadsheet keys new`) and let them sign (`broadsheet keys rotate`)."
    )


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
