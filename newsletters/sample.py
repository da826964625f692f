"""Sample: a letter of an edition to look at, in whatever look is tried on it. Nothing is stored and nobody gets it."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from mailer.compiler import LetterJob
from mailer.letter import Kind
from newsletters import digest, issues, look
from newsletters.look import Look
from newsletters.newsletters import Edition, Newsletter

_LOOKED_AT = 5  # the newest issues, of which some may hold no story


def job(session: Session, newsletter: Newsletter, edition: Edition, wanted: Look, *, base_url: str) -> LetterJob:
    """The newest issue that has stories; before there is one, the letter that welcomes a reader."""
    sender = look.tried(newsletter, edition, wanted, base_url)
    for issue in issues.list_page(session, limit=_LOOKED_AT, before=None, edition_id=edition.id, states=()):
        if issues.list_stories(session, issue.id):
            return replace(digest.job(session, issue, base_url=base_url), sender=sender, with_blocks=False)
    return LetterJob(template="welcome", language=edition.language, kind=Kind.TX, sender=sender, context={})
