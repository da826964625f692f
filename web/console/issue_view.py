"""What every page of one issue shows of it."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated, Any

from fastapi import HTTPException, Path
from sqlalchemy.orm import Session

from ground.language import direction
from newsletters import desk, launch, pieces, sponsors
from newsletters.desk import Desk
from newsletters.trail import About
from staff import members
from staff.members import Role
from web.gate import Insider
from web.parts import Parts

#: A row's number in a path; databases refuse greater ones.
Number = Annotated[int, Path(ge=1, le=2**53)]

View = dict[str, Any]


async def wanted(parts: Parts, issue_id: int, insider: Insider) -> View:
    """The issue's view, or the page "nothing here"."""
    return await asyncio.to_thread(_read, parts, issue_id, insider)


def find(session: Session, issue_id: int) -> Desk:
    """The issue's desk; raises 404 where there is none."""
    found = desk.read(session, issue_id)
    if found is None:
        raise HTTPException(404)
    return found


def view(session: Session, found: Desk, insider: Insider) -> View:
    return {
        "desk": found,
        "issue": found.issue,
        "edition": found.edition,
        "newsroom": found.newsletter.publisher,
        "seen": launch.seen(session, found.issue),
        "home": f"/console/issues/{found.issue.id}",
        "diary_written": pieces.written(found.issue.pieces.get(About.DIARY)),
        "sponsor": sponsors.of_issue(session, found.issue),
        "day_of": date.fromisoformat,
        "direction": direction(found.edition.language),
        "may_edit": found.is_open and insider.may(Role.EDITOR),
        "undoable": found.undoable(insider.address),
        "names": {member.address: member.name for member in members.list_members(session)},
    }


def number(text: str) -> int:
    """What a field of ours holds; 0, which numbers nothing, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _read(parts: Parts, issue_id: int, insider: Insider) -> View:
    with parts.database.read() as session:
        return view(session, find(session, issue_id), insider)
