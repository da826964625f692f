"""How a compiled letter is stored: JSON with the number of its format.

A strand is a list in which constants and holes alternate: `["Dear ", ["name", "text"], ",=\\r\\n"]`. Letters of the
formats before, 2 had no blocks, are read as well: an issue that was under way when the program was renewed goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ground.tokens import Purpose
from mailer.blocks import LEAD_INS, Document, Fixed, Group, Most, Part, Run, Tally
from mailer.field import Context, LinkSpec
from mailer.strand import Hole, Strand

FORMAT = 4
_BEFORE_COLUMNS = 3  # the same without forms of blocks, without a limit
_BEFORE_BLOCKS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is stored of a mailer.compiled.Compiled."""

    document: Document[Strand]
    links: Mapping[str, LinkSpec]
    urls: Mapping[str, str]
    common: tuple[int, ...]
    page: tuple[int, int]
    folded: tuple[int | None, int] = (None, 0)


def to_bytes(contents: Contents) -> bytes:
    found = {
        "format": FORMAT,
        "parts": [_part(part) for part in contents.document],
        "links": {name: _link(spec) for name, spec in contents.links.items()},
        "urls": dict(contents.urls),
        "common": contents.common,
        "page": contents.page,
        "folded": contents.folded,
    }
    return json.dumps(found, separators=(",", ":")).encode("ascii")


def from_bytes(kept: bytes) -> Contents:
    """Raises ValueError for what a newer version stored, and for what is no letter."""
    found = json.loads(kept)
    form = found.get("format") if isinstance(found, dict) else None
    if form not in {FORMAT, _BEFORE_COLUMNS, _BEFORE_BLOCKS}:
        raise ValueError(
            f"a compiled letter of format {form!r}; this version of Broadsheet reads {_BEFORE_BLOCKS} to {FORMAT}. "
            "Run the version that stored it until the letter is finished, or cancel its issue."
        )
    links = {name: _read_link(*spec) for name, spec in found["links"].items()}
    if form == _BEFORE_BLOCKS:
        whole = _read_old_strand(found["constants"], found["holes"])
        return Contents(document=(Fixed(whole),), links=links, urls={}, common=(), page=(0, 0))
    return Contents(
        document=tuple(_read_part(part) for part in found["parts"]),
        links=links,
        urls=found["urls"],
        common=tuple(found["common"]),
        page=tuple(found["page"]),
        folded=tuple(found.get("folded", (None, 0))),
    )


def _read_old_strand(constants: list[str], holes: list[list[str]]) -> Strand:
    found = tuple(Hole(name, Context(context)) for name, context in holes)
    return Strand(tuple(piece.encode("ascii") for piece in constants), found)


def _strand(strand: Strand) -> list[str | list[str]]:
    pieces: list[str | list[str]] = [strand.constants[0].decode("ascii")]
    for hole, constant in zip(strand.holes, strand.constants[1:], strict=True):
        pieces += ([hole.name, hole.context], constant.decode("ascii"))
    return pieces


def _read_strand(pieces: list[Any]) -> Strand:
    constants = tuple(piece.encode("ascii") for piece in pieces[0::2])
    return Strand(constants, tuple(Hole(name, Context(context)) for name, context in pieces[1::2]))


def _part(part: Part[Strand]) -> dict[str, Any]:
    match part:
        case Fixed(piece, least):
            return {"fixed": _strand(piece), "least": least}
        case Tally(weights, sums, least, is_rest):
            return {"sums": _numbered(sums), "weights": weights, "least": least, "rest": is_rest}
        case Most(limit, least):
            return {"most": limit, "least": least}
        case Run(groups, ranks, least):
            return {
                "groups": [_group(each) for each in groups],
                "ranks": [_strand(each) for each in ranks],
                "least": least,
            }


def _group(group: Group[Strand]) -> dict[str, Any]:
    kept = {name: _strand(piece) for name, piece in group.lead_ins.items()}
    forms = {"blocks": group.blocks, "heads": group.heads, "alone": group.alone}
    return kept | {name: _numbered(pieces) for name, pieces in forms.items()}


def _numbered(pieces: Mapping[int, Strand]) -> list[list[Any]]:
    return [[number, _strand(piece)] for number, piece in pieces.items()]


def _read_part(part: Mapping[str, Any]) -> Part[Strand]:
    least = part["least"]
    if "fixed" in part:
        return Fixed(_read_strand(part["fixed"]), least)
    if "most" in part:
        return Most(part["most"], least)
    if "sums" in part:
        return Tally(tuple(part["weights"]), _read_numbered(part["sums"]), least, part.get("rest", False))
    ranks = tuple(_read_strand(rank) for rank in part["ranks"])
    return Run(tuple(_read_group(group) for group in part["groups"]), ranks, least)


def _read_group(group: Mapping[str, Any]) -> Group[Strand]:
    return Group(
        _read_numbered(group["blocks"]),
        {name: _read_strand(group[name]) for name in LEAD_INS if name in group},
        _read_numbered(group.get("heads", ())),
        _read_numbered(group.get("alone", ())),
    )


def _read_numbered(pieces: Iterable[Any]) -> dict[int, Strand]:
    return {number: _read_strand(piece) for number, piece in pieces}


def _link(spec: LinkSpec) -> list[Any]:
    seconds = None if spec.valid_for is None else int(spec.valid_for.total_seconds())
    return [spec.purpose, spec.path, seconds, spec.payload]


def _read_link(purpose: str, path: str, seconds: int | None, payload: str | None) -> LinkSpec:
    valid_for = None if seconds is None else timedelta(seconds=seconds)
    return LinkSpec(purpose=Purpose(purpose), path=path, valid_for=valid_for, payload=payload)
