"""The demo's owner: appointed, given a one-time link, signed in by it as a browser would be; and what lies at the desk."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx2
from sqlalchemy.orm import Session

from articles.feeds import FeedRefused, Said
from broadsheet.demo.newsroom import SampleFeed
from broadsheet.demo.setting import ZONE
from broadsheet.demo.visitor import DemoFailed, Form
from broadsheet.wiring import House
from newsletters import compose, draw
from staff import appoint, links, members
from staff.appoint import NewMember, Refused
from staff.links import Use
from staff.members import Role

_ADDRESS = "hanar@zagroscourier.example"
_OWNER = NewMember(address=_ADDRESS, address_key=_ADDRESS, name="Hanar Aziz", role=Role.OWNER)
#: As long as somebody may look around in a demo.
_LASTS = timedelta(days=1)


def appoint_owner(session: Session, *, now: datetime) -> None:
    made = appoint.appoint(session, _OWNER, by="command line", now=now)
    assert not isinstance(made, Refused), made.reason


def way_in(house: House, session: Session) -> str:
    """A new link that signs the owner in once."""
    owner = members.find(session, _ADDRESS)
    assert owner is not None
    token = links.make(session, owner, Use.SIGN_IN, keys=house.keys, now=house.clock(), lasts=_LASTS)
    return f"{house.settings.base_url}/sign-in/{token}"


def add_source(session: Session, source: SampleFeed, edition_id: int, *, now: datetime) -> None:
    said = Said(language=source.language, zone=ZONE)
    added = draw.add_feed(session, source.url, said, [edition_id], by=_ADDRESS, now=now)
    assert not isinstance(added, FeedRefused), str(added)


def leave_a_draft(session: Session, edition_id: int, *, now: datetime) -> None:
    """An issue outside any schedule, of what has come since this morning's; it waits for a person."""
    made = compose.one_off(session, edition_id, now=now)
    if isinstance(made, compose.NothingToSend):
        raise DemoFailed(made.reason)


async def sign_in(link: str) -> bool:
    """Open the link, press its button, and see whether the console knows who came."""
    async with httpx2.AsyncClient(trust_env=False, timeout=30, follow_redirects=False) as browser:
        page = await browser.get(link)
        form = Form.read(page.text, link)
        if browser.cookies or form.action != link:
            raise DemoFailed("The one-time link signs in without its button, or has none.")
        answer = await browser.post(form.action, data=form.fields)
        console = await browser.get(httpx2.URL(link).join("/console/people"))
        again = await browser.post(form.action, data=form.fields)
        return (answer.status_code, console.status_code, again.status_code) == (303, 200, 410) and (
            _OWNER.name in console.text
        )
