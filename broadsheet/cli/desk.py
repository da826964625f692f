"""`broadsheet newsletter`: who publishes what."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from articles.feeds import Feed
from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from broadsheet.settings import load
from broadsheet.wiring import House
from newsletters import newsletters as publications
from newsletters.newsletters import Edition, NewEdition, NewNewsletter, Newsletter, NewsletterProblem

newsletters = typer.Typer(help="Newsletters and their editions.", no_args_is_help=True)

EditionName = Annotated[str, typer.Argument(help="An edition as newsletter/language, for example morning/en.")]


@newsletters.command("add")
def add_newsletter(
    slug: Annotated[str, typer.Argument(help="Its name in addresses: morning")],
    *,
    publisher: Annotated[str, typer.Option(help="Who sends it; the From name.")],
    sender: Annotated[str, typer.Option(help="The From address.")],
    reply_to: Annotated[str, typer.Option(help="A mailbox that somebody reads.")],
    postal_address: Annotated[str, typer.Option(help="Printed in every mail; the law asks for it.")],
    site: Annotated[str, typer.Option(help="The newsroom's own site.")],
    privacy: Annotated[str | None, typer.Option(help="The address of the privacy notice.")] = None,
    brand: Annotated[str, typer.Option(help="The newsroom's colour; white must be readable on it.")] = "#0b4f6c",
    logo: Annotated[str | None, typer.Option(help="The address of a logo.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a newsletter. Its editions follow with `newsletter edition`."""
    new = NewNewsletter(
        slug=slug,
        publisher=publisher,
        sender_address=sender,
        reply_to=reply_to,
        postal_address=postal_address,
        site_url=site,
        privacy_url=privacy,
        theme={"brand": brand, **({"logo_url": logo, "logo_alt": publisher} if logo else {})},
    )
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            added = publications.add(session, new, now=house.clock())
    if isinstance(added, NewsletterProblem):
        answers.refuse(str(added))
    answers.done(
        {"id": added.id, "newsletter": added.slug},
        f"Newsletter {added.slug} added. Next: broadsheet newsletter edition {added.slug} en --help",
        as_json=as_json,
    )


@newsletters.command("edition")
def add_edition(
    slug: Annotated[str, typer.Argument(help="The newsletter's name in addresses: morning")],
    language: Annotated[str, typer.Argument(help="en, ar, ckb, ...: decides texts, direction and dates.")],
    *,
    title: Annotated[str, typer.Option(help="Morning briefing")],
    tagline: Annotated[str, typer.Option(help="The day's stories in five minutes")],
    frequency: Annotated[str, typer.Option(help="Shown at sign-up: one email, Sunday to Thursday")],
    zone: Annotated[str, typer.Option(help="Asia/Baghdad")],
    feeds: Annotated[
        list[int] | None, typer.Option("--feed", help="The id of a feed it draws from; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add an edition to a newsletter."""
    new = NewEdition(language=language, title=title, tagline=tagline, frequency=frequency, zone=zone)
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            newsletter = publications.find_newsletter(session, slug)
            if newsletter is None:
                answers.refuse(f"There is no newsletter named {slug}. `broadsheet newsletter list` shows them.")
            added = publications.add_edition(session, newsletter.id, new, now=house.clock())
            if isinstance(added, Edition):
                draw_from(session, added.id, feeds or [])
        translated = language in house.languages.available
    if isinstance(added, NewsletterProblem):
        answers.refuse(str(added))
    if not translated:
        typer.echo(f"There are no texts in {language!r} yet: its mails and pages have English ones.", err=True)
    answers.done(
        {"id": added.id, "edition": f"{slug}/{language}", "feeds": feeds or []},
        f"Edition {slug}/{language} added. Next, say when it goes out:",
        f"  broadsheet schedule add {slug}/{language} 'Sunday to Thursday at 07:00 {zone}'",
        as_json=as_json,
    )


@newsletters.command("list")
def list_newsletters(*, as_json: AsJson = False) -> None:
    """All editions. A newsletter without one is shown too."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            found: list[dict[str, object]] = [
                {
                    "edition": name_of(newsletter, edition),
                    "title": edition.title,
                    "publisher": newsletter.publisher,
                    "feeds": publications.list_feed_ids(session, edition.id),
                }
                for newsletter, edition in publications.list_editions(session)
            ]
            found += [
                {"edition": f"{each.slug}/", "title": None, "publisher": each.publisher, "feeds": []}
                for each in publications.without_edition(session)
            ]
    answers.rows(found, as_json=as_json, empty="There is no newsletter yet. Add one: broadsheet newsletter add --help")


def name_of(newsletter: Newsletter, edition: Edition) -> str:
    return f"{newsletter.slug}/{edition.language}"


def edition_names(session: Session) -> dict[int, str]:
    """What every edition is called on the command line, by its id."""
    return {edition.id: name_of(newsletter, edition) for newsletter, edition in publications.list_editions(session)}


def draw_from(session: Session, edition_id: int, feed_ids: list[int]) -> None:
    """Let an edition draw from feeds; ends with a sentence, and nothing stored, when one of them is not there."""
    for feed_id in feed_ids:
        if session.get(Feed, feed_id) is None:
            answers.refuse(f"There is no feed {feed_id}, so nothing was stored. `broadsheet feeds list` shows them.")
    publications.draw_from(session, edition_id, feed_ids)


def edition_named(session: Session, name: str) -> Edition:
    """The edition a person means by `newsletter/language`; ends with a sentence when there is none."""
    slug, _, language = name.partition("/")
    found = publications.find_edition(session, slug, language)
    if found is None:
        answers.refuse(
            f"There is no edition {name!r}. Write newsletter/language; `broadsheet newsletter list` shows them."
        )
    return found[1]
