"""Rules about the lines by which readers decide, and about what stands under headlines (N)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.lint.bidi import says
from mailer.lint.finding import Severity, Spot
from mailer.lint.mail import Mail

_CUT = re.compile(r"(?:\[(?:…|\.\.\.)\]|&hellip;)\s*\Z")
_LONGEST = 150


def subject_fits(mail: Mail) -> Iterator[Spot]:
    """N01."""
    if not mail.is_message or not mail.all("Subject"):
        return
    length = len(mail.subject.strip())
    most = 45 if mail.page and says(mail.page.lang) == "rtl" else 60
    if length == 0:
        yield Spot("The subject is empty.", "Subject")
    elif length > _LONGEST:
        yield Spot(f"The subject has {length} characters; desktops show about 60.", "Subject", Severity.WARNING)
    elif length > most:
        yield Spot(f"The subject has {length} characters; phones show about 40.", "Subject", Severity.NOTE)


def preheader_adds(mail: Mail) -> Iterator[Spot]:
    """N02. The line after the subject: without one, inboxes show “View online”."""
    if mail.page is None or not mail.is_bulk:
        return
    hidden = next(
        (node for node in mail.page.nodes if node.is_hidden and node.text and node.tag in {"div", "span", "p"}), None
    )
    line = re.sub("[\u034f\u200b-\u200f\u00ad\u2007\ufeff]", "", hidden.text).strip() if hidden else ""
    if not line:
        yield Spot("There is no preheader: inboxes show whatever the letter begins with.")
    elif line == mail.subject.strip():
        yield Spot("The preheader says what the subject says.", line[:60])
    elif len(line) < 25:
        yield Spot(
            f"The preheader has {len(line)} characters; inboxes have room for 40 to 110.", line[:60], Severity.NOTE
        )


def date_is_the_days(mail: Mail) -> Iterator[Spot]:
    """N11. A date line has a year in it; the first one in the letter is it."""
    day = mail.about.day
    if mail.page is None or day is None:
        return
    for node in mail.page.seen:
        numbers = [int(found) for found in re.findall(r"\d{1,9}", node.own[:200])]  # of any script
        if len(numbers) == 2 and day.year - 2 < max(numbers) < day.year + 2:
            if set(numbers) != {day.day, day.year}:
                yield Spot(f"The date line does not say {day:%d %B %Y}, the day it goes.", node.where)
            return


def summaries_end(mail: Mail) -> Iterator[Spot]:
    """N08."""
    for node in mail.page.all("p", "td", "div") if mail.page else ():
        if _CUT.search(node.own):
            yield Spot("A text ends in “[…]”, as a feed cut it.", node.where)
