"""Sizes: how large the copies of a document of blocks come to, by whatever its pieces weigh."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from mailer import blocks
from mailer.blocks import Document, Fixed, Group, Run, Tally

T = TypeVar("T")


def of(document: Document[T], weigh: Callable[[T], int], chosen: Collection[int]) -> int:
    """The copy with these articles."""
    return sum(map(weigh, blocks.join(document, chosen)))


def largest(document: Document[T], weigh: Callable[[T], int], most: int | None = None) -> int:
    """No copy with at most so many articles (with all there are, when nobody sets a limit) is larger than this."""
    limits = [limit for limit in (most, blocks.most(document)) if limit is not None]
    most = min(limits) if limits else len(blocks.numbers(document))
    total = 0
    for part in document:
        match part:
            case Fixed(piece):
                total += weigh(piece)
            case Tally(_, sums):
                total += max(map(weigh, sums.values()), default=0)
            case Run(groups, ranks):
                total += _of_ranks(part, weigh, most) if ranks else _of_groups(groups, weigh, most)
    return total


def _of_ranks(run: Run[T], weigh: Callable[[T], int], most: int) -> int:
    rows = sorted((weigh(block) for group in run.groups for block in group.blocks.values()), reverse=True)
    return sum(rows[: min(most, len(run.ranks))]) + sum(map(weigh, run.ranks))


def _of_groups(groups: Collection[Group[T]], weigh: Callable[[T], int], most: int) -> int:
    """Each block as a further one, and what each group has beside that at most: its heading, its head, its end."""
    rows, more = [], []
    for group in groups:
        then = _weight(group.lead_in("then"), weigh)
        own = {number: weigh(block) for number, block in group.blocks.items()}
        several = _weight(group.lead_in("second"), weigh) + _weight(group.lead_in("last"), weigh) - 2 * then
        first = max(_weight(group.lead_in(name), weigh) for name in ("first", "turn"))
        alone = max((weigh(block) - own[number] for number, block in group.alone.items()), default=0)
        heads = max((weigh(block) - own[number] for number, block in group.heads.items()), default=0)
        rows += [then + weight for weight in own.values()]
        shapes = [alone - then, max(heads, 0) + several]
        if (pair := group.lead_in("pair")) is not None:
            shapes.append(alone + weigh(pair) - 2 * then)
        more.append(max(0, first + max(shapes)))
    return sum(sorted(rows, reverse=True)[:most]) + sum(sorted(more, reverse=True)[:most])


def _weight(piece: T | None, weigh: Callable[[T], int]) -> int:
    return 0 if piece is None else weigh(piece)
