"""Blocks: the pieces of a digest that one reader gets and another does not, and how a reader's own are joined.

A *document* is a row of parts: what all readers get, runs of blocks (one an article), and texts that depend on how many
there are. Templates mark it (mailer.marks). `join` puts one version together, be it of texts, for the common version, or
of compiled strands, for a reader's own: a heading shows only if one of its articles does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")

#: The article that every reader gets.
LEAD = 1
#: The field of a row that names the reader's own articles: "3,7,9". A row without it gets the common version.
FIELD = "blocks"


@dataclass(frozen=True, slots=True)
class Fixed(Generic[T]):
    """What every reader gets, where at least so many articles are shown."""

    piece: T
    least: int = 0


@dataclass(frozen=True, slots=True)
class Group(Generic[T]):
    """Articles under one heading, and what stands before them."""

    blocks: Mapping[int, T]
    first: T | None = None  # before the first block of the run
    turn: T | None = None  # before the first of the group, where another group came before
    then: T | None = None  # before each further one of the group


@dataclass(frozen=True, slots=True)
class Run(Generic[T]):
    """A place where blocks are joined. With `ranks`, what stands before each is its number, and there are no more."""

    groups: tuple[Group[T], ...]
    ranks: tuple[T, ...] = ()
    least: int = 0
    _places: Mapping[int, tuple[int, int, T]] = dataclass_field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        found = [(number, at, piece) for at, group in enumerate(self.groups) for number, piece in group.blocks.items()]
        places = {number: (place, at, piece) for place, (number, at, piece) in enumerate(found)}
        object.__setattr__(self, "_places", places)

    def numbers(self) -> frozenset[int]:
        return frozenset(self._places)

    def pieces(self) -> Iterator[T]:
        yield from self.ranks
        for group in self.groups:
            yield from group.blocks.values()
            yield from (form for form in (group.first, group.turn, group.then) if form is not None)

    def join(self, chosen: Collection[int]) -> list[T]:
        places = self._places
        # Places differ, so that pieces are never compared.
        mine = sorted([places[number] for number in chosen if number in places])
        joined: list[T] = []
        if self.ranks:
            for rank, (_, _, piece) in zip(self.ranks, mine, strict=False):
                joined += (rank, piece)
            return joined
        before = -1
        for _, at, piece in mine:
            group = self.groups[at]
            lead_in = group.then if at == before else group.first if before < 0 else group.turn
            if lead_in is not None:
                joined.append(lead_in)
            joined.append(piece)
            before = at
        return joined


@dataclass(frozen=True, slots=True)
class Tally(Generic[T]):
    """A text that depends on how many there are: `weights` has one number an article, `sums` the texts there are."""

    weights: tuple[int, ...]
    sums: Mapping[int, T]
    least: int = 0

    def pieces(self) -> Iterator[T]:
        yield from self.sums.values()

    def join(self, chosen: Collection[int]) -> list[T]:
        weights = self.weights
        found = self.sums.get(sum([weights[number - 1] for number in chosen]))
        return [] if found is None else [found]


Part = Fixed[T] | Run[T] | Tally[T]
Document = tuple[Part[T], ...]


def join(document: Document[T], chosen: Collection[int]) -> list[T]:
    """The pieces of one reader's version, in order. The lead is to be among the chosen."""
    count = len(chosen)
    joined: list[T] = []
    for part in document:
        if part.least > count:
            continue
        if isinstance(part, Fixed):
            joined.append(part.piece)
        else:
            joined += part.join(chosen)
    return joined


def mapped(document: Document[T], change: Callable[[T], U]) -> Document[U]:
    """The same document of other pieces."""

    def maybe(piece: T | None) -> U | None:
        return None if piece is None else change(piece)

    def part(each: Part[T]) -> Part[U]:
        match each:
            case Fixed(piece, least):
                return Fixed(change(piece), least)
            case Tally(weights, sums, least):
                return Tally(weights, {key: change(piece) for key, piece in sums.items()}, least)
            case Run(groups, ranks, least):
                return Run(
                    tuple(
                        Group(
                            {number: change(piece) for number, piece in group.blocks.items()},
                            maybe(group.first),
                            maybe(group.turn),
                            maybe(group.then),
                        )
                        for group in groups
                    ),
                    tuple(change(rank) for rank in ranks),
                    least,
                )

    return tuple(part(each) for each in document)


def numbers(document: Document[T]) -> frozenset[int]:
    """The articles that a reader may choose, and the lead where there are such."""
    found = frozenset[int]().union(*(part.numbers() for part in document if isinstance(part, Run)))
    return found | {LEAD} if found else found


def pieces(document: Document[T]) -> Iterator[T]:
    """Every piece of a document, in whatever version it is shown."""
    for part in document:
        match part:
            case Fixed(piece):
                yield piece
            case _:
                yield from part.pieces()
