"""Passwords: argon2id by its library's parameters, about a tenth of a second and 64 MiB each.

A check costs the same whether there is such a member, such a password, or neither: time tells nobody who works here.
"""

from __future__ import annotations

import base64
import enum
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 200


class PasswordProblem(enum.StrEnum):
    """Why a text is no password for this member; length is what counts, so nothing is asked of its letters."""

    SHORT = f"It has fewer than {SHORTEST} characters. Three or four words in a row are long enough and easy to keep."
    LONG = f"It has more than {LONGEST} characters."
    ADDRESS = "It is your email address, which others know. Choose something else."
    SAME = "It is one character, repeated. Choose something that nobody would try."


def problem(password: str, address: str) -> PasswordProblem | None:
    plain = _plain(password)
    if len(plain) < SHORTEST:
        return PasswordProblem.SHORT
    if len(plain) > LONGEST:
        return PasswordProblem.LONG
    if len(set(plain)) == 1:
        return PasswordProblem.SAME
    return PasswordProblem.ADDRESS if plain.strip().casefold() == address.casefold() else None


class Passwords:
    """Hashes and checks. Each takes a while: in a thread, few at a time, outside of any transaction."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobodys = _hash_of_nothing(self._hasher)

    def hash(self, password: str) -> str:
        return self._hasher.hash(_plain(password))

    def check(self, stored: str | None, password: str) -> bool:
        """Whether this is the password; without a stored one just as slowly no."""
        try:
            self._hasher.verify(stored or self._nobodys, _plain(password)[: LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def is_dated(self, stored: str) -> bool:
        """Whether it was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(stored)


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """A hash in the hasher's own parameters that no password has: checking against it is as much work as any check."""
    salt, digest = (base64.b64encode(bytes(size)).rstrip(b"=").decode() for size in (hasher.salt_len, hasher.hash_len))
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _plain(password: str) -> str:
    """One form for what keyboards write in several (NIST SP 800-63B 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
