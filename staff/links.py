"""One-time links: an invitation, a new password, the demo's way in.

    <key>.<member>-<generation>-<use>~<expiry>.<mac>

Nothing is stored but a count on the member: a link bears the count of its making, and only the newest one fits. Using it
counts up in one conditional UPDATE, so of two that press its button in the same moment one comes too late.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from ground.tokens import Expired, Forged, KeyRing, Purpose
from staff import members
from staff.members import Member


class Use(enum.StrEnum):
    SIGN_IN = "in"  # signs in
    PASSWORD = "password"  # noqa: S105 - a word: choosing a password, and then signing in


#: How long each is good for: a way in is used at once, an invitation waits for somebody's morning.
LASTS = {Use.SIGN_IN: timedelta(hours=1), Use.PASSWORD: timedelta(hours=72)}


class Standing(enum.StrEnum):
    OPEN = "open"
    EXPIRED = "expired"
    USED = "used"  # or a newer one was made, or the member's role or password has changed since


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a link of ours is about."""

    member: Member
    use: Use
    generation: int
    standing: Standing


def make(
    session: Session, member: Member, use: Use, *, keys: KeyRing, now: datetime, lasts: timedelta | None = None
) -> str:
    """The token of a new link; any older one of this member is dead."""
    return sign(prepare(session, member, use), use, keys=keys, now=now, lasts=lasts)


def prepare(session: Session, member: Member, use: Use) -> str:
    """What a new link will say; any older one is dead. A letter's row holds this, and only the mailer signs it."""
    return f"{member.id}-{kill(session, member)}-{use}"


def sign(payload: str, use: Use, *, keys: KeyRing, now: datetime, lasts: timedelta | None = None) -> str:
    """The token of what was prepared; the same link may go by mail and be handed over."""
    return keys.sign(Purpose.SIGN_IN, payload, expires_at=now + (lasts or LASTS[use]))


def read(session: Session, token: str, *, keys: KeyRing, now: datetime) -> Link | None:
    """What a token says; None for one that is not ours, or whose member may not work here."""
    reading = keys.read(Purpose.SIGN_IN, token, now=now)
    if isinstance(reading, Forged):
        return None
    member_id, generation, use = reading.payload.split("-")
    member = members.by_id(session, int(member_id))
    if member is None or member.disabled_at is not None:
        return None
    standing = Standing.EXPIRED if isinstance(reading, Expired) else Standing.OPEN
    if int(generation) != member.link_generation:
        standing = Standing.USED
    return Link(member=member, use=Use(use), generation=int(generation), standing=standing)


def use_up(session: Session, link: Link) -> bool:
    """Use a link; whether it was still to be used."""
    if link.standing is not Standing.OPEN:
        return False
    counted = session.execute(
        update(Member)
        .where(Member.id == link.member.id, Member.link_generation == link.generation, Member.disabled_at.is_(None))
        .values(link_generation=Member.link_generation + 1)
    )
    return cast("CursorResult[object]", counted).rowcount == 1


def kill(session: Session, member: Member) -> int:
    """Make every link of this member a dead one; the count that the next one bears."""
    counted = (
        update(Member)
        .where(Member.id == member.id)
        .values(link_generation=Member.link_generation + 1)
        .returning(Member.link_generation)
    )
    return session.execute(counted).scalar_one()
