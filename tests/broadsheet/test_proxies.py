"""Whom a request comes from: what a proxy says counts only if the proxy is ours."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI, Request

from broadsheet.serving import listening, pages
from broadsheet.settings import ConfigurationError, load
from web import forms


def app() -> FastAPI:
    made = FastAPI()

    @made.get("/who")
    async def who(request: Request) -> str | None:
        return forms.visitor(request)

    return made


async def seen(trusted: tuple[str, ...], forwarded: str) -> str | None:
    with listening("127.0.0.1", 0) as bound:
        url = f"http://127.0.0.1:{_port(bound)}/who"
        async with pages(app(), bound, trusted), httpx2.AsyncClient() as client:
            answer: str | None = (await client.get(url, headers={"X-Forwarded-For": forwarded})).json()
            return answer


def _port(bound: socket.socket) -> int:
    port: int = bound.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("trusted", "forwarded", "visitor"),
    [
        (("127.0.0.1",), "203.0.113.9", "203.0.113.9"),
        (("127.0.0.0/8",), "203.0.113.9", "203.0.113.9"),
        # What the visitor claims stands to the left of what our proxy saw.
        (("127.0.0.1",), "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (("127.0.0.1", "10.0.0.0/8"), "198.51.100.1, 203.0.113.9, 10.0.0.7", "203.0.113.9"),
        (("127.0.0.1",), "nonsense", None),
        ((), "203.0.113.9", "127.0.0.1"),
        (("10.0.0.5",), "203.0.113.9", "127.0.0.1"),
    ],
)
async def test_a_forwarded_address_is_believed_of_our_proxies_only(
    monkeypatch: pytest.MonkeyPatch, trusted: tuple[str, ...], forwarded: str, visitor: str | None
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # a container platform's, not ours
    assert await seen(trusted, forwarded) == visitor


@pytest.mark.parametrize("value", ["*", "0.0.0.0/0", "::/0", "proxy.example.org", "10.0.0.5/8"])
def test_trusting_everybody_or_a_name_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROADSHEET_TRUSTED_PROXIES", value)
    with pytest.raises(ConfigurationError, match="trusted_proxies"):
        load()


def test_proxies_are_a_list_and_may_be_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert load().trusted_proxies == ("127.0.0.1", "::1")
    monkeypatch.setenv("BROADSHEET_TRUSTED_PROXIES", "10.0.0.5, 10.1.0.0/24")
    assert load().trusted_proxies == ("10.0.0.5", "10.1.0.0/24")
    monkeypatch.setenv("BROADSHEET_TRUSTED_PROXIES", "")
    assert load().trusted_proxies == ()
