"""Signing in: by password or by a one-time link. Every way ends in a new sign-in with a token of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ground.database import Database
from ground.tokens import KeyRing
from staff import appoint, links, members, sign_ins
from staff.links import Use
from staff.members import Member, audit
from staff.passwords import Passwords
from staff.sign_ins import Browser, SignIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What was typed, and by which browser; `former` is the token that it showed, which ends here."""

    address_key: str
    password: str
    browser: Browser
    former: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    member: Member
    sign_in: SignIn


def by_password(database: Database, passwords: Passwords, attempt: Attempt, *, now: datetime) -> Entered | None:
    """Sign in, or not: an unknown address, a wrong password and a disabled member are the same answer after the same work."""
    with database.read() as session:
        member = members.find(session, attempt.address_key)
    stored = member.password_hash if member else None
    if not passwords.check(stored, attempt.password) or member is None or stored is None:
        return None
    renewed = passwords.hash(attempt.password) if passwords.is_dated(stored) else stored
    with database.write() as session:
        current = members.by_id(session, member.id)
        if current is None or current.disabled_at is not None or current.password_hash != stored:
            return None
        current.password_hash = renewed
        return _enter(session, current, attempt.browser, former=attempt.former, now=now)


def by_link(
    session: Session,
    token: str,
    browser: Browser,
    *,
    keys: KeyRing,
    now: datetime,
    password_hash: str | None = None,
    former: str | None = None,
) -> Entered | None:
    """Use a one-time link up and sign in; a link for choosing a password needs the chosen one's hash.

    `former` is the token that the browser showed, whoever was signed in with it: it ends here.
    """
    link = links.read(session, token, keys=keys, now=now)
    if link is None or (link.use is Use.PASSWORD) != (password_hash is not None) or not links.use_up(session, link):
        return None
    session.refresh(link.member)
    if password_hash is not None:
        appoint.set_password(session, link.member, password_hash, by=link.member.address, now=now)
    return _enter(session, link.member, browser, former=former, now=now, by="a one-time link")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A member's own new password, proven by the one they have; `browser` stays signed in, all others do not."""

    member_id: int
    current: str
    chosen: str
    browser: Browser


def change_password(database: Database, passwords: Passwords, change: Change, *, now: datetime) -> Entered | None:
    """None when the current password was another: then nothing has changed."""
    with database.read() as session:
        member = members.by_id(session, change.member_id)
    stored = member.password_hash if member else None
    if not passwords.check(stored, change.current):
        return None
    chosen = passwords.hash(change.chosen)
    with database.write() as session:
        current = members.by_id(session, change.member_id)
        if current is None or current.disabled_at is not None or current.password_hash != stored:
            return None
        appoint.set_password(session, current, chosen, by=current.address, now=now)
        return _enter(session, current, change.browser, former=None, now=now)


def _enter(
    session: Session, member: Member, browser: Browser, *, former: str | None, now: datetime, **detail: object
) -> Entered:
    if former:
        sign_ins.end_token(session, former, now=now)
    made = sign_ins.begin(session, member, browser, now=now)
    audit(session, "staff.sign-in", f"staff:{member.id}", actor=member.address, now=now, **detail)
    return Entered(member=member, sign_in=made)
