"""A morning: feeds over HTTP, the schedule's slot, an issue in three languages, and what every reader's server received.

What is asserted is bytes: a library that parses mail forgives what providers do not.
"""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import pytest
import pytest_asyncio
from lxml import etree
from sqlalchemy import select
from sqlalchemy.orm import Session

from articles import formats
from articles.entry import ParsedFeed
from broadsheet.demo import setting
from broadsheet.mailbox.store import StoredMessage
from ground.tokens import Purpose, Valid
from mailer import envelope
from mailer.deliveries import Delivery, State
from mailer.letter import Compiled
from mailer.letters import Letter, Variant
from mailer.message import Mint, Recipient, build
from newsletters import issues
from newsletters.issues import Issue
from newsletters.newsletters import Edition
from tests.stories.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

READERS = {
    "en": ["emma.clarke@readers.example", "jonas.weber@mail.example", "Aoife.Byrne+news@post.example"],
    "ar": ["omar.haddad@readers.example", "layla.mansour@mail.example"],
    "ckb": ["hanar.botan@readers.example", "rebaz.osman@mail.example"],
}
LANGUAGES = sorted(READERS)


class Morning(NamedTuple):
    service: Service
    issues: dict[str, int]  # by language
    digests: dict[str, StoredMessage]  # by reader

    def of(self, language: str) -> list[bytes]:
        return [self.digests[reader].raw() for reader in READERS[language]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def morning(service: Service) -> Morning:
    return await a_morning(service)


async def a_morning(service: Service) -> Morning:
    for language, addresses in READERS.items():
        await service.add_readers(language, addresses)
    await service.collect()
    await service.schedule(*LANGUAGES, terms=setting.TERMS)
    made = await service.todays_issues()

    def languages(session: Session) -> dict[str, int]:
        rows = session.execute(select(Edition.language, Issue.id).join(Edition, Edition.id == Issue.edition_id))
        return dict(rows.all())

    found = await service.read(languages)
    assert sorted(found.values()) == made
    return Morning(service, found, {reader: service.digest_to(reader) for each in READERS.values() for reader in each})


def headers(raw: bytes) -> dict[str, list[bytes]]:
    """The message's own header fields as they were sent, by name in small letters; folds are kept."""
    found: dict[str, list[bytes]] = {}
    for line in raw.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b"\n ").replace(b"\r\n\t", b"\n\t").split(b"\r\n"):
        name, _, value = line.partition(b":")
        found.setdefault(name.decode("ascii").lower(), []).append(value.strip())
    return found


def the(raw: bytes, name: str) -> bytes:
    values = headers(raw)[name]
    assert len(values) == 1, f"{len(values)} fields named {name}"
    return values[0]


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.SMTP)


def text_of(raw: bytes, kind: str) -> str:
    part = parsed(raw).get_body((kind,))
    assert part is not None
    return str(part.get_content())


async def test_every_reader_has_one_digest_and_the_books_say_so(morning: Morning) -> None:
    def accepted(session: Session) -> list[tuple[str, State]]:
        rows = session.execute(
            select(Delivery.address, Delivery.state)
            .join(Issue, Issue.letter_id == Delivery.letter_id)
            .where(Issue.id.in_(morning.issues.values()))
        )
        return sorted((address, state) for address, state in rows)

    everybody = sorted(reader for each in READERS.values() for reader in each)
    assert await morning.service.read(accepted) == [(reader, State.ACCEPTED) for reader in everybody]
    assert len(morning.service.mailbox.messages()) == len(everybody)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_each_line_is_one_that_any_server_takes(morning: Morning, language: str) -> None:
    for raw in morning.of(language):
        assert raw.isascii()
        assert b"\x00" not in raw
        assert re.search(rb"(?<!\r)\n|\r(?!\n)", raw) is None, "a line end that is not CRLF"
        head, _, body = raw.partition(b"\r\n\r\n")
        assert max(map(len, head.split(b"\r\n"))) <= 998  # RFC 5322 2.1.1
        assert max(map(len, body.split(b"\r\n"))) <= 76  # RFC 2045 6.7, 6.8
        assert len(text_of(raw, "html").encode()) < 102_000  # Gmail cuts there


@pytest.mark.parametrize("language", LANGUAGES)
async def test_one_field_of_each_kind_and_none_that_is_not_ours(morning: Morning, language: str) -> None:
    once = [
        "from",
        "to",
        "reply-to",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "content-language",
        "list-id",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "list-post",
        "list-archive",
        "feedback-id",
    ]
    for reader, raw in zip(READERS[language], morning.of(language), strict=True):
        found = headers(raw)
        assert {name: len(found.get(name, [])) for name in once} == dict.fromkeys(once, 1)
        assert not found.keys() & {"cc", "bcc", "return-path", "received", "sender", "auto-submitted"}
        assert the(raw, "to").decode() == reader
        assert the(raw, "from").endswith(b"<briefing@zagroscourier.example>")
        assert the(raw, "reply-to") == b"desk@zagroscourier.example"
        assert the(raw, "content-language").decode() == language
        assert the(raw, "list-post") == b"NO"
        assert the(raw, "list-id").endswith(f"<{setting.SLUG}-{language}.zagroscourier.example>".encode())


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_unsubscribe_headers_stand_as_providers_read_them(morning: Morning, language: str) -> None:
    base = morning.service.house.settings.base_url.encode()
    seen = set()
    for raw in morning.of(language):
        offered = the(raw, "list-unsubscribe")
        found = re.fullmatch(rb"<" + re.escape(base) + rb"/u/([A-Za-z0-9._~-]+)>", offered)  # one line, no encoded word
        assert found, offered
        assert f"\r\nList-Unsubscribe: {offered.decode()}\r\n".encode() in raw
        assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
        keys, now = morning.service.house.keys, morning.service.clock()
        assert isinstance(keys.read(Purpose.UNSUBSCRIBE, found[1].decode(), now=now), Valid)
        assert offered.decode().strip("<>") in text_of(raw, "plain")
        assert offered.decode().strip("<>") in text_of(raw, "html")
        seen.add(offered)
    assert len(seen) == len(READERS[language]), "two readers share a link"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_date_and_message_id(morning: Morning, language: str) -> None:
    seen = set()
    for reader, raw in zip(READERS[language], morning.of(language), strict=True):
        date = the(raw, "date").decode()
        assert re.fullmatch(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", date)
        assert abs((parsedate_to_datetime(date) - morning.service.clock()).total_seconds()) < 600
        message_id = the(raw, "message-id").decode()
        assert re.fullmatch(r"<[0-9a-f]{40}@news\.zagroscourier\.example>", message_id)
        assert reader.partition("@")[0].lower() not in message_id
        seen.add(message_id)
    assert len(seen) == len(READERS[language])


async def test_a_resend_would_be_the_same_message(morning: Morning) -> None:
    """Built again from the books, as after a crash: the receiving side can tell that it has it already."""
    reader = READERS["ckb"][0]
    house = morning.service.house

    def build_again(session: Session) -> bytes:
        row = session.scalars(
            select(Delivery)
            .join(Issue, Issue.letter_id == Delivery.letter_id)
            .where(Issue.id == morning.issues["ckb"], Delivery.address == reader)
        ).one()
        settings = house.settings
        mint = Mint(
            keys=house.keys,
            base_url=settings.base_url,
            message_domain=settings.mail_domain,
            bounce_domain=settings.bounce_domain,
        )
        recipient = Recipient(
            delivery_id=row.id,
            letter_id=row.letter_id,
            recipient_id=row.recipient_id,
            address=row.address,
            fields=row.fields,
            due_at=session.get_one(Letter, row.letter_id).due_at,
        )
        return build(Compiled.from_bytes(session.get_one(Variant, row.variant_id).compiled), recipient, mint)

    assert await morning.service.read(build_again) == morning.digests[reader].raw()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_subject_reads_right_in_every_language(morning: Morning, language: str) -> None:
    def subject(session: Session) -> str:
        return session.get_one(Issue, morning.issues[language]).subject

    meant = await morning.service.read(subject)
    for raw in morning.of(language):
        sent = the(raw, "subject")
        assert all(len(line) <= 78 for line in (b"Subject: " + sent).split(b"\n"))
        words = re.findall(rb"=\?[^?]*\?[QBqb]\?[^?]*\?=", sent)
        assert all(len(word) <= 75 for word in words)  # RFC 2047 2
        assert bool(words) is not meant.isascii()
        for word in words:  # RFC 2047 5: each word is whole letters, not half of one
            content, charset = decode_header(word.decode("ascii"))[0]
            assert isinstance(content, bytes)
            content.decode(charset or "ascii")
        assert str(parsed(raw)["subject"]) == meant
        assert not re.search("[\x00-\x1f\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]", meant)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_text_stands_first_and_holds_every_story(morning: Morning, language: str) -> None:
    def stories(session: Session) -> list[tuple[str, str]]:
        return [
            (item.title or article.title, article.url)
            for item, article in issues.list_stories(session, morning.issues[language])
        ]

    told = await morning.service.read(stories)
    assert len(told) >= 3
    for raw in morning.of(language):
        message = parsed(raw)
        assert message.get_content_type() == "multipart/alternative"
        assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
        for part in message.iter_parts():
            assert part.get_content_charset() == "utf-8"
            assert part["content-transfer-encoding"] in {"quoted-printable", "base64"}
        text, html = " ".join(text_of(raw, "plain").split()), text_of(raw, "html")
        for title, url in told:
            assert " ".join(title.split()) in text
            assert url in text
            assert url.replace("&", "&amp;") in html


@pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("ar", "rtl"), ("ckb", "rtl")])
async def test_the_page_says_its_language_and_direction(morning: Morning, language: str, direction: str) -> None:
    for raw in morning.of(language):
        opening = re.search(r"<html[^>]*>", text_of(raw, "html"))
        assert opening is not None
        assert f'lang="{language}"' in opening[0]
        assert f'dir="{direction}"' in opening[0]


async def test_the_return_path_names_the_delivery(morning: Morning) -> None:
    def deliveries(session: Session) -> dict[int, str]:
        return {row.id: row.address for row in session.scalars(select(Delivery))}

    by_id = await morning.service.read(deliveries)
    for reader, mail in morning.digests.items():
        assert mail.sender.endswith("@bounces.zagroscourier.example")
        named = envelope.delivery_of(morning.service.house.keys, mail.sender)
        assert named is not None
        assert by_id[named] == reader
        forged = mail.sender.replace("-", "-a", 1)
        assert envelope.delivery_of(morning.service.house.keys, forged) is None


async def test_no_reader_finds_another_one_in_a_mail(morning: Morning) -> None:
    everybody = {reader for each in READERS.values() for reader in each}
    for reader, mail in morning.digests.items():
        decoded = mail.raw() + text_of(mail.raw(), "plain").encode() + text_of(mail.raw(), "html").encode()
        for other in everybody - {reader}:
            assert other.encode() not in decoded
            assert base64.b64encode(other.encode()) not in decoded


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_issue_is_in_the_archive_with_its_pictures_and_links(morning: Morning, language: str) -> None:
    service = morning.service
    shelf = await service.client.get(f"/archive/{setting.SLUG}/{language}")
    assert shelf.status_code == 200
    assert f"/archive/{setting.SLUG}/{language}/1" in shelf.text
    page = await service.client.get(f"/archive/{setting.SLUG}/{language}/1")
    assert page.status_code == 200
    assert "/u/" not in page.text, "the common version carries a reader's link"
    found = set(re.findall(rf'(?:src|href)="({re.escape(service.newsroom.base_url)}[^"]*)"', page.text))
    pictures = [url for url in found if "/images/" in url or "/uploads/" in url]
    assert pictures
    assert len(found) > len(pictures)
    for url in found:
        answer = await service.client.get(url.replace("&amp;", "&"))
        assert answer.status_code == 200, url
        assert answer.headers["content-type"].startswith("image/" if url in pictures else "text/html")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_archive_can_be_followed_as_a_feed(morning: Morning, language: str) -> None:
    answer = await morning.service.client.get(f"/archive/{setting.SLUG}/{language}/feed.xml")
    assert answer.headers["content-type"] == "application/rss+xml; charset=utf-8"
    channel = etree.fromstring(answer.content).find("channel")
    assert channel is not None
    # RSS 2.0: a channel has these three; best practice adds its own address and language.
    assert all(channel.findtext(name) for name in ("title", "link", "description"))
    assert channel.findtext("language") == language
    own = channel.find("{http://www.w3.org/2005/Atom}link[@rel='self']")
    assert own is not None
    assert own.get("href") == str(answer.url)
    [item] = channel.findall("item")
    link = item.findtext("link")
    assert link == item.findtext("guid")
    assert (await morning.service.client.get(str(link))).status_code == 200
    assert parsedate_to_datetime(str(item.findtext("pubDate"))).tzinfo is not None
    read = formats.parse(answer.content, None, str(answer.url))
    assert isinstance(read, ParsedFeed)
    assert [entry.title for entry in read.entries] == [item.findtext("title")]


async def test_the_next_morning_brings_only_what_is_new(morning: Morning) -> None:
    """Last in this module: the clock goes on. Nothing that was sent is sent again."""
    service = morning.service
    service.clock.put_forward(timedelta(days=1))
    before = {issue: await _stories(service, issue) for issue in await service.issue_ids()}
    await service.compose()
    for issue in set(await service.issue_ids()) - before.keys():
        assert not await _stories(service, issue) & set().union(*before.values())


async def _stories(service: Service, issue_id: int) -> set[int]:
    def ids(session: Session) -> set[int]:
        return {article.id for _, article in issues.list_stories(session, issue_id)}

    return await service.read(ids)
