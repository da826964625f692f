"""Leave out: an editor takes a correction out of an issue's box, or puts it back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from newsletters import act, curate
from newsletters.act import Done, Refused
from newsletters.errata import Erratum


def leave_out(session: Session, issue_id: int, erratum_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Do not tell of it: not in this issue, and not in the next."""
    return _set(session, issue_id, erratum_id, f"taken out by {by}"[:300], what="issue.leave_out", by=by, now=now)


def put_back(session: Session, issue_id: int, erratum_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Tell of it all the same."""
    return _set(session, issue_id, erratum_id, None, what="issue.put_back", by=by, now=now)


def _set(
    session: Session, issue_id: int, erratum_id: int, why: str | None, *, what: str, by: str, now: datetime
) -> Done | Refused:
    issue = act.find_editable(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    erratum = session.get(Erratum, erratum_id)
    if erratum is None or erratum.issue_id != issue.id:
        return Refused("There is no such correction in this issue.")
    before = erratum.left_out
    if (before is None) == (why is None):
        return Done(issue.revision)
    erratum.left_out = why
    detail = {"article": erratum.article_id, "erratum": erratum.id, "before": before}
    return curate.edited(session, issue, what, by=by, now=now, **detail)
