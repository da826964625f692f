"""`broadsheet newsletter`, what it keeps: its weekend, its holidays, and how many alerts a day its readers were promised."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from broadsheet.cli.desk import EditionName, edition_named, name_of
from broadsheet.settings import load
from broadsheet.wiring import House
from newsletters import holidays, observe, schedule
from newsletters import newsletters as publications
from newsletters.act import Refused
from newsletters.holidays import HolidayProblem
from newsletters.newsletters import Newsletter
from newsletters.schedule import ScheduleProblem

Slug = Annotated[str, typer.Argument(help="The newsletter's name in addresses: morning")]
Day = Annotated[str, typer.Argument(help="2026-03-20")]
_HERE = "command line"


def add_to(newsletters: typer.Typer) -> None:
    newsletters.command("show")(show_newsletter)
    newsletters.command("weekend")(keep_weekend)
    newsletters.command("rest")(rest)
    newsletters.command("work")(work)
    newsletters.command("alerts")(alerts)


def show_newsletter(slug: Slug, *, as_json: AsJson = False) -> None:
    """What a newsletter is, its editions, and the days on which it rests."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            found = _found(session, slug)
            editions = publications.editions_of(session, found.id)
            rests = holidays.of_newsletter(session, found.id, since=house.clock().date())
    facts = {
        name: getattr(found, name) for name in ("id", "slug", "publisher", "sender_address", "reply_to", "weekend")
    }
    facts["editions"] = {name_of(found, each): f"{each.title}, {each.alerts_a_day} alerts a day" for each in editions}
    facts["holidays"] = {str(each.id): f"{each.name}, {each.first_on} to {each.last_on}" for each in rests}
    answers.facts(facts, as_json=as_json)


def keep_weekend(
    slug: Slug,
    days: Annotated[str, typer.Argument(help="fri,sat or 'Saturday and Sunday'; none")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say which days "weekdays" leaves out in schedules that are typed from now on."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            kept = observe.keep_weekend(session, _found(session, slug).id, days, by=_HERE, now=house.clock())
            if isinstance(kept, ScheduleProblem):
                answers.refuse(str(kept))
    text = schedule.weekend_text(kept)
    answers.done({"newsletter": slug, "weekend": text}, f"The weekend of {slug} is {text}.", as_json=as_json)


def rest(
    slug: Slug,
    name: Annotated[str, typer.Argument(help="What skipped issues say: Newroz")],
    first: Day,
    last: Annotated[str | None, typer.Argument(help="The last day; the first one alone where it is left out.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make no issue on these days. Each slot that is skipped says why."""
    days = _day(first), _day(last or first)
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            added = observe.rest(session, _found(session, slug).id, name, *days, by=_HERE, now=house.clock())
            if isinstance(added, HolidayProblem):
                answers.refuse(str(added))
    answers.done(
        {"id": added.id, "name": added.name, "first": added.first_on, "last": added.last_on},
        f"Holiday {added.id}: no issue of {slug} from {added.first_on} to {added.last_on}.",
        as_json=as_json,
    )


def work(
    holiday_id: Annotated[int, typer.Argument(help="As `newsletter show` tells it.")], *, as_json: AsJson = False
) -> None:
    """Take a holiday away: issues go out on its days again."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            gone = observe.work(session, holiday_id, by=_HERE, now=house.clock())
            if isinstance(gone, Refused):
                answers.refuse(f"{gone.reason} `broadsheet newsletter show` tells them.")
    answers.done({"id": holiday_id}, f"“{gone.name}” is removed.", as_json=as_json)


def alerts(
    edition: EditionName,
    most: Annotated[int, typer.Argument(help="Breaking stories a day at most; 0 for none at all.", min=0, max=24)],
    *,
    as_json: AsJson = False,
) -> None:
    """Say how many breaking stories a day an edition sends at most to the readers who ask for them."""
    with House(load()) as house:
        house.require_tables()
        now: datetime = house.clock()
        with house.database.write() as session:
            observe.promise(session, edition_named(session, edition).id, most, by=_HERE, now=now)
    answers.done(
        {"edition": edition, "alerts_a_day": most}, f"{edition}: at most {most} alerts a day.", as_json=as_json
    )


def _found(session: Session, slug: str) -> Newsletter:
    found = publications.find_newsletter(session, slug)
    if found is None:
        answers.refuse(f"There is no newsletter named {slug}. `broadsheet newsletter list` shows them.")
    return found


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        answers.refuse(f"“{text[:40]}” is no day. Write it as 2026-03-20.")
