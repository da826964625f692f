"""Blocks: the pieces of a digest that one reader gets and another does not, and how a reader's own are joined.

A *document* is a row of parts: what all readers get, runs of blocks (one an article), and texts that depend on how many
there are. Templates mark it (mailer.marks). `join` puts one version together, be it of texts, for the common version, or
of compiled strands, for a reader's own: a heading shows only if one of its articles does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")
U = TypeVar("U")

#: The article that every reader gets, where a layout has a lead (see `everybodys`).
LEAD = 1
#: The field of a row that names the reader's own articles: "3,7,9". A row without it gets the common version.
FIELD = "blocks"


@dataclass(frozen=True, slots=True)
class Fixed(Generic[T]):
    """What every reader gets, where at least so many articles are shown."""

    piece: T
    least: int = 0


#: What stands before a block, or after the last one of a group, by name.
LEAD_INS = ("first", "turn", "second", "then", "last", "pair")


@dataclass(frozen=True, slots=True)
class Group(Generic[T]):
    """Articles under one heading, and what stands between them.

    An article may look otherwise where it begins its group and others follow (`heads`), and where it is the only one of it
    (`alone`). Between them:

        first   before the group's first, where the run begins with it      second  before its second
        turn    the same, where another group came before                   then    before each further one
        last    after the last of several                               pair    before the second of two: then the first
                                                                                looks as one that is alone, and no `last`
    """

    blocks: Mapping[int, T]
    lead_ins: Mapping[str, T] = dataclass_field(default_factory=dict)
    heads: Mapping[int, T] = dataclass_field(default_factory=dict)
    alone: Mapping[int, T] = dataclass_field(default_factory=dict)

    def lead_in(self, name: str) -> T | None:
        """`turn` is the same as `first`, and `second` the same as `then`, where nothing is said."""
        same = {"turn": "first", "second": "then"}.get(name, name)
        return self.lead_ins.get(name, self.lead_ins.get(same))

    def formed(self, number: int, form: int) -> list[T]:
        """A block as it stands in one of the `forms`, with what belongs to it there."""
        block, pair = self.blocks[number], self.lead_in("pair")
        if form < _LATER or form >= _OF_TWO:
            leads = form & 1 if form < _LATER else pair is None
            variant = (self.heads if leads else self.alone).get(number, block)
            pieces = [self.lead_in("turn" if form & 2 else "first"), variant]
        elif form == _SECOND_OF_TWO and pair is not None:
            pieces = [pair, block]
        else:
            pieces = [self.lead_in("then" if form & 2 else "second"), block, self.lead_in("last") if form & 1 else None]
        return [piece for piece in pieces if piece is not None]

    def pieces(self) -> Iterator[T]:
        for known in (self.blocks, self.heads, self.alone, self.lead_ins):
            yield from known.values()


#: In how many forms a block may stand.
FORMS = 12
_LATER, _SECOND_OF_TWO, _OF_TWO = 4, 5, 8


def forms(groups: Sequence[int]) -> list[int]:
    """The form of each block that is shown, given the groups they are of, in order.

    the first of its group   alone 0, where others follow 1, where one follows 8; 2 more where another group came before
    the second, the last     4, 5
    a further one, the last  6, 7
    """
    found: list[int] = []
    before = -1
    for place, group in enumerate(groups):
        goes_on = groups[place + 1 : place + 2] == groups[place : place + 1]
        if group != before:
            is_of_two = goes_on and groups[place + 2 : place + 3] != groups[place : place + 1]
            found.append(2 * (before >= 0) + (_OF_TWO if is_of_two else goes_on))
            is_second = True
        else:
            found.append(_LATER + 2 * (not is_second) + (not goes_on))
            is_second = False
        before = group
    return found


@dataclass(frozen=True, slots=True)
class Run(Generic[T]):
    """A place where blocks are joined. With `ranks`, what stands before each is its number, and there are no more."""

    groups: tuple[Group[T], ...]
    ranks: tuple[T, ...] = ()
    least: int = 0
    _places: Mapping[int, tuple[int, int]] = dataclass_field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        found = [(number, at) for at, group in enumerate(self.groups) for number in group.blocks]
        object.__setattr__(self, "_places", {number: (place, at) for place, (number, at) in enumerate(found)})

    def numbers(self) -> frozenset[int]:
        return frozenset(self._places)

    def pieces(self) -> Iterator[T]:
        yield from self.ranks
        for group in self.groups:
            yield from group.pieces()

    def join(self, chosen: Collection[int]) -> list[T]:
        places = self._places
        mine = sorted([number for number in chosen if number in places], key=places.__getitem__)
        of = [places[number][1] for number in mine]
        joined: list[T] = []
        if self.ranks:
            for rank, number, at in zip(self.ranks, mine, of, strict=False):
                joined += (rank, self.groups[at].blocks[number])
            return joined
        for number, at, form in zip(mine, of, forms(of), strict=True):
            joined += self.groups[at].formed(number, form)
        return joined


@dataclass(frozen=True, slots=True)
class Tally(Generic[T]):
    """A text that depends on how many there are: `weights` has one number an article, `sums` the texts there are.

    With `is_rest` it is of those that are not shown, because there are more than a letter holds (`Most`).
    """

    weights: tuple[int, ...]
    sums: Mapping[int, T]
    least: int = 0
    is_rest: bool = False

    def pieces(self) -> Iterator[T]:
        yield from self.sums.values()

    def join(self, chosen: Collection[int]) -> list[T]:
        weights = self.weights
        found = self.sums.get(sum([weights[number - 1] for number in chosen]))
        return [] if found is None else [found]


@dataclass(frozen=True, slots=True)
class Most:
    """How many articles a copy shows at most: the first ones, in the issue's order, of those that a reader gets."""

    limit: int
    least: int = 0


Part = Fixed[T] | Run[T] | Tally[T] | Most
Document = tuple[Part[T], ...]


def join(document: Document[T], chosen: Collection[int]) -> list[T]:
    """The pieces of one reader's version, in order. The lead is to be among the chosen, where there is one."""
    shown, rest = parted(document, sorted(chosen))
    count = len(shown)
    joined: list[T] = []
    for part in document:
        if part.least > count or isinstance(part, Most):
            continue
        if isinstance(part, Fixed):
            joined.append(part.piece)
        elif isinstance(part, Tally) and part.is_rest:
            joined += part.join(rest)
        else:
            joined += part.join(shown)
    return joined


def most(document: Document[T]) -> int | None:
    """How many articles a copy of this document shows at most; None where nobody sets a limit."""
    return min((part.limit for part in document if isinstance(part, Most)), default=None)


def parted(document: Document[T], chosen: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """The articles that a copy shows of those chosen, and the rest."""
    limit = most(document)
    return (chosen, ()) if limit is None else (chosen[:limit], chosen[limit:])


def mapped(document: Document[T], change: Callable[[T], U]) -> Document[U]:
    """The same document of other pieces."""

    def all_of(pieces: Mapping[K, T]) -> dict[K, U]:
        return {key: change(piece) for key, piece in pieces.items()}

    def group(each: Group[T]) -> Group[U]:
        return Group(all_of(each.blocks), all_of(each.lead_ins), all_of(each.heads), all_of(each.alone))

    def part(each: Part[T]) -> Part[U]:
        match each:
            case Fixed(piece, least):
                return Fixed(change(piece), least)
            case Tally(weights, sums, least, is_rest):
                return Tally(weights, all_of(sums), least, is_rest)
            case Run(groups, ranks, least):
                return Run(tuple(group(each) for each in groups), tuple(change(rank) for rank in ranks), least)
            case Most():
                return each

    return tuple(part(each) for each in document)


def numbers(document: Document[T]) -> frozenset[int]:
    """The articles that a reader may choose, and the lead where there are such."""
    found = frozenset[int]().union(*(part.numbers() for part in document if isinstance(part, Run)))
    return found | {LEAD} if found else found


def everybodys(document: Document[T]) -> frozenset[int]:
    """What every reader gets, whatever they chose: the lead, unless it is cut into a block as the others are."""
    own = (part.numbers() for part in document if isinstance(part, Run) and not part.ranks)
    return frozenset[int]() if any(LEAD in each for each in own) else frozenset({LEAD})


def pieces(document: Document[T]) -> Iterator[T]:
    """Every piece of a document, in whatever version it is shown."""
    for part in document:
        match part:
            case Fixed(piece):
                yield piece
            case Most():
                continue
            case _:
                yield from part.pieces()
