"""Bring: many feeds at once, from a list that another program wrote. What cannot be taken is told, one by one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from articles import feeds
from articles.feeds import FeedRefused
from articles.opml import Outline
from newsletters import draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What became of a list."""

    added: int = 0
    known: int = 0
    refused: tuple[tuple[str, str], ...] = ()  # address and reason


def bring(
    session: Session, outlines: Sequence[Outline], editions: Collection[int], *, by: str, now: datetime
) -> Brought:
    """Take every feed of a list that is new; those known stay as they are, but for the editions that draw from them."""
    brought = Brought()
    for outline in outlines:
        known = feeds.find_by_url(session, outline.url)
        outcome = draw.add_feed(session, outline.url, outline.said, editions, by=by, now=now)
        if isinstance(outcome, FeedRefused):
            brought = replace(brought, refused=(*brought.refused, (outline.url, outcome.reason)))
        elif known is None:
            brought = replace(brought, added=brought.added + 1)
        else:
            brought = replace(brought, known=brought.known + 1)
    return brought
