"""Undo: take back the last thing that one did at the desk; again, the one before it.

Nobody undoes another editor's act. One's own is not taken back over what another did to the same words meanwhile.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters import act, curate, issues, pieces, trail
from newsletters.act import Done, Refused
from newsletters.errata import Erratum
from newsletters.issues import Issue, Item
from newsletters.trail import About, Step

#: Acts that put one text in another's place.
_OVERWRITES = (About.WORDS, About.SUBJECT, About.NOTE, About.FIGURE, About.DIARY, About.ERRATUM)


def undo(session: Session, issue_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Take back this editor's last act on the issue."""
    issue = act.find_editable(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    done = trail.steps(session, issue)
    step = trail.last_own(done, by)
    if step is None:
        return Refused("There is nothing of yours to take back in this issue.")
    later = _over(done, step)
    if later is not None:
        return Refused(f"{later.by} has changed the same since. Look at what stands there now.")
    problem = _take_back(session, issue, step, now=now)
    if problem is not None:
        return problem
    kept = {"undoes": step.id, "undid": step.act, "article": step.article_id}
    return curate.edited(session, issue, trail.UNDO, by=by, now=now, **kept)


def _over(done: list[Step], step: Step) -> Step | None:
    """A standing act of another editor that an undo would overwrite."""
    if step.about not in _OVERWRITES and step.act != "issue.recompose":
        return None
    later = [each for each in trail.standing(done) if each.id > step.id and each.about is step.about]
    return next((each for each in later if each.article_id == step.article_id or step.article_id is None), None)


def _take_back(session: Session, issue: Issue, step: Step, *, now: datetime) -> Refused | None:
    before: Any = step.detail.get("before")
    if step.act == "issue.subject":
        issue.subject, issue.preheader = before
        return None
    if step.act == "issue.note":
        issue.note, issue.note_by = before
        return None
    if step.about in (About.FIGURE, About.DIARY):
        pieces.put(issue, step.about, before)
        return None
    if step.about is About.ERRATUM:
        session.get_one(Erratum, step.detail["erratum"]).left_out = before
        return None
    if step.act == "issue.recompose":
        _arrange(session, issue, before, now=now)
        return None
    item = session.scalars(select(Item).where(Item.issue_id == issue.id, Item.article_id == step.article_id)).one()
    match step.act:
        case "issue.move" | "issue.drop":
            issues.place(session, item, before)
        case "issue.restore" | "issue.add":
            if issues.list_items(session, issue.id) == [item]:
                return Refused("This is the last story of the issue. Cancel the issue instead.")
            issues.take_out(session, item, now=now)
        case "issue.pin":
            item.pinned = not step.detail["pinned"]
        case "issue.rewrite":
            item.title, item.summary = before
    return None


def _arrange(session: Session, issue: Issue, article_ids: list[int], *, now: datetime) -> None:
    """Let exactly these stories stand, in this order."""
    places = {article_id: place for place, article_id in enumerate(article_ids, start=1)}
    for item in issues.list_all(session, issue.id):
        place = places.get(item.article_id)
        item.dropped_at = (item.dropped_at or now) if place is None else None
        item.position = place or 0
