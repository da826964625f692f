"""Settings come from the environment, a file, or defaults, in that order; a wrong one is told in words."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from broadsheet import keyring, outgoing
from broadsheet.environment import unknown_variables
from broadsheet.settings import PREFIX, ConfigurationError, load
from ground.tokens import Purpose
from mailer.letters import Lane
from mailer.transports.relay import Correlation, Relay
from mailer.transports.smtp import SmtpTransport


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith(PREFIX)]:  # noqa: TID251
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_the_defaults_stay_in_one_folder() -> None:
    settings = load()
    assert settings.database_url == "sqlite:///var/broadsheet.sqlite3"
    assert settings.keys_file == Path("var/keys.json")
    assert settings.bounces_maildir == Path("var/bounces")


def test_the_domains_follow_from_the_base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSHEET_BASE_URL", "https://news.example.org/")
    settings = load()
    assert (settings.base_url, settings.mail_domain, settings.bounce_domain) == (
        "https://news.example.org",
        "news.example.org",
        "bounces.news.example.org",
    )


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broadsheet.toml").write_text('port = 9000\n[smtp]\nhost = "relay.example"\nport = 587\n')
    monkeypatch.setenv("BROADSHEET_SMTP__PORT", "465")
    settings = load()
    assert (settings.port, settings.smtp.host, settings.smtp.port) == (9000, "relay.example", 465)


def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("open sesame\n")
    monkeypatch.setenv("BROADSHEET_SMTP__PASSWORD_FILE", str(tmp_path / "secret"))
    password = load().smtp.password
    assert password is not None
    assert password.get_secret_value() == "open sesame"
    assert "sesame" not in repr(load())


@pytest.mark.parametrize(("given", "meant"), [("30", timedelta(seconds=30)), ("PT5M", timedelta(minutes=5))])
def test_a_duration_is_seconds_or_iso_8601(monkeypatch: pytest.MonkeyPatch, given: str, meant: timedelta) -> None:
    monkeypatch.setenv("BROADSHEET_IN_DOUBT_GRACE", given)
    assert load().in_doubt_grace == meant


def test_an_unknown_key_in_the_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "broadsheet.toml").write_text("bsae_url = 'https://news.example.org'\n")
    with pytest.raises(ConfigurationError, match="bsae_url"):
        load()


@pytest.mark.parametrize("url", ["news.example.org", "ftp://news.example.org", "https://news.example.org/path"])
def test_a_base_url_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("BROADSHEET_BASE_URL", url)
    with pytest.raises(ConfigurationError, match="scheme and host"):
        load()


def test_a_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSHEET_SMTP__PASSWORD_FILE", "/nowhere/secret")
    with pytest.raises(ConfigurationError, match="/nowhere/secret"):
        load()


def test_broken_toml_is_told(tmp_path: Path) -> None:
    (tmp_path / "broadsheet.toml").write_text("port = = 1\n")
    with pytest.raises(ConfigurationError, match="TOML"):
        load()


def test_keys_are_made_once_and_kept_to_their_owner(tmp_path: Path) -> None:
    path = tmp_path / "var" / "keys.json"
    token = keyring.load_or_make(path).sign(Purpose.UNSUBSCRIBE, "1")
    assert path.stat().st_mode & 0o777 == 0o600
    assert keyring.load_or_make(path).sign(Purpose.UNSUBSCRIBE, "1") == token


@pytest.mark.parametrize("content", ["", "{}", '{"current": "b", "keys": {"a": "00"}}', "[]"])
def test_damaged_keys_are_never_replaced_without_a_word(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="backup"):
        keyring.load_or_make(path)
    assert path.read_text() == content


# --- routes -------------------------------------------------------------------------

TWO_ROUTES = """
[routes.ses]
host = "ses.example"
port = 587
username = "desk"
password_file = "secret"
weight = 9
lanes = ["bulk"]
signs = "relay"
keeps_message_id = false
correlation = "X-SES-MESSAGE-TAGS"

[routes.own]
host = "mail.example"
tls = "implicit"
port = 465
connections = 3
"""


def write(tmp_path: Path, text: str) -> None:
    (tmp_path / "broadsheet.toml").write_text(text)


def test_several_routes_become_the_ways_of_the_lanes_they_carry(tmp_path: Path) -> None:
    write(tmp_path, 'base_url = "https://news.example.org"' + TWO_ROUTES)
    (tmp_path / "secret").write_text("open sesame\n")
    ways = outgoing.ways(load())
    assert [(way.transport.name, way.weight, way.transport.connections) for way in ways[Lane.BULK]] == [
        ("ses", 9, 10),
        ("own", 1, 3),
    ]
    assert [(way.transport.name, way.transport.connections) for way in ways[Lane.TX]] == [("own", 2)]
    ses = ways[Lane.BULK][0]
    assert isinstance(ses.transport, SmtpTransport)
    assert (ses.transport.route.helo, ses.transport.route.password) == ("news.example.org", "open sesame")
    assert ses.relay == Relay(signs=True, keeps_message_id=False, correlation=Correlation.SES)
    assert "sesame" not in repr(load())


def test_the_short_form_is_one_route_for_both_lanes() -> None:
    ways = outgoing.ways(load())
    assert {lane: [way.transport.name for way in each] for lane, each in ways.items()} == {
        Lane.BULK: ["smtp"],
        Lane.TX: ["smtp"],
    }


def test_routes_can_be_set_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("open sesame\n")
    monkeypatch.setenv("BROADSHEET_ROUTES__OWN__HOST", "mail.example")
    monkeypatch.setenv("BROADSHEET_ROUTES__OWN__LANES", "bulk,tx")
    monkeypatch.setenv("BROADSHEET_ROUTES__OWN__USERNAME", "desk")
    monkeypatch.setenv("BROADSHEET_ROUTES__OWN__PASSWORD_FILE", str(tmp_path / "secret"))
    own = load().routes["own"]
    assert (own.host, own.lanes) == ("mail.example", ("bulk", "tx"))
    assert own.password is not None
    assert own.password.get_secret_value() == "open sesame"
    assert unknown_variables() == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[smtp]\nhost = "a.example"\n[routes.b]\nhost = "b.example"', "both smtp and routes"),
        ('[routes.a]\nlanes = ["bulk"]', 'no route carries the lane "tx"'),
        ("[routes.a]\nlanes = []", "routes.a.lanes"),
        ("[routes.a]\nweight = 0", "routes.a.weight"),
        ("[routes.a]\nhots = 1", "routes.a.hots"),
        ('[routes."a b"]\nhost = "a.example"', "is no name for a route"),
        ('[routes.a]\ncorrelation = "X-Own"', "X-SMTPAPI"),
        ('[routes.a]\npassword_file = "/nowhere"', "/nowhere"),
        ('[routes.a]\ntls = "none"\nusername = "u"\npassword = "p"', "route 'a' cannot be used.*clear text"),
        ('[routes.a]\npassword = "p"', "password but no username"),
        ("[routes.a]\nkeeps_date = false", "replaces Date.*set signs"),
        ('[routes.a]\ntrusted_ca = "/nowhere.pem"', "route 'a' trusts /nowhere.pem"),
        ('[routes.a]\ntls = "none"\ntrusted_ca = "x.pem"', "no TLS to use it for"),
        ('helo = "localhost"', "greet its server as 'localhost'"),
        ('helo = "two words"', "write a domain only"),
    ],
)
def test_routes_that_cannot_be_used_are_told_by_name(tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path, text)
    with pytest.raises(ConfigurationError, match=told):
        outgoing.check(load())
