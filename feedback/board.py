"""Board: how the issues that are on their way get on, how fast, and when they will be done.

Counting an issue reads all of its deliveries (an eighth of a second for 200,000), so a count is kept for some seconds,
whoever asks; the counts that were kept tell the rate.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import tally
from mailer.deliveries import State
from newsletters.issues import Issue, IssueState
from newsletters.newsletters import Edition

#: How old a count may be that is shown.
KEPT_FOR = timedelta(seconds=10)
#: The rate is that of the last minutes, not of the whole issue.
_RATE_OVER = timedelta(minutes=3)

_ON_ITS_WAY = (IssueState.SEALED, IssueState.SENDING, IssueState.PAUSED)
_TO_GO = (State.READY, State.CLAIMED, State.SENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where an issue stands. `done_at` is a guess by the rate of the last minutes; None where nothing can be said."""

    issue_id: int
    number: int
    edition: str
    language: str
    subject: str
    state: IssueState
    counts: Mapping[State, int]
    counted_at: datetime
    per_minute: float | None
    done_at: datetime | None

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def to_go(self) -> int:
        return sum(self.counts[state] for state in _TO_GO)

    @property
    def handled(self) -> int:
        return self.total - self.to_go


class Board:
    """One a process: it remembers the counts of the last minutes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[int, tuple[datetime, Mapping[State, int]]] = {}
        self._samples: dict[int, deque[tuple[datetime, int]]] = {}

    def on_their_way(self, session: Session, *, now: datetime) -> list[Progress]:
        """The issues that are being sent or held in the middle, the newest first."""
        rows = session.execute(
            select(Issue, Edition)
            .join(Edition, Edition.id == Issue.edition_id)
            .where(Issue.state.in_(_ON_ITS_WAY))
            .order_by(Issue.id.desc())
            .limit(20)
        ).all()
        found = [self._progress(session, issue, edition, now=now) for issue, edition in rows]
        with self._lock:
            alive = {issue.letter_id for issue, _ in rows}
            for letter_id in self._kept.keys() - alive:
                del self._kept[letter_id]
                self._samples.pop(letter_id, None)
        return found

    def _progress(self, session: Session, issue: Issue, edition: Edition, *, now: datetime) -> Progress:
        at, counts = self._counts(session, issue.letter_id or 0, now=now)
        to_go = sum(counts[state] for state in _TO_GO)
        rate = self._rate(issue.letter_id or 0)
        goes = issue.state is IssueState.SENDING and rate is not None and rate > 0
        return Progress(
            issue_id=issue.id,
            number=issue.number,
            edition=edition.title,
            language=edition.language,
            subject=issue.subject,
            state=issue.state,
            counts=counts,
            counted_at=at,
            per_minute=rate,
            done_at=at + timedelta(minutes=to_go / rate) if goes and rate and to_go else None,
        )

    def _counts(self, session: Session, letter_id: int, *, now: datetime) -> tuple[datetime, Mapping[State, int]]:
        with self._lock:
            kept = self._kept.get(letter_id)
            if kept is not None and now - kept[0] < KEPT_FOR:
                return kept
        counts = tally.counts(session, letter_id)
        handled = sum(number for state, number in counts.items() if state not in _TO_GO)
        with self._lock:
            self._kept[letter_id] = (now, counts)
            samples = self._samples.setdefault(letter_id, deque())
            samples.append((now, handled))
            while len(samples) > 2 and now - samples[1][0] > _RATE_OVER:
                samples.popleft()
        return now, counts

    def _rate(self, letter_id: int) -> float | None:
        """Deliveries handled a minute, between the first and the last count that are kept."""
        with self._lock:
            samples = list(self._samples.get(letter_id, ()))
        if len(samples) < 2:
            return None
        (began, before), (ended, after) = samples[0], samples[-1]
        minutes = (ended - began).total_seconds() / 60
        return max(0.0, (after - before) / minutes) if minutes > 0 else None
