"""Bounce figures: every bounce is counted once, in its class, its group and its day."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from feedback import bounce_figures
from feedback.bounce_figures import DAYS
from ground.database import Database
from mailer.bounce_reports import BounceReport, Disposition
from mailer.deliveries import Delivery, State
from mailer.plain_words import Whose
from tests.feedback.conftest import Deliver

DAY = timedelta(days=1)


def _refuse(database: Database, delivery_id: int, at: datetime, code: int, enhanced: str | None, reason: str) -> None:
    with database.write() as session:
        row = session.get_one(Delivery, delivery_id)
        row.state, row.bounced_at, row.bounce_kind = State.FAILED, at, "hard"
        row.stage, row.code, row.enhanced, row.reason = "rcpt", code, enhanced, reason


def _report(database: Database, name: str, delivery_id: int | None, at: datetime, **values: object) -> None:
    row = {"reason": "mailbox_full", "kind": "soft", "action": "failed", "disposition": Disposition.RECORDED} | values
    with database.write() as session:
        session.add(BounceReport(digest=name * 64, received_at=at, delivery_id=delivery_id, **row))


def test_bounces_are_counted_by_class_group_and_day(database: Database, now: datetime, deliver: Deliver) -> None:
    gone, blocked, full, old = (deliver(f"{name}@example.net") for name in ("gone", "blocked", "full", "old"))
    _refuse(database, gone, now, 550, None, "refused: hard")
    _refuse(database, blocked, now - DAY, 550, "5.7.1", "refused: policy")
    _refuse(database, old, now - DAYS * DAY, 550, "5.1.1", "refused: hard")
    _report(database, "a", full, now)
    _report(database, "b", full, now, action="failed")  # told twice
    _report(database, "c", full, now, action="delayed", reason="network")  # still being tried
    _report(database, "d", gone, now)  # refused at once and told again
    _report(database, "e", None, now, disposition=Disposition.UNKNOWN)
    _report(database, "f", None, now, kind="other", disposition=Disposition.IGNORED)
    with database.read() as session:
        figures = bounce_figures.bounce_figures(session, now=now)
        assert [report.digest[0] for report in bounce_figures.unmatched(session)] == ["e"]
        assert bounce_figures.last_reports(session, [full, blocked])[full].digest[0] == "c"
    assert (figures.refused, figures.came_back, figures.total, figures.is_cut) == (2, 1, 3, False)
    assert {each.reason: (each.count, each.whose, each.by_day[-2:]) for each in figures.classes} == {
        "no_such_user": (1, Whose.ADDRESS, (0, 1)),
        "policy": (1, Whose.US, (1, 0)),
        "mailbox_full": (1, Whose.ADDRESS, (0, 1)),
    }
    assert figures.by_day == (*[0] * (DAYS - 2), 1, 2)
    assert figures.by_group == {"other": 3}
    assert figures.by_disposition == {
        Disposition.RECORDED: 4,
        Disposition.UNKNOWN: 1,
        Disposition.IGNORED: 1,
        Disposition.SUPPRESSED: 0,
    }


def test_more_than_can_be_counted_is_said(
    database: Database, now: datetime, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounce_figures, "MOST", 2)
    for name in ("a", "b", "c"):
        _refuse(database, deliver(f"{name}@example.net"), now, 550, "5.1.1", "refused: hard")
    with database.read() as session:
        figures = bounce_figures.bounce_figures(session, now=now)
    assert (figures.total, figures.is_cut) == (2, True)
