"""Intervene: what ops do by hand. Every act is one line of the audit trail, or is refused in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ground.tokens import KeyRing
from mailer import address, holds, suppressions
from mailer.address import BadAddress, EmailAddress
from mailer.letters import Lane
from mailer.suppressions import Cause
from staff.members import SUBJECT, audit

#: Letters of a reason or a note that are kept.
LONGEST_REASON = 300
LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Done:
    """The act was done; to whom or what."""

    subject: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The act was not done, and why. `field` is what it is about, where it came from a form."""

    reason: str
    field: str = ""


def suppress(
    session: Session, who: str, *, note: str, until: datetime | None = None, by: str, now: datetime
) -> Done | Refused:
    """Never mail an address again, or not until a day; what is still to go there is skipped."""
    found = read_address(who)
    if isinstance(found, Refused):
        return found
    if not note.strip():
        return Refused("Say why. Who looks at it in a year will ask.", "note")
    if len(note) > LONGEST_NOTE:
        text = f"The note has {len(note)} characters; at most {LONGEST_NOTE} are kept. Say it more briefly."
        return Refused(text, "note")
    if until is not None and until <= now:
        return Refused("This day is over. Give a later one, or none for always.", "until")
    stands = suppressions.standing(session, found.key, now=now)
    if stands is not None and (stands.until is None or (until is not None and stands.until >= until)):
        return Done(str(found))  # twice is harmless, and leaves no line
    suppressions.suppress(session, found.key, Cause.MANUAL, now=now, note=note.strip(), until=until)
    end = until.isoformat() if until else None
    audit(session, "suppression.add", found.key[:SUBJECT], actor=by, now=now, note=note.strip(), until=end)
    return Done(str(found))


def lift(session: Session, who: str, *, keys: KeyRing, reason: str | None, by: str, now: datetime) -> Done | Refused:
    """Allow mail to an address again: it gets the next issue of whatever it still reads.

    Somebody who was forgotten and asks to come back is found by their mark, and can sign up as anybody.
    """
    found = read_address(who)
    if isinstance(found, Refused):
        return found
    if reason is not None and not reason.strip():
        return Refused("Say why it may be mailed again.", "reason")
    stood = [key for key in known_as(found, keys) if suppressions.lift(session, key, by=by[:120], now=now)]
    if not stood:
        return Refused(f"{found} is not suppressed; there was nothing to lift.", "address")
    detail = {} if reason is None else {"reason": reason.strip()[:LONGEST_REASON]}
    for key in stood:
        audit(session, "suppression.lift", key[:SUBJECT], actor=by, now=now, **detail)
    return Done(str(found))


def hold_sending(session: Session, *, reason: str, by: str, now: datetime) -> Done | Refused:
    """Let nothing of any issue leave until somebody lets it go on. Confirmations and other notices still go."""
    words = reason.strip()[:LONGEST_REASON]
    if not words:
        return Refused("Say why. Everybody at the desk will read it.", "reason")
    if not holds.hold(session, Lane.BULK, reason=words, by=by, now=now):
        return Refused("All sending is paused already.", "reason")
    audit(session, "sending.hold", "lane:bulk", actor=by, now=now, reason=words)
    return Done(str(Lane.BULK))


def free_sending(session: Session, *, by: str, now: datetime) -> Done | Refused:
    """Let the issues go on where they were."""
    if not holds.free(session, Lane.BULK):
        return Refused("Sending is not paused; there was nothing to resume.")
    audit(session, "sending.free", "lane:bulk", actor=by, now=now)
    return Done(str(Lane.BULK))


def known_as(found: EmailAddress, keys: KeyRing) -> tuple[str, str]:
    """What a suppression of this address is kept under: the address, or its mark when its owner was forgotten."""
    return found.key, suppressions.mark(keys, found.key)


def read_address(who: str) -> EmailAddress | Refused:
    """An address as somebody typed it."""
    found = address.parse(who)
    if isinstance(found, BadAddress):
        why = found.reason.replace("_", " ")
        return Refused(f"“{who[:100]}” is no email address ({why}). Write it as name@example.org.", "address")
    return found
