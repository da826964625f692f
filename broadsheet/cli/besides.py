"""`broadsheet newsletter besides`: what an edition's letters hold beside their stories."""

from __future__ import annotations

from typing import Annotated

import typer

from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from broadsheet.cli.desk import EditionName, edition_named
from broadsheet.settings import load
from broadsheet.wiring import House
from newsletters import besides
from newsletters.besides import Beside

_HERE = "command line"
_KNOWN = ", ".join(Beside)


def show_or_choose(
    edition: EditionName,
    *,
    with_: Annotated[
        list[str] | None, typer.Option("--with", help=f"One of these, or none for nothing; may be repeated: {_KNOWN}.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what an edition's letters hold beside their stories, or choose it anew."""
    unknown = [each for each in with_ or [] if each not in (*Beside, "none")]
    if unknown:
        answers.refuse(f"“{unknown[0][:40]}” is none of them, and nothing was changed. Choose of {_KNOWN}.")
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            found = edition_named(session, edition)
            if with_ is not None:
                besides.choose(session, found.id, with_, by=_HERE, now=house.clock())
            held = list(found.besides)
    answers.facts({"edition": edition, "besides": held}, as_json=as_json)
