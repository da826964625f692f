"""The digest: an issue as the letter job that is compiled for its readers, previewed at the desk and kept in the archive."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from articles import images, profiles
from articles.articles import Article, authors_of, faces_of
from ground.bidi import held
from ground.language import direction
from mailer.compiler import LetterJob
from mailer.letter import Kind
from mailer.sender import Sender
from newsletters import besides, earlier, errata, issues, most_read, other_editions, portions, sponsors
from newsletters import rhythm as rhythms
from newsletters.besides import Beside
from newsletters.issues import Issue, IssueKind, Item
from newsletters.layouts import FOLLOW
from newsletters.newsletters import Edition, Newsletter
from newsletters.sender import sender_of
from newsletters.trail import About


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
        context=_with_besides(session, issue, edition, _context(session, issue, sender, base_url), base_url),
        with_blocks=portions.are_wanted(
            session,
            issue,
            rhythms.of(session, issue.edition_id, issue.schedule_id),
            now=issue.scheduled_for,
        ),
    )


def has_a_picture(article: Article) -> bool:
    """Whether its picture's address is one of the web. A feed may say `data:` or a bare path, which no mail program shows."""
    return (article.image_url or "").startswith(("https://", "http://"))


def content_hash(session: Session, issue: Issue) -> str:
    """The hash of what the desk decides on: approval is given to this, and asked again when it is no longer the same."""
    language = session.get_one(Edition, issue.edition_id).language
    content: list[object] = [issue.layout, issue.subject, issue.preheader, _items(session, issue, language)]
    if issue.note:
        content += [issue.note, issue.note_by]
    if issue.pieces:
        content.append(issue.pieces)
    sponsor = sponsors.told(sponsors.of_issue(session, issue), "")
    if sponsor:
        content.append(sponsor)
    content += errata.content(session, issue.id)
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _context(session: Session, issue: Issue, sender: Sender, base_url: str) -> dict[str, Any]:
    return {
        "issue": {
            "number": issue.number,
            # The day that readers have when it is due, not the server's.
            "date": issue.scheduled_for.astimezone(ZoneInfo(sender.zone)).date().isoformat(),
            "due_at": issue.scheduled_for.isoformat(),
            "subject": issue.subject,
            "preheader": issue.preheader,
            "view_url": f"{sender.archive_url}/{issue.number}",
            "archive_url": sender.archive_url,
            "note": _note(session, issue),
            "figure": issue.pieces.get(About.FIGURE),
            "sponsor": sponsors.told(sponsors.of_issue(session, issue), base_url),
            "diary": issue.pieces.get(About.DIARY),
        },
        "items": _with_faces(session, _with_own_images(session, _items(session, issue, sender.language), base_url)),
    }


def _with_besides(
    session: Session, issue: Issue, edition: Edition, context: dict[str, Any], base_url: str
) -> dict[str, Any]:
    """The same with what the letter holds beside its stories; nothing of it in an alert, which is one story."""
    if issue.kind is IssueKind.ALERT:
        return context | {"besides": {}}
    if besides.has(edition, Beside.AUTHORS):
        context["items"] = _with_profiles(session, context["items"])
    if issue.layout == FOLLOW:
        context["items"] = _with_earlier(session, issue, edition, context["items"])
    return context | {"besides": _besides(session, issue, edition, base_url)}


def _besides(session: Session, issue: Issue, edition: Edition, base_url: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "most_read": most_read.of(session, issue, edition),
        "errata": errata.told(session, issue, edition.zone),
        "others": [],
        "feedback": besides.has(edition, Beside.FEEDBACK),
        "forward": besides.has(edition, Beside.FORWARD),
    }
    if besides.has(edition, Beside.OTHER_EDITIONS):
        found["others"] = other_editions.of(session, issue, edition, base_url)
    return found if any(found.values()) else {}


def _note(session: Session, issue: Issue) -> dict[str, Any] | None:
    """What an editor says to readers, with their face where an author of that name has one."""
    if not issue.note:
        return None
    face = faces_of(session, [issue.note_by]).get(issue.note_by) if issue.note_by else None
    return {"paragraphs": issue.note.split("\n\n"), "name": issue.note_by, "face": face}


def _with_own_images(session: Session, items: list[dict[str, Any]], base_url: str) -> list[dict[str, Any]]:
    """The same, with the images of which we keep a copy shown from our own host."""
    own = images.own(session, [item["image"]["url"] for item in items if item["image"]])
    for item in items:
        copy = own.get(item["image"]["url"]) if item["image"] else None
        if copy is not None:
            item["image"] |= {"url": f"{base_url}/images/{copy.name}", "width": copy.width, "height": copy.height}
    return items


def _with_faces(session: Session, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, with the face of whom each is by, where one is known."""
    faces = faces_of(session, {item["authors"][0] for item in items if item["authors"]})
    return [item | {"face": faces.get(item["authors"][0]) if item["authors"] else None} for item in items]


def _with_profiles(session: Session, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, with what readers are told of whom each is by, where there is a line about them."""
    known = profiles.of(session, {item["authors"][0] for item in items if item["authors"]})
    shown = {name: asdict(profile) for name, profile in known.items()}
    return [item | {"profile": shown.get(item["authors"][0]) if item["authors"] else None} for item in items]


def _with_earlier(
    session: Session, issue: Issue, edition: Edition, items: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The same, with what whom each is by wrote before."""
    known = earlier.of(session, issue, edition, {item["authors"][0] for item in items if item["authors"]})
    return [item | {"earlier": known.get(item["authors"][0], []) if item["authors"] else []} for item in items]


def _items(session: Session, issue: Issue, language: str) -> list[dict[str, Any]]:
    stories = issues.list_stories(session, issue.id)
    authors = authors_of(session, [article.id for _, article in stories])
    return [_item(item, article, authors[article.id], language) for item, article in stories]


def _item(item: Item, article: Article, authors: Sequence[str], language: str) -> dict[str, Any]:
    title = item.title or article.title
    return {
        "title": held(title) if direction(article.language or language) == "rtl" else title,
        "url": article.url,
        "summary": item.summary if item.summary is not None else article.summary,
        "section": article.section,
        "authors": list(authors),
        "published_at": article.published_at.isoformat(),
        "language": article.language or language,
        "reading_minutes": article.reading_minutes,
        "paywalled": article.paywalled,
        "image": _image(article, title),
    }


def _image(article: Article, title: str) -> dict[str, Any] | None:
    if not has_a_picture(article):
        return None
    return {
        "url": article.image_url,
        # A feed that describes its picture with the headline says it twice to who listens, and where pictures are off.
        "alt": "" if article.image_alt in {article.title, title} else article.image_alt or "",
        "credit": article.image_credit,
        "width": article.image_width,
        "height": article.image_height,
    }
