"""Outbreaks: too many mailboxes that reports call unknown, of one issue or of one domain, at once.

Behind a smarthost the answer to RCPT is always yes and the truth comes back by mail, minutes later. It trips the same
breakers as a refusal in the session does (mailer.admission), with the same limits: nobody's suppression is believed
without a person when a whole domain, or a fiftieth of an issue, seems to be gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from mailer import admission, breakers, quarantine, replies
from mailer.bounce_reports import BounceReport, Disposition
from mailer.breakers import Scope, Trouble
from mailer.deliveries import Delivery, State
from mailer.events import BounceKind
from mailer.letters import Letter, LetterState
from mailer.reception import DOMAIN_SHARE, DOMAIN_UNKNOWN, FIRST_READERS, FIRST_UNKNOWN, UNKNOWN_WITHIN, Trip

#: Reports of the last hour that are looked at; more of them say nothing new.
_MOST = 10_000
#: The share of an issue's mails that first readers' refusals are of.
_LETTER_SHARE = FIRST_UNKNOWN / FIRST_READERS


@dataclass(frozen=True, slots=True)
class _Unknown:
    """One report of the last hour."""

    domain: str
    letter_id: int
    route: str | None
    words: str
    received_at: datetime


def look(session: Session, *, now: datetime) -> int:
    """Hold what the reports of the last hour speak against; how many scopes were held. Cheap; once after each box."""
    unknown = _reported(session, now)
    found = [*_letters(session, unknown), *_domains(session, unknown)]
    for trip in found:
        admission.heed(session, trip, now=now)
    _widen(session, unknown, now)
    return len(found)


def _reported(session: Session, now: datetime) -> list[_Unknown]:
    rows = session.execute(
        select(
            BounceReport.address_key,
            Delivery.letter_id,
            Delivery.route,
            BounceReport.diagnostic,
            BounceReport.received_at,
        )
        .join(Delivery, Delivery.id == BounceReport.delivery_id)
        .where(
            BounceReport.received_at > now - UNKNOWN_WITHIN,
            BounceReport.disposition == Disposition.SUPPRESSED,
            BounceReport.kind == BounceKind.HARD,
            BounceReport.address_key.is_not(None),
        )
        .order_by(BounceReport.received_at.desc())
        .limit(_MOST)
    )
    return [
        _Unknown((address_key or "").rpartition("@")[2], letter_id, route, diagnostic or "", received_at)
        for address_key, letter_id, route, diagnostic, received_at in rows
    ]


def _letters(session: Session, unknown: Sequence[_Unknown]) -> Iterator[Trip]:
    for letter_id, count in Counter(each.letter_id for each in unknown).items():
        if count <= FIRST_UNKNOWN or not _is_going(session, letter_id):
            continue
        sent = _sent(session, Delivery.letter_id == letter_id, most=int(count / _LETTER_SHARE))
        if count > _LETTER_SHARE * sent:
            scope = Scope(letter_id=letter_id)
            yield Trip(Trouble.UNKNOWN_READERS, scope, _why(count, [u for u in unknown if u.letter_id == letter_id]))


def _is_going(session: Session, letter_id: int) -> bool:
    return session.scalar(select(Letter.state).where(Letter.id == letter_id)) is LetterState.SENDING


def _domains(session: Session, unknown: Sequence[_Unknown]) -> Iterator[Trip]:
    standing = breakers.doubtful_domains(session)
    for domain, reported in Counter(each.domain for each in unknown).items():
        if reported < DOMAIN_UNKNOWN or domain in standing:
            continue
        settled_at = breakers.domain_settled_at(session, domain)
        new = [u for u in unknown if u.domain == domain and (settled_at is None or u.received_at > settled_at)]
        if len(new) < DOMAIN_UNKNOWN:
            continue
        sent = _sent(
            session,
            Delivery.letter_id.in_({each.letter_id for each in new}),
            Delivery.address_key.endswith(f"@{domain}", autoescape=True),
            most=int(len(new) / DOMAIN_SHARE),
        )
        if len(new) > DOMAIN_SHARE * sent:
            scope = Scope(route=new[0].route, domain=domain[:255])
            yield Trip(Trouble.UNKNOWN_DOMAIN, scope, _why(len(new), new))


def _sent(session: Session, *conditions: ColumnElement[bool], most: int) -> int:
    """Mails that a server took, counted no further than it matters."""
    accepted = select(Delivery.id).where(*conditions, Delivery.state == State.ACCEPTED).limit(most)
    return session.scalar(select(func.count()).select_from(accepted.subquery())) or 0


def _widen(session: Session, unknown: Sequence[_Unknown], now: datetime) -> None:
    """What came after a domain was found doubtful is as doubtful."""
    reported = {each.domain for each in unknown}
    for domain, breaker_id in breakers.doubtful_domains(session).items():
        if domain in reported:
            quarantine.begin(session, breaker_id, domain, since=now - UNKNOWN_WITHIN)


def _why(count: int, unknown: Sequence[_Unknown]) -> str:
    return f"{count} reports within an hour: {replies.masked(unknown[0].words)}"[:512]
