"""`broadsheet keys`, with a name server on loopback."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from broadsheet import keyring, serving
from broadsheet.settings import load
from broadsheet.wiring import House
from ground.tokens import Purpose, Valid
from mailer import envelope
from staff import trail
from staff.trail import Wanted
from tests.broadsheet.conftest import NEWSLETTER, Ask, Run, given, words
from tests.nameserver import BROKEN, Nameserver, a_nameserver

pytestmark = pytest.mark.slow

DOMAIN = "news.example.org"


@pytest.fixture
def nameserver() -> Iterator[Nameserver]:
    with a_nameserver({}) as server:
        yield server


def publish(nameserver: Nameserver, ask: Ask) -> None:
    """Put every key's record into DNS, as it is told."""
    for key in ask("keys", "show", DOMAIN, "--nameserver", nameserver.address, code=1)["keys"]:
        nameserver.records[key["record"]] = [key["text"]]


def states(ask: Ask) -> dict[str, str]:
    return {key["selector"]: key["state"] for key in ask("keys", "list")}


def selectors(ask: Ask) -> list[str]:
    return [key["selector"] for key in ask("keys", "new", DOMAIN)["keys"]]


def test_records_can_be_copied_into_a_zone(run: Run, ask: Ask) -> None:
    told = run("keys", "new", DOMAIN).stdout
    lines = [line for line in told.splitlines() if " IN TXT " in line]
    assert [line.split("._domainkey.")[1].split()[0] for line in lines] == [f"{DOMAIN}."] * 2
    for line in lines:
        strings = line.partition("( ")[2].rpartition(" )")[0].strip('"').split('" "')
        assert all(0 < len(part) <= 255 for part in strings)
        assert "".join(strings).startswith("v=DKIM1; k=")
    found = ask("keys", "list")
    assert {key["algorithm"] for key in found} == {"rsa-sha256", "ed25519-sha256"}
    assert {key["state"] for key in found} == {"new"}
    assert "PRIVATE" not in told + json.dumps(found)


def test_new_keys_sign_when_dns_shows_them(run: Run, ask: Ask, nameserver: Nameserver) -> None:
    made = selectors(ask)
    refused = run("keys", "rotate", DOMAIN, "--nameserver", nameserver.address, code=2)
    assert words(refused).count("DNS has no TXT record there") == 2
    assert set(states(ask).values()) == {"new"}
    publish(nameserver, ask)
    assert "DNS shows their records" in run("keys", "rotate", DOMAIN, "--nameserver", nameserver.address).stdout
    assert states(ask) == dict.fromkeys(made, "active")
    assert all(key["found_in_dns_at"] for key in ask("keys", "list"))
    assert ask("keys", "show", DOMAIN, "--nameserver", nameserver.address)["keys"][0]["in_dns"] is True


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ((), "no TXT record"),
        (("v=DKIM1; k=rsa; p=AAAA",), "not this key's"),
        (("v=spf1 -all",), "not this key's"),
        (("v=DKIM1; p=",), "revokes"),
        (("{text}", "v=DKIM1; k=rsa; p=AAAA"), "more than one"),
        (("{text}; t=s:y",), "t=y"),
        (BROKEN, "did not answer"),
    ],
)
def test_what_was_found_is_said_and_nothing_changes(
    run: Run, ask: Ask, nameserver: Nameserver, texts: tuple[str, ...], told: str
) -> None:
    ask("keys", "new", DOMAIN)
    publish(nameserver, ask)
    name = next(name for name in nameserver.records if "-rsa" in name)
    (right,) = nameserver.records[name]
    nameserver.records[name] = texts if texts is BROKEN else [text.replace("{text}", right) for text in texts]
    assert told in words(run("keys", "rotate", DOMAIN, "--nameserver", nameserver.address, code=2))
    assert set(states(ask).values()) == {"new"}


def test_unchecked_says_so(run: Run, ask: Ask) -> None:
    ask("keys", "new", DOMAIN)
    assert "unchecked" in run("keys", "rotate", DOMAIN, "--unchecked").stdout
    assert set(states(ask).values()) == {"active"}
    assert not any(key["found_in_dns_at"] for key in ask("keys", "list"))


def test_keys_are_retired_when_no_mail_of_theirs_is_under_way(run: Run, ask: Ask) -> None:
    first = selectors(ask)
    run("keys", "rotate", DOMAIN, "--unchecked")
    second = selectors(ask)
    assert ask("keys", "rotate", DOMAIN, "--unchecked")["resting"] == first
    assert states(ask) == dict.fromkeys(first, "resting") | dict.fromkeys(second, "active")
    assert "7 days" in words(run("keys", "retire", DOMAIN, code=2))
    retired = ask("keys", "retire", DOMAIN, "--now")["retired"]
    assert [key["selector"] for key in retired] == first
    assert all(key["signed_nothing_since"] for key in retired)
    assert states(ask) == dict.fromkeys(first, "retired") | dict.fromkeys(second, "active")


@pytest.mark.parametrize("command", ["rotate", "retire", "show"])
def test_a_domain_without_keys(run: Run, command: str) -> None:
    assert DOMAIN in words(run("keys", command, DOMAIN, code=2))


def test_a_name_that_is_no_domain(run: Run) -> None:
    assert "not a host name" in words(run("keys", "new", "../etc", code=2))


def test_a_name_server_that_is_none(run: Run, ask: Ask) -> None:
    ask("keys", "new", DOMAIN)
    assert "IP address" in words(run("keys", "show", DOMAIN, "--nameserver", "ns.example", code=2))


def test_every_act_leaves_its_line(run: Run, ask: Ask) -> None:
    made = selectors(ask)
    run("keys", "rotate", DOMAIN, "--unchecked")
    run("keys", "rotate-links")
    with House(load()) as house, house.database.read() as session:
        lines = [(line.act, line.subject, line.detail) for line in trail.list_entries(session, Wanted(), limit=9)]
    detail = {"selectors": made}
    assert lines == [("keys.rotate-links", "links", {}), ("keys.rotate", DOMAIN, detail), ("keys.new", DOMAIN, detail)]


def test_who_sends_unsigned_is_told(desk: Run, ask: Ask) -> None:
    assert ask("config", "check")["unsigned"] == ["zagroscourier.example"]
    assert "`broadsheet keys new zagroscourier.example`" in desk("config", "check").stdout
    assert ask("keys", "new")["domain"] == "zagroscourier.example"  # the only one
    assert ask("config", "check")["unsigned"] == ["zagroscourier.example"]
    desk("keys", "rotate", "zagroscourier.example", "--unchecked")
    assert ask("config", "check")["unsigned"] == []


def test_among_several_domains_one_is_named(desk: Run) -> None:
    other = given(given(NEWSLETTER, "add", "evening"), "--sender", "desk@evening.example")
    desk(*other)
    assert "evening.example, zagroscourier.example" in words(desk("keys", "new", code=2))


def test_a_relay_that_signs_leaves_nothing_unsigned(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSHEET_SMTP__SIGNS", "relay")
    assert ask("config", "check")["unsigned"] == []


def test_looking_at_the_settings_makes_no_database(ask: Ask) -> None:
    Path("var/broadsheet.sqlite3").unlink()
    assert ask("config", "check")["unsigned"] == ["broadsheet.example"]
    assert list(Path("var").iterdir()) == []


def test_links_get_a_new_key_and_the_old_ones_work_for_ever(ask: Ask) -> None:
    path = Path("var/keys.json")
    before = keyring.load_or_make(path)
    with House(load()) as house:
        now = house.clock()
    token = before.sign(Purpose.UNSUBSCRIBE, "42")
    bounce = envelope.return_path(before, 7, "bounces.example")
    ids = [*"bcdefghijklmnopqrstuvwxyz", "aa", "ab"]
    assert [ask("keys", "rotate-links")["current"] for _ in ids] == ids
    after = keyring.load_or_make(path)
    assert after.sign(Purpose.UNSUBSCRIBE, "42").startswith("ab.")
    assert after.read(Purpose.UNSUBSCRIBE, token, now=now + timedelta(days=9_999)) == Valid("42")
    assert envelope.delivery_of(after, bounce) == 7
    assert after.lasting_mac(Purpose.MESSAGE_ID, b"1.2") == before.lasting_mac(Purpose.MESSAGE_ID, b"1.2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_links_are_not_rotated_under_a_running_service(run: Run) -> None:
    with House(load()) as house:
        before = keyring.load_or_make(Path("var/keys.json")).sign(Purpose.UNSUBSCRIBE, "42")
        with serving.holding(house):
            assert "Stop it" in words(run("keys", "rotate-links", code=2))
    assert keyring.load_or_make(Path("var/keys.json")).sign(Purpose.UNSUBSCRIBE, "42") == before
