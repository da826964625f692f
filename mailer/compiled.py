"""The compiled letter: bytes with holes, filled per recipient by a join.

What every message of a letter has in common is final bytes; between them are holes for the fields. Where the letter has
blocks (mailer.blocks), a row that names its reader's own gets those, any other row the common version, which is joined
once when the letter is read.

Links to articles are fields too, `link_1`, `link_2`, .. : the letter holds their addresses itself, and reading it fills
them in, so that they cost no message anything. (Where clicks are counted, they are filled otherwise: see `with_links`.)
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field

from mailer import blocks, field, joiner, sizes, stored
from mailer.blocks import Document
from mailer.field import FieldProblem
from mailer.joiner import Joiner
from mailer.strand import Hole, Strand, tied

#: What a field is taken to be long at most when a letter's size is told: our signed links have about 100 characters.
LONGEST_FIELD = 200


@dataclass(frozen=True, slots=True)
class Compiled:
    """A letter with holes. `page` says which parts of the document are its HTML."""

    document: Document[Strand]
    links: Mapping[str, field.LinkSpec]
    urls: Mapping[str, str] = dataclass_field(default_factory=dict)  # of the links to articles: link_1 and so on
    common: tuple[int, ...] = ()  # the articles of the common version; empty where the letter has no blocks
    page: tuple[int, int] = (0, 0)
    sentences: int | None = None  # of each summary at most, where the letter was folded (mailer.folding)
    left: int = 0  # stories that the common version leaves to the page on the web
    #: The common version.
    constants: tuple[bytes, ...] = dataclass_field(init=False, compare=False, repr=False)
    holes: tuple[Hole, ...] = dataclass_field(init=False, compare=False, repr=False)
    #: What is filled from the row, links made of it included. Neither computed ones (`_to`, `_date`, ...) nor links to
    #: articles are among them.
    fields: frozenset[str] = dataclass_field(init=False, compare=False)
    numbers: frozenset[int] = dataclass_field(init=False, compare=False, repr=False)  # the articles of its blocks
    _everybodys: frozenset[int] = dataclass_field(init=False, compare=False, repr=False)  # the lead, where there is one
    _different: tuple[Hole, ...] = dataclass_field(init=False, compare=False, repr=False)
    _places: Sequence[tuple[str, field.Encoder]] = dataclass_field(init=False, compare=False, repr=False)
    _order: tuple[int, ...] = dataclass_field(init=False, compare=False, repr=False)
    _joiner: Joiner | None = dataclass_field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # A frozen dataclass is set up once; the fill of every message then only looks these up.
        for name, value in self._set_up().items():
            object.__setattr__(self, name, value)

    def _set_up(self) -> dict[str, object]:
        different = tuple(dict.fromkeys(hole for strand in blocks.pieces(self.document) for hole in strand.holes))
        numbers = {hole: number for number, hole in enumerate(different)}
        names = {hole.name for hole in different}
        common = tied(blocks.join(self.document, self.common))
        can_join = bool(self.common) and not any(joiner.has_holes(part) for part in self.document)
        return {
            "links": {name: spec for name, spec in self.links.items() if name in names},
            "urls": {name: url for name, url in self.urls.items() if name in names},
            "constants": common.constants,
            "holes": common.holes,
            "fields": frozenset(name for name in names if name[0] != "_" and name not in self.urls),
            "numbers": blocks.numbers(self.document) if self.common else frozenset[int](),
            "_everybodys": blocks.everybodys(self.document),
            "_different": different,
            "_places": [(hole.name, field.ENCODERS[hole.context]) for hole in different],
            "_order": tuple(numbers[hole] for hole in common.holes),
            "_joiner": Joiner(self.document, numbers) if can_join else None,
        }

    def fill(self, values: Mapping[str, str]) -> bytes:
        """The message for one recipient. Raises FieldProblem when a value is missing or cannot stand where it should."""
        return b"".join(self.pieces(values))

    def pieces(self, values: Mapping[str, str]) -> list[bytes]:
        """The same, in pieces yet: what all have in common is in memory once."""
        filled = field.all_filled(self._places, values)
        own = values.get(blocks.FIELD) if self.common else None
        if own is None:
            return _spliced(self.constants, self._order, filled)
        joined = self._joiner.join(own, filled, self.chosen) if self._joiner else None
        return self._joined(own, filled) if joined is None else joined

    def _joined(self, own: str, filled: Sequence[bytes]) -> list[bytes]:
        """A reader's own blocks, in the general way."""
        strand = tied(blocks.join(self.document, self.chosen(own)))
        return _spliced(strand.constants, [self._different.index(hole) for hole in strand.holes], filled)

    def chosen(self, own: str) -> set[int]:
        """The articles that a row's field names, and the lead. Raises FieldProblem for what is no article of the letter."""
        try:
            found = set(map(int, own.split(",")))
        except ValueError:
            raise FieldProblem(blocks.FIELD, f"{own[:40]!r} is no list of articles such as 3,7,9") from None
        found |= self._everybodys
        if not found <= self.numbers:
            strange = ", ".join(str(number) for number in sorted(found - self.numbers)[:5])
            raise FieldProblem(blocks.FIELD, f"the letter has no article {strange}")
        return found

    def to_bytes(self) -> bytes:
        return stored.to_bytes(
            stored.Contents(
                document=self.document,
                links=self.links,
                urls=self.urls,
                common=self.common,
                page=self.page,
                folded=(self.sentences, self.left),
            )
        )

    @classmethod
    def from_bytes(cls, kept: bytes) -> Compiled:
        """A stored letter, ready to be filled: its links to articles lead where the articles are.

        Raises ValueError for what another version of this program stored.
        """
        return cls.as_stored(kept).with_links(lambda _, url: url)

    @classmethod
    def as_stored(cls, kept: bytes) -> Compiled:
        """A stored letter with its links to articles still open."""
        found = stored.from_bytes(kept)
        sentences, left = found.folded
        return cls(
            document=found.document,
            links=found.links,
            urls=found.urls,
            common=found.common,
            page=found.page,
            sentences=sentences,
            left=left,
        )

    def with_links(self, address: Callable[[str, str], str | None]) -> Compiled:
        """The letter with its links to articles filled in: `address(name, url)` is what each leads to, None leaves it open."""
        found = {name: address(name, url) for name, url in self.urls.items()}
        values = {name: url for name, url in found.items() if url is not None}

        def known(hole: Hole) -> bytes | None:
            return field.filled(hole.name, hole.context, values) if hole.name in values else None

        return replace(
            self,
            document=blocks.mapped(self.document, lambda strand: strand.with_filled(known)),
            urls={name: url for name, url in self.urls.items() if name not in values},
        )

    def size(self, most: int | None = None) -> int:
        """Bytes of HTML that a reader's copy has at most, as the programs that cut long letters count them.

        With blocks, of the largest join of `most` articles (of all there are, when nobody sets a limit).
        """
        return sizes.largest(self.document[slice(*self.page)], self._decoded, most)

    def size_of(self, chosen: Collection[int]) -> int:
        """Bytes of HTML of the copy with these articles at most."""
        return sizes.of(self.document[slice(*self.page)], self._decoded, chosen)

    def _decoded(self, strand: Strand) -> int:
        links = sum(len(self.urls.get(hole.name, "")) or LONGEST_FIELD for hole in strand.holes)
        return sum(len(binascii.a2b_qp(piece).replace(b"\r\n", b"\n")) for piece in strand.constants) + links


def _spliced(constants: Sequence[bytes], order: Sequence[int], filled: Sequence[bytes]) -> list[bytes]:
    pieces = [b""] * (len(constants) + len(order))
    pieces[0::2] = constants
    pieces[1::2] = [filled[number] for number in order]
    return pieces
