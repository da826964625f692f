"""Rules about the header fields and the outline of a message (M)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime

from mailer.lint.finding import Severity, Spot
from mailer.lint.mail import Mail, Purpose, charset, head_of, is_attached

_ONCE = ("From", "To", "Subject", "Date", "Message-ID")
_MAILBOX = re.compile(r"<?([^\s<>@,;]+@[^\s<>@,;]+\.[^\s<>@,;]+)>?\s*\Z")
_MESSAGE_ID = re.compile(r"<[^<>\s@]+@([^<>\s@]+)>\Z")
_NOBODY = re.compile(r"\b(?:no|do[._-]?not|dont)[._-]?reply", re.IGNORECASE)
_PERSONAL = re.compile(r"x-(?:.*-)?(?:email|recipient|user|subscriber|phone|to)\Z", re.IGNORECASE)
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,190}")
_ENCODED_WORD = re.compile(rb"=\?[^?\s]{1,60}\?[BbQq]\?[^?\s]*\?=")


def both_parts(mail: Mail) -> Iterator[Spot]:
    """M01. RFC 2046 5.1.4: the plainest part first."""
    if not mail.is_message:
        return
    kinds = [part.type for part in mail.texts]
    if "text/html" in kinds and "text/plain" not in kinds:
        yield Spot("There is only HTML: readers of plain text get nothing, and filters count it against the sender.")
    elif "text/html" in kinds and kinds.index("text/html") < kinds.index("text/plain"):
        yield Spot("The HTML part comes before the plain one: mail programs show the last they can, the plain one.")
    if not kinds:
        yield Spot("There is no text in it.")
    for part in mail.texts:
        if not part.body.strip():
            yield Spot(f"The {part.type} part is empty.")


def needed_once(mail: Mail) -> Iterator[Spot]:
    """M02. RFC 5322 3.6."""
    if not mail.is_message:
        return
    for name in _ONCE:
        count = len(mail.all(name))
        if count != 1 and (name != "To" or count > 1 or not mail.all("Cc")):
            yield Spot(f"{name} is there {count} times." if count else f"{name} is missing.", name)
    if mail.all("From") and not _MAILBOX.search(mail.get("From")):
        yield Spot("From names no single mailbox.", "From")
    if mail.all("Message-ID") and not _MESSAGE_ID.match(mail.get("Message-ID")):
        yield Spot("The Message-ID has not the form <something@domain>.", "Message-ID")


def own_message_id(mail: Mail) -> Iterator[Spot]:
    """M02: an id under another domain than the sender's looks forged."""
    found, sender = _MESSAGE_ID.match(mail.get("Message-ID")), _domain(mail.get("From"))
    if found and sender and _site(found[1]) != _site(sender):
        yield Spot(f"The Message-ID is under {found[1][:80]}, the sender under {sender[:80]}.", "Message-ID")


def can_unsubscribe(mail: Mail) -> Iterator[Spot]:
    """M03. RFC 2369 and RFC 8058, which Gmail and Yahoo ask of everyone who mails many."""
    if not mail.is_message or not mail.is_bulk:
        return
    fields = mail.all("List-Unsubscribe")
    if len(fields) != 1:
        yield Spot("List-Unsubscribe is missing." if not fields else "List-Unsubscribe is there more than once.")
        return
    if "=?" in fields[0].value:
        yield Spot("List-Unsubscribe is made of encoded words, which no provider reads.", "List-Unsubscribe")
    if not any(link.lower().startswith("https://") for link in mail.list_unsubscribe):
        yield Spot("List-Unsubscribe has no https link, so one click cannot work.", "List-Unsubscribe")
    elif mail.get("List-Unsubscribe-Post").replace(" ", "") != "List-Unsubscribe=One-Click":
        yield Spot("List-Unsubscribe-Post is not exactly List-Unsubscribe=One-Click.", "List-Unsubscribe-Post")


def unsubscribe_is_signed(mail: Mail) -> Iterator[Spot]:
    """M03. RFC 8058 4: a signature must cover both fields."""
    if not mail.is_bulk or not mail.all("DKIM-Signature") or not mail.all("List-Unsubscribe-Post"):
        return
    covered = [_signed(each.value) for each in mail.all("DKIM-Signature")]
    if not any({"list-unsubscribe", "list-unsubscribe-post"} <= names for names in covered):
        yield Spot("No DKIM signature covers List-Unsubscribe and List-Unsubscribe-Post.", "DKIM-Signature")


def lines_are_short(mail: Mail) -> Iterator[Spot]:
    """M04. RFC 5322 2.1.1."""
    if not mail.is_message:
        return
    for number, line in enumerate(mail.raw.split(b"\n"), 1):
        if len(line.rstrip(b"\r")) > 998:
            yield Spot(f"A line has {len(line):,} bytes; servers may cut or refuse it after 998.", f"line {number}")
            return


def lines_end_alike(mail: Mail) -> Iterator[Spot]:
    """M04. RFC 5321 2.3.8: a file on disk may end its lines in LF, a mix breaks signatures."""
    ends, bare = mail.raw.count(b"\r\n"), mail.raw.count(b"\n")
    if mail.is_message and ends and ends != bare:
        yield Spot(f"{bare - ends:,} of {bare:,} lines end in a bare LF.")


def headers_are_ascii(mail: Mail) -> Iterator[Spot]:
    """M04. RFC 5322 2.2; RFC 2047 2: an encoded word has at most 75 characters."""
    for field in mail.fields:
        if not field.raw.isascii():
            yield Spot(f"{field.name} has letters beyond ASCII that are not encoded.", field.name)
        elif any(len(word) > 75 for word in _ENCODED_WORD.findall(field.raw)):
            yield Spot(f"{field.name} has an encoded word of over 75 characters.", field.name, Severity.WARNING)


def is_utf8(mail: Mail) -> Iterator[Spot]:
    """M05."""
    for part in mail.texts:
        name = charset(part)
        if name and name not in {"utf-8", "utf8", "us-ascii", "ascii"}:
            yield Spot(f"The {part.type} part is in {name}, not UTF-8.", part.type, Severity.WARNING)
            continue
        try:
            part.body.decode("utf-8")
        except UnicodeDecodeError as problem:
            yield Spot(f"The {part.type} part says UTF-8 and is not, at byte {problem.start:,}.", part.type)
    for name, text in (("HTML", mail.html or ""), ("plain text", mail.text or "")):
        if not unicodedata.is_normalized("NFC", text):
            yield Spot(f"The {name} part has letters put together of pieces (not NFC).", name, Severity.NOTE)


def is_ascii_on_the_wire(mail: Mail) -> Iterator[Spot]:
    """M05. RFC 2045 6: eight bits only where a server offers them."""
    if mail.is_message and not mail.raw.isascii() and "8bit" not in _encodings(mail):
        yield Spot("The body has bytes beyond ASCII and declares no 8bit encoding.")


def reply_goes_to_somebody(mail: Mail) -> Iterator[Spot]:
    """M07."""
    if not mail.is_message:
        return
    if _NOBODY.search(mail.get("Reply-To") or mail.get("From")):
        yield Spot(
            "Answers go to nobody. Readers do answer, and filters trust senders who can be answered.", "Reply-To"
        )
    elif not mail.all("Reply-To") and mail.about.is_ours:
        yield Spot("There is no Reply-To.", "Reply-To")


def has_list_id(mail: Mail) -> Iterator[Spot]:
    """M08. RFC 2919."""
    if not mail.is_message or not mail.is_bulk:
        return
    if not mail.all("List-Id"):
        yield Spot("List-Id is missing: readers cannot sort by it, and one-click unsubscribe is offered less often.")
    elif not re.search(r"<[\w-]+(\.[\w-]+)+>\s*\Z", mail.get("List-Id")):
        yield Spot("List-Id does not end in <name.domain>.", "List-Id")


def nothing_personal(mail: Mail) -> Iterator[Spot]:
    """M09."""
    if mail.all("Bcc"):
        yield Spot("Bcc is still in the message: everybody who gets it reads it.", "Bcc", Severity.ERROR)
    for part in mail.parts:
        if is_attached(part):
            yield Spot(f"There is an attachment ({part.type}): put it on the web and link to it.", part.type)
    for field in mail.fields:
        if _PERSONAL.match(field.name) and _ADDRESS.search(field.value):
            yield Spot(f"{field.name} shows an address.", field.name)
    if mail.is_bulk and len(_ADDRESS.findall(f"{mail.get('To')} {mail.get('Cc')}")) > 1:
        yield Spot("More than one address stands in To or Cc: readers see each other's.", "To", Severity.ERROR)


def has_a_date(mail: Mail) -> Iterator[Spot]:
    """M10. RFC 5322 3.3."""
    value = mail.get("Date")
    if not value:
        return
    try:
        date = parsedate_to_datetime(value[:200])
    except ValueError:
        yield Spot("The Date cannot be read.", "Date")
        return
    if date.tzinfo is None:
        yield Spot("The Date has no zone, or -0000.", "Date", Severity.NOTE)
    elif mail.about.sent_at is not None and abs(date - mail.about.sent_at) > timedelta(minutes=5):
        yield Spot("The Date is more than five minutes from the time of sending.", "Date")


def smaller_encoding(mail: Mail) -> Iterator[Spot]:
    """M11. RFC 2045 6: quoted-printable takes three bytes for each beyond ASCII, base64 four for three."""
    for part in mail.texts:
        encoding = part.headers.get("content-transfer-encoding").lower()
        foreign = sum(byte > 126 for byte in part.body[:200_000]) / max(1, len(part.body[:200_000]))
        if encoding == "base64" and foreign < 0.1 and len(part.body) > 2_000:
            yield Spot(f"The {part.type} part is base64; quoted-printable would be smaller, and people could read it.")


def answers_itself(mail: Mail) -> Iterator[Spot]:
    """M12. RFC 3834 5."""
    if mail.purpose in {Purpose.TX, Purpose.STAFF} and not mail.all("Auto-Submitted") and mail.is_message:
        yield Spot("Auto-Submitted is missing: out-of-office programs will answer.")


def header_block_is_bounded(mail: Mail) -> Iterator[Spot]:
    """M13: servers refuse great header blocks (Postfix: 100 KB)."""
    if mail.is_message and len(head_of(mail.raw)) > 60_000:
        yield Spot(f"The header block has {len(head_of(mail.raw)):,} bytes.")


def _domain(text: str) -> str:
    found = _MAILBOX.search(text)
    return found[1].rpartition("@")[2].lower() if found else ""


def _site(domain: str) -> str:
    return ".".join(domain.lower().rstrip(".").split(".")[-2:])


def _signed(signature: str) -> set[str]:
    found = re.search(r"(?:\A|;)\s*h\s*=([^;]*)", signature)
    return {name.strip().lower() for name in found[1].split(":")} if found else set()


def _encodings(mail: Mail) -> set[str]:
    return {part.headers.get("content-transfer-encoding").lower() for part in mail.parts}
