"""Plain words: every answer has a meaning, somebody whose problem it is, and a next step that is true."""

from __future__ import annotations

import pytest

from mailer import plain_words
from mailer.bounces.phrases import Reason
from mailer.plain_words import Said, Whose, explain, explain_report
from mailer.transports import Stage


@pytest.mark.parametrize(
    ("text", "code", "enhanced", "title", "whose", "next_word"),
    [
        ("5.1.1 <r@x.example>: User unknown", 550, "5.1.1", "No such address", Whose.ADDRESS, "suppressed"),
        ("no such user here", 550, None, "No such address", Whose.ADDRESS, "suppressed"),
        ("5.2.2 Over quota", 552, "5.2.2", "Mailbox full", Whose.ADDRESS, "gets the next one"),
        ("5.7.1 Blocked, see https://x.example", 550, "5.7.1", "They refuse us", Whose.US, "Put the cause right"),
        ("5.7.515 Access denied", 550, "5.7.515", "They refuse us", Whose.US, "Put the cause right"),
        ("5.3.4 Message too big", 552, "5.3.4", "Too large", Whose.MESSAGE, "Put the cause right"),
        ("5.5.5 Nej tak", 550, "5.0.0", "Refused, no reason we know", Whose.DOMAIN, "gets the next one"),
    ],
)
def test_a_refusal_is_told(
    text: str, code: int, enhanced: str | None, title: str, whose: Whose, next_word: str
) -> None:
    words = explain(Said(text=text, code=code, enhanced=enhanced, stage=Stage.RCPT))
    assert (words.title, words.whose) == (title, whose)
    assert next_word in words.next


def test_what_is_only_deferred_is_tried_again() -> None:
    words = explain(Said(text="4.2.2 Mailbox full", code=452, enhanced="4.2.2", stage=Stage.RCPT, outcome="deferred"))
    assert words.title == "Mailbox full"
    assert "try again" in words.next


def test_what_is_our_own_fault_says_so() -> None:
    nobody = explain(Said(stage=Stage.CONNECT, text="connection refused", outcome="unreachable"))
    password = explain(Said(stage=Stage.AUTH, code=535, text="5.7.8 bad credentials", outcome="unreachable"))
    sender = explain(Said(stage=Stage.MAIL, code=553, text="5.7.1 sender rejected", outcome="deferred"))
    written = explain(Said(stage="build", reason="cannot be written: no such field"))
    assert {each.whose for each in (nobody, password, sender, written)} == {Whose.US}
    assert len({each.title for each in (nobody, password, sender, written)}) == 4


def test_doubt_is_told_as_doubt() -> None:
    assert explain(Said(outcome="uncertain", text="crash")).title == "In doubt after a stop"
    assert explain(Said(outcome="uncertain", stage=Stage.DOT, text="timed out")).title == "In doubt"


def test_a_lifetime_that_is_over_is_not_told_as_the_last_reply() -> None:
    said = Said(text="4.7.1 greylisted", code=451, enhanced="4.7.1", stage=Stage.RCPT, reason="expired")
    assert explain(said).title == "Time ran out"


def test_a_report_is_told_by_its_kind() -> None:
    assert "until somebody lifts" in explain_report("no_such_user", "hard", suppressed=True).next
    assert "noted" in explain_report("no_such_host", "hard").next
    assert "keeps trying" in explain_report("network", "soft", is_delayed=True).next
    assert explain_report("abuse", "complaint").title == "Marked as spam"
    assert explain_report("not_a_report", "other").whose is Whose.NOBODY
    assert explain_report("a word of tomorrow", "soft").title == "Refused, no reason we know"


@pytest.mark.parametrize("reason", Reason)
def test_every_class_has_a_title_and_an_owner(reason: Reason) -> None:
    assert plain_words.title_of(reason)
    assert plain_words.whose(reason) in Whose


def test_hostile_words_break_nothing() -> None:
    for text in ("\u202e<script>alert(1)</script>", "x" * 100_000, "5." * 50_000, ""):
        assert explain(Said(text=text, code=550, enhanced=None, stage=Stage.RCPT)).title
