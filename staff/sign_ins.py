"""Sign-ins: the browsers that staff are signed in with. Each can be ended from here, at once and for certain.

A browser holds a random token, the table only its hash: who reads the table can be nobody. How long a browser may rest
is written, signed, into its cookie (web.gate), so that looking at pages writes nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, CursorResult, ForeignKey, String, and_, case, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId
from staff.members import Member

#: A member's deeds are noted this often, not each time: an editor who drags twenty items is seen once.
SEEN_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long a browser stays signed in: unused, and in all."""

    idle: timedelta = timedelta(hours=24)
    longest: timedelta = timedelta(days=14)


class SignIn(Base):
    """A signed-in browser. Only the hash of its token is stored, and it can be revoked."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]  # its last deed, to about SEEN_EVERY; looking is no deed
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    user_agent: Mapped[str | None] = mapped_column(String(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """What a new sign-in is made of: the random token that its cookie will hold, and what the browser calls itself."""

    token: str
    user_agent: str | None
    longest: timedelta = Lifetimes().longest


def begin(session: Session, member: Member, browser: Browser, *, now: datetime) -> SignIn:
    """A new sign-in; its token must never have been used before (no session fixation)."""
    made = SignIn(
        staff_id=member.id,
        token_hash=_hash(browser.token),
        created_at=now,
        seen_at=now,
        expires_at=now + browser.longest,
        user_agent=(browser.user_agent or "")[:256] or None,
    )
    session.add(made)
    session.flush()
    return made


def find(session: Session, token: str, *, now: datetime) -> tuple[SignIn, Member] | None:
    """Who holds this token, while the sign-in lasts and the member is not disabled."""
    found = session.execute(
        select(SignIn, Member)
        .join(Member, Member.id == SignIn.staff_id)
        .where(SignIn.token_hash == _hash(token), *_open(now), Member.disabled_at.is_(None))
    ).one_or_none()
    return (found[0], found[1]) if found else None


def holder(session: Session, sign_in_id: int) -> int | None:
    """Whose sign-in this is or was, ended ones too."""
    return session.scalar(select(SignIn.staff_id).where(SignIn.id == sign_in_id))


def see(session: Session, sign_in_id: int, *, now: datetime) -> None:
    session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(seen_at=now))


def list_open(session: Session, member_id: int, *, now: datetime) -> list[SignIn]:
    """The browsers that a member is signed in with, the last used first."""
    wanted = select(SignIn).where(SignIn.staff_id == member_id, *_open(now))
    return list(session.scalars(wanted.order_by(SignIn.seen_at.desc(), SignIn.id.desc())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """When a member last did something, and with how many browsers they are signed in."""

    last_seen_at: datetime
    browsers: int


def presences(session: Session, *, now: datetime) -> dict[int, Presence]:
    """By member; who never signed in has none."""
    open_ones = func.count(case((and_(*_open(now)), 1)))
    counted = select(SignIn.staff_id, func.max(SignIn.seen_at), open_ones).group_by(SignIn.staff_id)
    return {
        member_id: Presence(last_seen_at=last, browsers=browsers)
        for member_id, last, browsers in session.execute(counted)
    }


def end(session: Session, sign_in_id: int, member_id: int, *, now: datetime) -> bool:
    """End one sign-in of this member; whether there was one to end."""
    return _end(session, now, and_(SignIn.id == sign_in_id, SignIn.staff_id == member_id))


def end_token(session: Session, token: str, *, now: datetime) -> bool:
    """End the sign-in of this token, whoever holds it."""
    return _end(session, now, SignIn.token_hash == _hash(token))


def end_all(session: Session, member_id: int, *, now: datetime) -> bool:
    """End every sign-in of a member: after a new password, another role, or when they may not work here any more."""
    return _end(session, now, SignIn.staff_id == member_id)


def _end(session: Session, now: datetime, which: ColumnElement[bool]) -> bool:
    ended = session.execute(update(SignIn).where(which, *_open(now)).values(revoked_at=now))
    return cast("CursorResult[object]", ended).rowcount > 0


def _open(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return SignIn.revoked_at.is_(None), SignIn.expires_at > now


def _hash(token: str) -> str:
    """SHA-256 is enough for 256 random bits; nobody can guess their way to those."""
    return hashlib.sha256(token.encode()).hexdigest()
