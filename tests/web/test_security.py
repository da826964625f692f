"""What every answer carries, and what no request may do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from starlette.testclient import TestClient

from ground.tokens import Purpose
from mailer.letter import Compiled
from mailer.lint import Report
from newsletters.issues import IssueState
from tests.web.conftest import BASE, House, add_issue
from web.app import create_app


def _reader_links(house: House) -> list[str]:
    """Every address a letter or a page may lead a reader, or a mail scanner, to."""
    unsubscribe = house.join("a@example.org")
    gone = house.join("b@example.org")
    back = house.client.post(gone).text.split('action="')[1].split('"')[0]
    house.sign_up("c@example.org")
    add_issue(house.database, 1, 1, IssueState.FINISHED, house.now)
    token = house.keys.sign(Purpose.CONFIRM, house.letters()[-1].fields["confirm_url"], expires_at=house.now)
    return [
        "/",
        "/n/courier/en",
        "/n/courier/ckb",
        "/n/courier/en/embed",
        house.link(Purpose.CONFIRM),
        f"/confirm/{token}",
        "/confirm/forged",
        unsubscribe,
        gone,
        "/u/forged",
        back,
        "/archive/courier/en",
        "/archive/courier/en/1",
        "/archive/courier/en/feed.xml",
        "/healthz",
        "/readyz",
        "/nothing",
    ]


def test_reading_changes_nothing_however_often(house: House) -> None:
    links = _reader_links(house)
    before = house.dump()
    submitted = len(house.engine.submitted)
    for link in links * 2:
        shown = house.client.get(link)
        head = house.client.head(link)
        assert head.status_code == shown.status_code
        assert head.content == b""
        assert house.client.options(link).status_code in {404, 405}
    assert house.dump() == before
    assert len(house.engine.submitted) == submitted


def test_every_page_forbids_script_and_everything_from_elsewhere(house: House) -> None:
    for link in _reader_links(house):
        answer = house.client.get(link)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none';"), link
        assert "script" not in policy
        assert "base-uri 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "<script" not in answer.text


def test_pages_behind_a_token_are_neither_kept_nor_found(house: House) -> None:
    for link in _reader_links(house):
        answer = house.client.get(link)
        behind_token = link.startswith(("/confirm/", "/u/", "/back/"))
        assert (answer.headers.get("x-robots-tag") == "noindex, nofollow") is behind_token
        if behind_token:
            assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "news.example.org.",
        "news.example.org.evil.example",
        "evil.example:443",
        "news.example.org@evil.example",
        "user@news.example.org",
        "127.0.0.1",
        "localhost",
        "[::1",
        "news.example.org:port",
        "news.example.org/x",
        "",
    ],
)
def test_a_host_that_is_not_ours_is_refused_and_nothing_is_written(house: House, host: str) -> None:
    before = house.dump()
    for answer in (
        house.client.get("/n/courier/en", headers={"Host": host}),
        house.client.post("/n/courier/en", data={"email": "a@example.org"}, headers={"Host": host}),
    ):
        assert answer.status_code == 400
        assert host == "" or host not in answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert house.dump() == before


@pytest.mark.parametrize("host", ["NEWS.example.org", "news.example.org:443", "news.example.org:8080"])
def test_our_own_host_may_be_written_in_capitals_and_with_a_port(house: House, host: str) -> None:
    assert house.client.get("/", headers={"Host": host}).status_code == 200


def test_two_hosts_are_none(house: House) -> None:
    doubled = [("Host", "news.example.org"), ("Host", "evil.example")]
    assert house.client.get("/", headers=doubled).status_code == 400


def test_forwarded_hosts_reach_neither_pages_nor_letters(house: House) -> None:
    hostile = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "X-Original-URL": "//evil.example"}
    assert "evil" not in house.client.get("/n/courier/en/embed", headers=hostile).text
    assert "evil" not in house.sign_up("a@example.org", **hostile)
    assert "evil" not in repr(house.compiler.jobs)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000"])
def test_probes_from_the_machine_itself_are_answered(house: House, host: str) -> None:
    assert house.client.get("/healthz", headers={"Host": host}).json() == {"status": "ok"}
    assert house.client.get("/readyz", headers={"Host": host}).json() == {"status": "ready"}


def test_a_name_that_wiring_trusts_is_answered(house: House) -> None:
    app = create_app(replace(house.parts, trusted_hosts=frozenset({"localhost"})))
    assert TestClient(app, base_url="http://localhost:8000").get("/").status_code == 200


def test_a_body_longer_than_any_form_is_not_read(house: House) -> None:
    link = house.join("rezan@example.org")
    answer = house.client.post("/n/courier/en", data={"email": "a" * 70_000})
    assert answer.status_code == 413
    assert "longer than any form" in answer.text
    chunks = (b"email=" + b"a" * 20_000 for _ in range(10))
    assert house.client.post(link, content=chunks).status_code == 200  # leaving needs no body at all


def test_tokens_stay_out_of_the_log(house: House) -> None:
    link = house.join("rezan@example.org")
    with structlog.testing.capture_logs() as lines:
        house.client.get(link)
        house.client.post(link)
        house.client.get("/u/forged-token")
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("GET", "/u/{token}", 200),
        ("POST", "/u/{token}", 200),
        ("GET", "/u/{token}", 404),
    ]
    assert link.removeprefix("/u/") not in repr(lines)


def test_what_breaks_is_told_on_a_page_with_every_header(house: House) -> None:
    class Broken:
        async def variant(self, job: object) -> int:
            raise RuntimeError(f"the template of {type(job).__name__} is broken")

        async def compiled(self, job: object) -> Compiled:
            raise RuntimeError(f"the template of {type(job).__name__} is broken")

        async def lint(self, job: object) -> Report:
            raise RuntimeError(f"the template of {type(job).__name__} is broken")

    app = create_app(replace(house.parts, compiler=Broken(), answer_floor=timedelta(0)))
    client = TestClient(app, base_url=BASE, raise_server_exceptions=False)
    token = client.get("/n/courier/en").text.split('name="token" value="')[1].split('"')[0]
    before = house.dump()
    answer = client.post("/n/courier/en", data={"email": "a@example.org", "token": token})
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.text
    assert "is broken" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert house.dump() == before
