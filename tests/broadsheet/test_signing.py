"""Signing a group: by the keys of its sender's domain, by children, and each message for itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dkim as oracle
import pytest
from structlog.testing import capture_logs

from broadsheet import outgoing
from broadsheet.children import Children
from broadsheet.dkim_keys import KeyFolder, StoredKey
from broadsheet.settings import load
from broadsheet.signing import FEW, Signing
from broadsheet.wiring import House
from ground.tokens import KeyRing
from mailer.message import Mint
from mailer.press import Unsignable
from tests.mailer import signed_mail
from tests.mailer.signed_mail import DOMAIN

MINT = Mint(
    keys=KeyRing({"a": b"a key for tests, thirty-two bytes"}, "a"), base_url="", message_domain="", bounce_domain=""
)
pytestmark = pytest.mark.slow


class Watched(Executor):
    """Real children, and a look at what they are given."""

    def __init__(self) -> None:
        self.children = Children(workers=2)
        self.calls: list[tuple[Any, ...]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 - as Executor has it
        self.calls.append(args)
        return self.children.submit(fn, *args, **kwargs)


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "dkim")


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.children.shutdown()


def mail(number: int = 1, domain: str = DOMAIN) -> bytes:
    return f"From: Desk <desk@{domain}>\r\nTo: r@x.example\r\nSubject: {number}\r\n\r\nHello {number}\r\n".encode()


def sign(signing: Signing, messages: list[bytes], at: datetime) -> list[bytes | Unsignable]:
    return asyncio.run(_sign(signing, messages, at))


async def _sign(signing: Signing, messages: list[bytes], at: datetime) -> list[bytes | Unsignable]:
    return await signing.sign(messages, at, [None] * len(messages))


def selectors(message: bytes | Unsignable) -> list[str]:
    assert isinstance(message, bytes)
    return [each.decode() for each in re.findall(rb" s=([a-z0-9-]+);", message)]


def verifies(message: bytes | Unsignable, keys: list[StoredKey]) -> bool:
    assert isinstance(message, bytes)
    records = signed_mail.records(keys)

    def lookup(name: bytes, timeout: int = 5) -> bytes:  # noqa: ARG001 - as dkimpy calls it
        return records[name.decode().rstrip(".")].encode()

    return all(oracle.DKIM(message).verify(idx=index, dnsfunc=lookup) for index in range(len(keys)))


def test_a_group_is_signed_in_one_call_and_only_digests_are_given(
    folder: KeyFolder, watched: Watched, now: datetime
) -> None:
    keys = signed_mail.signing_keys(folder, now)
    messages = [mail(number) for number in range(25)]
    signed = sign(Signing(folder, lambda: watched, hands=2), messages, now)
    assert all(verifies(each, keys) for each in signed)
    assert [each.endswith(message) for each, message in zip(signed, messages, strict=True) if isinstance(each, bytes)]
    ((files, digests),) = watched.calls
    assert [Path(file).suffix for file in files] == [".json", ".json"]
    assert {len(digest) for each in digests for digest in each} == {32}


def test_children_and_this_process_sign_alike(folder: KeyFolder, watched: Watched, now: datetime) -> None:
    signed_mail.signing_keys(folder, now)
    signing = Signing(folder, lambda: watched, hands=2)
    messages = [mail(number) for number in range(FEW + 1)]
    together = sign(signing, messages, now)
    assert watched.calls
    assert [sign(signing, [each], now)[0] for each in messages] == together


def test_a_few_are_signed_without_children(folder: KeyFolder, watched: Watched, now: datetime) -> None:
    keys = signed_mail.signing_keys(folder, now)
    signed = sign(Signing(folder, lambda: watched, hands=2), [mail()], now)
    assert verifies(signed[0], keys)
    assert watched.calls == []


def test_a_message_that_cannot_be_signed_fails_alone(folder: KeyFolder, watched: Watched, now: datetime) -> None:
    keys = signed_mail.signing_keys(folder, now)
    messages = [mail(1), b"Subject: no sender\r\n\r\nHello\r\n", mail(2), mail(3) + b"\r\n", mail(4)]
    signed = sign(Signing(folder, lambda: watched, hands=2), messages, now)
    assert [isinstance(each, Unsignable) for each in signed] == [False, True, False, True, False]
    assert all(verifies(each, keys) for each in signed if isinstance(each, bytes))


def test_d_is_the_from_domain_or_the_nearest_above_it(folder: KeyFolder, watched: Watched, now: datetime) -> None:
    for domain in ("example.org", "news.example.org"):
        signed_mail.signing_keys(folder, now, domain)
    signing = Signing(folder, lambda: watched, hands=2)
    domains = ("news.example.org", "example.org", "a.b.news.example.org", "b.example.org", "example.net", "org")
    signed = sign(signing, [mail(domain=each) for each in domains], now)
    found = [re.findall(rb" d=([a-z.]+);", each)[:1] for each in signed if isinstance(each, bytes)]
    assert found == [[b"news.example.org"], [b"example.org"], [b"news.example.org"], [b"example.org"], [], []]
    assert signed[4] == mail(domain="example.net")


def test_without_keys_a_message_leaves_as_it_is(folder: KeyFolder, watched: Watched, now: datetime) -> None:
    assert sign(Signing(folder, lambda: watched, hands=2), [mail()] * 5, now) == [mail()] * 5


def test_a_running_service_follows_a_rotation(folder: KeyFolder, watched: Watched, now: datetime) -> None:
    signing = Signing(folder, lambda: watched, hands=2)
    signed_mail.signing_keys(folder, now)
    assert selectors(sign(signing, [mail()], now)[0]) == ["b202603a-rsa", "b202603a-ed"]
    signed_mail.signing_keys(folder, now + timedelta(hours=1))
    signed = sign(signing, [mail(number) for number in range(9)], now)
    assert {tuple(selectors(each)) for each in signed} == {("b202603b-rsa", "b202603b-ed")}


def test_a_folder_that_is_damaged_while_mail_is_sent_stops_no_mail(
    folder: KeyFolder, watched: Watched, now: datetime
) -> None:
    keys = signed_mail.signing_keys(folder, now)
    signing = Signing(folder, lambda: watched, hands=2)
    (folder.path / DOMAIN / "zz.json").write_text("junk")
    assert verifies(sign(signing, [mail()], now)[0], keys)


def test_children_that_die_are_replaced_and_nothing_is_lost(folder: KeyFolder, watched: Watched, now: datetime) -> None:
    keys = signed_mail.signing_keys(folder, now)
    signing = Signing(folder, lambda: watched, hands=2)
    messages = [mail(number) for number in range(9)]
    sign(signing, messages, now)
    pool = watched.children._pool
    assert pool is not None
    for process in list(pool._processes.values()):
        process.kill()
    assert all(verifies(each, keys) for each in sign(signing, messages, now))


def test_every_start_says_who_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(mail_domain=DOMAIN)
    with House(settings) as house:
        house.migrate()
        assert [said["event"] for said in at_start(house)] == ["mail_leaves_unsigned"]
        assert at_start(house)[0]["remedy"] == f"broadsheet keys new {DOMAIN}"
        signed_mail.signing_keys(house.dkim_keys, house.clock())
    with House(settings) as house:
        assert [(said["event"], said["domains"]) for said in at_start(house)] == [("signing_keys", [DOMAIN])]
    with House(load(smtp={"signs": "relay"})) as house:
        assert [said["event"] for said in at_start(house)] == ["the_relay_signs"]
        assert outgoing.press(MINT, house.signing).sign is None


def at_start(house: House) -> list[Any]:
    with capture_logs() as said:
        outgoing.say_who_signs(house)
    return list(said)
