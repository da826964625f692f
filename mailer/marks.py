"""Marks: how a template says which pieces of a letter are blocks (mailer.blocks).

Each mark stands on a line of its own, and takes that line with it:

    {{ cut("run") }}                          here the reader's blocks are joined
    {{ cut("group") }}
    {{ cut("first") }} <tr>..Sport..</tr>     before the first block of the run
    {{ cut("turn") }}  <tr>..Sport..</tr>     before the first of its group, where another group came before; left out,
                                              it is the same as `first`
    {{ cut("then") }}  <tr>..a line..</tr>    before each further block of the group
    {{ cut("block", 7) }} <tr>..</tr>         article 7
    {{ cut("end") }}

A group may also say how an article looks where it begins the group (`head`) or is all of it (`alone`), what stands before
the second (`second`; left out, it is the same as `then`), and what stands after the last of several (`last`). With `pair`,
what stands before the second of two, the first of two looks as one that is alone, and no `last` follows:

    {{ cut("head", 7) }} .. {{ cut("alone", 7) }} .. {{ cut("block", 7) }} ..

    {{ cut("ranks", 4) }} {{ cut("rank") }} <tr><td>1</td> {{ cut("block", 1) }} <td>..</td></tr> .. {{ cut("end") }}
                                              a numbered list of the first four, whichever they are
    {{ cut("tally", "1,1,1") }} {{ cut("sum", 2) }} 2 stories .. {{ cut("end") }}
                                              one of several texts, by what the articles' weights come to
    {{ cut("least", 2) }} .. {{ cut("end") }}     only where so many articles are shown
    {{ cut("most", 30) }}                         a copy shows so many articles and no more
    {{ cut("rest", "1,1,1") }} {{ cut("sum", 2) }} 2 more .. {{ cut("end") }}
                                              a tally of those that it does not show

An article that is cut into no block is every reader's: that is the lead, if the layout has one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from mailer.blocks import LEAD_INS, Document, Fixed, Group, Most, Part, Run, Tally, everybodys, join

K = TypeVar("K")


class BadMark(ValueError):  # noqa: N818 - a template to mend
    """A mark where none may stand."""


_WORDS = (
    *("run", "ranks", "rank", "group", *LEAD_INS, "head", "alone", "block"),
    *("tally", "rest", "sum", "least", "most", "end"),
)


def mark(marker: str, word: str, argument: int | str = "", *, is_html: bool) -> str:
    """The stand-in for a cut. The marker cannot be guessed from outside, so no article can bring one."""
    if word not in _WORDS or not re.fullmatch(r"[0-9,]*", str(argument)):
        raise BadMark(f"there is no mark {word!r} with {argument!r}")
    made = f"zz{marker}/{word}/{argument}/zz"
    return f"<!--{made}-->" if is_html else made


def _marks(marker: str) -> re.Pattern[str]:
    return re.compile(rf"(?:<!--)?zz{re.escape(marker)}/([a-z]+)/([0-9,]*)/zz(?:-->)?\n?")


def between(text: str, marker: str, change: Callable[[str], str]) -> str:
    """The text with every piece between two marks changed, and the marks as they are."""
    done: list[str] = []
    position = 0
    for found in _marks(marker).finditer(text):
        done += (change(text[position : found.start()]), found[0])
        position = found.end()
    return "".join([*done, change(text[position:])])


def joined(text: str, marker: str, chosen: Collection[int]) -> str:
    """A marked text put together for these articles; a text without marks as it is."""
    document = cut(text, marker)
    return "".join(text[piece] for piece in join(document, everybodys(document) | {*chosen}))


def cut(text: str, marker: str) -> Document[slice]:
    """The document that a text's marks make of it. Raises BadMark for a mark where none may stand."""
    reader = _Reader(text)
    position = 0
    for found in _marks(marker).finditer(text):
        reader.text(slice(position, found.start()))
        reader.mark(found[1], found[2])
        position = found.end()
    reader.text(slice(position, len(text)))
    return reader.document()


class _Reader:
    """Reads marks and the texts between them, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._parts: list[Part[slice]] = []
        self._least = [0]
        self._open: _Run | _Tally | None = None

    def text(self, piece: slice) -> None:
        if self._open is not None:
            if not self._open.takes(piece) and self._text[piece].strip():
                raise BadMark(
                    f"the text {self._text[piece].strip()[:40]!r} stands in a run or tally, but in no block of it"
                )
        elif piece.start < piece.stop:
            self._parts.append(Fixed(piece, self._least[-1]))

    def mark(self, word: str, argument: str) -> None:
        if self._open is None:
            self._outside(word, argument)
        elif word == "end":
            self._parts.append(self._open.closed(self._least[-1]))
            self._open = None
        else:
            self._open.mark(word, argument)

    def _outside(self, word: str, argument: str) -> None:
        match word:
            case "run" | "ranks":
                self._open = _Run(int(argument) if word == "ranks" else None)
            case "tally" | "rest":
                weights = [int(each) for each in argument.split(",") if each]
                self._open = _Tally(weights, is_rest=word == "rest")
            case "most" if argument:
                self._parts.append(Most(int(argument), self._least[-1]))
            case "least":
                self._least.append(max(self._least[-1], int(argument)))
            case "end" if len(self._least) > 1:
                self._least.pop()
            case _:
                raise BadMark(f'cut("{word}") stands in no run; begin one before it with cut("run")')

    def document(self) -> Document[slice]:
        if self._open is not None or len(self._least) > 1:
            raise BadMark('a run, a tally or a least is not closed; add cut("end") after it')
        return tuple(self._parts)


class _Run:
    """A run while it is read."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._groups: list[Group[slice]] = []
        self._ranks: list[slice] = []
        self._place: Callable[[slice], None] | None = None
        if most is not None:
            self._begin_group()

    def _begin_group(self) -> None:
        self._variants: dict[str, dict[int, slice]] = {"block": {}, "head": {}, "alone": {}}
        self._lead_ins: dict[str, slice] = {}
        blocks, heads, alone = self._variants.values()
        self._groups.append(Group(blocks, self._lead_ins, heads, alone))

    def mark(self, word: str, argument: str) -> None:
        ranked = self._most is not None
        if word == "group" and not ranked:
            self._begin_group()
            self._place = None
        elif word == "rank" and ranked:
            self._place = self._ranks.append
        elif word in LEAD_INS and not ranked and self._groups:
            self._place = _setter(self._lead_ins, word)
        elif word in {"head", "alone", "block"} and self._groups and argument and self._is_new(word, int(argument)):
            self._place = _setter(self._variants[word], int(argument))
        else:
            raise BadMark(
                f'cut("{word}"{argument and ", "}{argument}) may not stand there in a run, or stands there twice'
            )

    def _is_new(self, word: str, number: int) -> bool:
        if word != "block":
            return self._most is None and number not in self._variants[word]
        return not any(number in group.blocks for group in self._groups)

    def takes(self, piece: slice) -> bool:
        if self._place is None:
            return False
        self._place(piece)
        self._place = None
        return True

    def closed(self, least: int) -> Run[slice]:
        ranked = self._most is not None
        if ranked and len(self._ranks) != len(self._groups[0].blocks):
            raise BadMark('in a run with ranks there is one cut("rank") before each cut("block", ..)')
        for group in self._groups:
            if lacking := (group.heads.keys() | group.alone.keys()) - group.blocks.keys():
                raise BadMark(
                    f'article {min(lacking)} has a cut("head", ..) or cut("alone", ..), but no cut("block", ..)'
                )
        return Run(tuple(group for group in self._groups if group.blocks), tuple(self._ranks[: self._most or 0]), least)


class _Tally:
    """A tally while it is read."""

    def __init__(self, weights: Sequence[int], *, is_rest: bool) -> None:
        self._weights = tuple(weights)
        self._is_rest = is_rest
        self._sums: dict[int, slice] = {}
        self._sum: int | None = None

    def mark(self, word: str, argument: str) -> None:
        if word != "sum" or not argument:
            raise BadMark(f'in a tally only cut("sum", ..) may stand, not cut("{word}")')
        self._sum = int(argument)

    def takes(self, piece: slice) -> bool:
        if self._sum is None:
            return False
        self._sums[self._sum] = piece
        return True

    def closed(self, least: int) -> Tally[slice]:
        return Tally(self._weights, self._sums, least, self._is_rest)


def _setter(place: dict[K, slice], key: K) -> Callable[[slice], None]:
    def put(piece: slice) -> None:
        place[key] = piece

    return put
