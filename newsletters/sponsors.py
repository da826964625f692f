"""Sponsors: who has booked the one labelled place in an edition's issues, and for which days.

A booking is an edition's, for its words are in one language; one day of it is one issue. No day is booked twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId
from newsletters import headlines, logos
from newsletters.issues import Issue, IssueKind
from newsletters.newsletters import Edition

#: Characters of each line at most; more would be an article.
LONGEST: Mapping[str, int] = {"name": 80, "headline": 120, "text": 300, "image_alt": 200}
LONGEST_TIME = timedelta(days=366)


class Sponsor(Base):
    __tablename__ = "sponsors"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))  # as the label says it
    headline: Mapped[str] = mapped_column(String(120))
    text: Mapped[str] = mapped_column(String(300))
    url: Mapped[str] = mapped_column(String(500))
    image: Mapped[str | None] = mapped_column(String(40))  # one of newsletters.logos
    image_alt: Mapped[str] = mapped_column(String(200))
    first_on: Mapped[date]
    last_on: Mapped[date]
    created_at: Mapped[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What an editor types."""

    name: str
    headline: str
    text: str
    url: str
    first_on: date
    last_on: date
    image_alt: str = ""

    def clean(self) -> Booking:
        return replace(
            self,
            name=headlines.clean(self.name),
            headline=headlines.clean(self.headline),
            text=headlines.clean(self.text),
            image_alt=headlines.clean(self.image_alt),
            url=self.url.strip(),
        )

    def problem(self) -> str | None:
        """Why this cannot be booked, in words for who typed it; asked of what is clean."""
        for name in ("name", "headline"):
            if not getattr(self, name):
                return f"The {name} is missing; readers see who pays, and for what. Write it."
        for name, most in LONGEST.items():
            if len(getattr(self, name)) > most:
                what = name.replace("_", " ")
                return f"The {what} has {len(getattr(self, name))} characters; write at most {most}."
        if not headlines.is_link(self.url):
            return f"“{self.url[:80]}” is no address of the web. Write a whole one: https://example.org/page."
        if self.last_on < self.first_on:
            return f"It would end on {self.last_on}, before it begins on {self.first_on}. Change one of the two."
        if self.last_on - self.first_on > LONGEST_TIME:
            return f"That is longer than {LONGEST_TIME.days} days. Book it a year at a time."
        return None


def on(session: Session, edition_id: int, day: date) -> Sponsor | None:
    """Who has booked an edition's place on this day."""
    booked = select(Sponsor).where(Sponsor.edition_id == edition_id, Sponsor.first_on <= day, Sponsor.last_on >= day)
    return session.scalar(booked.order_by(Sponsor.id).limit(1))


def of_issue(session: Session, issue: Issue) -> Sponsor | None:
    """Whose words stand in an issue: by the day that its readers have when it is due. An alert carries nobody's."""
    if issue.kind is IssueKind.ALERT:
        return None
    zone = ZoneInfo(session.get_one(Edition, issue.edition_id).zone)
    return on(session, issue.edition_id, issue.scheduled_for.astimezone(zone).date())


def told(sponsor: Sponsor | None, base_url: str) -> dict[str, Any] | None:
    """The same as letters are told of it."""
    if sponsor is None:
        return None
    image = logos.address(base_url, sponsor.image)
    return {
        "name": sponsor.name,
        "headline": sponsor.headline,
        "text": sponsor.text,
        "url": sponsor.url,
        "image": {"url": image, "alt": sponsor.image_alt} if image else None,
    }


def overlapping(session: Session, edition_id: int, booking: Booking) -> Sponsor | None:
    """Who has one of these days already."""
    taken = select(Sponsor).where(
        Sponsor.edition_id == edition_id, Sponsor.first_on <= booking.last_on, Sponsor.last_on >= booking.first_on
    )
    return session.scalar(taken.order_by(Sponsor.first_on).limit(1))


def list_from(session: Session, day: date) -> list[Sponsor]:
    """All bookings of all editions that are not over, the next first."""
    return list(session.scalars(select(Sponsor).where(Sponsor.last_on >= day).order_by(Sponsor.first_on, Sponsor.id)))
