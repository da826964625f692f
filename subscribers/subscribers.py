"""Subscribers: one person, known by one address, whatever they read."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId
from mailer.address import EmailAddress
from mailer.pacing import domain_group


class Subscriber(Base):
    __tablename__ = "subscribers"
    # A freeze walks the audience group by group in key order (newsletters.audience).
    __table_args__ = (Index("ix_subscribers_domain_group_id", "domain_group", "id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    address: Mapped[str] = mapped_column(String(320))  # as the reader typed it, NFC, domain as A-labels
    address_key: Mapped[str] = mapped_column(String(320), unique=True)  # small letters: who is the same person
    domain_group: Mapped[str] = mapped_column(String(64))  # who receives for the domain: gmail, microsoft, other
    name: Mapped[str | None] = mapped_column(String(120))
    language: Mapped[str] = mapped_column(String(16))  # of pages and notices
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


def find(session: Session, address: EmailAddress) -> Subscriber | None:
    return session.scalar(select(Subscriber).where(Subscriber.address_key == address.key))


def find_or_add(session: Session, address: EmailAddress, *, language: str, now: datetime) -> Subscriber:
    return find(session, address) or add(session, address, language=language, now=now)


def add(session: Session, address: EmailAddress, *, language: str, now: datetime) -> Subscriber:
    """The person of this address. Two requests at the same instant meet in one row: the second gets the first's."""
    added = Subscriber(
        address=str(address),
        address_key=address.key,
        domain_group=domain_group(address.domain),
        language=language,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(added)
    except IntegrityError:
        return session.scalars(select(Subscriber).where(Subscriber.address_key == address.key)).one()
    return added
