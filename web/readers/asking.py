"""Asking for a letter by a form: how often that may be, the request itself, and the page that follows it.

A limit of an address tells nobody anything: the page is the same, and takes as long. A limit of a network or of all is
told, with when to come back.
"""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request
from fastapi.responses import HTMLResponse

from mailer import suppressions
from mailer.address import EmailAddress
from subscribers import opt_in
from subscribers.consents import Evidence
from subscribers.opt_in import SignUp, SignUpRequest
from web import forms
from web.limits import mailbox, network
from web.pages import Pages
from web.parts import Parts
from web.readers import letters
from web.readers.place import Place

_EVERYONE = "everyone"


class Where(enum.StrEnum):
    """Whose sign-ups are too many."""

    NETWORK = "network"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """More than the limit came in, and how long until there is room again."""

    where: Where
    wait: timedelta


def crowd(parts: Parts, request: Request) -> Crowd | None:
    """Whether there are too many requests from the visitor's network or from everywhere; counts this one if not."""
    limits, rules = parts.limits, parts.sign_ups
    who = network(forms.visitor(request))
    if not limits.allow(rules.network, who):
        return Crowd(where=Where.NETWORK, wait=limits.wait(rules.network, who))
    if not limits.allow(rules.everyone, _EVERYONE):
        return Crowd(where=Where.EVERYONE, wait=limits.wait(rules.everyone, _EVERYONE))
    return None


def wording(parts: Parts, place: Place) -> str:
    """What a reader agrees to; kept with the consent exactly as it was shown."""
    texts = parts.languages.texts(place.edition.language)
    sentence = texts.gettext(
        "By signing up you agree that {publisher} sends you “{title}” by email: {frequency}. "
        "You can unsubscribe at any time with one click."
    )
    return sentence.format(
        publisher=place.sender.publisher, title=place.edition.title, frequency=place.edition.frequency
    )


async def ask(parts: Parts, place: Place, reader: EmailAddress, evidence: Evidence, *, again: bool = False) -> None:
    """The whole request, always as long as the floor: a known address must not answer faster than a new one."""
    loop = asyncio.get_running_loop()
    earliest = loop.time() + parts.answer_floor.total_seconds()
    if _may_ask(parts, place, reader, again=again):
        await _ask(parts, place, reader, evidence, again=again)
    await asyncio.sleep(max(0.0, earliest - loop.time()))


def come_later(pages: Pages, place: Place, crowd: Crowd) -> HTMLResponse:
    """429: nothing was sent; when to try again."""
    seconds = int(crowd.wait.total_seconds())
    page = pages.html(
        "readers/crowd.html",
        language=place.edition.language,
        status=429,
        place=place,
        where=crowd.where,
        minutes=max(1, -(-seconds // 60)),
    )
    page.headers["Retry-After"] = str(seconds)
    return page


def check_inbox(parts: Parts, pages: Pages, place: Place, reader: EmailAddress, *, time: int = 1) -> HTMLResponse:
    """One page for every address. `time` counts the letters that can be asked for again from here."""
    token = forms.again_token(parts.keys, place.edition.id, time, parts.form, now=parts.clock())
    return pages.html(
        "readers/check_inbox.html",
        language=place.edition.language,
        place=place,
        masked=reader.masked,
        address=str(reader),
        again=token if time <= parts.sign_ups.again.most else None,
        is_again=time > 1,
    )


def _may_ask(parts: Parts, place: Place, reader: EmailAddress, *, again: bool) -> bool:
    who = mailbox(reader)
    if again:
        return parts.limits.allow(parts.sign_ups.again, f"{place.edition.id} {who}")
    return parts.limits.allow(parts.sign_ups.address, who)


async def _ask(parts: Parts, place: Place, reader: EmailAddress, evidence: Evidence, *, again: bool) -> None:
    request = SignUpRequest(
        edition_id=place.edition.id,
        address=reader,
        language=place.edition.language,
        evidence=evidence,
        confirm_variant_id=await letters.variant(parts, "confirm", place),
        already_variant_id=await letters.variant(parts, "already", place),
        forgotten=suppressions.mark(parts.keys, reader.key),
        again=again,
    )
    made = await asyncio.to_thread(_request, parts, request, parts.clock())
    if made.batch_id is not None:
        letters.hurry(parts, made.batch_id)


def _request(parts: Parts, request: SignUpRequest, now: datetime) -> SignUp:
    with parts.database.write() as session:
        return opt_in.request(session, request, now=now)
