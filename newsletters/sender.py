"""An edition's sender, as the value that letters and sign-up are handed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import address
from mailer.sender import Sender, Theme
from newsletters import logos
from newsletters.newsletters import Edition, Newsletter


def sender_of(newsletter: Newsletter, edition: Edition, base_url: str) -> Sender:
    """Who sends this edition. Its pages stand on the configured base URL, never on a request's Host.

    Its List-Id stands in the domain that the newsroom sends from: that is its own (RFC 2919 3), and readers' filters
    outlive the day on which the pages move to another host.
    """
    base_url = base_url.rstrip("/")
    domain = _domain(newsletter.sender_address)
    return Sender(
        publisher=newsletter.publisher,
        address=newsletter.sender_address,
        reply_to=newsletter.reply_to,
        postal_address=postal_address(newsletter, edition),
        site_url=newsletter.site_url,
        privacy_url=newsletter.privacy_url,
        list_id=f"{newsletter.slug}-{edition.language.lower()}.{domain}",
        title=edition.title,
        tagline=edition.tagline,
        frequency=edition.frequency,
        language=edition.language,
        zone=edition.zone,
        archive_url=f"{base_url}/archive/{newsletter.slug}/{edition.language}",
        signup_url=f"{base_url}/n/{newsletter.slug}/{edition.language}",
        theme=theme_of({**newsletter.theme, **edition.look}, base_url),
    )


def postal_address(newsletter: Newsletter, edition: Edition) -> str:
    """An edition's own, in its language and script; else the newsletter's."""
    return str(edition.look.get("postal_address") or newsletter.postal_address)


def theme_of(kept: Mapping[str, Any], base_url: str) -> Theme:
    """The theme that is kept, with its logos at their addresses."""
    known = {key: value for key, value in kept.items() if key in Theme.__dataclass_fields__}
    own = {name: logos.address(base_url, known.get(name)) for name in ("logo_url", "logo_dark_url")}
    return Theme(**{**known, **own})


def newsroom(session: Session, base_url: str) -> Sender | None:
    """Who writes to the people who work here: the newsroom of the first newsletter. None before there is one."""
    first = select(Newsletter, Edition).join(Edition, Edition.newsletter_id == Newsletter.id)
    row = session.execute(first.order_by(Newsletter.id, Edition.id).limit(1)).one_or_none()
    if row is None:
        return None
    known = sender_of(row[0], row[1], base_url)
    return replace(
        known, title="For the newsroom", tagline="", frequency="", language="en", site_url=base_url.rstrip("/")
    )


def domains(session: Session) -> list[str]:
    """The domains that letters come from, each once."""
    return sorted({_domain(each) for each in session.scalars(select(Newsletter.sender_address).distinct())})


def _domain(sender_address: str) -> str:
    found = address.parse(sender_address)
    assert not isinstance(found, address.BadAddress), "the address was checked when the newsletter was stored"
    return found.domain
