"""The bounce reader against our own samples, tokens true and forged, and hostile bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground.tokens import KeyRing
from mailer import bounces, envelope
from mailer.events import BounceKind, EventKind
from tests.bounded import processor_time

CORPUS = Path(__file__).parent.parent / "corpus" / "bounces"
SAMPLES = sorted(CORPUS.glob("*.eml"))
HARD = (CORPUS / "no-such-user-postfix.eml").read_bytes()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_reads_as_expected(sample: Path) -> None:
    found = [
        {
            "kind": event.kind,
            "bounce": event.bounce,
            "recipient": event.recipient,
            "action": event.action,
            "status": event.status,
            "reason": event.reason,
        }
        for event in bounces.read(sample.read_bytes())
    ]
    assert found == json.loads(sample.with_suffix(".json").read_text())


@pytest.mark.parametrize(
    "place",
    [
        b"To: briefing-bounces@bounces.example.org",
        b"Return-Path: <briefing-bounces@bounces.example.org>",
    ],
)
def test_the_signed_return_path_names_the_delivery(place: bytes, keys: KeyRing) -> None:
    token = envelope.return_path(keys, 4711, "bounces.example.org").encode()
    raw = HARD.replace(place, place.replace(b"briefing-bounces@bounces.example.org", token.upper()))
    assert [event.delivery_id for event in bounces.read(raw, keys)] == [4711]


def test_a_forged_token_names_nothing(keys: KeyRing) -> None:
    others = KeyRing({"a": b"somebody else's key, 32 bytes or so"}, "a")
    token = envelope.return_path(others, 4711, "bounces.example.org").encode()
    raw = HARD.replace(b"briefing-bounces@bounces.example.org", token)
    assert [event.delivery_id for event in bounces.read(raw, keys)] == [None]


def test_a_true_token_is_found_behind_false_ones(keys: KeyRing) -> None:
    false = b"b+1-aaaaaaaaaaaaaaaa@bounces.example.org"
    token = envelope.return_path(keys, 4711, "bounces.example.org").encode()
    raw = b"Delivered-To: " + false + b"\nDelivered-To: " + token + b"\n" + HARD
    assert bounces.read(raw, keys)[0].delivery_id == 4711


def test_a_mail_that_is_no_report_but_came_to_a_signed_address_is_noted(keys: KeyRing) -> None:
    token = envelope.return_path(keys, 7, "bounces.example.org")
    (event,) = bounces.read(f"From: a@example.net\nTo: {token}\nSubject: hm\n\nYour mail bounced.\n".encode(), keys)
    assert (event.kind, event.bounce, event.delivery_id) == (EventKind.OTHER, BounceKind.NONE, 7)


def test_an_encoded_report_is_decoded() -> None:
    head, _, rest = HARD.partition(b"Content-Type: message/delivery-status\n\n")
    fields, _, tail = rest.partition(b"\n--9E3B2")
    import base64

    raw = (
        head
        + b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(fields)
        + b"\n--9E3B2"
        + tail
    )
    assert bounces.read(raw)[0].bounce is BounceKind.HARD


def test_a_recipient_that_would_inject_a_command_is_dropped() -> None:
    raw = HARD.replace(b"Final-Recipient: rfc822; reader@example.net", b"Final-Recipient: rfc822; a@x.example>\x00RCPT")
    assert bounces.read(raw)[0].recipient is None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_raise(raw: bytes) -> None:
    bounces.read(raw)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(HARD)), st.integers(0, len(HARD)), st.binary(max_size=60))
def test_no_damage_to_a_real_report_raises(start: int, end: int, junk: bytes) -> None:
    bounces.read(HARD[:start] + junk + HARD[end:])


def _nested(depth: int) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth))


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: " + b"a" * 20_000_000,
        b"Subject: x\n" + b" folded\n" * 1_000_000,
        b"X: y\n" * 1_000_000,
        _nested(50_000),
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 500_000,
        b"Content-Type: multipart/report" + b";" * 1_000_000 + b"\n\nx",
        b"Content-Type: message/rfc822\n\n" * 100_000,
        HARD.replace(
            b"Final-Recipient", b"Final-Recipient: rfc822; a@b.example\nAction: failed\n" * 60_000 + b"Final-Recipient"
        ),
        HARD.replace(b"User unknown", b"user " * 400_000),
        b"To: " + b"b+1-aaaaaaaaaaaaaaaa@x " * 80_000 + b"\n" + HARD,
        b"\r" * 3_000_000 + b"\n",
    ],
    ids=[
        "long header",
        "folded",
        "fields",
        "nested",
        "wide",
        "params",
        "messages",
        "recipients",
        "diagnostic",
        "tokens",
        "CRs",
    ],
)
def test_hostile_mail_is_read_in_bounded_time(raw: bytes, keys: KeyRing) -> None:
    with processor_time(2):
        bounces.read(raw, keys)
