"""Book: give the labelled place in an edition's issues to a sponsor for some days, or take it back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy.orm import Session

from articles.resize import Resized
from newsletters import logos, sponsors
from newsletters.act import Refused
from newsletters.newsletters import Edition
from newsletters.sponsors import Booking, Sponsor
from staff.members import audit


def book(
    session: Session, edition_id: int, typed: Booking, image: Resized | None, *, by: str, now: datetime
) -> Sponsor | Refused:
    """Let a sponsor's words stand in the issues of these days; approval that was given without them is asked again."""
    if session.get(Edition, edition_id, with_for_update=True) is None:
        return Refused("This edition is not there any more. Choose another.")
    booking = typed.clean()
    problem = booking.problem()
    if problem is not None:
        return Refused(problem)
    taken = sponsors.overlapping(session, edition_id, booking)
    if taken is not None:
        return Refused(
            f"“{taken.name}” has {taken.first_on} to {taken.last_on} already. Choose other days, or remove it."
        )
    kept = logos.keep(session, image, now=now) if image else None
    booked = Sponsor(edition_id=edition_id, image=kept.name if kept else None, created_at=now, **asdict(booking))
    session.add(booked)
    session.flush()
    _audit(session, booked, "sponsor.book", by=by, now=now)
    return booked


def release(session: Session, sponsor_id: int, *, by: str, now: datetime) -> str | Refused:
    """Take a booking back; its name. What was sent keeps it."""
    booked = session.get(Sponsor, sponsor_id, with_for_update=True)
    if booked is None:
        return Refused("This booking is not there any more.")
    _audit(session, booked, "sponsor.release", by=by, now=now)
    session.delete(booked)
    session.flush()
    return booked.name


def _audit(session: Session, booked: Sponsor, act: str, *, by: str, now: datetime) -> None:
    days = {"sponsor": booked.name, "first": booked.first_on.isoformat(), "last": booked.last_on.isoformat()}
    audit(session, act, f"edition:{booked.edition_id}", actor=by, now=now, **days)
