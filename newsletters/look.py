"""Look: how an edition's letters look, as data. It is checked when it is saved, so that letters need not be.

Colours, faces and logos are the newsletter's, the same in all its editions; lines, digits and the postal address are the
edition's, in its language. An edition that has no address of its own shows the newsletter's. What was sent keeps the look
it was compiled with; what is still a draft is compiled anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from ground.language import Digits
from mailer import colour, typefaces
from mailer.encoding import clean
from mailer.sender import Sender, Theme
from newsletters import newsletters
from newsletters.logos import Logo
from newsletters.newsletters import Edition, Newsletter
from newsletters.sender import postal_address, sender_of, theme_of
from staff.members import AuditEntry, audit

#: Characters of each line at most; more would be an article.
LONGEST = {"logo_alt": 120, "masthead": 120, "footer": 300, "why": 300, "postal_address": 300}
DIGITS: tuple[str, ...] = get_args(Digits)
_OF_EDITION = ("postal_address", "masthead", "footer", "why", "digits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that can be chosen. Empty is: our own, or none."""

    brand: str
    brand_dark: str = ""
    latin: str = "georgia"
    arabic: str = "system"
    logo_alt: str = ""
    postal_address: str = ""
    masthead: str = ""
    footer: str = ""
    why: str = ""
    digits: str = ""


FIELDS = tuple(Look.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Unfit:
    """Nothing was stored: what is wrong, by the name of the field."""

    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Nothing was stored: somebody changed the look after this editor had seen it. It is now this."""

    look: Look
    by: str | None


@dataclass(frozen=True, slots=True)
class NoEdition:
    """There is no such edition any more."""


def of(newsletter: Newsletter, edition: Edition) -> Look:
    """The look that is stored."""
    kept = {**newsletter.theme, **edition.look}
    told = {name: str(kept[name] or "") for name in FIELDS if name in kept}
    return Look(**{"brand": Theme().brand, **told, "postal_address": postal_address(newsletter, edition)})


def version(look: Look) -> str:
    """A short mark of a look: another one when anything of it has changed."""
    return hashlib.sha256(json.dumps(asdict(look), sort_keys=True).encode()).hexdigest()[:16]


def tidied(look: Look) -> Look:
    """The same with every text as one honest line."""
    texts = {name: " ".join(clean(text).split()) for name, text in asdict(look).items()}
    return Look(**texts | {"brand": texts["brand"].lower(), "brand_dark": texts["brand_dark"].lower()})


def problems(look: Look) -> dict[str, str]:
    """What cannot be saved, by the name of the field."""
    found = {
        "brand": colour.unreadable_by_day(look.brand),
        "brand_dark": colour.unreadable_by_night(look.brand_dark) if look.brand_dark else None,
        "latin": _none_of(look.latin, tuple(typefaces.LATIN)),
        "arabic": _none_of(look.arabic, tuple(typefaces.ARABIC)),
        "digits": _none_of(look.digits, ("", *DIGITS)),
    }
    for name, most in LONGEST.items():
        count = len(getattr(look, name))
        found[name] = f"It has {count} characters; write at most {most}." if count > most else None
    if not look.postal_address:
        found["postal_address"] = "The postal address is missing; the law asks for one in every newsletter."
    return {name: problem for name, problem in found.items() if problem}


def tried(newsletter: Newsletter, edition: Edition, look: Look, base_url: str) -> Sender:
    """The edition's sender as if this look were saved: what a preview is rendered with."""
    theme = theme_of({**newsletter.theme, **_theme(look), **_own(look)}, base_url)
    return replace(sender_of(newsletter, edition, base_url), theme=theme, postal_address=look.postal_address)


def change(
    session: Session, edition_id: int, typed: Look, *, seen: str | None, by: str, now: datetime
) -> Look | Unfit | Overtaken | NoEdition:
    """Save a look, unless the one that is stored is not what was `seen`."""
    found = _locked(session, edition_id)
    if isinstance(found, NoEdition):
        return found
    newsletter, edition = found
    look, before = tidied(typed), of(newsletter, edition)
    wrong = problems(look)
    if wrong:
        return Unfit(wrong)
    if seen is not None and seen != version(before):
        return Overtaken(before, _last_actor(session, edition_id))
    changed = {name: getattr(look, name) for name in FIELDS if getattr(look, name) != getattr(before, name)}
    if changed:
        newsletter.theme = {**newsletter.theme, **_theme(look)}
        edition.look = {**edition.look, **_own(look)}
        audit(session, "edition.look", f"edition:{edition_id}", actor=by, now=now, **changed)
        session.flush()
    return look


def put_logo(
    session: Session, edition_id: int, logo: Logo | None, *, for_dark: bool, by: str, now: datetime
) -> Logo | NoEdition | None:
    """Let the letters of the edition's newsletter show a logo, or none."""
    found = _locked(session, edition_id)
    if isinstance(found, NoEdition):
        return found
    name = "logo_dark_url" if for_dark else "logo_url"
    kept = {**found[0].theme, name: logo.name if logo else None}
    if not for_dark:
        # A letter without a logo for light paper shows none at all, and both are shown equally wide.
        kept |= {"logo_width": logo.shown_width} if logo else {"logo_dark_url": None}
    found[0].theme = kept
    what = {"paper": "dark" if for_dark else "light", "logo": logo.name if logo else "none"}
    audit(session, "edition.logo", f"edition:{edition_id}", actor=by, now=now, **what)
    session.flush()
    return logo


def _locked(session: Session, edition_id: int) -> tuple[Newsletter, Edition] | NoEdition:
    """The edition and its newsletter, which two editors may be changing at once."""
    edition = session.get(Edition, edition_id, with_for_update=True)
    if edition is None:
        return NoEdition()
    return session.get_one(Newsletter, edition.newsletter_id, with_for_update=True), edition


def _theme(look: Look) -> dict[str, Any]:
    return {name: getattr(look, name) for name in FIELDS if name not in _OF_EDITION}


def _own(look: Look) -> dict[str, Any]:
    return {name: getattr(look, name) or None if name == "digits" else getattr(look, name) for name in _OF_EDITION}


def _none_of(chosen: str, known: tuple[str, ...]) -> str | None:
    if chosen in known:
        return None
    return f"“{chosen[:40]}” is none of them. Choose one of {', '.join(filter(None, known))}."


def _last_actor(session: Session, edition_id: int) -> str | None:
    """Who last changed the look of this edition's newsletter."""
    edition = session.get_one(Edition, edition_id)
    about = [f"edition:{each.id}" for each in newsletters.editions_of(session, edition.newsletter_id)]
    lines = select(AuditEntry.actor).where(AuditEntry.subject.in_(about), AuditEntry.act == "edition.look")
    return session.scalar(lines.order_by(AuditEntry.id.desc()).limit(1))
