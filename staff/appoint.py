"""Appointing: who works here, as what, and who no longer does. There is always an owner.

Whatever changes what a member may do ends all their sign-ins and kills their links: what was granted, was granted to
what they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from staff import links, members, sign_ins
from staff.links import Use
from staff.members import Member, Role, audit


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMember:
    address: str
    address_key: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Refused:
    """The act was not done, and why."""

    reason: str


_LAST_OWNER = "This is the last owner. Make somebody else an owner first: without one nobody can appoint anybody."


def appoint(session: Session, new: NewMember, *, by: str, now: datetime) -> Member | Refused:
    """A new member of staff, without a password: they choose it through a link."""
    name = " ".join(new.name.split())
    if not 1 <= len(name) <= 120 or not name.isprintable():
        return Refused("A name has one to 120 characters.")
    known = members.find(session, new.address_key)
    if known is not None:
        state = "is disabled and can be enabled again" if known.disabled_at else "works here already"
        return Refused(f"{known.address} {state}.")
    made = Member(address=new.address, address_key=new.address_key, name=name, role=new.role, created_at=now)
    session.add(made)
    session.flush()
    _note(session, "staff.appoint", made, by, now, address=made.address, role=made.role)
    return made


def set_role(session: Session, member_id: int, role: Role, *, by: str, now: datetime) -> Member | Refused:
    owners = members.lock_owners(session)
    member = members.by_id(session, member_id)
    if member is None:
        return _nobody()
    if member.role is role:
        return member
    if _is_last(member, owners):
        return Refused(_LAST_OWNER)
    former, member.role = member.role, role
    _end(session, member, now)
    _note(session, "staff.role", member, by, now, before=former, after=role)
    return member


def disable(session: Session, member_id: int, *, by: str, now: datetime) -> Member | Refused:
    """They can no longer sign in, and are signed out everywhere. What they did stays in the trail under their address."""
    owners = members.lock_owners(session)
    member = members.by_id(session, member_id)
    if member is None:
        return _nobody()
    if member.disabled_at is not None:
        return member
    if _is_last(member, owners):
        return Refused(_LAST_OWNER)
    member.disabled_at = now
    _end(session, member, now)
    _note(session, "staff.disable", member, by, now)
    return member


def enable(session: Session, member_id: int, *, by: str, now: datetime) -> Member | Refused:
    """They may work here again, with their old role and password."""
    member = members.by_id(session, member_id)
    if member is None:
        return _nobody()
    if member.disabled_at is not None:
        member.disabled_at = None
        _note(session, "staff.enable", member, by, now)
    return member


def set_password(session: Session, member: Member, password_hash: str, *, by: str, now: datetime) -> None:
    """A new password: every browser that was signed in with the old one is signed out."""
    member.password_hash = password_hash
    _end(session, member, now)
    _note(session, "staff.password", member, by, now)


def set_mail(session: Session, member_id: int, *, wanted: bool, by: str, now: datetime) -> Member | Refused:
    """Whether they are mailed what concerns their role. Ways in and invitations are mailed to everybody."""
    member = members.by_id(session, member_id)
    if member is None:
        return _nobody()
    if member.gets_mail is not wanted:
        member.gets_mail = wanted
        _note(session, "staff.mail", member, by, now, wanted=wanted)
    return member


def let_in(session: Session, member_id: int, use: Use, *, by: str, now: datetime) -> Member | Refused:
    """Note that a one-time link is made for a member (staff.links makes it)."""
    member = members.by_id(session, member_id)
    if member is None:
        return _nobody()
    if member.disabled_at is not None:
        return Refused(f"{member.name} is disabled, so a link would let nobody in. Enable them first.")
    _note(session, "staff.link", member, by, now, to="choose a password" if use is Use.PASSWORD else "sign in")
    return member


def sign_out_everywhere(session: Session, member_id: int, *, by: str, now: datetime) -> Member | Refused:
    member = members.by_id(session, member_id)
    if member is None:
        return _nobody()
    _end(session, member, now)
    _note(session, "staff.sign-out", member, by, now)
    return member


def _nobody() -> Refused:
    return Refused("There is no such member of staff.")


def _is_last(member: Member, owners: list[Member]) -> bool:
    return [owner.id for owner in owners] == [member.id]


def _end(session: Session, member: Member, now: datetime) -> None:
    session.flush()
    sign_ins.end_all(session, member.id, now=now)
    links.kill(session, member)


def _note(session: Session, act: str, member: Member, by: str, now: datetime, **detail: object) -> None:
    audit(session, act, f"staff:{member.id}", actor=by, now=now, **detail)
