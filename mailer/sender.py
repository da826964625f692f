"""The sender's identity, as a value: what a letter says about who sends it.

Doors and newsletters hand it in, so that neither the mailer nor sign-up needs to read newsletters.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """A newsroom's look: data, not templates."""

    logo_url: str | None = None
    logo_alt: str = ""
    brand: str = "#0b4f6c"  # contrast with white is checked when it is saved


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
