"""`broadsheet schedule`: when an edition's issues go out."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Annotated

import typer

from broadsheet import resources
from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from broadsheet.cli.desk import EditionName, edition_named, edition_names
from broadsheet.settings import load
from broadsheet.wiring import House
from ground.language import Texts
from newsletters import layouts, newsletters, plan, schedule, schedules
from newsletters.act import Refused
from newsletters.ahead import Ahead
from newsletters.plan import Overtaken, Planned, Unfit
from newsletters.schedule import FRIDAY_SATURDAY, Day, ScheduleProblem
from newsletters.schedule import Schedule as Rule
from newsletters.schedules import Autonomy, Schedule, Terms, TooFew
from web.console import schedule_words

app = typer.Typer(help="When an edition's issues go out.", no_args_is_help=True)

ScheduleId = Annotated[int, typer.Argument(help="A schedule's number; `broadsheet schedule list` shows them.")]
RuleText = Annotated[str, typer.Argument(help="Sunday to Thursday at 07:00 Erbil time")]
Weights = Annotated[
    list[str] | None,
    typer.Option("--weight", help="How much a section counts: Politics=2; may be repeated. 1 where nothing is said."),
]
_HERE = "command line"
_MINUTE = timedelta(minutes=1)


@app.command("add")
def add_schedule(
    edition: EditionName,
    rule: RuleText,
    *,
    name: Annotated[str, typer.Option(help="What readers choose it by.")] = "daily",
    layout: Annotated[
        str, typer.Option(help="How its issues are set: daily, weekly, follow, or a letter of your own.")
    ] = layouts.DAILY,
    autonomy: Annotated[Autonomy, typer.Option(help="Whether it goes by itself.")] = Autonomy.AUTOMATIC,
    fewest: Annotated[int, typer.Option(help="No issue with fewer articles than this.")] = 3,
    most: Annotated[int, typer.Option(help="No more articles than this.")] = 12,
    too_few: Annotated[TooFew, typer.Option(help="What to do when there are fewer.")] = TooFew.SKIP,
    lead: Annotated[int, typer.Option(help="Minutes before the slot that the draft is ready.")] = 30,
    own: Annotated[int, typer.Option(help="No issue to a reader with fewer stories of the topics they chose.")] = 1,
    section_cap: Annotated[int, typer.Option(help="Stories of one section at most.")] = 4,
    author_cap: Annotated[int, typer.Option(help="Stories of one author at most.")] = 2,
    weight: Weights = None,
    as_json: AsJson = False,
) -> None:
    """Say when an edition's issues go out."""
    terms = Terms(
        name=name,
        layout=layout,
        autonomy=autonomy,
        min_articles=fewest,
        max_articles=most,
        too_few=too_few,
        lead=lead * _MINUTE,
        min_own=own,
        section_cap=section_cap,
        author_cap=author_cap,
        weights=_weights(weight or []),
    )
    with House(load()) as house:
        house.require_tables()
        now = house.clock()
        with house.database.write() as session:
            wanted = edition_named(session, edition)
            read = _read(rule, wanted.zone, newsletters.weekend_of(session, wanted.id))
            added = plan.add(
                session,
                wanted.id,
                read,
                terms,
                by=_HERE,
                now=now,
                among=resources.layouts(house.settings.templates_dir),
            )
            planned = _planned(added)
            ahead = plan.look_ahead(session, read, schedule_id=planned.id, now=now)
        _tell(house, planned, ahead, as_json=as_json)


@app.command("change")
def change_schedule(
    schedule_id: ScheduleId,
    rule: Annotated[str | None, typer.Option(help="Sunday to Thursday at 07:00 Erbil time")] = None,
    *,
    name: Annotated[str | None, typer.Option(help="What readers choose it by.")] = None,
    layout: Annotated[
        str | None, typer.Option(help="How its issues are set: daily, weekly, follow, or a letter of your own.")
    ] = None,
    autonomy: Annotated[Autonomy | None, typer.Option(help="Whether it goes by itself.")] = None,
    fewest: Annotated[int | None, typer.Option(help="No issue with fewer articles than this.")] = None,
    most: Annotated[int | None, typer.Option(help="No more articles than this.")] = None,
    too_few: Annotated[TooFew | None, typer.Option(help="What to do when there are fewer.")] = None,
    lead: Annotated[int | None, typer.Option(help="Minutes before the slot that the draft is ready.")] = None,
    own: Annotated[int | None, typer.Option(help="Fewest stories of the topics that a reader chose.")] = None,
    section_cap: Annotated[int | None, typer.Option(help="Stories of one section at most.")] = None,
    author_cap: Annotated[int | None, typer.Option(help="Stories of one author at most.")] = None,
    weight: Weights = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given, and leave the rest. A slot of today that already ran stays today's only one."""
    with House(load()) as house:
        house.require_tables()
        now = house.clock()
        with house.database.write() as session:
            found = session.get(Schedule, schedule_id)
            if found is None:
                answers.refuse(f"There is no schedule {schedule_id}. `broadsheet schedule list` shows them.")
            before = schedules.rule_of(found)
            weekend = newsletters.weekend_of(session, found.edition_id)
            read = before if rule is None else _read(rule, before.zone, weekend)
            known = schedules.terms_of(found)
            terms = replace(
                known,
                name=known.name if name is None else name,
                layout=known.layout if layout is None else layout,
                autonomy=autonomy or known.autonomy,
                min_articles=known.min_articles if fewest is None else fewest,
                max_articles=known.max_articles if most is None else most,
                too_few=too_few or known.too_few,
                lead=known.lead if lead is None else lead * _MINUTE,
                min_own=known.min_own if own is None else own,
                section_cap=known.section_cap if section_cap is None else section_cap,
                author_cap=known.author_cap if author_cap is None else author_cap,
                weights=known.weights if weight is None else _weights(weight),
            )
            among = resources.layouts(house.settings.templates_dir)
            changed = plan.change(session, schedule_id, read, terms, seen=None, by=_HERE, now=now, among=among)
            planned = _planned(changed)
            ahead = plan.look_ahead(session, read, schedule_id=planned.id, now=now)
        _tell(house, planned, ahead, as_json=as_json)


@app.command("stop")
def stop_schedule(schedule_id: ScheduleId, *, as_json: AsJson = False) -> None:
    """Make no more issues by it. A draft that is ready waits for approval."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            planned = _planned(plan.stop(session, schedule_id, by=_HERE, now=house.clock()))
    sentence = f"Schedule {schedule_id} is stopped. Start it again: broadsheet schedule start {schedule_id}"
    answers.done({"id": planned.id, "enabled": planned.enabled}, sentence, as_json=as_json)


@app.command("start")
def start_schedule(schedule_id: ScheduleId, *, as_json: AsJson = False) -> None:
    """Let a stopped schedule go on from now; what it missed is not made up for."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            planned = _planned(plan.start(session, schedule_id, by=_HERE, now=house.clock()))
    sentence = f"Schedule {schedule_id} goes on. Its dates: broadsheet schedule dates {schedule_id}"
    answers.done({"id": planned.id, "enabled": planned.enabled}, sentence, as_json=as_json)


@app.command("dates")
def show_dates(
    which: Annotated[str, typer.Argument(help="A schedule's number, or a rule: 'daily at 07:00 Erbil time'")],
    *,
    count: Annotated[int, typer.Option(help="How many.", min=1, max=100)] = 5,
    as_json: AsJson = False,
) -> None:
    """The next dates of a schedule, or of a rule that is not stored, and what clock changes do to them."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            found = session.get(Schedule, int(which)) if which.isdecimal() else None
            if found is None and which.isdecimal():
                answers.refuse(f"There is no schedule {which}. `broadsheet schedule list` shows them.")
            read = _read(which, None) if found is None else schedules.rule_of(found)
            ahead = plan.look_ahead(
                session, read, schedule_id=None if found is None else found.id, now=house.clock(), count=count
            )
        if found is not None and not found.enabled:
            typer.echo(f"Schedule {which} is stopped: these are its dates if it is started now.", err=True)
        _show(house.languages.texts("en"), {}, read, ahead, as_json=as_json)


@app.command("list")
def list_schedules(*, as_json: AsJson = False) -> None:
    """All schedules with their next slot."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            names = edition_names(session)
            found = [
                {
                    "id": each.id,
                    "edition": names[each.edition_id],
                    "name": each.name,
                    "rule": each.rule,
                    "layout": each.layout,
                    "autonomy": each.autonomy,
                    "enabled": each.enabled,
                    "next": schedules.next_slot(each, now=house.clock()).due_at if each.enabled else None,
                }
                for each in schedules.list_schedules(session)
            ]
    answers.rows(found, as_json=as_json, empty="There is no schedule yet. Add one: broadsheet schedule add --help")


@app.command("show")
def show_schedule(schedule_id: ScheduleId, *, as_json: AsJson = False) -> None:
    """Everything that is said of a schedule."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            found = session.get(Schedule, schedule_id)
            if found is None:
                answers.refuse(f"There is no schedule {schedule_id}. `broadsheet schedule list` shows them.")
            edition = edition_names(session)[found.edition_id]
    said = {"id": found.id, "edition": edition, "rule": found.rule, "enabled": found.enabled}
    answers.facts(said | asdict(schedules.terms_of(found)), as_json=as_json)


@app.command("remove")
def remove_schedule(schedule_id: ScheduleId, *, as_json: AsJson = False) -> None:
    """Take a schedule away that never made an issue and that no reader chose."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            removed = plan.remove(session, schedule_id, by=_HERE, now=house.clock())
            if isinstance(removed, Refused):
                answers.refuse(removed.reason)
    answers.done({"id": schedule_id}, f"Schedule {schedule_id}, “{removed.name}”, is removed.", as_json=as_json)


def _weights(given: list[str]) -> dict[str, float]:
    """`Politics=2` as what it means; the end of the command for anything else."""
    found: dict[str, float] = {}
    for each in given:
        name, _, number = each.rpartition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            answers.refuse(f"“{each[:60]}” is no weight. Write a section and how much it counts: Politics=2.")
    return found


def _read(text: str, zone: str | None, weekend: frozenset[Day] = FRIDAY_SATURDAY) -> Rule:
    read = schedule.parse(text, zone=zone, weekend=weekend)
    if isinstance(read, ScheduleProblem):
        answers.refuse(str(read))
    return read


def _planned(outcome: Planned | Unfit | Overtaken | Refused) -> Schedule:
    if isinstance(outcome, Unfit):
        answers.refuse(" ".join(str(problem) for problem in outcome.problems))
    if isinstance(outcome, Refused):
        answers.refuse(f"{outcome.reason} `broadsheet schedule list` shows them.")
    assert isinstance(outcome, Planned), "only who says what they saw can be overtaken"
    return outcome.schedule


def _tell(house: House, planned: Schedule, ahead: Ahead, *, as_json: bool) -> None:
    if not as_json:
        typer.echo(f"Schedule {planned.id}: {planned.rule}. The next five:")
    rule = schedules.rule_of(planned)
    _show(house.languages.texts("en"), {"id": planned.id}, rule, ahead, as_json=as_json)


def _show(texts: Texts, known: dict[str, object], rule: Rule, ahead: Ahead, *, as_json: bool) -> None:
    lines = [
        {"date": slot.local_date, "time": f"{slot.local_time:%H:%M}", "utc": slot.due_at}
        | ({"no_issue": ahead.rests.get(slot.local_date)} if ahead.rests else {})
        for slot in ahead.slots
    ]
    told = schedule_words.clock_changes(texts, ahead, rule)
    if as_json:
        answers.facts(known | {"rule": rule.rule(), "next": lines, "clock_changes": told}, as_json=True)
        return
    answers.rows(lines, as_json=False, empty="It never fires.")
    for sentence in told:
        typer.echo(sentence)
