"""Mail to the people who work here. It goes the way of any notice, in a lane that no issue ever fills.

A member's link is prepared and its letter written in one transaction. The row holds what the link says, not the link:
whoever reads the table cannot sign in with it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy.orm import Session

from mailer import address, notices, suppressions
from mailer.address import EmailAddress
from mailer.compiler import LetterJob
from mailer.letter import Kind
from mailer.pacing import domain_group
from mailer.sender import Sender
from newsletters import sender
from staff import appoint, links, members
from staff.appoint import NewMember, Refused
from staff.links import Use
from staff.members import Member, Role

log = structlog.get_logger()

_NOBODY = 0  # no subscriber has this number
_LIFETIME = timedelta(hours=24)

ROLES: Mapping[Role, str] = {
    Role.EDITOR: "an editor: you can choose stories, arrange them and send issues",
    Role.OPS: "ops: you watch delivery, bounces and suppressions",
    Role.OWNER: "an owner: you do all of it, and decide who works here",
}


class Why(enum.StrEnum):
    """Why somebody is mailed a way in."""

    INVITED = "invited"  # they are new
    HANDED = "handed"  # an owner made them a link
    ASKED = "asked"  # somebody asked for it on the sign-in page


#: The link a letter carries, and how long the letter is worth sending.
_LINK = {Why.INVITED: "invite_url", Why.HANDED: "invite_url", Why.ASKED: "reset_url"}
_WORTH = {Why.INVITED: timedelta(hours=24), Why.HANDED: timedelta(hours=24), Why.ASKED: timedelta(minutes=30)}


@dataclass(frozen=True, slots=True, kw_only=True)
class WayIn:
    """A link that is good once. `payload` is what it says; `batch_id` is None where no letter takes it to its member."""

    member: Member
    payload: str
    batch_id: int | None


def job(session: Session, template: str, context: Mapping[str, object], *, base_url: str) -> LetterJob | None:
    """A letter to staff, in English; None before there is a newsletter that it could come from."""
    newsroom: Sender | None = sender.newsroom(session, base_url)
    if newsroom is None:
        return None
    pages = {"sign_in_url": f"{base_url.rstrip('/')}/sign-in", "console_url": f"{base_url.rstrip('/')}/console"}
    return LetterJob(template=template, language="en", kind=Kind.STAFF, sender=newsroom, context={**pages, **context})


def way_in(session: Session, member: Member, why: Why, variant_id: int | None, *, by: str, now: datetime) -> WayIn:
    """A link by which a member chooses a password, on its way to them where there is a letter for it."""
    payload = links.prepare(session, member, Use.PASSWORD)
    fields = {"name": member.name, "by": by, "role": ROLES[member.role], _LINK[why]: payload}
    batch_id = None
    if variant_id is not None:
        batch_id = enqueue(session, "way_in", member, variant_id, fields, lifetime=_WORTH[why], now=now)
    return WayIn(member=member, payload=payload, batch_id=batch_id)


class Inviter(Protocol):
    """Who makes the link: their name stands in the letter, their address in the trail."""

    @property
    def name(self) -> str: ...

    @property
    def address(self) -> str: ...


def invite(session: Session, new: NewMember, variant_id: int | None, *, by: Inviter, now: datetime) -> WayIn | Refused:
    """Appoint somebody, and send them their way in."""
    made = appoint.appoint(session, new, by=by.address, now=now)
    if isinstance(made, Refused):
        return made
    return way_in(session, made, Why.INVITED, variant_id, by=by.name, now=now)


def hand_over(
    session: Session, member_id: int, variant_id: int | None, *, by: Inviter, now: datetime
) -> WayIn | Refused:
    """An owner's new link for somebody who works here already."""
    member = appoint.let_in(session, member_id, Use.PASSWORD, by=by.address, now=now)
    if isinstance(member, Refused):
        return member
    return way_in(session, member, Why.HANDED, variant_id, by=by.name, now=now)


def lost_password(session: Session, who: EmailAddress, variant_id: int, *, now: datetime) -> int | None:
    """Mail a new way in to whoever works here under this address. The batch, or None: the door answers alike."""
    member = members.find(session, who.key)
    if member is None or suppressions.standing(session, member.address_key, now=now) is not None:
        return None
    if isinstance(appoint.let_in(session, member.id, Use.PASSWORD, by="sign-in page", now=now), Refused):
        return None
    return way_in(session, member, Why.ASKED, variant_id, by="", now=now).batch_id


def enqueue(
    session: Session,
    name: str,
    member: Member,
    variant_id: int,
    fields: Mapping[str, str],
    *,
    lifetime: timedelta = _LIFETIME,
    now: datetime,
) -> int | None:
    """Write a letter to a member; its batch. None where no mail may go to their address."""
    to = address.parse(member.address)
    assert isinstance(to, EmailAddress), "a member's address was checked when they were appointed"
    if suppressions.standing(session, to.key, now=now) is not None or to.needs_smtputf8:
        log.warning("staff_letter_not_sent", letter=name, address=to.masked)
        return None
    notice = notices.Notice(
        variant_id=variant_id,
        recipient_id=_NOBODY,
        address=str(to),
        address_key=to.key,
        domain_group=domain_group(to.domain),
        fields=dict(fields),
        lifetime=lifetime,
        kind=Kind.STAFF,
    )
    return notices.enqueue(session, name, notice, now=now)
