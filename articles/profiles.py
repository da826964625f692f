"""Profiles: what readers are told of an author beside the name: a face, one line, a link.

Feeds and pages say some of it; what the desk says stands over that. What the desk leaves empty, a source may fill again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from articles import cleaning
from articles.articles import Author
from staff.members import audit

#: One line under a name; a source's own is cut to it.
LONGEST_BIO = 200
_LONGEST_URL = 2000
_WEB = re.compile(r"https?://[^\s\"'<>\\]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the desk says of an author; empty is: nothing."""

    bio: str = ""
    url: str = ""
    avatar_url: str = ""


@dataclass(frozen=True, slots=True)
class Unfit:
    """Nothing was stored: what is wrong, by the name of the field."""

    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NoAuthor:
    """There is no such author."""


def of(session: Session, names: Collection[str]) -> dict[str, Profile]:
    """The profiles of these authors, of those whom there is a line about."""
    found = session.scalars(select(Author).where(Author.name.in_(names), Author.bio.is_not(None), Author.bio != ""))
    return {author.name: read(author) for author in found}


def read(author: Author) -> Profile:
    """What is known of an author, as far as readers can be shown it."""
    return Profile(
        bio=cleaning.cut(" ".join((author.bio or "").split()), LONGEST_BIO),
        url=author.url if _WEB.match(author.url or "") and author.url else "",
        avatar_url=author.avatar_url if _WEB.match(author.avatar_url or "") and author.avatar_url else "",
    )


def list_page(session: Session, *, limit: int, after: str = "", text: str = "") -> list[Author]:
    """Authors by name, those that come after one; `text` stands in the name."""
    wanted = select(Author).where(Author.name > after).order_by(Author.name).limit(limit)
    if text:
        wanted = wanted.where(Author.name.icontains(text, autoescape=True))
    return list(session.scalars(wanted))


def change(session: Session, author_id: int, typed: Profile, *, by: str, now: datetime) -> Profile | Unfit | NoAuthor:
    """Let readers be told this of an author."""
    author = session.get(Author, author_id, with_for_update=True)
    if author is None:
        return NoAuthor()
    wanted = Profile(**{name: " ".join(text.split()) for name, text in asdict(typed).items()})
    wrong = _problems(wanted)
    if wrong:
        return Unfit(wrong)
    changed = {name: text for name, text in asdict(wanted).items() if (getattr(author, name) or "") != text}
    for name, text in changed.items():
        setattr(author, name, text or None)
    if changed:
        audit(session, "author.change", f"author:{author_id}", actor=by, now=now, **changed)
        session.flush()
    return wanted


def _problems(wanted: Profile) -> dict[str, str]:
    found = {}
    if len(wanted.bio) > LONGEST_BIO:
        found["bio"] = f"The line has {len(wanted.bio)} characters; write at most {LONGEST_BIO}."
    for name, url in (("url", wanted.url), ("avatar_url", wanted.avatar_url)):
        if url and not (_WEB.match(url) and len(url) <= _LONGEST_URL):
            found[name] = "This is no web address. Write it whole, as https://news.example.org/people/hanar."
    return found
