"""The key ring's file: made on the first run, readable by its owner only. Whoever loses it breaks every link ever mailed."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import string
from collections.abc import Iterator
from pathlib import Path

from broadsheet import durable
from broadsheet.settings import ConfigurationError
from ground.tokens import KeyRing


def load_or_make(path: Path) -> KeyRing:
    """The keys in `path`, or new ones written there. Raises ConfigurationError when the file is damaged."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return _make(path)
    except UnicodeDecodeError as problem:
        raise _damaged(path, problem) from None
    try:
        stored = json.loads(text)
        return KeyRing({key_id: bytes.fromhex(key) for key_id, key in stored["keys"].items()}, stored["current"])
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise _damaged(path, problem) from None


def rotate(path: Path) -> str:
    """Append a key, which signs from now on, and keep all before it; the new key's id.

    The first key stays the first: message ids and the hashes of who was forgotten are made with it for ever.
    """
    load_or_make(path)  # damaged is told, and nothing is written over it
    with durable.alone(path.parent):
        stored = json.loads(path.read_text(encoding="utf-8"))
        key_id = next(name for name in _ids() if name not in stored["keys"])
        stored["keys"][key_id] = secrets.token_bytes(32).hex()
        durable.write(path, json.dumps({"current": key_id, "keys": stored["keys"]}))
    return key_id


def _ids() -> Iterator[str]:
    """a, b, ... z, aa, ab, ...: as many as there can be."""
    for length in range(1, 5):
        yield from map("".join, itertools.product(string.ascii_lowercase, repeat=length))


def _damaged(path: Path, problem: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"The key ring {path} is damaged ({problem}). Every link in every mail sent so far depends on it: "
        "put it back from a backup. Only if nothing was ever sent, delete it and a new one is made."
    )


def _make(path: Path) -> KeyRing:
    key = secrets.token_bytes(32)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Exclusive: of two processes that start at once, one makes the keys and the other reads them.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return load_or_make(path)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"current": "a", "keys": {"a": key.hex()}}, file)
        file.flush()
        os.fsync(file.fileno())
    return KeyRing({"a": key}, "a")
