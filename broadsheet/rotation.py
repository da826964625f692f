"""Rotation: a domain's DKIM keys come and go.

keys new -> (its records are put into DNS) -> keys rotate: it signs, the one before rests -> keys retire
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from broadsheet import dkim_keys, durable
from broadsheet.dkim_keys import KeyFolder, KeyState, StoredKey
from mailer.dkim import Algorithm, KeyName

#: A relay may try a mail again for five days (RFC 5321 4.5.4.1), and its last receiver still looks for the record.
UNDER_WAY = timedelta(days=7)

_MOMENT = timedelta(microseconds=1)
_SUFFIXES = {Algorithm.RSA: "rsa", Algorithm.ED25519: "ed"}


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing was changed, and what to do."""

    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    signing: list[StoredKey]
    resting: list[StoredKey]  # those that signed before them


def new_pair(folder: KeyFolder, domain: str, *, now: datetime) -> list[StoredKey] | Refused:
    """An RSA and an Ed25519 key with a selector that this domain never had. They sign nothing yet."""
    with durable.alone(folder.path):
        try:
            names = _names(domain, {key.selector for key in _of(folder.read(), domain)}, now)
        except ValueError as problem:
            return Refused(f"{problem} Write the domain of the From address, like news.example.org.")
        made = [dkim_keys.make(name, now=now) for name in names]
        for key in made:
            folder.write(key)
    return made


def _names(domain: str, taken: set[str], now: datetime) -> list[KeyName]:
    """b202611a-rsa and b202611a-ed; in the same month b, c, ... z, aa follow."""
    letters = [*string.ascii_lowercase, *(a + b for a in string.ascii_lowercase for b in string.ascii_lowercase)]
    for letter in letters:
        selectors = {algorithm: f"b{now:%Y%m}{letter}-{suffix}" for algorithm, suffix in _SUFFIXES.items()}
        if not taken & set(selectors.values()):
            return [KeyName(domain=domain, selector=each, algorithm=name) for name, each in selectors.items()]
    raise ValueError(f"{domain} has had over seven hundred pairs of keys this month.")


def waiting(keys: Sequence[StoredKey], domain: str) -> list[StoredKey]:
    """The domain's new keys, the youngest of each algorithm: they are the next to sign."""
    new = {key.algorithm: key for key in _of(keys, domain) if dkim_keys.state(key, keys)[0] is KeyState.NEW}
    return [new[algorithm] for algorithm in Algorithm if algorithm in new]


def rotate(folder: KeyFolder, domain: str, *, found: Iterable[str], now: datetime) -> Rotated | Refused:
    """Let the waiting keys sign from now on. `found` are the selectors that DNS has shown."""
    with durable.alone(folder.path):
        keys = folder.read()
        new = waiting(keys, domain)
        if not new:
            return Refused(f"{domain} has no new keys. Make some: `broadsheet keys new {domain}`")
        algorithms = {key.algorithm for key in new}
        before = [key for key in dkim_keys.active(keys).get(domain, []) if key.algorithm in algorithms]
        # A clock that was put back must not leave the older key in its place.
        since = max([now, *(key.active_since + _MOMENT for key in before if key.active_since)])
        seen = set(found)
        made = [replace(key, active_since=since, found_at=now if key.selector in seen else None) for key in new]
        for key in made:
            folder.write(key)
    return Rotated(signing=made, resting=before)


def retire(
    folder: KeyFolder, domain: str, *, at_once: bool, now: datetime
) -> list[tuple[StoredKey, datetime]] | Refused:
    """Give up the private halves of the keys that rest; each with the time since when it signed nothing."""
    with durable.alone(folder.path):
        keys = folder.read()
        stood = [(key, *dkim_keys.state(key, keys)) for key in _of(keys, domain)]
        resting = [(key, since) for key, state, since in stood if state is KeyState.RESTING]
        ready = [(key, since) for key, since in resting if at_once or now - since >= UNDER_WAY]
        if not ready:
            return Refused(_why_none(domain, [since for _, since in resting], now))
        for key, _ in ready:
            folder.write(replace(key, private=None, retired_at=now))
    return ready


def _why_none(domain: str, resting_since: Sequence[datetime], now: datetime) -> str:
    if not resting_since:
        return f"{domain} has no key that rests. A key rests when another has taken its place: `broadsheet keys rotate`"
    first = min(resting_since)
    return (
        f"These keys signed their last mail {_ago(now - first)}, and mail may be under way for {UNDER_WAY.days} days. "
        f"Retire them after {first + UNDER_WAY:%Y-%m-%d %H:%M} UTC, or say --now."
    )


def _of(keys: Sequence[StoredKey], domain: str) -> list[StoredKey]:
    return [key for key in keys if key.domain == domain]


def _ago(passed: timedelta) -> str:
    if passed >= timedelta(days=2):
        return f"{passed.days} days ago"
    return f"{max(0, round(passed.total_seconds() / 3600))} hours ago"
