"""A joiner: a document of blocks laid out so that joining one reader's own touches that reader's articles only.

What does not depend on the reader is done when the letter is read: what stands before and after a block is tied to it in
each of its forms (`blocks.forms`), and runs that hold the same articles in the same groups, as the page's and the plain
part's do, share one choice of forms. What each choice comes to is remembered, for readers with the same sections share it.
`blocks.join` says what the outcome must be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from mailer import blocks
from mailer.blocks import FORMS, Document, Fixed, Group, Most, Part, Run, Tally
from mailer.strand import Hole, Strand, tied

_REMEMBERED = 1_024

#: What a step adds for one reader: it is given the articles that are shown and the rest, each in order, and what the
#: choosers have chosen of the former.
_Step = Callable[[Sequence[int], Sequence[int], Sequence[Sequence[int]]], list[bytes]]


class Joiner:
    """Joins a document whose holes are all in what every reader gets (elsewhere they are only while clicks are counted)."""

    def __init__(self, document: Document[Strand], numbers: Mapping[Hole, int]) -> None:
        self._numbers = numbers  # which of the filled values goes into a hole
        #: Where fewer articles are chosen, parts of the document are left out: that is not laid out here.
        self.least = max(part.least for part in document)
        self._document = document
        self._choosers: dict[object, _Chooser] = {}
        self._steps: list[_Step] = []
        self._known: dict[str, list[list[bytes]]] = {}
        frames: list[list[Strand]] = [[]]
        for part in document:
            if isinstance(part, Fixed):
                frames[-1].append(part.piece)
            elif not isinstance(part, Most):
                self._steps.append(self._step(part))
                frames.append([])
        self._lay_out([tied(strands) for strands in frames])

    def _lay_out(self, frames: Sequence[Strand]) -> None:
        """What every reader gets, as a list: where in it holes are filled, and where each step adds its own."""
        self._frame: list[bytes] = []
        self._holes: list[tuple[int, int]] = []
        self._places: list[int] = []
        for frame in frames:
            self._holes += [(len(self._frame) + 2 * at + 1, self._numbers[hole]) for at, hole in enumerate(frame.holes)]
            for constant in frame.constants[:-1]:
                self._frame += (constant, b"")
            self._frame.append(frame.constants[-1])
            self._places.append(len(self._frame))
        self._places.pop()

    def join(self, own: str, filled: Sequence[bytes], choose: Callable[[str], Collection[int]]) -> list[bytes] | None:
        """The pieces of the message for a row's choice; None where fewer articles are chosen than a part asks for."""
        steps = self._taken(own, choose)
        if steps is None:
            return None
        pieces = self._frame.copy()
        for place, number in self._holes:
            pieces[place] = filled[number]
        for place, step in zip(reversed(self._places), reversed(steps), strict=True):
            pieces[place:place] = step
        return pieces

    def _taken(self, own: str, choose: Callable[[str], Collection[int]]) -> list[list[bytes]] | None:
        """What each step adds."""
        found = self._known.get(own)
        if found is None:
            shown, rest = blocks.parted(self._document, sorted(choose(own)))
            if len(shown) < self.least:
                return None
            forms = [chooser(shown) for chooser in self._choosers.values()]
            found = [step(shown, rest, forms) for step in self._steps]
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[own] = found
        return found

    def _step(self, part: Run[Strand] | Tally[Strand]) -> _Step:
        if isinstance(part, Tally):
            return _tally(part)
        if part.ranks:
            return _ranks(part)
        shape = tuple(tuple(group.blocks) for group in part.groups)
        chooser = self._choosers.setdefault(shape, _Chooser(part.groups))
        return _run(part, list(self._choosers.values()).index(chooser))


def has_holes(part: Part[Strand]) -> bool:
    """Whether what this part adds depends on more than the choice."""
    return not isinstance(part, Fixed | Most) and any(strand.holes for strand in part.pieces())


class _Chooser:
    """Which blocks of a run are shown, and in which form: numbers into its table, three to an article."""

    def __init__(self, groups: Sequence[Group[Strand]]) -> None:
        self._groups = [at for at, group in enumerate(groups) for _ in group.blocks]
        self._places = {
            number: place for place, number in enumerate(number for group in groups for number in group.blocks)
        }

    def __call__(self, chosen: Sequence[int]) -> list[int]:
        places, groups = self._places, self._groups
        shown = sorted([places[number] for number in chosen if number in places])
        in_forms = blocks.forms([groups[place] for place in shown])
        return [place * FORMS + form for place, form in zip(shown, in_forms, strict=True)]


def _run(run: Run[Strand], chooser: int) -> _Step:
    table = [
        b"".join(strand.constants[0] for strand in group.formed(number, form))
        for group in run.groups
        for number in group.blocks
        for form in range(FORMS)
    ]
    return lambda _, __, forms: [table[index] for index in forms[chooser]]


def _ranks(run: Run[Strand]) -> _Step:
    ranks = [rank.constants[0] for rank in run.ranks]
    rows = {number: block.constants[0] for group in run.groups for number, block in group.blocks.items()}
    order = {number: place for place, number in enumerate(rows)}
    is_by_number = list(rows) == sorted(rows)

    def step(chosen: Sequence[int], _: object, __: object) -> list[bytes]:
        listed = [number for number in chosen if number in rows]
        if not is_by_number:
            listed.sort(key=order.__getitem__)
        pieces: list[bytes] = []
        for rank, number in zip(ranks, listed, strict=False):
            pieces += (rank, rows[number])
        return pieces

    return step


def _tally(tally: Tally[Strand]) -> _Step:
    weights = (0, *tally.weights)
    texts = {total: text.constants[0] for total, text in tally.sums.items()}

    def step(shown: Sequence[int], rest: Sequence[int], _: object) -> list[bytes]:
        found = texts.get(sum([weights[number] for number in (rest if tally.is_rest else shown)]))
        return [] if found is None else [found]

    return step
