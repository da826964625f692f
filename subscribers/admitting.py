"""Admitting: what the verdicts on a few rows change, in the caller's transaction.

Permission that was given elsewhere is written in bulk; who must confirm takes the same way as somebody who filled in
the form. Each change leaves a consent event that names the file and the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from ground.database import insert_new
from mailer import suppressions
from mailer.address import EmailAddress
from mailer.pacing import domain_group
from mailer.suppressions import Cause
from subscribers import opt_in
from subscribers.consents import Act, ConsentEvent, Evidence
from subscribers.judging import Destination, Outcome, Terms, Verdict
from subscribers.opt_in import SignUpRequest
from subscribers.reading import Wish
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import LEFT, Subscription, SubscriptionState


def admit(session: Session, verdicts: Sequence[Verdict], terms: Terms, *, now: datetime) -> None:
    """Write down what these verdicts say."""
    for verdict in verdicts:
        if verdict.outcome is Outcome.ASKED:
            _ask(session, verdict, terms, now=now)
    blocked = [each.entry.key for each in verdicts if _blocks(each)]
    suppressions.suppress_all(session, blocked, Cause.MANUAL, note=f"imported: {terms.source}"[:512], now=now)
    written = [each for each in verdicts if each.outcome in {Outcome.ADDED, Outcome.NOTED} and not _blocks(each)]
    if written:
        _write(session, written, terms, now=now)


def _blocks(verdict: Verdict) -> bool:
    return verdict.outcome is Outcome.NOTED and verdict.entry.wish is Wish.BLOCKED


def _ask(session: Session, verdict: Verdict, terms: Terms, *, now: datetime) -> None:
    destination, entry = _going(verdict), verdict.entry
    assert destination.variant_id is not None, "an import that asks was given no letter to ask with"
    request = SignUpRequest(
        edition_id=destination.edition_id,
        address=_address(verdict),
        language=entry.language or destination.language,
        evidence=Evidence(source=_source(verdict, terms), wording=_wording(verdict, terms)),
        confirm_variant_id=destination.variant_id,
        already_variant_id=destination.variant_id,  # never used: who is active is not asked
    )
    opt_in.request(session, request, now=now)
    unnamed = (Subscriber.address_key == entry.key, Subscriber.name.is_(None))
    session.execute(update(Subscriber).where(*unnamed).values(name=entry.name))


def _write(session: Session, verdicts: Sequence[Verdict], terms: Terms, *, now: datetime) -> None:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    connection = session.connection()
    # One order of keys: on PostgreSQL two writers never wait for each other.
    people = sorted((_person(verdict, now) for verdict in verdicts), key=lambda row: row["address_key"])
    connection.execute(insert_new(Subscriber, is_sqlite=is_sqlite), people)
    keys = [verdict.entry.key for verdict in verdicts]
    found = connection.execute(select(Subscriber.address_key, Subscriber.id).where(Subscriber.address_key.in_(keys)))
    ids = {row.address_key: row.id for row in found}
    fresh = [verdict for verdict in verdicts if verdict.subscription_id is None]
    if fresh:
        rows = [_subscription(verdict, ids[verdict.entry.key], now) for verdict in fresh]
        connection.execute(insert_new(Subscription, is_sqlite=is_sqlite), rows)
    _activate(session, [verdict for verdict in verdicts if verdict.subscription_id is not None], now=now)
    connection.execute(
        insert(ConsentEvent), [_event(verdict, ids[verdict.entry.key], terms, now) for verdict in verdicts]
    )


def _activate(session: Session, verdicts: Sequence[Verdict], *, now: datetime) -> None:
    """Those who were asked before and have not answered: permission exists, so the question is answered."""
    for verdict in verdicts:
        session.execute(
            update(Subscription)
            .where(Subscription.id == verdict.subscription_id, Subscription.state == SubscriptionState.PENDING)
            .values(state=SubscriptionState.ACTIVE, confirmed_at=verdict.entry.agreed_at or now, notified_at=None)
        )


def _person(verdict: Verdict, now: datetime) -> dict[str, Any]:
    entry = verdict.entry
    return {
        "address": entry.address,
        "address_key": entry.key,
        "domain_group": domain_group(entry.domain),
        "name": entry.name,
        "language": entry.language or _going(verdict).language,
        "created_at": now,
    }


def _subscription(verdict: Verdict, subscriber_id: int, now: datetime) -> dict[str, Any]:
    ended = verdict.outcome is Outcome.NOTED
    agreed_at = verdict.entry.agreed_at or now
    return {
        "subscriber_id": subscriber_id,
        "edition_id": _going(verdict).edition_id,
        "state": SubscriptionState.ENDED if ended else SubscriptionState.ACTIVE,
        "generation": 1,
        "requested_at": agreed_at,
        "confirmed_at": None if ended else agreed_at,
        "ended_at": now if ended else None,
        "end_reason": LEFT if ended else None,
    }


def _event(verdict: Verdict, subscriber_id: int, terms: Terms, now: datetime) -> dict[str, Any]:
    return {
        "subscriber_id": subscriber_id,
        "edition_id": _going(verdict).edition_id,
        "act": Act.LEFT if verdict.outcome is Outcome.NOTED else Act.IMPORTED,
        "at": now,
        "source": _source(verdict, terms),
        "wording": _wording(verdict, terms),
        "generation": 1,
    }


def _source(verdict: Verdict, terms: Terms) -> str:
    return f"import:{terms.file_hash}:{verdict.entry.row}"


def _wording(verdict: Verdict, terms: Terms) -> str:
    """Whose word stands for the consent, and what the list itself says about it."""
    said = verdict.entry.agreed
    return f"{terms.source} (the list says: {said})" if said else terms.source


def _going(verdict: Verdict) -> Destination:
    assert verdict.destination is not None, "a row without a destination is never admitted"
    return verdict.destination


def _address(verdict: Verdict) -> EmailAddress:
    local, _, domain = verdict.entry.address.rpartition("@")
    return EmailAddress(local, domain)
