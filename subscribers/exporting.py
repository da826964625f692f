"""Export: every reader of an edition, or of all, as CSV that a spreadsheet may open and an import reads back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, or_, select

from ground.database import Database
from mailer.suppressions import Suppression
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState

#: Rows that are read in one go; between two pages nothing is held but the last key.
PAGE = 500
HEADERS = (
    "address",
    "name",
    "language",
    "edition",
    "state",
    "requested_at",
    "confirmed_at",
    "ended_at",
    "end_reason",
    "suppressed",
)
#: A spreadsheet takes a cell that begins with one of these for a formula; the last six are their full-width forms.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "﹢", "﹣")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Who is exported; None means all."""

    edition_id: int | None = None
    state: SubscriptionState | None = None


def export(database: Database, wanted: Wanted, editions: Mapping[int, str], *, now: datetime) -> Iterator[bytes]:
    """The file in pieces, in the order of keys; each piece is a short read of its own. `editions` names them by id."""
    yield "\ufeff".encode() + line(HEADERS)  # the mark tells Excel that this is UTF-8
    for page in _pages(database, wanted, now=now):
        yield b"".join(line(_cells(row, editions)) for row in page)


def rows(
    database: Database, wanted: Wanted, editions: Mapping[int, str], *, now: datetime
) -> Iterator[dict[str, object]]:
    """The same for programs, one mapping a row."""
    for page in _pages(database, wanted, now=now):
        for row in page:
            yield dict(zip(HEADERS, _cells(row, editions), strict=True))


def line(cells: Iterable[object]) -> bytes:
    """One record: every cell quoted, none of them a formula."""
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow([safe(cell) for cell in cells])
    return written.getvalue().encode("utf-8", "replace")


def safe(value: object) -> str:
    """A cell's text, with `'` before what a spreadsheet would evaluate. Blanks in front do not hide a formula."""
    text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA) or text.startswith("'") else text


def plain(text: str) -> str:
    """What a cell said before `safe` wrote it."""
    bare = text.removeprefix("'")
    return bare if bare != text and safe(bare) == text else text


def _pages(database: Database, wanted: Wanted, *, now: datetime) -> Iterator[Sequence[Row[Any]]]:
    after = 0
    while True:
        with database.read() as session:
            found = session.execute(_rows(wanted, now).where(Subscription.id > after).limit(PAGE)).all()
        if not found:
            return
        yield found
        after = found[-1].id


_COLUMNS: tuple[Any, ...] = (
    Subscription.id,
    Subscriber.address,
    Subscriber.name,
    Subscriber.language,
    Subscription.edition_id,
    Subscription.state,
    Subscription.requested_at,
    Subscription.confirmed_at,
    Subscription.ended_at,
    Subscription.end_reason,
    Suppression.cause,
)


def _rows(wanted: Wanted, now: datetime) -> Select[Any]:
    rows = (
        select(*_COLUMNS)
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .outerjoin(
            Suppression,
            and_(
                Suppression.address_key == Subscriber.address_key,
                Suppression.lifted_at.is_(None),
                or_(Suppression.until.is_(None), Suppression.until > now),
            ),
        )
        .where(Subscriber.erased_at.is_(None))
        .order_by(Subscription.id)
    )
    if wanted.edition_id is not None:
        rows = rows.where(Subscription.edition_id == wanted.edition_id)
    if wanted.state is not None:
        rows = rows.where(Subscription.state == wanted.state)
    return rows


def _cells(row: Row[Any], editions: Mapping[int, str]) -> list[object]:
    return [
        row.address,
        row.name,
        row.language,
        editions.get(row.edition_id, row.edition_id),
        row.state.value,
        row.requested_at,
        row.confirmed_at,
        row.ended_at,
        row.end_reason,
        row.cause.value if row.cause is not None else None,
    ]
