"""The lint: quiet about what is sound, ours and others', and sure about each thing that is not."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from mailer import letter, lint, look_over, message, render
from mailer.dkim import SigningKey, sign
from mailer.letter import Kind, Rendered
from mailer.lint import About, Purpose, Report, Severity
from mailer.lint.catalogue import RULES, SUBJECTS
from tests.mailer.letters_at_hand import FOLDERS, LANGUAGES, NOTICES, digest, item, page, sender

CORPUS = Path(__file__).parent.parent / "corpus" / "letters"
LETTERS = list(itertools.product(("daily", "weekly", "follow", "breaking", *NOTICES), LANGUAGES))
CRLF = "\r\n"

Ids = dict[str, Severity]


def ids(report: Report) -> Ids:
    """The worst that each rule says."""
    rank = list(Severity)
    found: Ids = {}
    for each in report.findings:
        found[each.id] = min(found.get(each.id, each.severity), each.severity, key=rank.index)
    return found


def errors(report: Report) -> set[str]:
    return {each.id for each in report.findings if each.severity is Severity.ERROR}


def looked_over(rendered: Rendered, language: str, kind: Kind, context: dict[str, object] | None = None) -> Report:
    compiled = letter.compile(rendered, message.headers(rendered, sender(language), kind))
    return look_over.look_over(compiled.to_bytes(), kind, sender(language), context or digest(language))


@pytest.mark.parametrize(("template", "language"), LETTERS)
def test_our_own_letters_have_no_error_and_nothing_to_worry_about(template: str, language: str) -> None:
    kind = Kind.ISSUE if template in {"daily", "weekly", "follow", "breaking"} else Kind.TX
    report = looked_over(render.render(page(template, language), FOLDERS), language, kind)
    told = [f"{each.id} {each.severity}: {each.words} {each.where}" for each in report.findings]
    # P01: the sign-up and archive links of the footer stand in the page alone.
    worth_a_look = [
        line for line, each in zip(told, report.findings, strict=True) if each.severity is not Severity.NOTE
    ]
    known = ("P01 warning", "I05 warning") if template == "breaking" else ("P01 warning",)  # one story, one picture
    assert [line for line in worth_a_look if not line.startswith(known)] == []
    assert not report.blocking


# -- what others made


def corpus(name: str) -> Report:
    return lint.look((CORPUS / name).read_bytes())


@pytest.mark.parametrize("name", ["receipt-sound.eml", "list-post-plain.eml"])
def test_a_sound_mail_of_others_has_nothing_to_mend(name: str) -> None:
    assert {rule for rule, severity in ids(corpus(name)).items() if severity is not Severity.NOTE} == set()


def test_a_decent_newsletter_is_told_what_it_lacks_and_no_more() -> None:
    report = corpus("garden-notes.eml")
    assert errors(report) == {"I01"}
    assert {each.id for each in report.findings if each.severity is Severity.WARNING} == {"A03", "C07", "D02", "K01"}


def test_a_careless_mailing_is_caught_at_everything_that_matters() -> None:
    report = corpus("offers-careless.eml")
    assert {"H02", "M01", "M02", "M03", "T01", "T03", "D05", "D06", "D08", "I01", "A02", "C02"} <= errors(report)
    assert {"M07", "T05", "T08", "A03", "A09"} <= ids(report).keys()
    assert {each.id for each in report.blocking} == {"H02", "M01", "M02", "M03", "T01", "D05", "D08"}


def test_an_arabic_page_that_was_built_from_left_to_right_is_told_so() -> None:
    report = corpus("souq-left-to-right.html")
    assert errors(report) == {"D02", "R01"}
    assert {"R03", "R07", "A03"} <= ids(report).keys()


def test_a_bare_file_is_not_asked_for_headers() -> None:
    assert not {rule for rule in ids(corpus("souq-left-to-right.html")) if rule.startswith(("M", "T01"))}


# -- one rule at a time: a sound mail, and what breaks it


@dataclass(frozen=True)
class Break:
    """A change to a sound mail, and the rule that must notice."""

    rule: str
    old: str
    new: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.rule}: {self.old[:20]} -> {self.new[:30]}"


SOUND = """From: The Courier <desk@courier.example>
To: rezan@reader.example
Reply-To: editors@courier.example
Subject: Rubar bridge reopens to traffic
Date: Mon, 09 Mar 2026 07:00:00 +0300
Message-ID: <a1b2@courier.example>
List-Id: Briefing <briefing.courier.example>
List-Unsubscribe: <https://courier.example/u/abc>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Rubar bridge reopens to traffic
https://courier.example/bridge
Unsubscribe: https://courier.example/u/abc
12 Bazaar Street, Zeryan

--b
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: 8bit

<!doctype html>
<html lang="en" dir="ltr"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Rubar bridge reopens to traffic</title>
<style>:root { color-scheme: light dark; }
@media (prefers-color-scheme: dark) { .ink { color: #f2f5f7 !important; } }
[data-ogsc] .ink { color: #f2f5f7 !important; }
</style></head><body>
<div style="display:none">Lorries may cross from noon, buses from Thursday.</div>
<div lang="en" dir="ltr">
<table role="presentation" border="0" cellpadding="0" cellspacing="0"><tr><td dir="ltr" style="padding:8px">
<h1>The Courier</h1>
<h2><a class="ink" href="https://courier.example/bridge" style="color:#14212b; text-decoration:none">
Rubar bridge reopens to traffic</a></h2>
<p style="font-size:16px">Lorries may cross from noon.</p>
<img src="https://courier.example/b.jpg" width="280" alt="The bridge at dawn" style="height:auto">
<p>12 Bazaar Street, Zeryan. <a href="https://courier.example/u/abc">Unsubscribe</a></p>
</td></tr></table></div></body></html>
--b--
"""
OURS = About(
    purpose=Purpose.ISSUE,
    is_ours=True,
    postal_address="12 Bazaar Street, Zeryan",
    view_url="https://courier.example/bridge",
    day=date(2026, 3, 9),
    credits={"https://courier.example/b.jpg": "D. Kanispi"},
)
WARNING, NOTE = Severity.WARNING, Severity.NOTE


def sound(about: About = OURS, *changes: tuple[str, str]) -> Report:
    text = SOUND
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return lint.look(text.replace("\n", CRLF).encode("utf-8", "surrogateescape"), about)


def test_the_sound_mail_is_sound() -> None:
    # Sixteen words and a picture: that is all that can be said against it.
    assert ids(sound()) == {"I05": WARNING}


BREAKS = [
    Break("H01", "from noon.", "from \u202enoon."),
    Break("H01", "Subject: Rubar", "Subject: =?utf-8?B?4oCu?= Rubar"),
    Break("H02", 'href="https://courier.example/bridge"', 'href=" java\tscript:alert(1)"'),
    Break("H02", 'src="https://courier.example/b.jpg"', 'src="data:image/png;base64,AAAA"'),
    Break("H03", "font-size:16px", "width:expression(alert(1))"),
    Break("H05", "<title>", '<meta http-equiv="refresh" content="0;url=https://x.example"><title>'),
    Break("M01", "Content-Type: text/plain", "Content-Type: text/calendar"),
    Break("M02", "Message-ID: <a1b2@courier.example>\n", ""),
    Break("M02", "Subject: Rubar", "Subject: twice\nSubject: Rubar"),
    Break("M02", "<a1b2@courier.example>", "<a1b2@other.example>", WARNING),
    Break("M03", "List-Unsubscribe: <https://courier.example/u/abc>\n", ""),
    Break("M03", "<https://courier.example/u/abc>", "<mailto:u@courier.example>"),
    Break("M03", "List-Unsubscribe=One-Click", "yes"),
    Break("M03", "MIME-Version", "DKIM-Signature: v=1; h=From:To:List-Unsubscribe; b=x\nMIME-Version"),
    Break("M04", "Lorries may cross from noon.</p>", f"{'x' * 1_000}</p>"),
    Break("M04", "Subject: Rubar", "Subject: Brücke"),
    Break("M05", "text/html; charset=utf-8", "text/html; charset=windows-1256", WARNING),
    Break("M05", "from noon.", "from \udcff noon."),
    Break("M06", "MIME-Version", f"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; h=From; bh={'A' * 43}=; b=x\nMIME-Version"),
    Break("M06", "MIME-Version", "DKIM-Signature: v=1; a=rsa-sha256; d=courier.example; h=From; b=x\nMIME-Version"),
    Break("M07", "editors@courier.example", "no-reply@courier.example", WARNING),
    Break("M08", "List-Id: Briefing <briefing.courier.example>\n", "", WARNING),
    Break("M09", "MIME-Version", "Bcc: other@reader.example\nMIME-Version"),
    Break("M09", "MIME-Version", "X-Subscriber: rezan@reader.example\nMIME-Version", WARNING),
    Break("M10", "Mon, 09 Mar 2026 07:00:00 +0300", "yesterday", WARNING),
    Break("T01", ' <a href="https://courier.example/u/abc">Unsubscribe</a>', ""),
    Break("T02", "<p>12 Bazaar Street, Zeryan.", "<p>"),
    Break("T03", 'href="https://courier.example/bridge"', 'href="https://u:p@courier.example/bridge"'),
    Break("T03", 'href="https://courier.example/bridge"', 'href="https://192.0.2.7/bridge"'),
    Break("T03", 'href="https://courier.example/bridge"', 'href="/bridge"'),
    Break("T03", 'href="https://courier.example/bridge"', 'href="https://bit.ly/bridge"', WARNING),
    Break("T05", "Lorries may", '<a href="https://evil.example/">courier.example</a> may', WARNING),
    Break("T06", 'class="ink" href="https://courier.example/bridge"', 'class="ink" href="https://courier.example/b?r=7"', WARNING),
    Break("T08", "/bridge\"", "/bridge?to=rezan%40reader.example\"", WARNING),
    Break("T09", "Lorries may", '<a href="mailto:">write to us</a> may', WARNING),
    Break("S01", "Lorries may cross", "Lorries may cross. " + "word " * 21_000),
    Break("S02", ":root {", f"/**/ {'.a { color: #000000; } ' * 800} :root {{"),
    Break("S03", "from noon.", "from \u0092noon."),
    Break("S05", "Lorries may", '<a href="https://courier.example/x">a story</a> ' * 70, WARNING),
    Break("D01", "<!doctype html>\n", "", WARNING),
    Break("D02", '<html lang="en" dir="ltr">', "<html>"),
    Break("D02", '<div lang="en" dir="ltr">', "<div>"),
    Break("D03", "<title>Rubar bridge reopens to traffic</title>", ""),
    Break("D04", '<meta charset="utf-8">', ""),
    Break("D04", '<meta name="viewport" content="width=device-width">', "", WARNING),
    Break("D05", "Lorries may", "<script>1</script>"),
    Break("D05", '<p style="font-size:16px">', '<p onclick="x()">'),
    Break("D05", ":root {", "@import url(x.css); :root {"),
    Break("D06", "</td></tr></table></div>", "</td></tr></div>"),
    Break("D06", "<h1>", "<!--[if mso]><table><tr><td><![endif]--><h1>"),
    Break("D07", "<h1>", '<p id="a">x</p><p id="a">y</p><h1>', WARNING),
    Break("D08", "Lorries may", "{{ item.title }} may"),
    Break("D08", "Lorries may", "zz0123456789abcdef-link_1-zz may"),
    Break("D08", "Lorries may cross from noon.", "None"),
    Break("D08", "<h1>", "<!-- who wrote this? --><h1>", NOTE),
    Break("N01", "Subject: Rubar bridge reopens to traffic", "Subject: "),
    Break("N01", "Subject: Rubar", f"Subject: {'long ' * 40}", WARNING),
    Break("N02", '<div style="display:none">Lorries may cross from noon, buses from Thursday.</div>', "", WARNING),
    Break("N11", "<h1>", "<p>Sunday, 8 March 2026</p><h1>", WARNING),
    Break("N10", "<h1>", '<p><a href="https://courier.example/a" rel="nofollow sponsored">A bank account</a></p><h1>', WARNING),
    Break("N10", "<h1>", '<div class="ad-slot Sponsor-block"><p>A bank account</p></div><h1>', WARNING),
    Break("N08", "Lorries may cross from noon.</p>", "Lorries may cross [...]</p>", WARNING),
    Break("P01", "\nRubar bridge reopens to traffic\nhttps", "\nhttps"),
    Break("P02", "\n12 Bazaar Street, Zeryan\n", "\n12 Bazaar&nbsp;Street, Zeryan\n", WARNING),
    Break("P03", "\nUnsubscribe: https://courier.example/u/abc\n", "\n"),
    Break("A01", "<h1>The Courier</h1>", "<h1>The Courier</h1><h1>Again</h1>", WARNING),
    Break("A01", "<h2>", "<h4>x</h4><h2>", WARNING),
    Break("A02", "Lorries may", '<a href="https://courier.example/a"></a> may'),
    Break("A03", "Lorries may", '<a href="https://courier.example/a">Read more</a> may', WARNING),
    Break("A04", "font-size:16px", "font-size:16px;color:#8a9aa5"),
    Break("A04", "dark) { .ink {", "dark) { p { color: #1a2229 !important; background: #12181d !important; } .ink {"),
    Break("A05", "Lorries may", '<a href="https://courier.example/a" style="text-decoration:none">lorries</a> may', WARNING),
    Break("A06", "Lorries may cross from noon.", "إعادة فتح جسر روبار بعد أربعة عشر شهراً"),
    Break("A09", "Subject: Rubar bridge reopens to traffic", "Subject: RUBAR BRIDGE REOPENS", WARNING),
    Break("A10", ":root {", ".a { animation: turn 2s infinite; } :root {", WARNING),
    Break("A11", "<h1>", "<table><tr><th>Item</th></tr><tr><td>1</td></tr></table><h1>", WARNING),
    Break("R01", '<html lang="en" dir="ltr">', '<html lang="ckb" dir="ltr">'),
    Break("R03", "padding:8px", "padding-inline-start:8px"),
    Break("R04", "Lorries may cross from noon.", "By هانار · 3 min", WARNING),
    Break("R05", "Subject: Rubar", "Subject: =?utf-8?B?2KzYs9ix?= Rubar", WARNING),
    Break("R06", '<p style="font-size:16px">Lorries', '<p style="font:16px Georgia;font-family:Georgia">جسر روبار', NOTE),
    Break("R07", "font-size:16px\">Lorries", "letter-spacing:1px\">جسر روبار Lorries", WARNING),
    Break("R08", "<p style=\"font-size:16px\">Lorries may", '<p lang="ckb" dir="rtl">كوردستان', WARNING),
    Break("I01", ' alt="The bridge at dawn"', ""),
    Break("I01", "The bridge at dawn", "IMG_2041.jpg"),
    Break("I02", ' width="280"', ""),
    Break("I02", 'width="280" alt="The bridge at dawn" style="height:auto"', 'width="560" style="height:300px"', WARNING),
    Break("I03", 'src="https://courier.example/b.jpg"', 'src="b.jpg"'),
    Break("I08", 'width="280"', 'width="560"', WARNING),
    Break("I07", 'width="280" alt', 'width="1" height="1" alt', WARNING),
    Break("L01", 'role="presentation" ', ""),
    Break("L01", 'cellpadding="0" ', ""),
    Break("L02", "font-size:16px", "max-width:600px"),
    Break("L04", "<h1>", f"{'<table role=presentation border=0 cellpadding=0 cellspacing=0><tr><td>' * 7}<h1>", WARNING),
    Break("L05", "<td dir", '<td colspan="2" dir', WARNING),
    Break("L06", '<p style="font-size:16px">', '<p style="padding:4px">', WARNING),
    Break("L06", '<p style="font-size:16px">', '<p style="margin:-4px 0">', WARNING),
    Break("L08", "<h1>", '<div style="display:inline-block;width:50%">x</div><h1>', WARNING),
    Break("C01", "font-size:16px", "display:flex"),
    Break("C01", "font-size:16px", "width:calc(100% - 4px)"),
    Break("C02", "color:#14212b", "color:rgb(20 33 43)"),
    Break("C03", ".ink { color: #f2f5f7 !important; } }", "@media (max-width: 400px) { .ink { color: #f2f5f7 !important; } } }"),
    Break("C04", ":root {", "@layer base; :root {", WARNING),
    Break("C05", "font-size:16px", "font-size", WARNING),
    Break("C06", "{ .ink { color: #f2f5f7 !important; } }", "{ .ink { color: #f2f5f7; } }"),
    Break("C07", "font-size:16px", "font-size:11px", WARNING),
    Break("C07", "font-size:16px", "line-height:20px", NOTE),
    Break("C09", "padding:8px", "background-image:url(https://courier.example/p.jpg)", WARNING),
    Break("K01", '<meta name="color-scheme" content="light dark">', ""),
    Break("K01", 'class="ink" ', "", WARNING),
    Break("K02", "[data-ogsc] .ink", ".other .ink", WARNING),
]  # fmt: skip


@pytest.mark.parametrize("each", BREAKS, ids=str)
def test_a_rule_finds_what_breaks_it(each: Break) -> None:
    report = sound(OURS, (each.old, each.new))
    assert ids(report).get(each.rule) == each.severity, ids(report)


def test_every_rule_has_a_mail_that_breaks_it() -> None:
    elsewhere = {"H04", "M11", "M12", "M13", "S04", "P04", "R09", "A08", "I05"}
    assert {rule.id for rule in RULES} - {each.rule for each in BREAKS} == elsewhere


def test_the_rules_that_need_a_mail_of_another_kind() -> None:
    tx = About(purpose=Purpose.TX, is_ours=True)
    plain = "\nRubar bridge reopens"
    cases: Sequence[tuple[str, About, tuple[str, str]]] = [
        ("M11", OURS, ("8bit\n\nRubar bridge reopens", f"base64\n\n{'QUJD' * 1_000}\n{plain}")),
        ("M12", tx, ("Subject", "Subject")),
        ("M13", OURS, ("MIME-Version", f"X-Long: {'x' * 900}\n" * 70 + "MIME-Version")),
        ("S04", OURS, ("12 Bazaar Street, Zeryan\n", "12 Bazaar Street, Zeryan\n" + "words and words\n" * 11_000)),
        ("A08", OURS, ("<h1>", '<table><tr><td height="9" style="font-size:0">&nbsp;</td></tr></table><h1>')),
    ]  # fmt: skip
    for rule, about, change in cases:
        assert rule in ids(sound(about, change)), rule
    arabic = sound(OURS, ('<html lang="en" dir="ltr">', '<html lang="ar" dir="rtl">'), ("noon.</p>", "٣ 4</p>"),
                   ("Rubar bridge reopens to traffic\nhttps", "Rubar إعادة فتح جسر روبار\nhttps"))  # fmt: skip
    assert {"P04"} <= ids(arabic).keys()


@pytest.mark.parametrize(
    "style",
    [
        "color:#767676",  # 4.54 to 1
        "color:#8a8a8a;font-size:24px",  # 3.45, and large
        "color:#ffffff;background:url(https://courier.example/p.jpg) #ffffff",  # nobody can tell what is under it
        "color:var(--ink)",
        "color:#fff;background-color:#0b4f6c",
        "color:#ffffff;background:rgb(11, 79, 108)",
    ],
)
def test_a_contrast_that_is_enough_or_cannot_be_told_is_no_finding(style: str) -> None:
    assert "A04" not in ids(sound(OURS, ("font-size:16px", style)))


def test_an_address_that_is_shown_is_in_no_language() -> None:
    lines = "https://courier.example/confirm/abc-def-ghi-jkl-mno-pqr-stu"
    arabic = ('<p style="font-size:16px">', f'<p lang="ar" dir="rtl">{lines}</p><p>')
    assert "A06" not in ids(sound(OURS, arabic))


def test_what_the_day_the_page_and_the_picture_need_is_found() -> None:
    date_line, wide = ("<h1>", "<p>Monday, ٩ March ٢٠٢٦</p><h1>"), ('width="280"', 'width="560"')
    found = ids(sound(OURS, date_line, wide, ("from noon.</p>", "from noon. D. Kanispi</p>")))
    assert not {"N11", "T06", "I08"} & found.keys()


def test_a_letter_in_arabic_script_is_set_in_a_face_that_has_it() -> None:
    sorani = ('<html lang="en" dir="ltr">', '<html lang="ckb" dir="rtl">')
    wrong = (
        '<p style="font-size:16px">',
        "<p style=\"font-size:16px;font-family:'Georgia',Tahoma\">پردی ڕووبار <b>کرایەوە</b> ",
    )
    assert ids(sound(OURS, sorani, wrong))["R06"] is Severity.WARNING
    right = (wrong[0], wrong[1].replace("'Georgia',", "'Noto Naskh Arabic',Georgia,"))
    assert "R06" not in ids(sound(OURS, sorani, right))


@pytest.mark.parametrize(
    "block",
    [
        '<td><p>Sponsored by a bank</p><p><a href="https://courier.example/a" rel="sponsored">An account</a></p></td>',
        '<div class="sponsor"><p>ڕیکلام</p><p>هەژمار</p></div>',
        '<div class="transponsors"><p>An account</p></div>',
    ],
)
def test_a_block_that_says_who_paid_or_that_nobody_paid_for_is_no_finding(block: str) -> None:
    assert "N10" not in ids(sound(OURS, ("<h1>", f"{block}<h1>")))


def test_a_story_for_members_is_marked_in_one_of_its_places() -> None:
    about = replace(OURS, paywalled=("Rubar", "Not in this letter"))
    contents = '<p><a href="https://courier.example/1">Rubar</a></p>' + "<p>Other words of other stories.</p>" * 40
    story = '<td><h2><a href="https://courier.example/1">Rubar</a></h2><p>By Hanar{}</p></td><h1>'
    assert ids(sound(about, ("<h1>", contents + story.format(""))))["N10"] is Severity.WARNING
    assert "N10" not in ids(sound(about, ("<h1>", contents + story.format(", for members"))))


@pytest.fixture(scope="module")
def signed() -> bytes:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key = SigningKey(domain="courier.example", selector="s1", key=private)
    return sign(SOUND.replace("\n", CRLF).encode(), [key], at=datetime(2026, 3, 9, tzinfo=UTC))


def test_a_signature_holds_until_the_body_is_changed(signed: bytes) -> None:
    assert "M06" not in ids(lint.look(signed))
    assert "M06" not in ids(lint.look(signed.replace(b"\r\n", b"\n")))
    assert ids(lint.look(signed.replace(b"from noon.", b"from ten.")))["M06"] is Severity.ERROR
    assert ids(lint.look(signed.replace(b"<desk@courier.example>", b"<desk@other.example>")))["M06"] is Severity.WARNING
    assert ids(lint.look(signed.replace(b"d=courier", b"l=10; d=courier", 1)))["M06"] is Severity.WARNING


# -- what mails of others taught it: each as small as it can be told


LEARNED = [
    # What Outlook passes over and everybody else shows closes without a comment.
    ("D06", "<h1>", "<![if !mso]><p>x</p><![endif]><h1>"),
    # `auto` lets the first letter decide.
    ("R01", '<html lang="en" dir="ltr">', '<html lang="en" dir="auto">'),
    # A table of figures is no layout.
    ("L01", "<h1>", "<table><tr><th scope=col>Item</th></tr><tr><td>Bread</td></tr></table><h1>"),
    # A menu that unfolds by a checkbox is a way of its own; a form is not.
    ("D05", "<h1>", '<link href="https://fonts.example/css?family=Roboto" rel="stylesheet"><h1>'),
    # A rule without !important only loses against what is inline on the same element.
    ("C06", ".ink { color: #f2f5f7 !important; }", ".ink { max-width: 50%; }"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "old", "new"), LEARNED)
def test_what_is_sound_in_mails_of_others_is_no_warning(rule: str, old: str, new: str) -> None:
    found = [each for each in sound(About(), (old, new)).findings if each.id == rule]
    assert [each.words for each in found if each.severity is not Severity.NOTE] == []


def test_cells_that_are_headings_only_by_their_tag_are_layout() -> None:
    table = '<table><tr><th style="padding:4px">left</th><th>right</th></tr></table><h1>'
    told = {(each.id, each.words) for each in sound(About(), ("<h1>", table)).findings}
    assert ("L01", 'A layout table has no role="presentation".') in told
    assert ("L05", "A layout cell is <th>, which screen readers say as a heading.") in told
    assert "A11" not in {rule for rule, _ in told}


def test_a_rule_that_loses_against_the_inline_style_is_told() -> None:
    change = (".ink { color: #f2f5f7 !important; }", ".ink { color: #f2f5f7; }")
    assert ids(sound(About(), change))["C06"] is Severity.WARNING


def test_a_form_and_a_checkbox_are_not_the_same() -> None:
    for kind, severity in (("checkbox", Severity.WARNING), ("password", Severity.ERROR)):
        assert ids(sound(About(), ("<h1>", f"<input type={kind}><h1>")))["D05"] is severity


@pytest.mark.parametrize(
    "head", ["{% load i18n %}", "{{ doctype }}", "{# who: us #}\n\n", "<%= it %>\n", "\ufeff", "some words first\n"]
)
def test_a_templates_source_is_read_as_a_page(head: str) -> None:
    report = lint.look(
        f"{head}<html lang=en dir=ltr><head><style>p {{ color: red }}</style></head><body>x</body></html>".encode()
    )
    assert not [each.id for each in report.findings if each.id.startswith("M")]


# -- severity, blocking and quoting


def test_what_is_advice_for_others_is_an_error_in_our_own_letters() -> None:
    change = ("padding:8px", "padding-inline-start:8px")
    assert ids(sound(OURS, change))["R03"] is Severity.ERROR
    assert ids(sound(About(), change))["R03"] is Severity.WARNING


def test_template_syntax_that_a_story_quotes_is_told_and_does_not_block() -> None:
    change = ("Lorries may", "Write {{ name }} to")
    assert [each.id for each in sound(OURS, change).blocking] == ["D08"]
    quoting = About(purpose=Purpose.ISSUE, is_ours=True, stories=["Write {{ name }} to greet them"])
    assert sound(quoting, change).blocking == []
    assert "D08" in ids(sound(quoting, change))


def test_the_size_is_that_of_the_largest_copy_that_a_reader_gets() -> None:
    assert "S01" not in ids(sound())
    assert ids(sound(About(purpose=Purpose.ISSUE, html_bytes=101 * 1024)))["S01"] is Severity.ERROR
    assert ids(sound(About(purpose=Purpose.ISSUE, html_bytes=85 * 1024)))["S01"] is Severity.WARNING


def test_a_hundred_places_are_told_as_five() -> None:
    found = [each for each in sound(OURS, ("<h1>", f"{'<img src=x>' * 100}<h1>")).findings if each.id == "I01"]
    assert len(found) == 5
    assert "95 such places are not told" in found[-1].words


def test_what_blocks_stands_first() -> None:
    report = sound(OURS, ("Lorries may", "{{ x }}"), (' alt="The bridge at dawn"', ""))
    assert [each.blocks for each in report.findings] == sorted((each.blocks for each in report.findings), reverse=True)


def test_every_rule_names_its_subject_its_source_and_how_to_mend_it() -> None:
    for rule in RULES:
        assert rule.subject in SUBJECTS.values()
        assert re.search(rf"\b{rule.id}\b", rule.check.__doc__ or ""), rule
        assert rule.mend.endswith(".")


# -- hostile input

BODY = "<!doctype html><html lang=en dir=ltr><body>"
N = 50_000
TOWERS: dict[str, Callable[[], str]] = {
    "nested divs": lambda: BODY + "<div>" * N + "x" + "</div>" * N,
    "nested tables": lambda: BODY + "<table><tr><td>x" * N,
    "links without end": lambda: BODY + "<a href=https://a.example/><img src=x>" * N,
    "open comments": lambda: BODY + "<!--[if mso]>" * N,
    "attributes": lambda: BODY + "<p " + " ".join(f"a{number}='<'" for number in range(N)) + ">",
    "braces in a style": lambda: BODY + "<style>" + "@media x{a{" * N,
    "a style attribute": lambda: BODY + f"<p style='{'(' * 500_000}'>",
    "fields": lambda: BODY + "zz0123456789abcdef-" * N,
    "a header without end": lambda: f"From: {'a' * 1_000_000}\n\nx",
    "two hundred thousand headers": lambda: "X-A: y\r\n" * 200_000 + "\r\n\r\nx",
    "mime in mime": lambda: "".join(f"Content-Type: multipart/mixed; boundary=b{at}\n\n--b{at}\n" for at in range(N)),
    "links against a long text": lambda: (
        "Content-Type: multipart/alternative; boundary=q\n\n--q\nContent-Type: text/plain\n\n"
        + "https://a.example/ x\n" * N
        + f"\n--q\nContent-Type: text/html\n\n{BODY}"
        + "".join(f"<h2><a href=https://a.example/{at}>t{at}</a></h2>" for at in range(15_000))
    ),
}


@pytest.mark.parametrize("name", TOWERS)
def test_a_hostile_mail_is_looked_at_in_bounded_time(name: str) -> None:
    raw = TOWERS[name]().encode()
    began = time.process_time()
    report = lint.look(raw)
    assert time.process_time() - began < 10
    assert [each for each in report.not_run if "broke" in each.why] == []


@given(st.binary(max_size=400), st.sampled_from([b"", b"<html>", b"Subject: x\r\n\r\n", SOUND[:900].encode()]))
def test_no_bytes_break_a_rule(tail: bytes, head: bytes) -> None:
    report = lint.look(head + tail)
    assert [each for each in report.not_run if "broke" in each.why] == []


def test_a_finding_shows_no_control_and_no_turned_text() -> None:
    report = sound(OURS, ("from noon.", "from \u202e\u0092noon."))
    shown = "".join(each.words + each.where for each in report.findings)
    assert shown.isprintable()


def test_a_story_with_hostile_markup_makes_a_letter_without_any() -> None:
    wild = "<script>alert(1)</script><img src=x onerror=a()> {% raw %}" + "<div>" * 20
    context = digest("en", items=[item(1, title=wild, summary=wild, url="javascript:alert(1)", section=wild), item(2)])
    report = looked_over(render.render(page("daily", "en", context=context), FOLDERS), "en", Kind.ISSUE, context)
    assert [each.id for each in report.blocking] == []
