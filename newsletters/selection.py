"""Selection: which of the articles found an issue holds, in which order, and why. Pure; the same again for the same articles.

    score = weight of the section x freshness (halved every nine hours, slower in a weekly)
            + a little for a picture - a little for each story of the same section or author that stands already

What an editor pinned comes before any score. Caps keep one section or one author from filling an issue, unless there would
be too few stories. A story whose date nobody knows never outranks one that is dated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from articles.articles import Article
from articles.dates import DateConfidence
from ground.language import apart

SECTION_CAP = 4
AUTHOR_CAP = 2
HALF_LIFE = timedelta(hours=9)

_PICTURE = 0.12
_SAME_SECTION = 0.05
_SAME_AUTHOR = 0.1
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an editor says of a schedule's choice."""

    most: int
    fewest: int
    section_cap: int = SECTION_CAP
    author_cap: int = AUTHOR_CAP
    weights: Mapping[str, float] = field(default_factory=dict)  # of sections; 1 where nothing is said


@dataclass(frozen=True, slots=True)
class Placed:
    """An article and the reason, in words, why it stands where it stands."""

    article: Article
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is chosen from, and by what."""

    rules: Rules
    now: datetime
    stretch: timedelta = _DAY  # that the issue covers
    authors: Mapping[int, Sequence[str]] = field(default_factory=dict)  # names by article
    had: frozenset[str] = (
        frozenset()
    )  # stories, by story_key, that some of its readers had as an alert: none of them leads

    def by(self, article: Article) -> Sequence[str]:
        return self.authors.get(article.id, ())

    def weight(self, article: Article) -> float:
        return self.rules.weights.get(article.section or "", 1.0)

    def score(self, article: Article) -> float:
        """What a story is worth by itself."""
        half_life = HALF_LIFE * max(1.0, self.stretch / _DAY)
        freshness: float = 0.5 ** (max(timedelta(0), self.now - _dated(article)) / half_life)
        return self.weight(article) * freshness + (_PICTURE if article.image_url else 0.0)


def choose(found: Sequence[Article], choice: Choice, *, pinned: Sequence[Article] = ()) -> list[Placed]:
    """Pick and order articles; each gets its reason. Without a pin the lead is the best with a picture."""
    keys = {article.story_key for article in pinned}
    once = [article for article in _each_story_once(found) if article.story_key not in keys]
    standing = _Standing(choice, pinned)
    room = max(0, choice.rules.most - len(pinned))
    if not pinned and room:
        standing.lead(once)
    standing.fill(once, room, within_caps=True)
    standing.fill(once, min(room, choice.rules.fewest - len(pinned)), within_caps=False)
    return [
        Placed(article, _reason(article, choice, words))
        for article, words in zip([*pinned, *standing.chosen], _words(standing, pinned), strict=True)
    ]


class _Standing:
    """What stands in the issue while it is filled."""

    def __init__(self, choice: Choice, pinned: Iterable[Article]) -> None:
        self.choice = choice
        self.chosen: list[Article] = []
        self.newest: Article | None = None
        self.sections: Counter[str] = Counter()
        self.authors: Counter[str] = Counter()
        for article in pinned:
            self._count(article)

    def lead(self, found: Sequence[Article]) -> None:
        may_lead = [article for article in found if article.story_key not in self.choice.had] or list(found)
        dated = [article for article in may_lead if article.date_confidence is not DateConfidence.FIRST_SEEN]
        leads = [article for article in dated or may_lead if article.image_url] or dated or may_lead
        if leads:
            self.newest = max(leads, key=_recency)
            self.take(max(leads, key=self._rank))

    def fill(self, found: Sequence[Article], room: int, *, within_caps: bool) -> None:
        """Take the best, one after the other, for each that stands makes its like a little less worth."""
        left = [article for article in found if article not in self.chosen]
        while len(self.chosen) < room:
            fitting = [article for article in left if not within_caps or self.full(article) is None]
            if not fitting:
                return
            best = max(fitting, key=self._rank)
            left.remove(best)
            self.take(best)

    def take(self, article: Article) -> None:
        self.chosen.append(article)
        self._count(article)

    def full(self, article: Article) -> str | None:
        """The section or the author that has all the room it gets."""
        rules = self.choice.rules
        if article.section and self.sections[article.section] >= rules.section_cap:
            return article.section
        return next((name for name in self.choice.by(article) if self.authors[name] >= rules.author_cap), None)

    def _count(self, article: Article) -> None:
        self.sections[article.section or ""] += 1
        self.authors.update(self.choice.by(article))

    def _rank(self, article: Article) -> tuple[bool, float, datetime, int]:
        repeated = _SAME_SECTION * self.sections[article.section or ""] if article.section else 0.0
        repeated += _SAME_AUTHOR * max((self.authors[name] for name in self.choice.by(article)), default=0)
        is_dated, published_at, key = _recency(article)
        return is_dated, round(self.choice.score(article) - repeated, 9), published_at, key


def _each_story_once(found: Iterable[Article]) -> list[Article]:
    """The same story from two feeds stands once: the one with a picture, otherwise the newer."""
    by_story: dict[str, Article] = {}
    for article in found:
        known = by_story.get(article.story_key)
        if known is None or (article.image_url and not known.image_url):
            by_story[article.story_key] = article
    return list(by_story.values())


def _words(standing: _Standing, pinned: Sequence[Article]) -> list[str]:
    """What is to be said of each place beside its age: pinned, the lead, and how many of its like stand before it."""
    choice, said = standing.choice, []
    sections: Counter[str] = Counter()
    authors: Counter[str] = Counter()
    for place, article in enumerate([*pinned, *standing.chosen]):
        words = ["pinned by the desk"] if place < len(pinned) else [_lead(article, standing)] if place == 0 else []
        words.append(age(article, choice.now))
        if article.section:
            sections[article.section] += 1
            words.append(f"{apart(article.section)} {sections[article.section]} of at most {choice.rules.section_cap}")
        for name in choice.by(article):
            authors[name] += 1
            if authors[name] > 1:
                words.append(f"{apart(name)} {authors[name]} of at most {choice.rules.author_cap}")
        said.append(", ".join(words))
    return said


def _reason(article: Article, choice: Choice, words: str) -> str:
    weight = choice.weight(article)
    counted = f", {apart(article.section or '')} counts {weight:g} times" if weight != 1 else ""
    return f"{words}{counted}"[:300]


def _lead(article: Article, standing: _Standing) -> str:
    which = "the newest" if article is standing.newest else "the strongest"
    return f"lead: {which} with an image" if article.image_url else f"lead: {which}"


def age(article: Article, now: datetime) -> str:
    """How old a story is, as an editor says it."""
    if article.date_confidence is DateConfidence.FIRST_SEEN:
        return f"undated, first seen {length(now - article.first_seen_at)} ago"
    return f"{length(now - article.published_at)} old"


def _dated(article: Article) -> datetime:
    return article.first_seen_at if article.date_confidence is DateConfidence.FIRST_SEEN else article.published_at


def _recency(article: Article) -> tuple[bool, datetime, int]:
    return article.date_confidence is not DateConfidence.FIRST_SEEN, article.published_at, article.id


def length(span: timedelta) -> str:
    """A span as an editor says it: `40 min`, `5 h`, `3 days`."""
    minutes = max(0, round(span.total_seconds() / 60))
    if minutes < 90:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"
