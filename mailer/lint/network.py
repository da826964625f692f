"""Rules that ask the network, and only where a person wants it: whether links lead somewhere and pictures are there.

Through the guarded fetcher, a few at once. A link that unsubscribes is never followed: with some senders that would be
the unsubscribing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from ground.fetch import Fetched, FetchFailed, NotModified, Reason
from mailer.lint import pixels
from mailer.lint.catalogue import SUBJECTS
from mailer.lint.finding import Finding, NotRun, Report, Severity
from mailer.lint.mail import Mail
from mailer.lint.page import Node

#: Links and pictures that are asked for, each once.
MOST = 80
_AT_ONCE = 8
_GONE = frozenset({404, 410})
_KINDS = frozenset({"image/png", "image/jpeg", "image/gif"})
#: "View online", "in your browser".
_ONLINE = re.compile(r"\bonline\b|\bbrowser\b|المتصفح|وێبگەڕ|لە وێب", re.IGNORECASE)
_ONE, _ALL = 200 * 1024, 800 * 1024

Answer = Fetched | NotModified | FetchFailed


class Fetches(Protocol):
    """ground.fetch.Fetcher, as far as this needs it."""

    async def get(self, url: str, *, etag: str | None = None, last_modified: str | None = None) -> Answer: ...


async def look(mail: Mail, fetcher: Fetches) -> Report:
    """T04 and T06; I04, S04 and K03."""
    links, pictures = links_of(mail), pictures_of(mail)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def ask(url: str) -> Answer:
        async with gate:
            return await fetcher.get(url)

    asked = [*links[:MOST], *pictures[:MOST]]
    answers = dict(zip(asked, await asyncio.gather(*map(ask, asked)), strict=True))
    found = [finding for url in links[:MOST] for finding in _link(url, answers[url])]
    found += [finding for url in pictures[:MOST] for finding in _picture(url, answers[url])]
    found += _by_night(mail, answers)
    found += _online(mail, answers)
    found += _weight([answers[url] for url in pictures[:MOST]])
    left = len(links) + len(pictures) - len(asked)
    lacking = () if pixels.can_look() else (NotRun("K03", "Pillow is not installed (the extra `images`)"),)
    not_run = (
        (NotRun("T04 I04", f"{left} links and pictures beyond the first {MOST} were not asked for"),) if left else ()
    )
    return Report(found, (*not_run, *lacking))


def links_of(mail: Mail) -> list[str]:
    if mail.page is None:
        return []
    never = {*mail.unsubscribe_links, *mail.list_unsubscribe}
    found = [
        node.get("href").strip()
        for node in mail.page.links
        if node.get("href").lower().startswith(("https://", "http://"))
    ]
    return [url for url in dict.fromkeys(found) if url not in never]


def pictures_of(mail: Mail) -> list[str]:
    images = mail.page.all("img") if mail.page else ()
    found = [node.get("src").strip() for node in images if node.get("src").lower().startswith(("https://", "http://"))]
    return list(dict.fromkeys(found))


def _link(url: str, answer: Answer) -> list[Finding]:
    if not isinstance(answer, FetchFailed):
        return []
    is_gone = answer.status in _GONE
    is_ours = answer.reason is Reason.REFUSED
    severity = Severity.ERROR if is_gone or is_ours else Severity.WARNING
    words = f"A link answers {answer.status}." if answer.status else answer.detail
    mend = "Drop the story, or link to where it is now." if is_gone else "Open it and see; it may only refuse programs."
    return [_finding("T04", severity, words, url, mend)]


def _picture(url: str, answer: Answer) -> list[Finding]:
    mend = "Serve it as PNG, JPEG or GIF, at most 200 KB, or leave it out."
    if isinstance(answer, FetchFailed):
        words = f"A picture answers {answer.status}." if answer.status else answer.detail
        return [_finding("I04", Severity.ERROR, words, url, mend)]
    if isinstance(answer, NotModified):
        return []
    if answer.content_type not in _KINDS:
        words = f"A picture is {answer.content_type or 'of no declared type'}, which not every mail program shows."
        return [_finding("I04", Severity.ERROR, words, url, mend)]
    if len(answer.body) > _ONE:
        words = f"A picture has {len(answer.body) // 1024} KB; 200 are much."
        return [_finding("S04", Severity.WARNING, words, url, mend)]
    return []


def _by_night(mail: Mail, answers: Mapping[str, Answer]) -> list[Finding]:
    """K03: pictures on no plate of their own, each once."""
    bare = [node for node in (mail.page.all("img") if mail.page else ()) if not _has_a_plate(node)]
    asked = [(url, answers.get(url)) for url in dict.fromkeys(node.get("src").strip() for node in bare)]
    dark = [
        url
        for url, answer in asked
        if isinstance(answer, Fetched) and pixels.can_look() and pixels.is_lost_by_night(answer.body)
    ]
    words, mend = "A dark picture stands on nothing: by night it is gone.", "Give it a light plate, or a pale outline."
    return [_finding("K03", Severity.WARNING, words, url, mend) for url in dark]


def _has_a_plate(node: Node) -> bool:
    return any(name in node.styles for name in ("background-color", "background"))


def _online(mail: Mail, answers: Mapping[str, Answer]) -> list[Finding]:
    """T06: the page online is for everybody."""
    links = [node for node in (mail.page.links if mail.page else ()) if _ONLINE.search(node.text)]
    shut = [
        url
        for url in dict.fromkeys(node.get("href").strip() for node in links)
        if isinstance(answer := answers.get(url), FetchFailed) and answer.status in {401, 403}
    ]
    words, mend = "The page online asks who reads it.", "Let it be read without signing in."
    return [_finding("T06", Severity.WARNING, words, url, mend) for url in shut]


def _weight(answers: Sequence[Answer]) -> list[Finding]:
    total = sum(len(each.body) for each in answers if isinstance(each, Fetched))
    if total <= _ALL:
        return []
    mend = "Fewer or smaller pictures: readers on phones pay for them."
    return [_finding("S04", Severity.WARNING, f"The pictures have {total // 1024} KB together.", "", mend)]


def _finding(rule: str, severity: Severity, words: str, where: str, mend: str) -> Finding:
    return Finding(id=rule, subject=SUBJECTS[rule[0]], severity=severity, words=words, where=where[:160], mend=mend)
