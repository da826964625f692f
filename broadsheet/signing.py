"""Signing while sending: which keys sign a message, and where the private ones do their work.

d= is the domain of the From address, or where there are no keys for it the nearest domain above it that has some. So it
is aligned with From as DMARC wants it by default (RFC 9989: relaxed); under adkim=s make keys for the very domain.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime

import structlog

from broadsheet import dkim_keys, signing_child
from broadsheet.dkim_keys import KeyFolder
from broadsheet.settings import ConfigurationError
from broadsheet.signing_child import Keys, Work
from mailer import dkim
from mailer.dkim import KeyName, PrivateKey, Unsigned
from mailer.message import Mint, Recipient
from mailer.press import Unsignable

log = structlog.get_logger()

#: So few messages are signed here: asking a child takes as long, and a confirmation waits for nobody.
FEW = 2


@dataclass(frozen=True, slots=True, eq=False)
class Signers:
    """The keys that sign for one domain."""

    names: tuple[KeyName, ...]
    private: tuple[PrivateKey, ...]
    files: tuple[str, ...]


_NOBODY = Signers((), (), ())
#: A message's place in its group, who signs it, and what.
_Place = tuple[int, Signers, Unsigned]


class Signing:
    """Signs groups of messages with the keys of a folder, and notices when those change."""

    def __init__(self, folder: KeyFolder, children: Callable[[], Executor], hands: int) -> None:
        self._folder = folder
        self._children = children
        self._hands = hands  # children at work
        self._mark = folder.mark()
        self._signers = _load(folder)

    @property
    def domains(self) -> list[str]:
        return sorted(self._signers)

    def signers(self, domain: str) -> Signers | None:
        """Who signs for a From address of this domain."""
        return signing_child.nearest(self._signers, domain)

    def warm(self) -> None:
        """Start the children, so that the first issue need not wait for them."""
        for _ in range(self._hands if self._signers else 0):
            files = [file for signers in self._signers.values() for file in signers.files]
            self._children().submit(signing_child.sign, files, ())

    async def sign(self, messages: Sequence[bytes], at: datetime) -> list[bytes | Unsignable]:
        """Each message signed; as it is when no key of ours is for its domain."""
        done: list[bytes | Unsignable] = list(messages)
        unsigned: list[_Place] = []
        for place, signers, found in self._prepared(messages, at):
            if isinstance(found, Unsignable):
                done[place] = found
            else:
                unsigned.append((place, signers, found))
        async for place, each, values in self._made(unsigned):
            done[place] = dkim.finish(each, values)
        return done

    async def headers(
        self, compiled: bytes, recipients: Sequence[Recipient], mint: Mint, at: datetime
    ) -> list[bytes | None]:
        """The signatures alone of messages that children write themselves, each a part; None where no key of ours signs."""
        self._look_again()
        keys = {domain: Keys(signers.names, signers.files) for domain, signers in self._signers.items()}
        loop, size = asyncio.get_running_loop(), -(-len(recipients) // self._hands)
        parts = [recipients[start : start + size] for start in range(0, len(recipients), size or 1)]
        work = [Work(compiled=compiled, recipients=part, mint=mint, keys=keys, at=at) for part in parts]
        made = [loop.run_in_executor(self._children(), signing_child.headers, each) for each in work]
        return [header for part in await asyncio.gather(*made) for header in part]

    @property
    def mark(self) -> bytes:
        """Changes with the keys that sign."""
        self._look_again()
        return repr([signers.names for _, signers in sorted(self._signers.items())]).encode()

    def _prepared(
        self, messages: Sequence[bytes], at: datetime
    ) -> Iterator[tuple[int, Signers, Unsigned | Unsignable]]:
        """Each message that keys of ours sign, by its place, and what they have to sign."""
        self._look_again()
        for place, message in enumerate(messages):
            try:
                signers = self.signers(dkim.from_domain(message))
                if signers is not None:
                    yield place, signers, dkim.prepare(message, signers.names, at=at)
            except ValueError as problem:
                yield place, _NOBODY, Unsignable(str(problem))

    async def _made(self, unsigned: Sequence[_Place]) -> AsyncIterator[tuple[int, Unsigned, list[bytes]]]:
        groups: dict[Signers, list[tuple[int, Unsigned]]] = {}
        for place, signers, each in unsigned:
            groups.setdefault(signers, []).append((place, each))
        for signers, group in groups.items():
            made = await self._values(signers, [each.digests for _, each in group])
            for (place, each), values in zip(group, made, strict=True):
                yield place, each, values

    async def _values(self, signers: Signers, digests: Sequence[tuple[bytes, ...]]) -> list[list[bytes]]:
        if len(digests) <= FEW:
            return [[*map(dkim.signature, signers.private, each)] for each in digests]
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._children(), signing_child.sign, signers.files, digests)

    def _look_again(self) -> None:
        """`broadsheet keys` may have changed the folder since the last group."""
        try:
            mark = self._folder.mark()
            if mark == self._mark:
                return
            self._mark = mark  # before it is read: what is changed meanwhile is seen the next time
            self._signers = _load(self._folder)
        except (ConfigurationError, OSError) as problem:
            log.error("signing_keys_not_read", meaning="those read before go on signing", error=str(problem))  # noqa: TRY400 - no fault of ours
        else:
            log.info("signing_keys", domains=self.domains)


def _load(folder: KeyFolder) -> dict[str, Signers]:
    return {
        domain: Signers(
            tuple(key.name for key in keys),
            tuple(key.private_key() for key in keys),
            tuple(str(folder.file(key.name)) for key in keys),
        )
        for domain, keys in dkim_keys.active(folder.read()).items()
    }
