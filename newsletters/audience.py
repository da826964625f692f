"""The audience of an issue: who gets it and who is left out, written down once and then frozen.

While the letter is `building`, readers are taken over by ranges: one receiving-domain group after the other, each in
the order of its subscribers' keys, each range (newsletters.takeover) in a transaction of its own and in turn with the
other bulk writers (ground.turns): a reader who confirms meanwhile waits for one range, not for all.

Every reader of the audience ends as a delivery or as an exclusion with its reason, never as both or neither; a freeze
that was broken off begins again from the start and finds what it wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from ground.database import Database
from mailer import growth, ledger
from mailer.batches import Batch
from mailer.deliveries import Span
from mailer.letters import Lane, Letter, LetterState
from newsletters import portions, takeover
from newsletters.issues import Exclusion, Issue
from newsletters.takeover import RANGE, Freeze, Named, Range, Statements
from subscribers.subscribers import Subscriber

__all__ = ["RANGE", "Count", "Freeze", "count", "freeze"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    recipients: int
    exclusions: int

    @property
    def audience(self) -> int:
        return self.recipients + self.exclusions


def freeze(database: Database, order: Freeze, *, told: Callable[[], object] | None = None) -> bool:
    """Write the audience down. Blocks, so it belongs in a thread. False when it was cancelled or sealed meanwhile.

    `told` is called after each range.
    """
    cutting = order.cutting()
    if cutting is not None:
        portions.cut(database, cutting)
    _count_what_nobody_counted(database)
    statements = takeover.of_ranges(order, is_sqlite=database.is_sqlite)
    for part in _ranges(database, takeover.end_of_range(order, is_sqlite=database.is_sqlite)):
        with database.write_bulk() as session:
            if not is_open(session, order):
                return False
            take_over(session, statements, order, part)
        if told is not None:
            told()
    return True


def is_open(session: Session, order: Freeze) -> bool:
    """Whether readers may still be added, in this transaction, which sees one moment of the database."""
    _see_one_moment(session)
    # A cancel waits for this range, and the next one sees it: no row is written behind its back. The issue is
    # what is locked, for whoever stops it locks it before its letter.
    session.execute(select(Issue.id).where(Issue.id == order.issue_id).with_for_update(read=True))
    letter = session.get_one(Letter, order.letter_id)
    return letter.state is LetterState.BUILDING and letter.sealed_count is None


def take_over(session: Session, statements: Statements, order: Freeze, part: Range | Named) -> None:
    """Write down one part: deliveries in batches, and exclusions. What is there already stays as it is."""
    connection, span = session.connection(), part.parameters()
    new = connection.execute(statements.waiting, span).scalar_one()
    ids = connection.execute(statements.recipients, span).scalars().all()
    left_out = connection.execute(statements.exclusions, span).scalars().all()
    if len(ids) + len(left_out) != new:
        raise RuntimeError(
            f"issue {order.issue_id}: of {new} readers in {part} {len(ids)} became recipients and {len(left_out)} "
            "were left out; nothing of this range was kept"
        )
    if ids:
        first, last = min(ids), max(ids)
        if not growth.grow(session, Span(order.letter_id, first, last), domain_group=part.domain_group):
            ledger.cut_batches(session, order.letter_id, Lane.BULK, part.domain_group, first, last, order.due_at)


def count(session: Session, issue: Issue) -> Count:
    """Who is written down."""
    # By its batches, which are cut with their rows: to count a million rows takes longer than all else at the slot. The
    # rows themselves are counted at the end (newsletters.settle), and by `verify`.
    recipients = session.scalar(select(func.sum(Batch.size)).where(Batch.letter_id == issue.letter_id)) or 0
    exclusions = session.scalar(select(func.count()).where(Exclusion.issue_id == issue.id)) or 0
    return Count(recipients=recipients, exclusions=exclusions)


def _ranges(database: Database, end_of_range: Select[int]) -> Iterator[Range]:
    group = ""
    while True:
        # A loose index scan: the groups are few, the subscribers many.
        with database.read() as session:
            found = session.scalar(select(func.min(Subscriber.domain_group)).where(Subscriber.domain_group > group))
        if found is None:
            return
        group, after = found, 0
        while (last := _end_of_range(database, end_of_range, Range(group, after, 0))) is not None:
            yield Range(group, after, last)
            after = last


def _end_of_range(database: Database, end_of_range: Select[int], begun: Range) -> int | None:
    """The key of the last of the next `RANGE` readers; found by reading, so that no writer waits for it."""
    with database.read() as session:
        last: int | None = session.connection().execute(end_of_range, begun.parameters()).scalar()
    return last


def _count_what_nobody_counted(database: Database) -> None:
    """Let PostgreSQL look at tables that have changed since it last did; it does so by itself a minute after an import.

    Until then it takes ten thousand rows for one, and compares each reader with all of them: 20 s where it takes two.
    """
    if database.is_sqlite:
        return
    with database.write() as session:
        for table in session.scalars(_MUCH_CHANGED).all():
            session.execute(text(f"ANALYZE {table}"))


#: The names are ours: they stand in the statement.
_MUCH_CHANGED = text(
    "SELECT relname FROM pg_stat_user_tables"
    " WHERE relname IN ('subscribers', 'subscriptions', 'suppressions') AND schemaname = ANY (current_schemas(false))"
    " AND (last_analyze IS NULL AND last_autoanalyze IS NULL OR n_mod_since_analyze > n_live_tup / 10)"
    " ORDER BY relname"
)


def _see_one_moment(session: Session) -> None:
    """Let all statements of the transaction see the same rows: SQLite's do, PostgreSQL's must be asked."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
