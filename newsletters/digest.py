"""The digest: an issue as the letter job that is compiled for its readers, previewed at the desk and kept in the archive."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from articles.articles import Article, authors_of
from mailer.blocks import LEAD
from mailer.compiler import LetterJob
from mailer.letter import Kind
from mailer.sender import Sender
from newsletters import issues
from newsletters.issues import Issue, Item
from newsletters.newsletters import Edition, Newsletter
from newsletters.sender import sender_of


def job(session: Session, issue: Issue, *, base_url: str) -> LetterJob:
    """What the compiler is given; for the public page, `dataclasses.replace(job, for_web=True)`."""
    edition = session.get_one(Edition, issue.edition_id)
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    sender = sender_of(newsletter, edition, base_url)
    return LetterJob(
        template=issue.layout,
        language=edition.language,
        kind=Kind.ISSUE,
        sender=sender,
        context=_context(session, issue, sender),
    )


def own_blocks(items: Sequence[Mapping[str, Any]], sections: Collection[str], *, least: int) -> str | None:
    """The articles of the sections that a reader follows, as the field `blocks` of their row names them: "1,4,7".

    `items` are those of the letter's context. The lead is everybody's. None where fewer than `least` articles would be
    shown: such a reader is left out, with the reason, when the audience is written.
    """
    own = [number for number, item in enumerate(items, 1) if number == LEAD or item["section"] in sections]
    return ",".join(map(str, own)) if len(own) >= least else None


def has_a_picture(article: Article) -> bool:
    """Whether its picture's address is one of the web. A feed may say `data:` or a bare path, which no mail program shows."""
    return (article.image_url or "").startswith(("https://", "http://"))


def content_hash(session: Session, issue: Issue) -> str:
    """The hash of what the desk decides on: approval is given to this, and asked again when it is no longer the same."""
    language = session.get_one(Edition, issue.edition_id).language
    content = [issue.layout, issue.subject, issue.preheader, _items(session, issue, language)]
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _context(session: Session, issue: Issue, sender: Sender) -> dict[str, Any]:
    return {
        "issue": {
            "number": issue.number,
            # The day that readers have when it is due, not the server's.
            "date": issue.scheduled_for.astimezone(ZoneInfo(sender.zone)).date().isoformat(),
            "subject": issue.subject,
            "preheader": issue.preheader,
            "view_url": f"{sender.archive_url}/{issue.number}",
            "archive_url": sender.archive_url,
        },
        "items": _items(session, issue, sender.language),
    }


def _items(session: Session, issue: Issue, language: str) -> list[dict[str, Any]]:
    stories = issues.list_stories(session, issue.id)
    authors = authors_of(session, [article.id for _, article in stories])
    return [_item(item, article, authors[article.id], language) for item, article in stories]


def _item(item: Item, article: Article, authors: Sequence[str], language: str) -> dict[str, Any]:
    return {
        "title": item.title or article.title,
        "url": article.url,
        "summary": item.summary if item.summary is not None else article.summary,
        "section": article.section,
        "authors": list(authors),
        "published_at": article.published_at.isoformat(),
        "language": article.language or language,
        "reading_minutes": article.reading_minutes,
        "paywalled": article.paywalled,
        "image": _image(article),
    }


def _image(article: Article) -> dict[str, Any] | None:
    if not has_a_picture(article):
        return None
    return {
        "url": article.image_url,
        "alt": article.image_alt or "",
        "credit": article.image_credit,
        "width": article.image_width,
        "height": article.image_height,
    }
