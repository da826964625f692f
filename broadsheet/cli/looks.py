"""`broadsheet newsletter look`: how an edition's letters look, shown or changed."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from articles.resize import Resized, Unusable
from broadsheet import resources
from broadsheet.cli import answers, besides
from broadsheet.cli.answers import AsJson
from broadsheet.cli.desk import EditionName, edition_named
from broadsheet.settings import load
from broadsheet.wiring import House
from mailer import tryout
from mailer.render import Folders
from newsletters import logos, look, newsletters, sender
from newsletters.look import Look, Unfit

_HERE = "command line"
_NONE = "none"
LogoFile = Annotated[str | None, typer.Option(help="A PNG or JPEG file for light paper; none takes it away.")]
DarkLogoFile = Annotated[str | None, typer.Option(help="The same for dark paper.")]


def add_to(app: typer.Typer) -> None:
    app.command("look")(show_or_change)
    app.command("besides")(besides.show_or_choose)
    app.command("templates")(try_templates)


def show_or_change(
    edition: EditionName,
    *,
    brand: Annotated[str | None, typer.Option(help="#8b1a1a; 4.5:1 on light paper at least.")] = None,
    brand_dark: Annotated[str | None, typer.Option(help="The same for dark paper; empty: made of the other.")] = None,
    latin: Annotated[str | None, typer.Option(help="The face of Latin script: georgia, helvetica, ...")] = None,
    arabic: Annotated[str | None, typer.Option(help="The face of Arabic script: system, naskh, tahoma.")] = None,
    logo: LogoFile = None,
    logo_dark: DarkLogoFile = None,
    logo_alt: Annotated[str | None, typer.Option(help="What the logo says.")] = None,
    postal_address: Annotated[
        str | None, typer.Option(help="At the foot of every letter of this edition, in its language.")
    ] = None,
    masthead: Annotated[str | None, typer.Option(help="A line below the name, in the edition's language.")] = None,
    why: Annotated[str | None, typer.Option(help="Why readers get it.")] = None,
    footer: Annotated[str | None, typer.Option(help="A line above the postal address.")] = None,
    digits: Annotated[str | None, typer.Option(help="western, arabic-indic; empty: the language's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how an edition's letters look, or change what is given and leave the rest."""
    said = {
        "brand": brand, "brand_dark": brand_dark, "latin": latin, "arabic": arabic, "logo_alt": logo_alt,
        "postal_address": postal_address, "masthead": masthead, "why": why, "footer": footer, "digits": digits,
    }  # fmt: skip
    typed = {name: value for name, value in said.items() if value is not None}
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            edition_id = edition_named(session, edition).id
        # Files first: when one is no picture, nothing at all is changed.
        pictures = [(path, _picture(house, path)) for path in (logo, logo_dark)]
        with house.database.write() as session:
            if typed:
                _change(session, edition_id, typed, house)
            for (path, made), for_dark in zip(pictures, (False, True), strict=True):
                if path is not None:
                    kept = logos.keep(session, made, now=house.clock()) if made else None
                    look.put_logo(session, edition_id, kept, for_dark=for_dark, by=_HERE, now=house.clock())
        _show(house, edition, edition_id, as_json=as_json)


def try_templates(*, as_json: AsJson = False) -> None:
    """Try the letter templates of your own on a made-up issue. Exit code 1 when one cannot be sent."""
    with House(load()) as house:
        templates, locales = resources.locate("templates") / "email", resources.locate("locales")
        folders = Folders(
            templates=templates, locales=locales, own=resources.own_templates(house.settings.templates_dir)
        )
        tried = list(tryout.try_out(folders, tuple(house.languages.available)))
    rows = [{"letter": each.template, "language": each.language, "problem": each.problem} for each in tried]
    answers.rows(
        rows, as_json=as_json, empty="No letter has a template of your own. Set templates_dir; see docs/templates.md."
    )
    raise typer.Exit(1 if any(each.problem for each in tried) else 0)


def _picture(house: House, path: str | None) -> Resized | None:
    if path is None or path == _NONE:
        return None
    made = asyncio.run(logos.read(house.executor, Path(path).read_bytes()))
    if isinstance(made, Unusable):
        answers.refuse(f"{path} cannot be a logo, and nothing was changed. {made.reason}")
    return made


def _change(session: Session, edition_id: int, typed: dict[str, str], house: House) -> None:
    found = newsletters.edition_by_id(session, edition_id)
    assert found is not None, "it was there a moment ago, and editions stay"
    wanted: Look = replace(look.of(*found), **typed)
    outcome = look.change(session, edition_id, wanted, seen=None, by=_HERE, now=house.clock())
    if isinstance(outcome, Unfit):
        reasons = " ".join(f"{name.replace('_', ' ')}: {why}" for name, why in outcome.problems.items())
        answers.refuse(f"Nothing was changed. {reasons}")


def _show(house: House, name: str, edition_id: int, *, as_json: bool) -> None:
    with house.database.read() as session:
        found = newsletters.edition_by_id(session, edition_id)
        assert found is not None, "editions stay"
        theme = sender.sender_of(*found, house.settings.base_url).theme
        own = asdict(look.of(*found))
    answers.facts({"edition": name, **own, "logo": theme.logo_url, "logo_dark": theme.logo_dark_url}, as_json=as_json)
