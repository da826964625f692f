"""Signatures as receivers judge them: what a server received from the dispatcher, before dkimpy, OpenDKIM and SpamAssassin.

The programs are Debian's. A machine without one leaves its tests out and says so; in CI that is an error.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dkim as dkimpy
import pytest

from broadsheet import clock
from broadsheet.dkim_keys import KeyFolder
from tests.mailer import signed_mail
from tests.mailer.test_dkim import filled, real, signed_names
from tests.nameserver import Nameserver, a_nameserver

pytestmark = pytest.mark.slow

LANGUAGES = ("en", "ckb")
Verdict = Callable[[bytes], dict[str, bool]]  # of each signature, by its algorithm


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What was received, and what DNS shows of the keys it was signed by."""

    mails: dict[str, list[bytes]]  # by language
    records: dict[str, str]


@pytest.fixture(scope="module")
def post(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Post:
    folder = KeyFolder(tmp_path_factory.mktemp("keys") / "dkim")
    keys = signed_mail.signing_keys(folder, clock.now())
    mails = {}
    for language in LANGUAGES:
        database = signed_mail.a_database(sqlite_template, tmp_path_factory.mktemp(language))
        found = real("daily", language)
        mails[language] = asyncio.run(signed_mail.deliver(found, filled(found), 12, database, folder))
        database.dispose()
    return Post(mails=mails, records=signed_mail.records(keys))


@pytest.fixture(scope="module")
def nameserver(post: Post) -> Iterator[Nameserver]:
    with a_nameserver({name: [text] for name, text in post.records.items()}) as server:
        yield server


def program(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.defpath}:/usr/sbin")  # daemons are not on everybody's path
    if found is None:
        reason = f"{name} is missing (Debian: apt install {package})"
        if os.environ.get("CI") == "true":  # noqa: TID251 - a test's own door
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(params=["dkimpy", "OpenDKIM", "SpamAssassin"])
def verdict(request: pytest.FixtureRequest, post: Post, tmp_path: Path) -> Verdict:
    if request.param == "dkimpy":
        return lambda mail: by_dkimpy(mail, post.records)
    if request.param == "OpenDKIM":
        opendkim = program("opendkim", "opendkim")
        return lambda mail: by_opendkim(opendkim, mail, post.records, tmp_path)
    spamassassin = program("spamassassin", "spamassassin")
    server: Nameserver = request.getfixturevalue("nameserver")
    return lambda mail: by_spamassassin(spamassassin, mail, server, tmp_path)


def by_dkimpy(mail: bytes, records: dict[str, str]) -> dict[str, bool]:
    def lookup(name: bytes, timeout: int = 5) -> bytes:  # noqa: ARG001 - as dkimpy calls it
        return records[name.decode().rstrip(".")].encode()

    found = {}
    for index, algorithm in enumerate(re.findall(rb"^DKIM-Signature: v=1; a=([a-z0-9-]+)", mail, re.MULTILINE)):
        try:
            found[algorithm.decode()] = bool(dkimpy.DKIM(mail).verify(idx=index, dnsfunc=lookup))
        except dkimpy.ValidationError:
            found[algorithm.decode()] = False
    return found


def by_opendkim(opendkim: str, mail: bytes, records: dict[str, str], folder: Path) -> dict[str, bool]:
    keys, settings, file = folder / "keys", folder / "opendkim.conf", folder / "mail"
    keys.write_text("".join(f"{name} {text}\n" for name, text in records.items()))
    settings.write_text(f"TestPublicKeys {keys}\nSyslog no\nMode v\n")
    file.write_bytes(mail)
    ran = subprocess.run([opendkim, "-x", settings, "-t", file, "-vv"], capture_output=True, text=True, check=True)
    judged = re.findall(r"dkim=(pass|fail)[^;]*header\.a=([a-z0-9-]+)", ran.stdout)
    return {algorithm: word == "pass" for word, algorithm in judged}


def by_spamassassin(spamassassin: str, mail: bytes, server: Nameserver, folder: Path) -> dict[str, bool]:
    """It says one thing of all signatures together, and Debian's knows RSA only: a message with both is valid by RSA."""
    site, home = folder / "site", folder / "home"
    site.mkdir(exist_ok=True)
    home.mkdir(exist_ok=True)
    plugins = ("Check", "DKIM")
    (site / "init.pre").write_text("".join(f"loadplugin Mail::SpamAssassin::Plugin::{each}\n" for each in plugins))
    (site / "local.cf").write_text(f"dns_server {server.address}\ndns_available yes\nuse_bayes 0\nskip_rbl_checks 1\n")
    command = [spamassassin, "-t", "-x", "--siteconfigpath", str(site), "-p", os.devnull]
    ran = subprocess.run(
        command, input=mail, capture_output=True, check=True, env={"HOME": str(home), "PATH": os.defpath}
    )
    tests = re.search(rb"^X-Spam-Status: .*(?:\n\t.*)*", ran.stdout, re.MULTILINE)
    assert tests is not None, ran.stderr
    words = set(re.findall(rb"[A-Z_]{6,}", tests[0]))
    assert b"DKIM_SIGNED" in words
    assert (b"DKIM_VALID" in words) != (b"DKIM_INVALID" in words)
    assert (b"DKIM_VALID" in words) == (b"DKIM_VALID_AU" in words), "d= is aligned with From"
    return {"rsa-sha256": b"DKIM_VALID" in words}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_received_verifies(verdict: Verdict, post: Post, language: str) -> None:
    assert len(post.mails[language]) == 12
    judged = verdict(post.mails[language][0])
    assert "rsa-sha256" in judged
    assert all(judged.values())


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click", b"List-Unsubscribe-Post: List-Unsubscribe=No"),
        (b"\r\nFrom: ", b"\r\nFrom: Eve <eve@zagroscourier.example>\r\nFrom: "),
        (b"</body>", b"<p>More</p></body>"),
    ],
    ids=["unsubscribe-post-removed", "unsubscribe-post-changed", "second-from", "body"],
)
def test_what_was_changed_on_the_way_does_not(verdict: Verdict, post: Post, was: bytes, becomes: bytes) -> None:
    mail = post.mails["en"][1]
    assert was in mail
    judged = verdict(mail.replace(was, becomes, 1))
    assert "rsa-sha256" in judged
    assert not any(judged.values())


def test_every_mail_has_both_signatures_and_every_one_verifies(post: Post) -> None:
    for mail in [mail for mails in post.mails.values() for mail in mails]:
        assert by_dkimpy(mail, post.records) == {"rsa-sha256": True, "ed25519-sha256": True}


def test_from_is_signed_once_more_than_it_is_there_and_every_list_header_is_signed(post: Post) -> None:
    for mail in [mail for mails in post.mails.values() for mail in mails]:
        head = mail.partition(b"\r\n\r\n")[0]
        there = re.findall(rb"^([A-Za-z-]+):", head, re.MULTILINE)
        lists = {name.decode().lower() for name in there if name.lower().startswith(b"list-")}
        assert {"list-unsubscribe", "list-unsubscribe-post", "list-id"} <= lists
        for signature in head.split(b"DKIM-Signature:")[1:]:
            names = signed_names(signature)
            assert names.count("from") == there.count(b"From") + 1
            assert lists <= set(names)
