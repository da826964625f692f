"""A strand: final bytes with holes, one for each place that is filled per recipient."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mailer.field import Context


@dataclass(frozen=True, slots=True)
class Hole:
    name: str
    context: Context


@dataclass(frozen=True, slots=True)
class Strand:
    """Bytes with holes: there is one constant more than holes, and they alternate."""

    constants: tuple[bytes, ...]
    holes: tuple[Hole, ...] = ()

    def __post_init__(self) -> None:
        if len(self.constants) != len(self.holes) + 1:
            raise ValueError(f"{len(self.constants)} constants and {len(self.holes)} holes do not alternate")

    def with_filled(self, known: Callable[[Hole], bytes | None]) -> Strand:
        """The strand without the holes whose bytes are known."""
        constants, holes = [self.constants[0]], []
        for hole, after in zip(self.holes, self.constants[1:], strict=True):
            value = known(hole)
            if value is None:
                holes.append(hole)
                constants.append(after)
            else:
                constants[-1] += value + after
        return Strand(tuple(constants), tuple(holes))


def tied(strands: Iterable[Strand]) -> Strand:
    """One strand of many."""
    constants = [b""]
    holes: list[Hole] = []
    for strand in strands:
        constants[-1] += strand.constants[0]
        constants += strand.constants[1:]
        holes += strand.holes
    return Strand(tuple(constants), tuple(holes))
