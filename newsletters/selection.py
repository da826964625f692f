"""Selection: which of the newest articles an issue holds, in which order, and why. Pure; ties are broken by the order given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from articles.articles import Article
from articles.dates import DateConfidence
from ground.language import apart

#: At most so many stories of one section, unless there would be too few.
SECTION_CAP = 4


@dataclass(frozen=True, slots=True)
class Placed:
    """An article and the reason, in words, why it stands where it stands."""

    article: Article
    reason: str


def choose(
    found: Sequence[Article], *, most: int, fewest: int, now: datetime, pinned: Sequence[Article] = ()
) -> list[Placed]:
    """Pick and order articles given newest first; each gets its reason.

    What an editor pinned comes first, in the editor's order, whatever the caps say. Without a pin the lead is the newest
    with a picture.
    """
    keys = {article.url_key for article in pinned}
    once = [article for article in _each_story_once(found) if article.url_key not in keys]
    within_caps, beyond = _by_section(once, Counter(article.section for article in pinned))
    room = max(0, most - len(pinned))
    chosen = [*within_caps, *beyond[: max(0, fewest - len(pinned) - len(within_caps))]][:room]
    if chosen and not pinned:
        lead = next((article for article in chosen if article.image_url), chosen[0])
        chosen = [lead, *(article for article in chosen if article is not lead)]
    seen: Counter[str] = Counter()
    placed = []
    for place, article in enumerate([*pinned, *chosen]):
        seen[article.section or ""] += 1
        number = seen[article.section or ""]
        why = "pinned by the desk" if place < len(pinned) else _lead(article) if place == 0 else ""
        placed.append(Placed(article, _reason(article, number, why, now=now)))
    return placed


def _each_story_once(found: Iterable[Article]) -> list[Article]:
    """The same story from two feeds stands once: the one with a picture, otherwise the newer."""
    by_story: dict[str, Article] = {}
    for article in found:
        known = by_story.get(article.url_key)
        if known is None or (article.image_url and not known.image_url):
            by_story[article.url_key] = article
    return list(by_story.values())


def _by_section(found: Iterable[Article], count: Counter[str | None]) -> tuple[list[Article], list[Article]]:
    """What fits under the caps, and the rest; `count` is what each section has already."""
    within: list[Article] = []
    beyond: list[Article] = []
    for article in found:
        if article.section:
            count[article.section] += 1
        (beyond if article.section and count[article.section] > SECTION_CAP else within).append(article)
    return within, beyond


def _lead(article: Article) -> str:
    return "lead: the newest with an image" if article.image_url else "lead: the newest"


def _reason(article: Article, number_in_section: int, words: str, *, now: datetime) -> str:
    if article.date_confidence is DateConfidence.FIRST_SEEN:
        age = f"undated, first seen {length(now - article.first_seen_at)} ago"
    else:
        age = f"{length(now - article.published_at)} old"
    place = f"{apart(article.section)} {number_in_section} of at most {SECTION_CAP}" if article.section else ""
    return ", ".join(part for part in (words, age, place) if part)[:300]


def length(span: timedelta) -> str:
    """A span as an editor says it: `40 min`, `5 h`, `3 days`."""
    minutes = max(0, round(span.total_seconds() / 60))
    if minutes < 90:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"
