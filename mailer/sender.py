"""The sender's identity, as a value: what a letter says about who sends it.

Doors and newsletters hand it in, so that neither the mailer nor sign-up needs to read newsletters.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ground.language import Digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """An edition's look: data, not templates. What it holds was checked when it was saved (newsletters.look)."""

    logo_url: str | None = None
    logo_dark_url: str | None = None  # for dark paper; without one the logo stands on a light plate there
    logo_width: int = 300  # pixels, at most
    logo_alt: str = ""
    brand: str = "#0b4f6c"
    brand_dark: str = ""  # empty: the brand's nearest shade that can be read on dark paper
    latin: str = "georgia"  # names in mailer.typefaces
    arabic: str = "system"
    masthead: str = ""  # a line below the publisher's name
    footer: str = ""  # a line above the postal address
    why: str = ""  # why readers get this; empty: our own words
    digits: Digits | None = None  # None: those of the language


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    publisher: str  # the From name, stable: "The Zagros Courier"
    address: str  # the From address
    reply_to: str
    postal_address: str
    site_url: str
    privacy_url: str | None
    list_id: str  # "<briefing-en.news.example.org>" without the brackets; constant for an edition
    title: str  # the edition's: "Morning briefing"
    tagline: str
    frequency: str
    language: str
    zone: str
    archive_url: str
    signup_url: str
    theme: Theme = field(default_factory=Theme)
