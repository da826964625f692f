"""`broadsheet user`: who works here. The way in for the first owner, and for one who has lost the way in.

A password is asked for, or read from standard input; never an argument, where every user of the machine could read it.
"""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer
from sqlalchemy.orm import Session

from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from broadsheet.settings import load
from broadsheet.wiring import House
from mailer import address
from mailer.address import EmailAddress
from staff import appoint, links, members, passwords, sign_ins
from staff.appoint import NewMember, Refused
from staff.links import Use
from staff.members import Member, Role
from staff.passwords import Passwords

app = typer.Typer(help="Who works here: editors, ops and owners.", no_args_is_help=True)

_HERE = "command line"
Address = Annotated[str, typer.Argument(help="Their email address.")]


@app.command()
def create(
    who: Address,
    *,
    name: Annotated[str, typer.Option(help="What the others call them.")],
    role: Annotated[Role, typer.Option(help="What they may do; an owner may do all.")] = Role.EDITOR,
    ask: Annotated[
        bool, typer.Option("--password", help="Set a password now: asked for, or from standard input.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Appoint somebody. Without --password it prints a link, good once, by which they choose their own."""
    found = _read_address(who)
    chosen = _read_password(str(found)) if ask else None
    hashed = Passwords().hash(chosen) if chosen else None
    new = NewMember(address=str(found), address_key=found.key, name=name, role=role)
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            made = _done(appoint.appoint(session, new, by=_HERE, now=house.clock()))
            if hashed is not None:
                appoint.set_password(session, made, hashed, by=_HERE, now=house.clock())
            link = _link(house, session, made, Use.PASSWORD) if hashed is None else None
    said = [f"{made.name} <{made.address}> works here now: {made.role}."]
    answers.done(_facts(made) | {"link": link}, *said, *_told(link, Use.PASSWORD), as_json=as_json)


@app.command("list")
def list_users(*, as_json: AsJson = False) -> None:
    """Everybody who works here, with their role and when they last did something."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            present = sign_ins.presences(session, now=house.clock())
            found = [
                {
                    **_facts(member),
                    "last_seen": present[member.id].last_seen_at if member.id in present else None,
                    "browsers": present[member.id].browsers if member.id in present else 0,
                }
                for member in members.list_members(session)
            ]
    answers.rows(found, as_json=as_json, empty="Nobody works here yet. Begin: broadsheet user create --help")


@app.command("set-role")
def set_role(
    who: Address, role: Annotated[Role, typer.Argument(help="editor, ops or owner.")], *, as_json: AsJson = False
) -> None:
    """Give somebody another role. They are signed out everywhere."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            member = _member(session, who)
            _done(appoint.set_role(session, member.id, role, by=_HERE, now=house.clock()))
    answers.done(_facts(member), f"{member.name} is now: {member.role}.", as_json=as_json)


@app.command()
def disable(
    who: Address,
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Let them sign in again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let somebody sign in no longer. They are signed out everywhere; what they did stays in the audit trail."""
    story = appoint.enable if undo else appoint.disable
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            member = _member(session, who)
            _done(story(session, member.id, by=_HERE, now=house.clock()))
    answers.done(
        _facts(member), f"{member.name} {'may sign in again' if undo else 'can no longer sign in'}.", as_json=as_json
    )


@app.command("reset-password")
def reset_password(who: Address, *, as_json: AsJson = False) -> None:
    """Set somebody's password: asked for, or from standard input. They are signed out everywhere."""
    chosen = _read_password(str(_read_address(who)))
    hashed = Passwords().hash(chosen)
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            member = _member(session, who)
            appoint.set_password(session, member, hashed, by=_HERE, now=house.clock())
    answers.done(_facts(member), f"{member.name} has a new password.", as_json=as_json)


@app.command("link")
def make_link(
    who: Address,
    *,
    choose: Annotated[bool, typer.Option("--password", help="To choose a new password by, first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a link that signs somebody in, once. Any older one of theirs stops working."""
    use = Use.PASSWORD if choose else Use.SIGN_IN
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            member = _member(session, who)
            _done(appoint.let_in(session, member.id, use, by=_HERE, now=house.clock()))
            link = _link(house, session, member, use)
    answers.done({"address": member.address, "link": link}, *_told(link, use), as_json=as_json)


def _link(house: House, session: Session, member: Member, use: Use) -> str:
    token = links.make(session, member, use, keys=house.keys, now=house.clock())
    return f"{house.settings.base_url}/sign-in/{token}"


def _told(link: str | None, use: Use) -> list[str]:
    if link is None:
        return []
    what = "choose a password" if use is Use.PASSWORD else "sign in"
    hours = int(links.LASTS[use].total_seconds() // 3600)
    lasts = "an hour" if hours == 1 else f"{hours} hours"
    return [f"To {what}, once, within {lasts} (whoever has the link can use it):", f"  {link}"]


def _facts(member: Member) -> dict[str, object]:
    return {
        "address": member.address,
        "name": member.name,
        "role": member.role,
        "password": member.password_hash is not None,
        "disabled": member.disabled_at is not None,
    }


def _done(outcome: Member | Refused) -> Member:
    if isinstance(outcome, Refused):
        answers.refuse(outcome.reason)
    return outcome


def _member(session: Session, who: str) -> Member:
    found = members.find(session, _read_address(who).key)
    return found if found is not None else _nobody(who)


def _nobody(who: str) -> NoReturn:
    answers.refuse(f"Nobody with the address {who} works here. `broadsheet user list` shows who does.")


def _read_address(text: str) -> EmailAddress:
    found = address.parse(text)
    if not isinstance(found, EmailAddress):
        answers.refuse(f"{text!r} is no email address. Write it as name@example.org.")
    return found


def _read_password(for_whom: str) -> str:
    """Asked for twice at a terminal; otherwise the first line of standard input."""
    if sys.stdin.isatty():
        chosen: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        chosen = sys.stdin.readline().rstrip("\r\n")
    problem = passwords.problem(chosen, for_whom)
    if problem is not None:
        answers.refuse(f"This cannot be a password. {problem}")
    return chosen
