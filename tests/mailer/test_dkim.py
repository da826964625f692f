"""DKIM signatures, judged by another implementation (dkimpy) on real letters and on hostile ones."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from functools import cache

import dkim as oracle
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from dkim import canonicalization
from hypothesis import given, settings
from hypothesis import strategies as st

from ground.tokens import KeyRing
from mailer import letter, message, render
from mailer.dkim import SigningKey, sign
from mailer.letter import Compiled, Kind
from tests.mailer.letters_at_hand import FOLDERS, LANGUAGES, NOTICES, page
from tests.mailer.test_message import compiled, mint, recipient

DUE = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)
DOMAIN = "news.example.org"


@cache
def rsa_key() -> SigningKey:
    return SigningKey(domain=DOMAIN, selector="b2026a", key=rsa.generate_private_key(65537, 2048))


@cache
def ed_key() -> SigningKey:
    return SigningKey(domain=DOMAIN, selector="b2026b", key=ed25519.Ed25519PrivateKey.generate())


def dns(name: bytes, timeout: int = 5) -> bytes:  # noqa: ARG001 - as dkimpy calls it
    """The TXT records that a newsroom would publish."""
    key = {"b2026a": rsa_key(), "b2026b": ed_key()}[name.decode().partition("._domainkey.")[0]]
    public = key.key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(raw)


def verifies(signed: bytes, index: int = 0) -> bool:
    try:
        return bool(oracle.DKIM(signed).verify(idx=index, dnsfunc=dns))
    except oracle.ValidationError:
        return False


def filled(found: Compiled) -> dict[str, str]:
    """A row's values for all fields, and for what their links carry."""
    return dict.fromkeys([*found.fields, *(link.payload for link in found.links.values() if link.payload)], "42")


def real(template: str, language: str) -> Compiled:
    kind = Kind.ISSUE if template == "daily" else Kind.TX
    given_page = page(template, language)
    texts = render.render(given_page, FOLDERS)
    return letter.compile(texts, message.headers(texts, given_page.sender, kind))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", ["daily", *NOTICES])
def test_every_letter_verifies_with_both_keys(template: str, language: str, keys: KeyRing) -> None:
    found = real(template, language)
    built = message.build(found, recipient(**filled(found)), mint(keys))
    signed = sign(built, [rsa_key(), ed_key()], at=DUE)
    assert verifies(signed, 0)
    assert verifies(signed, 1)
    assert signed.endswith(built)


def test_the_body_is_canonical_as_it_stands(keys: KeyRing) -> None:
    found = real("daily", "ckb")
    body = message.build(found, recipient(**filled(found)), mint(keys)).partition(b"\r\n\r\n")[2]
    assert canonicalization.Relaxed.canonicalize_body(body) == body


def test_the_same_row_is_signed_alike_on_a_resend(keys: KeyRing) -> None:
    built = message.build(compiled(), recipient(), mint(keys))
    assert sign(built, [rsa_key()], at=DUE) == sign(built, [rsa_key()], at=DUE)


def test_every_line_of_a_signature_is_short_and_its_header_is_first(keys: KeyRing) -> None:
    built = message.build(compiled(), recipient(), mint(keys))
    head = sign(built, [rsa_key(), ed_key()], at=DUE).partition(b"From: ")[0]
    assert re.match(rb"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; t=1773028800;\r\n d=news\.", head)
    assert max(map(len, head.split(b"\r\n"))) <= 78


def test_from_is_signed_once_more_and_every_list_header_is_signed(keys: KeyRing) -> None:
    built = message.build(compiled(), recipient(), mint(keys))
    names = signed_names(sign(built, [ed_key()], at=DUE))
    assert names.count("from") == 2
    present = {line.partition(b":")[0].decode().lower() for line in built.partition(b"\r\n\r\n")[0].split(b"\r\n")}
    assert {name for name in present if name.startswith("list-")} <= set(names)
    assert {"to", "subject", "date", "message-id", "reply-to", "mime-version", "content-type", "feedback-id"} <= set(
        names
    )


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"From: ", b"From: Eve <eve@evil.example>\r\nFrom: "),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        (b"List-Unsubscribe: <https://news.example.org/", b"List-Unsubscribe: <https://evil.example/"),
        (b"Subject: Morning", b"Subject: Evening"),
        (b"</p>", b"</p><p>More</p>"),
    ],
)
def test_what_is_changed_on_the_way_no_longer_verifies(was: bytes, becomes: bytes, keys: KeyRing) -> None:
    signed = sign(message.build(compiled(), recipient(), mint(keys)), [ed_key()], at=DUE)
    assert was in signed
    assert verifies(signed)
    assert not verifies(signed.replace(was, becomes, 1))


@settings(max_examples=60)
@given(st.text(max_size=400), st.text(max_size=120))
def test_no_value_of_a_row_and_no_subject_breaks_a_signature(value: str, subject: str) -> None:
    keys = KeyRing({"a": b"a key for tests, thirty-two bytes"}, "a")
    found = compiled(subject=subject, fields=("unsubscribe_url", "name"))
    built = message.build(found, recipient(unsubscribe_url="42", name=f"https://reader.example/{value}"), mint(keys))
    assert verifies(sign(built, [ed_key()], at=DUE))


@pytest.mark.parametrize("body", [b"no line end", b"two line ends\r\n\r\n"])
def test_a_body_that_was_not_compiled_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="line end"):
        sign(b"From: a@example.org\r\n\r\n" + body, [ed_key()], at=DUE)


@pytest.mark.parametrize(("domain", "selector"), [("exämple.org", "a"), ("example.org;", "a"), ("example.org", "a b")])
def test_a_name_that_cannot_stand_in_dns_is_refused(domain: str, selector: str) -> None:
    with pytest.raises(ValueError, match="host name"):
        SigningKey(domain=domain, selector=selector, key=ed25519.Ed25519PrivateKey.generate())


def test_a_short_rsa_key_is_refused() -> None:
    with pytest.raises(ValueError, match="1024 bits"):
        SigningKey(domain=DOMAIN, selector="old", key=rsa.generate_private_key(65537, 1024))  # noqa: S505 - the point


def signed_names(signed: bytes) -> list[str]:
    found = re.search(rb"h=([^;]+);", signed)
    assert found is not None
    return [name.strip().decode().lower() for name in found[1].split(b":")]
