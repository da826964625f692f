"""The place of a page: which edition it is about, who publishes it, and its editions in other languages."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from fastapi import HTTPException
from sqlalchemy.orm import Session

from mailer.sender import Sender
from newsletters import newsletters, sender
from newsletters.issues import Issue
from newsletters.newsletters import Edition, Newsletter
from web.parts import Parts

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?\Z")
_TAG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    newsletter: Newsletter
    edition: Edition
    sender: Sender
    siblings: list[Edition]  # the newsletter's editions, this one among them

    @property
    def path(self) -> str:
        return f"/n/{self.newsletter.slug}/{self.edition.language}"

    @property
    def archive_path(self) -> str:
        return f"/archive/{self.newsletter.slug}/{self.edition.language}"

    def day_of(self, issue: Issue) -> date:
        """The day an issue bears: that of its edition's place, not of the server's."""
        return issue.scheduled_for.astimezone(ZoneInfo(self.edition.zone)).date()


def find(session: Session, slug: str, language: str, base_url: str) -> Place | None:
    """The place that a path names; None for any text that names none."""
    if not _SLUG.match(slug) or not _TAG.match(language):
        return None
    return _place(session, newsletters.find_edition(session, slug, language), base_url)


def by_id(session: Session, edition_id: int, base_url: str) -> Place | None:
    return _place(session, newsletters.edition_by_id(session, edition_id), base_url)


async def wanted(parts: Parts, slug: str, language: str) -> Place:
    """The place that a path names, or the page "nothing here"."""
    place = await asyncio.to_thread(_read, parts, slug, language)
    if place is None:
        raise HTTPException(404)
    return place


def _read(parts: Parts, slug: str, language: str) -> Place | None:
    with parts.database.read() as session:
        return find(session, slug, language, parts.base_url)


def _place(session: Session, found: tuple[Newsletter, Edition] | None, base_url: str) -> Place | None:
    if found is None:
        return None
    newsletter, edition = found
    return Place(
        newsletter=newsletter,
        edition=edition,
        sender=sender.sender_of(newsletter, edition, base_url),
        siblings=newsletters.editions_of(session, newsletter.id),
    )
