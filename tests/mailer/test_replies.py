"""What servers say, and what it means: one line a case."""

from __future__ import annotations

import pytest

from mailer import replies
from mailer.replies import ReplyClass
from mailer.transports import Stage

HARD, SOFT, POLICY, CONTENT, ROUTE = ReplyClass
RCPT, DOT, MAIL, DATA = Stage.RCPT, Stage.DOT, Stage.MAIL, Stage.DATA


@pytest.mark.parametrize(
    ("stage", "code", "text", "expected"),
    [
        # No such mailbox.
        (RCPT, 550, "5.1.1 <r@example.org>: Recipient address rejected: User unknown in local recipient table", HARD),
        (RCPT, 550, "5.1.1 The email account that you tried to reach does not exist.", HARD),
        (RCPT, 550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", HARD),
        (RCPT, 550, "#5.1.0 Address rejected: no such user", HARD),
        (RCPT, 550, "No such user here", HARD),
        (RCPT, 550, "Requested action not taken: mailbox unavailable; user unknown", HARD),
        (RCPT, 553, "sorry, that recipient does not exist", HARD),
        (DOT, 550, "5.1.1 User unknown", HARD),
        (RCPT, 550, "5.4.1 Recipient address rejected: user unknown", HARD),
        (RCPT, 550, "5.7.1 Unknown user", HARD),
        (RCPT, 554, "5.1.6 Mailbox has moved", HARD),
        # The mailbox may live.
        (RCPT, 552, "5.2.2 Mailbox full", SOFT),
        (RCPT, 552, "Quota exceeded", SOFT),
        (RCPT, 550, "5.2.1 The email account that you tried to reach is disabled", SOFT),
        (RCPT, 550, "5.1.2 Host unknown", SOFT),
        (RCPT, 550, "5.4.4 Unable to route", SOFT),
        (RCPT, 550, "5.4.1 Recipient address rejected: Access denied", SOFT),
        (RCPT, 550, "Requested action not taken: mailbox unavailable", SOFT),
        (RCPT, 451, "4.3.0 Try again later", SOFT),
        (RCPT, 450, "4.2.0 <r@example.org>: Recipient address rejected: Greylisted", SOFT),
        (RCPT, 452, "4.5.3 Too many recipients", SOFT),
        # They refuse us, not the reader.
        (RCPT, 550, "5.7.1 Client host blocked using Spamhaus", POLICY),
        (RCPT, 550, "5.1.1 Blocked: your host is listed at bl.example.net", POLICY),
        (
            DOT,
            550,
            "5.7.26 Unauthenticated email from example.org is not accepted due to domain's DMARC policy",
            POLICY,
        ),
        (DOT, 550, "5.7.515 Access denied, sending domain does not pass DMARC", POLICY),
        (RCPT, 554, "Your IP has a poor reputation", POLICY),
        (RCPT, 550, "Relaying denied: relay not permitted", POLICY),
        (RCPT, 421, "4.7.28 Gmail has detected an unusual rate of unsolicited mail", ROUTE),
        (RCPT, 450, "4.7.1 Try again", POLICY),
        (MAIL, 550, "5.1.8 Sender address rejected", POLICY),
        (MAIL, 550, "5.1.1 No such user", POLICY),
        (DATA, 554, "5.5.1 Error: no valid recipients", POLICY),
        # They refuse this message.
        (MAIL, 552, "5.3.4 Message size exceeds fixed limit", CONTENT),
        (DOT, 552, "Message too large", CONTENT),
        (DOT, 554, "5.6.0 Malformed header", CONTENT),
        (DOT, 554, "Transaction failed", CONTENT),
        (DATA, 550, "5.6.3 Conversion required", CONTENT),
        # Our own way out.
        (Stage.CONNECT, 554, "5.7.1 No SMTP service here", ROUTE),
        (Stage.AUTH, 535, "5.7.8 Authentication credentials invalid", ROUTE),
        (MAIL, 530, "5.7.0 Must issue a STARTTLS command first", ROUTE),
        (DOT, 421, "4.4.2 Timeout", ROUTE),
        (MAIL, None, "", ROUTE),
    ],
)
def test_a_reply_is_classified(stage: Stage, code: int | None, text: str, expected: ReplyClass) -> None:
    assert replies.classify(stage, code, replies.enhanced_code(text), text) is expected


@pytest.mark.parametrize("stage", [MAIL, RCPT, DATA, DOT])
@pytest.mark.parametrize("enhanced", [f"5.7.{detail}" for detail in (0, 1, 25, 26, 27, 30, 32, 515)])
def test_no_policy_code_is_ever_hard_without_words_that_say_so(stage: Stage, enhanced: str) -> None:
    assert replies.classify(stage, 550, enhanced, f"{enhanced} rejected") is not HARD


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5.1.1 User unknown", "5.1.1"),
        ("5.1.1 first line\n5.1.1 second line", "5.1.1"),
        ("#4.7.1 later", "4.7.1"),
        ("[5.7.515] no", "5.7.515"),
        ("5.1.1.1 is no code", None),
        ("192.0.2.1 is an address", None),
        ("3.1.1 is none", None),
        ("User unknown", None),
        ("", None),
    ],
)
def test_the_enhanced_code_is_read_from_the_beginning(text: str, expected: str | None) -> None:
    assert replies.enhanced_code(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.0.0 Ok: queued as 4XkZ1s3Nqbz2K", "4XkZ1s3Nqbz2K"),
        ("OK id=1rABcd-0001Xy-2z", "1rABcd-0001Xy-2z"),
        ("2.6.0 <x@y> [InternalId=1234567890, Hostname=X] Queued mail for delivery", "1234567890"),
        ("2.0.0 31B9Ql8s012345 Message accepted for delivery", "31B9Ql8s012345"),
        ("2.0.0 OK  1699999999 ab12-20020a05 - gsmtp", "1699999999 ab12-20020a05"),
        ("Ok 010201890c6ea2d2-7f4b6c2e-0000", "010201890c6ea2d2-7f4b6c2e-0000"),
        ("OK", None),
        ("thank you", None),
    ],
)
def test_the_queue_id_is_read_where_servers_write_it(text: str, expected: str | None) -> None:
    assert replies.queue_id(text) == expected


def test_a_servers_words_are_cleaned_before_they_are_stored() -> None:
    assert replies.clean("half \udc80 a\r\nline\x00 \x1b[31m" + "x" * 600).startswith("half ? a line [31mxxx")
    assert len(replies.clean("x" * 600)) == replies.TEXT_LIMIT
