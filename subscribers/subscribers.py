"""Subscribers: one person, known by one address, whatever they read."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ground.database import Base, RowId


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
