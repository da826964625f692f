"""`broadsheet issue`: what is in an issue, where it stands, and the acts of an editor on it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from broadsheet import resources
from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from broadsheet.cli.desk import EditionName, edition_named, edition_names
from broadsheet.settings import load
from broadsheet.wiring import House
from feedback import figures
from mailer.compiler import LetterJob
from newsletters import breaking, compose, digest, editorial, issues, launch, layouts
from newsletters.act import Done, Refused
from newsletters.issues import Issue

app = typer.Typer(help="Issues: what is in them and where they stand.", no_args_is_help=True)

IssueId = Annotated[int, typer.Argument(help="The issue's id, as `issue list` shows it.")]
Reason = Annotated[str, typer.Option(help="Why; the desk sees it.")]
_HERE = "command line"


@app.command("list")
def list_issues(*, as_json: AsJson = False) -> None:
    """The newest issues and where they stand."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            names = edition_names(session)
            found = [
                {
                    "id": each.id,
                    "edition": names[each.edition_id],
                    "number": each.number,
                    "state": each.state,
                    "scheduled_for": each.scheduled_for,
                    "subject": each.subject,
                    "reason": each.reason,
                }
                for each in issues.list_newest(session, 30)
            ]
    answers.rows(
        found, as_json=as_json, empty="There is no issue yet. A schedule makes them, or broadsheet issue compose."
    )


@app.command("show")
def show_issue(issue_id: IssueId, *, as_json: AsJson = False) -> None:
    """An issue's figures, and how many mails were in doubt."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            issue, counted = session.get(Issue, issue_id), figures.issue_figures(session, issue_id)
            if issue is None or counted is None:
                answers.refuse(f"There is no issue {issue_id}. `broadsheet issue list` shows them.")
            edition = edition_names(session)[issue.edition_id]
            stories = [article.title for _, article in issues.list_stories(session, issue_id)]
    answers.facts(
        {
            "id": issue.id,
            "edition": edition,
            "number": issue.number,
            "state": issue.state,
            "subject": issue.subject,
            "reason": issue.reason,
            "scheduled_for": issue.scheduled_for,
            "articles": len(stories),
            "audience": counted.audience,
            "recipients": counted.recipients,
            "left_out": dict(counted.exclusions),
            **{state.value: number for state, number in counted.deliveries.items()},
            "bounced": counted.bounced,
            "complained": counted.complained,
            "in_doubt_at_some_time": counted.ever_in_doubt,
            "unsubscribed_since": counted.unsubscribed,
            "sums_match": counted.sums_match,
        },
        as_json=as_json,
    )


@app.command("compose")
def compose_issue(
    edition: EditionName,
    *,
    layout: Annotated[str, typer.Option(help="How it is set: daily, weekly, or a letter of your own.")] = layouts.DAILY,
    as_json: AsJson = False,
) -> None:
    """Make an issue of the newest articles, outside any schedule; it waits for approval."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            wanted, among = edition_named(session, edition), resources.layouts(house.settings.templates_dir)
            made = compose.one_off(session, wanted.id, now=house.clock(), layout=layout, among=among)
    if not isinstance(made, Issue):
        answers.refuse(made.reason)
    then = f"Look at it: broadsheet issue preview {made.id}. Send it: broadsheet issue send {made.id}"
    _made(made, "Issue", then, as_json=as_json)


@app.command("alert")
def make_alert(
    edition: EditionName,
    article_id: Annotated[int, typer.Argument(help="A story of the edition's feeds.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make an alert of one breaking story, for the readers who asked for alerts. It takes two words: approve it, then send it."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            wanted = edition_named(session, edition)
            made = breaking.draft(session, wanted.id, article_id, by=_HERE, now=house.clock())
            if isinstance(made, Refused):
                answers.refuse(made.reason)
    then = f"It takes two words: broadsheet issue approve {made.id}, then broadsheet issue send {made.id}"
    _made(made, "Alert", then, as_json=as_json)


def _made(made: Issue, called: str, then: str, *, as_json: bool) -> None:
    facts = {"id": made.id, "number": made.number, "state": made.state, "subject": made.subject}
    answers.done(facts, f"{called} {made.id}: {made.subject}", then, as_json=as_json)


@app.command("stories")
def list_stories(issue_id: IssueId, *, as_json: AsJson = False) -> None:
    """The stories of an issue in order, and why each stands where it stands."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            if session.get(Issue, issue_id) is None:
                answers.refuse(f"There is no issue {issue_id}. `broadsheet issue list` shows them.")
            found = [
                {
                    "place": item.position,
                    "article": article.id,
                    "section": article.section,
                    "headline": item.title or article.title,
                    "pinned": item.pinned,
                    "reason": item.reason,
                }
                for item, article in issues.list_stories(session, issue_id)
            ]
    answers.rows(found, as_json=as_json, empty="It has no story that may be sent.")


@app.command("preview")
def preview_issue(
    issue_id: IssueId,
    *,
    text: Annotated[bool, typer.Option("--text", help="The text part instead of the page.")] = False,
) -> None:
    """Print the very render that is sent, without anyone's links."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            issue = session.get(Issue, issue_id)
            if issue is None:
                answers.refuse(f"There is no issue {issue_id}. `broadsheet issue list` shows them.")
            job = digest.job(session, issue, base_url=house.settings.base_url)
        typer.echo(asyncio.run(_preview(house, job, text=text)))


async def _preview(house: House, job: LetterJob, *, text: bool) -> str:
    rendered = await house.compiler.render(replace(job, for_web=True))
    return rendered.text if text else rendered.html


@app.command("lint")
def lint_issue(issue_id: IssueId, *, as_json: AsJson = False) -> None:
    """Say what the checks find in its stories and its letter as it would go now. Exit code 1 for errors."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            issue = session.get(Issue, issue_id)
            if issue is None:
                answers.refuse(f"There is no issue {issue_id}. `broadsheet issue list` shows them.")
            job = digest.job(session, issue, base_url=house.settings.base_url)
            stories = editorial.look(session, issue)
        report = stories.joined(asyncio.run(house.compiler.lint(job)))
    found = [
        {"severity": each.severity, "id": each.id, "holds": each.blocks, "words": each.words, "where": each.where}
        for each in report.findings
    ]
    answers.rows(found, as_json=as_json, empty="Nothing to mend.")
    if not report.is_sound:
        raise typer.Exit(1)


@app.command("approve")
def approve_issue(issue_id: IssueId, *, as_json: AsJson = False) -> None:
    """Let it go at its time; a running `serve` sends it."""
    with House(load()) as house:
        house.require_tables()
        wait, now = house.settings.undo_for, house.clock()
        with house.database.write() as session:
            outcome = launch.approve(session, issue_id, by=_HERE, now=now, wait=wait)
            goes = _goes(session, issue_id, now)
    _tell(outcome, issue_id, f"Issue {issue_id} is approved. {goes}", as_json=as_json)


@app.command("send")
def send_issue(issue_id: IssueId, *, as_json: AsJson = False) -> None:
    """Approve it and let it go now, whatever its time, after a moment in which `undo` takes it back; a running `serve` sends it."""
    with House(load()) as house:
        house.require_tables()
        wait, now = house.settings.undo_for, house.clock()
        with house.database.write() as session:
            outcome = launch.send_now(session, issue_id, by=_HERE, now=now, wait=wait)
            goes = _goes(session, issue_id, now)
    _tell(outcome, issue_id, goes, as_json=as_json)


@app.command("undo")
def undo_issue(issue_id: IssueId, *, as_json: AsJson = False) -> None:
    """Take it back: a draft again, which goes only when somebody approves it. Nothing of it has left."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            outcome = launch.take_back(session, issue_id, by=_HERE, now=house.clock())
    _tell(outcome, issue_id, f"Issue {issue_id} is a draft again and waits for a person.", as_json=as_json)


@app.command("cancel")
def cancel_issue(issue_id: IssueId, *, reason: Reason, as_json: AsJson = False) -> None:
    """Stop it for good. Who has it already keeps it."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            outcome = launch.cancel(session, issue_id, reason=reason, by=_HERE, now=house.clock())
    _tell(outcome, issue_id, f"Issue {issue_id} is cancelled.", as_json=as_json)


@app.command("pause")
def pause_issue(issue_id: IssueId, *, reason: Reason, as_json: AsJson = False) -> None:
    """Let nothing more leave for now."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            outcome = launch.pause(session, issue_id, reason=reason, by=_HERE, now=house.clock())
    _tell(outcome, issue_id, f"Issue {issue_id} is paused. Go on: broadsheet issue resume {issue_id}", as_json=as_json)


@app.command("resume")
def resume_issue(issue_id: IssueId, *, as_json: AsJson = False) -> None:
    """Go on where it was paused."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            outcome = launch.resume(session, issue_id, by=_HERE, now=house.clock())
    _tell(outcome, issue_id, f"Issue {issue_id} goes on.", as_json=as_json)


def _goes(session: Session, issue_id: int, now: datetime) -> str:
    issue = session.get(Issue, issue_id)
    if issue is None or issue.scheduled_for <= now:
        return f"Issue {issue_id} goes now."
    undo = f" Until then `broadsheet issue undo {issue_id}` takes it back."
    return f"Issue {issue_id} goes at {issue.scheduled_for:%Y-%m-%d %H:%M} UTC.{undo}"


def _tell(outcome: Done | Refused, issue_id: int, done: str, *, as_json: bool) -> None:
    if isinstance(outcome, Refused):
        answers.refuse(f"{outcome.reason} `broadsheet issue list` shows where each stands.")
    answers.done({"id": issue_id, "revision": outcome.revision}, done, as_json=as_json)
