"""Remarks: what an editor should know about an issue before it goes, in plain words. Pure.

Only what is known for certain is said; whether it matters is the editor's to decide.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from articles.articles import Article, ArticleStatus
from ground.language import apart
from newsletters import digest, headlines, wire
from newsletters.issues import Issue, Item


class Weight(enum.StrEnum):
    STOP = "stop"  # it will not go, or not as it stands
    WAIT = "wait"  # readers will notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    weight: Weight
    text: str
    item_id: int | None = None  # the story it is about


Story = tuple[Item, Article]


def remarks(
    issue: Issue, stories: Sequence[Story], *, fewest: int, language: str, subjects: Sequence[str] = ()
) -> list[Remark]:
    """What there is to say about an issue with these standing stories; those that will be left out are among them."""
    found = [*_held_back(issue, stories), *_number(issue, stories, fewest), *_lines(issue, subjects)]
    going = [(item, article) for item, article in stories if left_out(issue, article) is None]
    return [*found, *_shut(going), *_pictures(going), *_languages(going, language)]


def left_out(issue: Issue, article: Article) -> str | None:
    """Why a story that stands in the issue will not be in the letter."""
    if article.status is ArticleStatus.WITHDRAWN:
        return "withdrawn by its source"
    return "under embargo" if wire.is_embargoed(article, issue) else None


def _called(item: Item, article: Article) -> str:
    return apart(item.title or article.title)


def _held_back(issue: Issue, stories: Sequence[Story]) -> Iterator[Remark]:
    for item, article in stories:
        why = left_out(issue, article)
        if why is not None:
            text = f"“{_called(item, article)}” is {why}. The letter goes without it."
            yield Remark(weight=Weight.STOP, text=text, item_id=item.id)


def _number(issue: Issue, stories: Sequence[Story], fewest: int) -> Iterator[Remark]:
    going = sum(left_out(issue, article) is None for _, article in stories)
    if going == 0:
        yield Remark(weight=Weight.STOP, text="No story can be sent. Add one from the wire, or cancel the issue.")
    elif going < fewest:
        text = f"{going} {'story' if going == 1 else 'stories'}; the schedule asks for at least {fewest}."
        yield Remark(weight=Weight.WAIT, text=text)


def _lines(issue: Issue, subjects: Sequence[str]) -> Iterator[Remark]:
    length = len(issue.subject)
    if not headlines.clean(issue.subject):
        yield Remark(weight=Weight.STOP, text="The subject is empty. Readers decide by it; write one.")
    elif length > headlines.SUBJECT:
        text = f"The subject has {length} characters. Desktops cut it near {headlines.SUBJECT}, phones near 40."
        yield Remark(weight=Weight.WAIT, text=text)
    if issue.subject in subjects:
        text = (
            "One of the last issues had the same subject. Gmail puts both into one thread, and folds what they share."
        )
        yield Remark(weight=Weight.WAIT, text=text)
    if not headlines.clean(issue.preheader):
        text = "The preheader is empty. Inboxes then show whatever the letter begins with."
        yield Remark(weight=Weight.WAIT, text=text)


def _shut(going: Sequence[Story]) -> Iterator[Remark]:
    for item, article in going:
        if item.page_said:
            text = f"Readers may not get to “{_called(item, article)}”: {item.page_said}"
            yield Remark(weight=Weight.WAIT, text=text, item_id=item.id)


def _pictures(going: Sequence[Story]) -> Iterator[Remark]:
    # The lead and the four after it are printed with their pictures.
    for item, article in going[:5]:
        if article.image_url and not digest.has_a_picture(article):
            text = f"The picture of “{_called(item, article)}” is left out: its address is none of the web."
            yield Remark(weight=Weight.WAIT, text=text, item_id=item.id)
        elif article.image_url and not (article.image_alt or "").strip():
            text = (
                f"The picture of “{_called(item, article)}” has no description. Readers who cannot see it get nothing."
            )
            yield Remark(weight=Weight.WAIT, text=text, item_id=item.id)


def _languages(going: Sequence[Story], language: str) -> Iterator[Remark]:
    for item, article in going:
        if article.language and article.language.partition("-")[0] != language.partition("-")[0]:
            text = f"“{_called(item, article)}” is in another language ({article.language}) than the edition."
            yield Remark(weight=Weight.WAIT, text=text, item_id=item.id)
