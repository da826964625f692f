"""`broadsheet lint`: what is wrong with a mail or an HTML file, ours or not, and how to mend it."""

from __future__ import annotations

import asyncio
import sys
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from ground.fetch import Fetcher
from mailer.inbound.maildir import Unreadable, take
from mailer.lint import About, Finding, NotRun, Purpose, Report, Severity, network
from mailer.lint.catalogue import SUBJECTS
from mailer.lint.look import look_at
from mailer.lint.mail import MAX_BYTES, Mail
from mailer.lint.tools import axe, caniemail, drawn, spamassassin

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_OFFLINE = (NotRun("T04 I04 K03", "links and pictures are asked for with --net only"),)
_UNSIGNED = (
    NotRun(
        "M06", "whether DNS has the signature's key is the receiving server's to ask; `broadsheet keys show` asks it"
    ),
)


def add_to(app: typer.Typer) -> None:
    app.command()(lint)


def lint(
    file: Annotated[str, typer.Argument(metavar="FILE", help="An .eml or .html file; - for standard input.")],
    *,
    as_json: AsJson = False,
    net: Annotated[bool, typer.Option("--net", help="Ask for links and pictures, too.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Judge it by the rules of our own letters.")] = False,
    purpose: Annotated[Purpose | None, typer.Option(help="What it is for; its headers tell otherwise.")] = None,
    node_modules: Annotated[Path | None, typer.Option(help="A folder with axe-core and caniemail in it.")] = None,
) -> None:
    """Say what is wrong with a mail or an HTML file, and how to mend it. Exit code 1 for errors, 2 for what cannot be read."""
    raw = _read(file)
    mail = Mail(raw, About(purpose=purpose, is_ours=strict))
    report = _asked(mail, node_modules)
    report = report.joined(asyncio.run(_net(mail)) if net else Report((), _OFFLINE))
    if as_json:
        answers.facts(_told(file, mail, report), as_json=True)
    else:
        _print(file, mail, report)
    if not report.is_sound:
        raise typer.Exit(1)


def _read(file: str) -> bytes:
    raw = _standard_input() if file == "-" else take(Path(file), follow_symlinks=True)
    if isinstance(raw, Unreadable):
        answers.refuse(f"{file}: {raw.reason}. Name a mail or an HTML file, or - for standard input.")
    if not raw.strip():
        answers.refuse(f"{file} is empty. Name a mail or an HTML file, or - for standard input.")
    mail = Mail(raw)
    if mail.is_message and not mail.fields:
        answers.refuse(f"{file} is neither a mail nor an HTML file: it begins with no header field and no tag.")
    return raw


def _standard_input() -> bytes | Unreadable:
    raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    return raw if len(raw) <= MAX_BYTES else Unreadable(f"more than {MAX_BYTES} bytes")


def _asked(mail: Mail, node_modules: Path | None) -> Report:
    """The catalogue's rules, and whatever other programs are there."""
    report = look_at(mail).joined(spamassassin.look(mail.raw, is_message=mail.is_message))
    report = report.joined(drawn.look(mail.html))
    report = report.joined(axe.look(mail.html, modules=node_modules))
    report = report.joined(caniemail.look(mail.html, modules=node_modules))
    signed = any(field.name.lower() == "dkim-signature" for field in mail.fields)
    return report.joined(Report((), _UNSIGNED)) if signed else report


async def _net(mail: Mail) -> Report:
    fetcher = Fetcher()
    try:
        return await network.look(mail, fetcher)
    finally:
        await fetcher.close()


def _told(file: str, mail: Mail, report: Report) -> dict[str, object]:
    return {
        "file": file,
        "kind": "mail" if mail.is_message else "html",
        "purpose": mail.purpose.value,
        "sound": report.is_sound,
        "findings": [
            {
                "id": each.id,
                "subject": each.subject,
                "severity": each.severity.value,
                "blocks": each.blocks,
                "words": each.words,
                "where": each.where,
                "mend": each.mend,
            }
            for each in report.findings
        ],
        "not_run": [{"what": each.what, "why": each.why} for each in report.not_run],
    }


def _print(file: str, mail: Mail, report: Report) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120, soft_wrap=not sys.stdout.isatty())
    said = " ".join("".join(char if char.isprintable() else " " for char in mail.subject).split())
    console.print(Text.assemble((said[:100] or file, "bold"), (f"  {_size(mail)}", "dim")))
    order = list(SUBJECTS.values())
    for subject, found in groupby(
        sorted(report.findings, key=lambda each: order.index(each.subject)), lambda each: each.subject
    ):
        console.print()
        console.print(Text(subject.capitalize(), "bold"))
        for each in found:
            _line(console, each)
    console.print()
    console.print(_sum(report))
    for left in report.not_run:
        console.print(Text(f"not run: {left.what}: {left.why}", "dim"))


def _line(console: Console, each: Finding) -> None:
    console.print(Text.assemble("  ", (f"{each.severity:<8}", _COLOURS[each.severity]), f"{each.id}  {each.words}"))
    for label, words in (("at", each.where), ("mend", each.mend)):
        if words:
            console.print(Text.assemble("               ", (f"{label:<5}{words}", "dim" if label == "at" else "")))


def _sum(report: Report) -> Text:
    counts = [(report.count(severity), severity) for severity in Severity]
    words = [f"{count} {severity}{'' if count == 1 else 's'}" for count, severity in counts if count]
    if not words:
        return Text("Nothing to mend.", "green")
    return Text(f"{', '.join(words)}.{'' if not report.is_sound else ' It is sound.'}", "bold")


def _size(mail: Mail) -> str:
    kind = f"mail, {mail.purpose}" if mail.is_message else "HTML file"
    return f"{kind}, {len(mail.raw) / 1024:,.0f} KB"
