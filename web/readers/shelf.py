"""The shelf: what a reader may choose from, put together of what newsletters offer and what the reader takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ground.language import Texts
from newsletters import newsletters, rhythm, used_topics
from newsletters.newsletters import Edition, Newsletter
from newsletters.schedules import Schedule
from subscribers.choose import Offer
from subscribers.preferences import Preferences
from subscribers.topics import Topics
from web.readers import place as places
from web.readers import rhythms, wishes
from web.readers.place import Place
from web.readers.rhythms import Rhythm
from web.readers.wishes import Wishes

#: How long a pause may be chosen, in weeks.
WEEKS = (1, 2, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One edition on the page."""

    newsletter: Newsletter
    edition: Edition
    is_on: bool
    rhythms: list[Rhythm]
    paused_to: date | None  # the day on which it comes again
    pauses: list[tuple[int, date]]  # weeks, and the day on which it would come again
    wishes: Wishes

    @property
    def follows(self) -> bool:
        """Whether it brings only what the reader follows."""
        return any(rhythm.is_chosen and rhythm.is_follow for rhythm in self.rhythms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The editions of the publisher whose letter the link stood in, and whatever else the reader takes."""

    place: Place
    editions: list[tuple[Newsletter, Edition]]
    schedules: dict[int, list[Schedule]]
    topics: dict[int, Topics]

    @property
    def zones(self) -> dict[int, str]:
        return {edition.id: edition.zone for _, edition in self.editions}

    @property
    def offer(self) -> Offer:
        return {
            edition.id: frozenset(further.id for further in self.schedules.get(edition.id, [])[1:])
            for _, edition in self.editions
        }

    def rows(self, theirs: Preferences, texts: Texts, *, now: datetime) -> list[Row]:
        return [self._row(newsletter, edition, theirs, texts, now) for newsletter, edition in self.editions]

    def told(self, theirs: Preferences, texts: Texts, *, now: datetime) -> str:
        """What comes to them, in a line: "Morning Briefing (daily) and The Week"."""
        rows = [row for row in self.rows(theirs, texts, now=now) if row.is_on]
        return texts.listing([texts.apart(row.edition.title) + _chosen(row, texts) for row in rows])

    def _row(self, newsletter: Newsletter, edition: Edition, theirs: Preferences, texts: Texts, now: datetime) -> Row:
        taken, zone = theirs.taken.get(edition.id), ZoneInfo(edition.zone)
        paused_until = taken.paused_until if taken else None
        return Row(
            newsletter=newsletter,
            edition=edition,
            is_on=theirs.is_on(edition.id),
            rhythms=rhythms.of(self.schedules.get(edition.id, []), taken.schedule_id if taken else None, texts),
            paused_to=paused_until.astimezone(zone).date() if paused_until else None,
            pauses=[(weeks, in_weeks(weeks, edition, now=now)) for weeks in WEEKS],
            wishes=wishes.of(self.topics.get(edition.id, Topics()), taken, zone=edition.zone),
        )


def _chosen(row: Row, texts: Texts) -> str:
    return "".join(f" ({texts.apart(rhythm.name)})" for rhythm in row.rhythms if rhythm.is_chosen)


def in_weeks(weeks: int, edition: Edition, *, now: datetime) -> date:
    """The day of an edition's place that many weeks from today."""
    return now.astimezone(ZoneInfo(edition.zone)).date() + timedelta(weeks=weeks)


def of(session: Session, theirs: Preferences, base_url: str, *, now: datetime) -> Shelf | None:
    """The shelf that this reader stands before; None when their edition is gone."""
    place = places.by_id(session, theirs.edition_id, base_url)
    if place is None:
        return None
    editions = [
        (newsletter, edition)
        for newsletter, edition in newsletters.list_editions(session)
        if newsletter.publisher == place.newsletter.publisher or edition.id in theirs.taken
    ]
    offered = rhythm.offered(session, [edition.id for _, edition in editions])
    topics = used_topics.of(session, [edition.id for _, edition in editions if theirs.is_on(edition.id)], now=now)
    return Shelf(place=place, editions=editions, schedules=offered, topics=topics)
