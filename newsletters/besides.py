"""Besides: what an edition's letters hold beside their stories. Each is opt-in, and is shown only where there is some of it."""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from newsletters.newsletters import Edition
from staff.members import audit


class Beside(enum.StrEnum):
    OTHER_EDITIONS = "other-editions"  # headlines of the same newsletter in its other languages
    AUTHORS = "authors"  # who wrote, with face and line
    FEEDBACK = "feedback"  # whether the issue was useful: two links
    FORWARD = "forward"  # a word to who would hand it on


@dataclass(frozen=True, slots=True)
class NoEdition:
    """There is no such edition any more."""


def has(edition: Edition, one: Beside) -> bool:
    """Whether an edition's letters may hold this."""
    return one in edition.besides


def choose(
    session: Session, edition_id: int, wanted: Collection[str], *, by: str, now: datetime
) -> Edition | NoEdition:
    """Let an edition's letters hold these and no others; a word that names none of them says nothing."""
    edition = session.get(Edition, edition_id, with_for_update=True)
    if edition is None:
        return NoEdition()
    chosen = [str(each) for each in Beside if each in wanted]
    if chosen != edition.besides:
        edition.besides = chosen
        audit(session, "edition.besides", f"edition:{edition_id}", actor=by, now=now, besides=chosen)
        session.flush()
    return edition
