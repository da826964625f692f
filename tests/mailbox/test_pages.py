"""The mailbox's pages: what is shown, what cannot escape, what a POST does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from broadsheet.mailbox import Mailbox, create_mailbox_app
from ground.language import Languages
from web.pages import Pages

Post = Callable[..., Awaitable[None]]
ORIGIN = "http://127.0.0.1:1026"
TEMPLATES = Path(__file__).parent.parent.parent / "templates"
HTML = '<html><head><title>x</title></head><body><script>alert(1)</script><a href="https://example.org/">read</a></body></html>'


@pytest.fixture
def client(mailbox: Mailbox, languages: Languages) -> TestClient:
    whole = FastAPI()
    whole.mount("/mailbox", create_mailbox_app(mailbox, Pages(TEMPLATES, languages, ORIGIN)))
    return TestClient(whole, base_url=ORIGIN)


def _keep(mailbox: Mailbox, *, to: str = "reader@example.net", subject: str = "Morning", **headers: str) -> int:
    mail = EmailMessage()
    mail["Subject"] = subject
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("Good morning <b>\n\nhttps://example.org/a?b=1&c=2\n")
    mail.add_alternative(HTML, subtype="html")
    return mailbox.accept(
        mail.as_bytes(policy=mail.policy.clone(linesep="\r\n")), sender="b@x.example", recipients=[to]
    )


def test_an_empty_mailbox_says_what_to_do(client: TestClient) -> None:
    page = client.get("/mailbox/")
    assert page.status_code == 200
    assert "No mail yet" in page.text


def test_the_list_is_newest_first_and_found_by_recipient(client: TestClient, mailbox: Mailbox) -> None:
    _keep(mailbox, to="a@example.net", subject="First <i>")
    _keep(mailbox, to="b@example.net", subject="Second")
    page = client.get("/mailbox/").text
    assert page.index("Second") < page.index("First &lt;i&gt;")
    found = client.get("/mailbox/?to=B@example").text
    assert "Second" in found
    assert "First" not in found


def test_a_long_list_has_pages(client: TestClient, mailbox: Mailbox) -> None:
    for number in range(51):
        _keep(mailbox, subject=f"Number {number}.")
    assert "Number 0." not in client.get("/mailbox/").text
    assert "Number 0." in client.get("/mailbox/?page=2").text


@pytest.mark.parametrize(
    ("view", "shown"),
    [
        ("html", 'src="/mailbox/m/1/body"'),
        ("text", 'href="https://example.org/a?b=1&amp;c=2"'),
        ("headers", "multipart/alternative"),
        ("source", "&lt;script&gt;alert(1)&lt;/script&gt;"),
    ],
)
def test_a_mail_has_four_views(view: str, shown: str, client: TestClient, mailbox: Mailbox) -> None:
    _keep(mailbox)
    page = client.get(f"/mailbox/m/1/{view}")
    assert page.status_code == 200
    assert shown in page.text
    assert "<script" not in page.text


def test_the_mail_itself_has_no_script_and_no_origin_but_links_that_open(client: TestClient, mailbox: Mailbox) -> None:
    _keep(mailbox)
    body = client.get("/mailbox/m/1/body")
    policy = body.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert '<head><base target="_blank">' in body.text
    assert "sandbox=" in client.get("/mailbox/m/1/html").text


@pytest.mark.parametrize("path", ["/mailbox/m/99/html", "/mailbox/m/99/body", "/mailbox/m/1/nonsense"])
def test_what_is_not_there_is_404(path: str, client: TestClient, mailbox: Mailbox) -> None:
    _keep(mailbox)
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        b"Subject: =?nonsense?b?!!!?=\r\nContent-Type: text/html; charset=nonsense\r\n\r\n<p>\xff",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n####",
        b"Subject: a\r\n b\x00\r\nList-Unsubscribe: <http\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n",
    ],
)
def test_an_odd_mail_is_shown_in_every_view(raw: bytes, client: TestClient, mailbox: Mailbox) -> None:
    number = mailbox.accept(raw, sender="", recipients=["reader@example.net"])
    for view in ("html", "text", "headers", "source", "body"):
        assert client.get(f"/mailbox/m/{number}/{view}").status_code == 200
    assert client.get("/mailbox/").status_code == 200


def test_a_rule_is_told_by_form_and_forgotten(client: TestClient, mailbox: Mailbox) -> None:
    told = client.post("/mailbox/rules", data={"rule": "refuse gone@example.net 550 5.1.1 No"}, follow_redirects=False)
    assert (told.status_code, told.headers["location"]) == (303, "/mailbox/")
    assert mailbox.rules.refusal("gone@example.net") == "550 5.1.1 No"
    client.post("/mailbox/rules/forget", data={"address": "gone@example.net"})
    assert mailbox.rules.refusal("gone@example.net") is None


def test_a_wrong_rule_is_given_back_with_what_is_wrong(client: TestClient) -> None:
    page = client.post("/mailbox/rules", data={"rule": "refuse nobody"})
    assert page.status_code == 422
    assert "is no address" in page.text
    assert 'value="refuse nobody"' in page.text


def test_programs_tell_rules_and_list_mails_as_json(client: TestClient, mailbox: Mailbox) -> None:
    _keep(mailbox, to="a@example.net")
    assert client.post("/mailbox/api/rules", json={"rule": "bounce a@example.net"}).json() == [
        "bounce a@example.net 5.1.1"
    ]
    assert client.post("/mailbox/api/rules", json={"rule": "?"}).status_code == 422
    assert [mail["to"] for mail in client.get("/mailbox/api/messages?to=A@example.net").json()] == ["a@example.net"]
    assert client.get("/mailbox/api/messages?to=b@example.net").json() == []


def test_deleting_is_a_post_from_our_own_page_only(client: TestClient, mailbox: Mailbox, tmp_path: Path) -> None:
    _keep(mailbox)
    assert client.get("/mailbox/clear").status_code == 405
    assert client.post("/mailbox/clear", headers={"Origin": "https://evil.example"}).status_code == 403
    assert len(mailbox.messages()) == 1
    client.post("/mailbox/clear", headers={"Origin": ORIGIN})
    assert mailbox.messages() == []
    assert list((tmp_path / "mailbox").iterdir()) == []


def test_the_button_unsubscribes_as_a_mail_client_would(mailbox: Mailbox, languages: Languages) -> None:
    asyncio.run(_press_the_button(mailbox, languages))


async def _press_the_button(mailbox: Mailbox, languages: Languages) -> None:
    import httpx2
    import uvicorn

    seen: list[tuple[str, bytes, str | None]] = []
    whole = FastAPI()

    @whole.post("/u/{token}")
    async def leave(request: Request, token: str) -> None:
        seen.append((token, await request.body(), request.headers.get("cookie")))

    whole.mount("/mailbox", create_mailbox_app(mailbox, Pages(TEMPLATES, languages, "http://127.0.0.1")))
    server = uvicorn.Server(uvicorn.Config(whole, port=0, log_level="warning", lifespan="off"))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    _keep(
        mailbox,
        List_Unsubscribe=f"<{base}/u/abc>, <mailto:x@example.org>",
        List_Unsubscribe_Post="List-Unsubscribe=One-Click",
    )
    try:
        async with httpx2.AsyncClient(trust_env=False) as client:
            page = await client.post(f"{base}/mailbox/m/1/unsubscribe")
            assert "Unsubscribed in one click" in page.text
    finally:
        server.should_exit = True
        await running
    assert seen == [("abc", b"List-Unsubscribe=One-Click", None)]


def test_a_mail_without_both_headers_has_no_such_button(client: TestClient, mailbox: Mailbox) -> None:
    _keep(mailbox, List_Unsubscribe="<https://example.org/u/abc>")
    assert "/unsubscribe" not in client.get("/mailbox/m/1/html").text
    assert client.post("/mailbox/m/1/unsubscribe").status_code == 409


@pytest.mark.parametrize("path", ["/mailbox/", "/mailbox/api/messages", "/mailbox/static/mailbox.css"])
@pytest.mark.parametrize("host", ["mail.attacker.example", "127.0.0.1.attacker.example", "localhost.", "a@127.0.0.1"])
def test_a_stranger_s_name_for_this_machine_is_refused(client: TestClient, path: str, host: str) -> None:
    refused = client.get(path, headers={"Host": host})
    assert refused.status_code == 400
    assert "127.0.0.1" in refused.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1026", "127.0.0.1:1026", "[::1]:1026"])
def test_this_machine_s_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/mailbox/", headers={"Host": host}).status_code == 200
