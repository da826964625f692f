"""Rules about links and consent (T)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, unquote, urlsplit

from mailer.lint.finding import Severity, Spot
from mailer.lint.mail import Mail

_SHORTENERS = frozenset(
    (
        "bit.ly",
        "goo.gl",
        "t.co",
        "tinyurl.com",
        "ow.ly",
        "is.gd",
        "buff.ly",
        "rebrand.ly",
        "cutt.ly",
        "rb.gy",
        "shorturl.at",
    )
)
_IP = re.compile(r"(?:\d{1,10}|0x[0-9a-f]+)(?:\.\d{1,3}){0,3}\Z|\[", re.IGNORECASE)
_SHOWN = re.compile(r"(?:https?://)?((?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,24})(?:[/?#:]\S*)?\Z")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[A-Za-z.]{2,60}")
_OTHER = ("mailto:", "tel:", "sms:", "#", "{", "[", "%%", "*|")


def split(url: str) -> SplitResult | None:
    try:
        found = urlsplit(url.strip()[:4_000])
        _ = found.hostname, found.port
    except ValueError:
        return None
    return found


def unsubscribe_is_in_sight(mail: Mail) -> Iterator[Spot]:
    """T01, in the part that needs no network."""
    if mail.is_bulk and mail.page is not None and not mail.unsubscribe_links:
        yield Spot("No link in the letter speaks of unsubscribing. Who cannot find it presses “spam”.")


def footer_is_whole(mail: Mail) -> Iterator[Spot]:
    """T02. CAN-SPAM 7704(a)(5), and the law of most countries: who sends it has a postal address."""
    wanted = " ".join(mail.about.postal_address.split())
    if not mail.is_bulk or not wanted:
        return
    first = re.split(r"[\n,]", mail.about.postal_address.strip())[0].strip()
    for name, text in (("HTML", mail.page.text if mail.page else None), ("plain text", mail.text)):
        if text is not None and first not in text:
            yield Spot(f"The postal address is not in the {name}.", name)


def has_a_postal_address(mail: Mail) -> Iterator[Spot]:
    """T02, for our own: the newsletter has one to print."""
    if mail.about.is_ours and mail.is_bulk and not mail.about.postal_address.strip():
        yield Spot("The newsletter has no postal address; the law of most countries asks for one in every issue.")


def lead_to_the_web(mail: Mail) -> Iterator[Spot]:
    """T03."""
    for node in mail.page.links if mail.page else ():
        url = node.get("href").strip()
        if url.startswith(_OTHER) and len(url) > 1:
            continue
        parts = split(url)
        if url == "#" or not url:
            yield Spot("A link leads nowhere.", node.where, Severity.WARNING)
        elif parts is None:
            yield Spot("A link is no address.", f"{node.where} {url[:60]}")
        elif parts.scheme in {"http", "https"} and parts.hostname:
            if parts.scheme == "http":
                yield Spot("A link is not https.", f"{node.where} {url[:60]}", Severity.WARNING)
            yield from _host(parts, f"{node.where} {url[:60]}")
        elif parts.scheme not in {"javascript", "data", "vbscript", "file"}:  # H02 tells of those
            yield Spot("A link is not an absolute web address.", f"{node.where} {url[:60]}")


def _host(parts: SplitResult, where: str) -> Iterator[Spot]:
    host = (parts.hostname or "").lower()
    if parts.username is not None or parts.password is not None:
        yield Spot("A link has a user name in it, which is how phishing hides its host.", where)
    if _IP.match(host) or host.startswith("["):
        yield Spot("A link leads to a number instead of a name; filters take it for phishing.", where)
    if host in _SHORTENERS:
        yield Spot(f"A link goes through {host}, which blocklists know well.", where, Severity.WARNING)


def show_their_host(mail: Mail) -> Iterator[Spot]:
    """T05. Filters, and Thunderbird, warn of a link that shows one address and leads to another."""
    for node in mail.page.links if mail.page else ():
        shown, parts = _SHOWN.match(node.text), split(node.get("href"))
        if shown and parts and parts.hostname and parts.scheme in {"http", "https"}:
            told, real = shown[1].lower().removeprefix("www."), parts.hostname.lower().removeprefix("www.")
            if told != real and not real.endswith(f".{told}"):
                yield Spot(f"A link shows {told[:60]} and leads to {real[:60]}.", node.where)


def can_be_read_online(mail: Mail) -> Iterator[Spot]:
    """T06, in the part that needs no network: the public page's very address holds nothing of a reader's."""
    if mail.page is None or not mail.is_bulk or not mail.about.view_url:
        return
    if not any(node.get("href") == mail.about.view_url for node in mail.page.links if not node.is_hidden):
        yield Spot("No link leads to the issue's own page, for whoever's program shows the letter badly.")


def tell_no_address(mail: Mail) -> Iterator[Spot]:
    """T08. Addresses in links end in other people's logs."""
    for node in mail.page.links if mail.page else ():
        url = node.get("href")
        if not url.lower().startswith("mailto:") and _ADDRESS.search(unquote(url.partition("?")[2])[:2_000]):
            yield Spot("A link has an email address in it.", node.where)


def write_to_somebody(mail: Mail) -> Iterator[Spot]:
    """T09."""
    for node in mail.page.links if mail.page else ():
        url = node.get("href").lower()
        if url.startswith("mailto:") and "@" not in url and "%40" not in url and "{" not in url:
            yield Spot("A mailto link has no address.", node.where)
