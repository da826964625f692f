"""Following: a letter at most once a day with whatever is new of the sections and authors that each of its readers follows.

Its issue holds the edition's whole wire since the last one, not an editor's choice of it; each reader gets the stories of
theirs (newsletters.portions), and whoever has none gets no letter.
"""

from __future__ import annotations

import gettext
from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from articles.articles import Article
from ground.language import Texts, apart
from newsletters import selection
from newsletters.newsletters import Edition
from newsletters.schedule import Schedule as Rule
from newsletters.schedule import ScheduleProblem
from newsletters.schedules import FOLLOW, Schedule, Terms
from newsletters.selection import Placed


def pool(
    found: Sequence[Article], authors: Mapping[int, Sequence[str]], *, now: datetime, pinned: Sequence[Article] = ()
) -> list[Placed]:
    """All that somebody may follow, the newest first; what an editor pinned before it. `found` bounds it."""
    keys = {article.story_key for article in pinned}
    rest = [article for article in found if article.story_key not in keys]
    named = [(article, _followed_by(article, authors.get(article.id, ()))) for article in (*pinned, *rest)]
    return [
        Placed(article, f"for who follows {names}, {selection.age(article, now)}"[:300])
        for article, names in named
        if names
    ]


def lines(edition: Edition, at: datetime) -> tuple[str, str]:
    """Subject and preheader: each reader has other stories, so that neither names one."""
    texts = Texts(edition.language, gettext.NullTranslations())
    day = texts.date(at.astimezone(ZoneInfo(edition.zone)).date(), "long")
    return f"{edition.title} {texts.dot} {day}", edition.tagline or edition.title


def problems(
    session: Session, edition_id: int, rule: Rule, terms: Terms, *, schedule_id: int | None = None
) -> list[ScheduleProblem]:
    """Why such a letter cannot go by this rule; nothing for any other layout."""
    if terms.layout != FOLLOW:
        return []
    found = []
    if len(rule.times) > 1:
        found.append(
            ScheduleProblem(
                "What readers follow comes to them at most once a day.",
                "Choose one hour; they may choose a later one.",
                "times",
            )
        )
    first = session.scalar(select(Schedule.id).where(Schedule.edition_id == edition_id).order_by(Schedule.id).limit(1))
    if first in (None, schedule_id):
        found.append(
            ScheduleProblem(
                "The first schedule of an edition is for all of its readers, who follow nothing yet.",
                "Give it another layout, and add this one beside it.",
                "layout",
            )
        )
    return found


def _followed_by(article: Article, authors: Sequence[str]) -> str:
    names = [article.section, *authors] if article.section else list(authors)
    return " or ".join(apart(name) for name in names)
