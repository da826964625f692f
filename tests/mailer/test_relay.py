"""What relays are told, and what they may say of themselves."""

from __future__ import annotations

import email
import json

import pytest

from ground.tokens import KeyRing
from mailer import envelope, replies
from mailer.transports.relay import Correlation, Relay

SES = "0102018e1c2a3b4c-1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d-000000"


@pytest.mark.parametrize("correlation", Correlation)
def test_the_name_in_a_relays_header_leads_back_to_the_delivery(keys: KeyRing, correlation: Correlation) -> None:
    return_path = envelope.return_path(keys, 4711, "bounces.example.org")
    line = Relay(correlation=correlation).mark(return_path)
    assert line.endswith(b"\r\n")
    assert line.count(b"\n") == 1
    assert len(line) < 80
    [(header, value)] = email.message_from_bytes(line).items()
    match correlation:
        case Correlation.SES:
            name = value.removeprefix("delivery=")
        case Correlation.SENDGRID:
            name = json.loads(value)["unique_args"]["delivery"]
        case Correlation.MAILGUN:
            name = json.loads(value)["delivery"]
        case Correlation.POSTMARK:
            name = value
    assert header == correlation or header == "X-PM-Metadata-delivery"
    assert envelope.delivery_of(keys, f"b+{name}@bounces.example.org") == 4711


def test_a_relay_without_such_a_header_gets_the_message_as_it_is() -> None:
    assert Relay().mark("b+1f-mac@bounces.example.org") == b""


def test_a_relay_that_replaces_what_we_sign_must_sign_itself() -> None:
    with pytest.raises(ValueError, match="replaces Message-ID, which"):
        Relay(keeps_message_id=False)
    with pytest.raises(ValueError, match="replaces Message-ID and Date"):
        Relay(keeps_message_id=False, keeps_date=False)
    Relay(keeps_message_id=False, keeps_date=False, keeps_return_path=False, signs=True)
    Relay(keeps_return_path=False)  # no signature covers it


@pytest.mark.parametrize(
    ("said", "queue_id"),
    [
        (f"Ok {SES}", SES),
        ("Ok: queued as x-9TQrLmSFaBXdK1kqJ0Vg", "x-9TQrLmSFaBXdK1kqJ0Vg"),
        ("Great success", None),
        ("2.0.0 Ok: queued as 7A1B2C3D4E", "7A1B2C3D4E"),
    ],
    ids=["SES", "SendGrid", "Mailgun", "Postmark"],
)
def test_the_id_that_each_relay_gives_with_its_250_is_kept(said: str, queue_id: str | None) -> None:
    assert replies.queue_id(said) == queue_id
