"""`broadsheet keys`: the keys that sign mail (DKIM), and those that sign links."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import typer

from broadsheet import dkim_keys, keyring, outgoing, rotation, serving
from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from broadsheet.dkim_keys import StoredKey
from broadsheet.rotation import Refused
from broadsheet.settings import load
from broadsheet.wiring import House
from mailer import dkim_record
from staff import members

T = TypeVar("T")

app = typer.Typer(help="The keys that sign mail (DKIM) and links.", no_args_is_help=True)

Domain = Annotated[str | None, typer.Argument(help="Of the From address; may be left away when there is but one.")]
Nameserver = Annotated[
    str | None, typer.Option(help="Ask this DNS server (an IP address) and not this machine's own; the domain's, best.")
]
_HERE = "command line"


@app.command()
def new(domain: Domain = None, *, as_json: AsJson = False) -> None:
    """Make an RSA and an Ed25519 key, and print their DNS records. They sign nothing before `keys rotate`."""
    with House(load()) as house:
        name = _domain(house, domain)
        made = _done(rotation.new_pair(house.dkim_keys, name, now=house.clock()))
        _audit(house, "keys.new", name, made)
    said = ["Put these two TXT records into DNS:", "", *_records(made), ""]
    said.append("A form wants the name, and the text: the strings in quotes, joined where it takes only one.")
    said.append(f"When they are served (a few minutes, or hours): `broadsheet keys rotate {name}`")
    answers.done({"domain": name, "keys": [_shown(key, made) for key in made]}, *said, as_json=as_json)


@app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """All keys of all domains, and since when each is what it is."""
    with House(load()) as house:
        keys = house.dkim_keys.read()
    found = [{name: value for name, value in _shown(key, keys).items() if name in _LISTED} for key in keys]
    answers.rows(
        found, as_json=as_json, empty="There are no keys; mail leaves unsigned. Make some: broadsheet keys new"
    )


@app.command()
def show(domain: Domain = None, *, nameserver: Nameserver = None, as_json: AsJson = False) -> None:
    """The DNS records that a domain's keys need, and what DNS says of each. Exit code 1 when one is not as it should be."""
    from broadsheet.published import Dns

    with House(load()) as house:
        name = _domain(house, domain)
        keys = house.dkim_keys.read()
        mine = [key for key in keys if key.domain == name and key.retired_at is None]
        if not mine:
            answers.refuse(f"{name} has no keys. Make some: `broadsheet keys new {name}`")
        looks = [Dns(nameserver).look(key) for key in mine]
    said = [line for look in looks for line in (*_records([look.key]), f"# {look.words}", "")]
    facts = [_shown(look.key, keys) | {"in_dns": look.is_right, "found": look.words} for look in looks]
    answers.done({"domain": name, "keys": facts}, *said[:-1], as_json=as_json)
    raise typer.Exit(0 if all(look.is_right for look in looks) else 1)


@app.command()
def rotate(
    domain: Domain = None,
    *,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Do not look into DNS.")] = False,
    nameserver: Nameserver = None,
    as_json: AsJson = False,
) -> None:
    """Let the new keys sign, once DNS shows their records; those before them rest. A running service follows by itself."""
    with House(load()) as house:
        name = _domain(house, domain)
        seen = [] if unchecked else _look(rotation.waiting(house.dkim_keys.read(), name), nameserver)
        done = _done(rotation.rotate(house.dkim_keys, name, found=seen, now=house.clock()))
        _audit(house, "keys.rotate", name, done.signing)
    said = [
        f"From now on {_selectors(done.signing)} sign for {name}{', unchecked' if unchecked else ': DNS shows their records'}."
    ]
    if done.resting:
        said.append(
            f"{_selectors(done.resting)} rest. Leave their records in DNS until you have retired them: `broadsheet keys retire`"
        )
    facts = {
        "domain": name,
        "signing": [key.selector for key in done.signing],
        "resting": [key.selector for key in done.resting],
    }
    answers.done(facts | {"checked": not unchecked}, *said, as_json=as_json)


@app.command()
def retire(
    domain: Domain = None,
    *,
    at_once: Annotated[bool, typer.Option("--now", help="Although mail that they signed may be under way.")] = False,
    as_json: AsJson = False,
) -> None:
    """Destroy the private halves of the keys that rest; then their DNS records may go. This cannot be undone."""
    with House(load()) as house:
        name = _domain(house, domain)
        done = _done(rotation.retire(house.dkim_keys, name, at_once=at_once, now=house.clock()))
        _audit(house, "keys.retire", name, [key for key, _ in done])
    said = [
        f"{key.selector} is retired; it has signed nothing since {since:%Y-%m-%d %H:%M} UTC. "
        f"Take {key.name.record_name} out of DNS."
        for key, since in done
    ]
    facts = [
        {"selector": key.selector, "record": key.name.record_name, "signed_nothing_since": since} for key, since in done
    ]
    answers.done({"domain": name, "retired": facts}, *said, as_json=as_json)


@app.command("rotate-links")
def rotate_links(*, as_json: AsJson = False) -> None:
    """Sign links with a new key from now on; links of earlier mails work for ever. The service must not run."""
    with House(load()) as house:
        path = house.settings.keys_file
        assert path is not None
        if serving.is_held(house.settings.data_dir):
            answers.refuse(
                "The service runs, and would not know links that the new key signs. Stop it, rotate, and start it again; "
                "mail that is due waits. Nothing was changed."
            )
        key_id = keyring.rotate(path)
        _audit(house, "keys.rotate-links", "links", [])
    said = [
        f"The key {key_id} signs links from now on. Make a backup of {path}: all older keys are in it and stay good."
    ]
    if not house.database.is_sqlite:
        said.append("Restart every process on every machine with this file: until then they do not know its links.")
    answers.done({"current": key_id, "file": str(path)}, *said, as_json=as_json)


_LISTED = ("domain", "selector", "algorithm", "state", "since", "found_in_dns_at")


def _shown(key: StoredKey, keys: list[StoredKey]) -> dict[str, Any]:
    state, since = dkim_keys.state(key, keys)
    text = dkim_record.text(key.name, key.public)
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm,
        "state": state,
        "since": since,
        "found_in_dns_at": key.found_at,
        "record": key.name.record_name,
        "text": text,
        "strings": dkim_record.strings(text),
    }


def _records(keys: list[StoredKey]) -> list[str]:
    return [dkim_record.zone_line(key.name, key.public) for key in keys]


def _look(keys: list[StoredKey], nameserver: str | None) -> list[str]:
    """The selectors of these keys, if DNS shows them all; else the end of the command, with what was found."""
    from broadsheet.published import Dns

    looks = [Dns(nameserver).look(key) for key in keys]
    for look in looks:
        typer.echo(look.words, err=True)
    if not all(look.is_right for look in looks):
        answers.refuse(
            "Nothing was changed: mail signed by a key that DNS does not show is worse than unsigned. Mend what is said "
            "above and try again. (--unchecked goes on all the same.)"
        )
    return [look.key.selector for look in looks]


def _domain(house: House, given: str | None) -> str:
    """The domain that was given, else the only one that letters come from, else (before there is any) mail_domain."""
    house.require_tables()  # each act leaves its line in the audit trail, too
    if given is not None:
        return given.lower().rstrip(".")
    domains = outgoing.sender_domains(house) or [house.settings.mail_domain]
    if len(domains) > 1:
        answers.refuse(f"Letters come from several domains. Name one: {', '.join(domains)}")
    return domains[0]


def _done(result: T | Refused) -> T:
    if isinstance(result, Refused):
        answers.refuse(result.words)
    return result


def _audit(house: House, act: str, subject: str, keys: list[StoredKey]) -> None:
    detail = {"selectors": [key.selector for key in keys]} if keys else {}
    with house.database.write() as session:
        members.audit(session, act, subject[:120], actor=_HERE, now=house.clock(), **detail)


def _selectors(keys: list[StoredKey]) -> str:
    return " and ".join(key.selector for key in keys)
