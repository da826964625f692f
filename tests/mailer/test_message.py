"""Messages, judged by the bytes that go on the wire, not by what a parser makes of them."""

from __future__ import annotations

import email
import email.header
import re
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground.tokens import Expired, KeyRing, Purpose, Valid
from mailer import letter, message
from mailer.field import FieldProblem, token
from mailer.letter import BrokenLetter, Compiled, Kind, Rendered
from mailer.message import Mint, Recipient
from mailer.sender import Sender
from tests.mailer.letters_at_hand import MARKER, sender

DUE = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)


def rendered(
    subject: str = "Morning", *, fields: tuple[str, ...] = ("unsubscribe_url",), language: str = "en"
) -> Rendered:
    links = "".join(f'<a href="{token(MARKER, name)}">{name}</a>\n' for name in fields)
    text = "\n".join(token(MARKER, name) for name in fields)
    return Rendered(
        subject=subject, preheader="", html=f"<p>{links}</p>\n", text=text + "\n", language=language, marker=MARKER
    )


def compiled(
    kind: Kind = Kind.ISSUE,
    *,
    subject: str = "Morning",
    who: Sender | None = None,
    fields: tuple[str, ...] = ("unsubscribe_url",),
) -> Compiled:
    texts = rendered(subject, fields=fields)
    return letter.compile(texts, message.headers(texts, who or sender(), kind))


def mint(keys: KeyRing, base_url: str = "https://news.example.org") -> Mint:
    return Mint(keys=keys, base_url=base_url, message_domain="news.example.org", bounce_domain="bounces.example.org")


def recipient(address: str = "nermin@reader.example", **fields: str) -> Recipient:
    return Recipient(
        delivery_id=77, letter_id=5, recipient_id=1234, address=address, due_at=DUE,
        fields=fields or {"unsubscribe_url": "42"},
    )  # fmt: skip


def head(built: bytes) -> str:
    return built.partition(b"\r\n\r\n")[0].decode("ascii")


def header(built: bytes, name: str) -> list[str]:
    """The raw values of a header, unfolded by the letter of RFC 5322 2.2.3."""
    unfolded = re.sub(r"\r\n(?=[ \t])", "", head(built))
    return [line.partition(": ")[2] for line in unfolded.split("\r\n") if line.lower().startswith(f"{name.lower()}:")]


def parsed(built: bytes) -> EmailMessage:
    found = email.message_from_bytes(built, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_digest_has_every_header_once_and_no_other(keys: KeyRing) -> None:
    built = message.build(compiled(), recipient(), mint(keys))
    names = [line.partition(":")[0] for line in head(built).split("\r\n") if not line.startswith(" ")]
    assert names == [
        "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Content-Language", "List-Id", "List-Archive",
        "List-Unsubscribe", "List-Unsubscribe-Post", "List-Post", "Feedback-ID", "MIME-Version", "Content-Type",
    ]  # fmt: skip
    assert header(built, "From") == ["The Zagros Courier <briefing@zagroscourier.example>"]
    assert header(built, "To") == ["nermin@reader.example"]
    assert header(built, "Date") == ["Mon, 09 Mar 2026 04:00:00 +0000"]
    assert header(built, "List-Id") == ["Morning briefing <briefing-en.news.zagroscourier.example>"]
    assert header(built, "List-Archive") == ["<https://news.zagroscourier.example/archive/briefing/en>"]
    assert header(built, "Feedback-ID") == ["5:briefing-en.news.zagroscourier.example:issue:courier-example"]


def test_one_click_is_literal_ascii_however_long_the_link_is(keys: KeyRing) -> None:
    long_base = f"https://news.example.org/{'a-long-prefix/' * 12}"
    built = message.build(compiled(), recipient(), mint(keys, long_base))
    raw = re.search(rb"\r\nList-Unsubscribe: (.*)\r\n(?! )", built)
    assert raw is not None
    link = raw[1].decode("ascii")
    assert len(link) > 78
    assert re.fullmatch(r"<https://news\.example\.org/[!-;=?-~]+/u/[!-;=?-~]+>", link)
    assert b"=?" not in raw[1]
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in built
    assert isinstance(keys.read(Purpose.UNSUBSCRIBE, link.rpartition("/u/")[2].rstrip(">"), now=DUE), Valid)


def test_the_link_in_header_page_and_text_is_the_same(keys: KeyRing) -> None:
    built = message.build(compiled(), recipient(), mint(keys))
    link = header(built, "List-Unsubscribe")[0].strip("<>")
    for kind in ("plain", "html"):
        body = parsed(built).get_body((kind,))
        assert isinstance(body, EmailMessage)
        assert link in body.get_content()


def test_a_confirmation_offers_no_list_headers_to_leave_by_and_says_it_is_automatic(keys: KeyRing) -> None:
    built = message.build(compiled(Kind.TX, fields=("confirm_url",)), recipient(confirm_url="42-1"), mint(keys))
    assert header(built, "List-Unsubscribe") == []
    assert header(built, "List-Unsubscribe-Post") == []
    assert header(built, "Auto-Submitted") == ["auto-generated"]
    assert header(built, "X-Auto-Response-Suppress") == ["OOF, AutoReply"]


def test_a_welcome_can_be_left_with_one_click(keys: KeyRing) -> None:
    built = message.build(compiled(Kind.TX), recipient(), mint(keys))
    assert header(built, "List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]


def test_a_digest_is_not_marked_as_an_automatic_answer(keys: KeyRing) -> None:
    assert header(message.build(compiled(), recipient(), mint(keys)), "Auto-Submitted") == []


def test_a_digest_without_a_way_out_is_refused() -> None:
    with pytest.raises(BrokenLetter, match="unsubscribe"):
        compiled(fields=())


def test_a_confirmation_link_lives_72_hours_from_the_due_time(keys: KeyRing) -> None:
    built = message.build(compiled(Kind.TX, fields=("confirm_url",)), recipient(confirm_url="42-1"), mint(keys))
    found = re.search(r"https://news\.example\.org/confirm/(\S+?)\"", parsed_html(built))
    assert found is not None
    assert keys.read(Purpose.CONFIRM, found[1], now=DUE + timedelta(hours=71)) == Valid("42-1")
    assert keys.read(Purpose.CONFIRM, found[1], now=DUE + timedelta(hours=72)) == Expired("42-1")


def parsed_html(built: bytes) -> str:
    body = parsed(built).get_body(("html",))
    assert isinstance(body, EmailMessage)
    content: str = body.get_content()
    return content


def test_the_same_row_gives_the_same_bytes_and_the_message_id_says_nothing(keys: KeyRing) -> None:
    first = message.build(compiled(), recipient(), mint(keys))
    assert message.build(Compiled.from_bytes(compiled().to_bytes()), recipient(), mint(keys)) == first
    found = header(first, "Message-ID")[0]
    assert re.fullmatch(r"<[0-9a-f]{40}@news\.example\.org>", found)
    assert "nermin" not in found
    assert "1234" not in found


SUBJECTS = [
    "Rubar bridge reopens to traffic",
    "پردی ڕووبار دوای ١٤ مانگ نۆژەنکردنەوە کرایەوە و هەموو ڕێگاکان کرانەوە بۆ هاتوچۆ لە شاری زەریان",
    "إعادة فتح جسر روبار بعد أربعة عشر شهراً من الصيانة",
    "A long ASCII subject that needs to be folded because it goes on and on and on past the limit of a line",
    "x" * 300,
    "=?utf-8?q?looks_like_one?=",
    "café: the price of a cup",
]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_is_folded_by_the_rules_and_reads_back_whole(keys: KeyRing, subject: str) -> None:
    built = message.build(compiled(subject=subject), recipient(), mint(keys))
    raw = re.search(r"(?:^|\r\n)(Subject:.*(?:\r\n .*)*)", head(built))
    assert raw is not None
    for line in raw[1].split("\r\n"):
        assert len(line) <= 78
        for word in re.findall(r"=\?\S+\?=", line):
            assert len(word) <= 75
            word_text = email.header.decode_header(word)[0][0]
            assert isinstance(word_text, bytes)
            word_text.decode("utf-8")  # no letter is cut in two
    assert str(parsed(built)["Subject"]) == subject


def test_a_subject_from_outside_brings_no_header_and_no_trick(keys: KeyRing) -> None:
    hostile = "Hi\r\nBcc: evil@x.example\u2028\u0085and\u202e gnp.exe\x00"
    built = message.build(compiled(subject=hostile), recipient(), mint(keys))
    assert header(built, "Bcc") == []
    assert header(built, "Subject") == ["Hi Bcc: evil@x.example and gnp.exe"]


@pytest.mark.parametrize(
    ("publisher", "raw"),
    [
        ("Evil\r\nBcc: all@x.example", '"Evil Bcc: all@x.example" <briefing@zagroscourier.example>'),
        ("Courier, The (daily)", '"Courier, The (daily)" <briefing@zagroscourier.example>'),
        ("", "briefing@zagroscourier.example"),
    ],
)
def test_a_publisher_name_is_only_a_name(keys: KeyRing, publisher: str, raw: str) -> None:
    built = message.build(compiled(who=sender(publisher=publisher)), recipient(), mint(keys))
    assert header(built, "From") == [raw]
    assert header(built, "Bcc") == []


@pytest.mark.parametrize("publisher", ["پۆستەی زاگرۆس", 'The "Courier" \\ Sons', "x" * 200, "ڕۆژنامەی " * 20])
def test_a_publisher_name_reads_back(keys: KeyRing, publisher: str) -> None:
    built = message.build(compiled(who=sender(publisher=publisher)), recipient(), mint(keys))
    assert [each.addr_spec for each in parsed(built)["From"].addresses] == ["briefing@zagroscourier.example"]
    # Not `display_name`: Python 3.11's parser puts a blank between encoded words that RFC 2047 6.2 joins.
    shown = header(built, "From")[0].rpartition(" <")[0]
    decoded = str(email.header.make_header(email.header.decode_header(shown)))
    assert decoded.strip('"').replace("\\\\", "\\").replace('\\"', '"') == publisher.strip()
    assert all(len(line) <= 78 for line in head(built).split("\r\n") if "zagroscourier.example>" not in line)


@settings(deadline=None)  # a busy machine is no failure
@given(subject=st.text(max_size=200), publisher=st.text(max_size=100), title=st.text(max_size=100))
def test_no_text_from_outside_breaks_the_head(subject: str, publisher: str, title: str) -> None:
    ring = KeyRing({"a": b"a key for tests, thirty-two bytes"}, "a")
    letter_of = compiled(subject=subject, who=sender(publisher=publisher, title=title))
    found = head(message.build(letter_of, recipient(), mint(ring)))
    lines = found.split("\r\n")
    assert len([line for line in lines if not line.startswith(" ")]) == 15
    assert all(line.strip() for line in lines)
    assert all(len(line) <= 78 for line in lines if not line.startswith(("List-", "Feedback-ID")))
    assert not re.search(r"[^\x20-\x7e\r\n]|\r(?!\n)|(?<!\r)\n", found)


@pytest.mark.parametrize(
    "address",
    ["a@x.example, b@x.example", "a@x.example>\r\nRCPT TO:<evil@x.example", "nermîn@reader.example", "nobody", ""],
)
def test_a_damaged_address_fails_its_own_delivery(keys: KeyRing, address: str) -> None:
    with pytest.raises(FieldProblem, match="address"):
        message.build(compiled(), recipient(address), mint(keys))


def test_an_international_domain_goes_out_in_ascii(keys: KeyRing) -> None:
    built = message.build(compiled(), recipient("nermin@bücher.example"), mint(keys))
    assert header(built, "To") == ["nermin@xn--bcher-kva.example"]


def test_links_about_one_subscription_share_what_the_row_holds(keys: KeyRing) -> None:
    both = compiled(fields=("unsubscribe_url", "preferences_url"))
    text = parsed(message.build(Compiled.from_bytes(both.to_bytes()), recipient(), mint(keys))).get_body(("plain",))
    assert text is not None
    out, choices = text.get_content().split()
    assert keys.read(Purpose.UNSUBSCRIBE, out.rpartition("/u/")[2], now=DUE) == Valid("42")
    token_of = choices.rpartition("/p/")[2]
    assert keys.read(Purpose.PREFERENCES, token_of, now=DUE + timedelta(days=179)) == Valid("42")
    assert keys.read(Purpose.PREFERENCES, token_of, now=DUE + timedelta(days=180)) == Expired("42")


@pytest.mark.parametrize(("fields", "reason"), [({"other": "1"}, "no value"), ({"unsubscribe_url": "4/2"}, "payload")])
def test_a_row_that_cannot_be_filled_is_named(keys: KeyRing, fields: dict[str, str], reason: str) -> None:
    with pytest.raises(FieldProblem, match=reason):
        message.build(compiled(), recipient(**fields), mint(keys))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"address": "no address"}, "sender address"),
        ({"reply_to": "a@x.example\r\nBcc: b@x.example"}, "reply-to"),
        ({"list_id": "bad id>"}, "list id"),
    ],
)
def test_a_wrong_identity_names_the_setting(changes: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        compiled(who=sender(**changes))


def test_a_letter_to_staff_is_no_list_mail(keys: KeyRing) -> None:
    built = message.build(compiled(Kind.STAFF, fields=()), recipient(note="-"), mint(keys))
    assert not [line for line in head(built).split("\r\n") if line.startswith("List-")]
    assert header(built, "Auto-Submitted") == ["auto-generated"]
