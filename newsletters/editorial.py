"""Editorial: what the checks say of an issue's stories and its readers, which no byte of the letter can tell (N03-N12).

A person decides on every one of them: what must never go (withdrawn, under embargo) is left out of the letter anyway,
and an audience that has fallen by over a half holds an issue by itself (newsletters.objections).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from articles import alike
from articles.articles import Article, authors_of
from ground.language import apart
from mailer.lint import Finding, Report, Severity
from newsletters import already_sent, compose, digest, issues, remarks
from newsletters import rhythm as rhythms
from newsletters.issues import Issue, IssueKind, Item
from newsletters.schedules import Schedule
from newsletters.selection import Rules
from subscribers.subscriptions import Subscription, SubscriptionState

#: So much more or fewer readers than the last time is worth a look. Of fewer readers than `_FEWEST` it is a few people's whim.
_UNLIKE, _FEWEST = 0.2, 20

Story = tuple[Item, Article]
_MENDS: Mapping[str, str] = {
    "N03": "Nothing is to be done: it waits for a later issue. If it must go, ask its source.",
    "N04": "Look at it again, and approve it as it stands now.",
    "N05": "Read it once more.",
    "N06": "Take it out, unless readers shall have it twice.",
    "N07": "Add or take out stories, or change the schedule's numbers.",
    "N09": "Put another story first, or give this one what it lacks at its source.",
    "N12": "Look whether a list was imported or suppressed. If it is right, send it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is asked, read in a bounded number of queries."""

    issue: Issue
    stories: Sequence[Story]  # that will be in the letter
    held_back: Sequence[tuple[Story, str]]  # that stand in the issue and will not, with the reason
    rules: Rules
    authors: Mapping[int, Sequence[str]]
    went_in: Mapping[str, Issue]  # stories that these readers had, by story_key
    content_hash: str
    readers: int  # who would get it now
    readers_before: int  # who got the last one; 0 where there was none


def look(session: Session, issue: Issue) -> Report:
    """The findings on an issue as it stands."""
    return judge(_facts(session, issue))


def judge(facts: Facts) -> Report:
    """The same of facts that are at hand. Pure."""
    checks = (_not_yet, _approved, _changed, _sent_before, _old, _twice, _numbers, _lead, _audience)
    return Report([finding for check in checks for finding in check(facts)])


def _facts(session: Session, issue: Issue) -> Facts:
    standing = session.execute(
        select(Item, Article)
        .join(Article, Article.id == Item.article_id)
        .where(Item.issue_id == issue.id, Item.dropped_at.is_(None))
        .order_by(Item.position, Item.id)
    ).all()
    pairs = [(item, article) for item, article in standing]
    held_back = [(pair, why) for pair in pairs if (why := remarks.left_out(issue, pair[1])) is not None]
    going = [pair for pair in pairs if remarks.left_out(issue, pair[1]) is None]
    rhythm = rhythms.of(session, issue.edition_id, issue.schedule_id)
    last = issues.last_sent(session, rhythm)
    is_counted = rhythm.is_own and issue.kind is IssueKind.DIGEST
    return Facts(
        issue=issue,
        stories=going,
        held_back=held_back,
        rules=compose.rules_of(session.get(Schedule, issue.schedule_id) if issue.schedule_id else None),
        authors=authors_of(session, [article.id for _, article in going]),
        went_in=already_sent.last_in(session, rhythm, [article.story_key for _, article in going], besides=issue.id),
        content_hash=digest.content_hash(session, issue),
        readers=_readers(session, issue) if is_counted else 0,
        readers_before=(last.recipient_count or 0) if last is not None and last is not issue and is_counted else 0,
    )


def _readers(session: Session, issue: Issue) -> int:
    active = (Subscription.edition_id == issue.edition_id, Subscription.state == SubscriptionState.ACTIVE)
    return session.scalar(select(func.count()).select_from(Subscription).where(*active)) or 0


def _not_yet(facts: Facts) -> Iterator[Finding]:
    for story, why in facts.held_back:
        yield _finding("N03", Severity.WARNING, f"A story is {why}: the letter goes without it.", story)
    for story in facts.stories:
        if story[1].published_at > facts.issue.scheduled_for:
            yield _finding("N03", Severity.ERROR, "A story is dated later than the issue goes.", story)


def _approved(facts: Facts) -> Iterator[Finding]:
    if facts.issue.approved_hash not in {None, facts.content_hash}:
        yield _finding("N04", Severity.ERROR, "What stands here is not what was approved.")


def _changed(facts: Facts) -> Iterator[Finding]:
    for item, article in facts.stories:
        if article.revision > item.article_revision:
            whose = "your own words" if item.title or item.summary else "its new words"
            words = f"Its source has changed it since it was placed; the letter has {whose}."
            yield _finding("N05", Severity.WARNING, words, (item, article))


def _sent_before(facts: Facts) -> Iterator[Finding]:
    for item, article in facts.stories:
        before = facts.went_in.get(article.story_key)
        if before is not None:
            yield _finding("N06", Severity.WARNING, f"These readers had it in no. {before.number}.", (item, article))


def _old(facts: Facts) -> Iterator[Finding]:
    oldest = facts.issue.window_start - compose.BACKDATED
    for story in facts.stories:
        if story[1].published_at < oldest:
            words = f"It is of {story[1].published_at:%d %B %Y}, long before this issue's stories begin."
            yield _finding("N06", Severity.NOTE, words, story)


def _twice(facts: Facts) -> Iterator[Finding]:
    for one, other in combinations(facts.stories, 2):
        if alike.tell_one_story(one[1].title, one[1].summary, other[1].title, other[1].summary):
            yield _finding("N06", Severity.WARNING, f"It tells what “{_called(one)}” tells.", other)


def _numbers(facts: Facts) -> Iterator[Finding]:
    count, rules = len(facts.stories), facts.rules
    if facts.issue.kind is not IssueKind.DIGEST:
        return
    if count < rules.fewest:
        yield _finding(
            "N07", Severity.WARNING, f"Its stories are {count}; the schedule asks for {rules.fewest} at least."
        )
    if count > rules.most:
        yield _finding("N07", Severity.NOTE, f"Its stories are {count}; the schedule has room for {rules.most}.")
    sections = Counter(article.section for _, article in facts.stories if article.section)
    authors = Counter(name for _, article in facts.stories for name in facts.authors.get(article.id, ()))
    for cap, counted, what in ((rules.section_cap, sections, "section"), (rules.author_cap, authors, "author")):
        for name, number in counted.items():
            if number > cap:
                words = f"{number} stories are of one {what}, {apart(name[:60])}; the schedule says {cap}."
                yield _finding("N07", Severity.NOTE, words)


def _lead(facts: Facts) -> Iterator[Finding]:
    if facts.stories and not digest.has_a_picture(facts.stories[0][1]):
        yield _finding("N09", Severity.NOTE, "The first story has no picture.", facts.stories[0])
    for lacking, what in ((_without_section(facts), "section"), (_without_author(facts), "author")):
        if lacking:
            words = f"{len(lacking)} of {len(facts.stories)} stories name no {what}."
            yield _finding("N09", Severity.NOTE, words, lacking[0])


def _without_section(facts: Facts) -> list[Story]:
    return [story for story in facts.stories if not story[1].section]


def _without_author(facts: Facts) -> list[Story]:
    return [story for story in facts.stories if not facts.authors.get(story[1].id)]


def _audience(facts: Facts) -> Iterator[Finding]:
    before, now = facts.readers_before, facts.readers
    if before >= _FEWEST and abs(now - before) > before * _UNLIKE:
        words = f"{now:,} readers would get it; {before:,} got the last one."
        yield _finding("N12", Severity.WARNING, words)


def _called(story: Story) -> str:
    return apart((story[0].title or story[1].title)[:80])


def _finding(rule: str, severity: Severity, words: str, story: Story | None = None) -> Finding:
    where = "" if story is None else _called(story)
    return Finding(id=rule, subject="stories", severity=severity, words=words, where=where, mend=_MENDS[rule])
