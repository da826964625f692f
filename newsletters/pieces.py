"""Pieces: what an editor sets into one issue beside its stories: a number of the day, and the days to come.

They stand after the stories, the same for every reader, and are kept with the issue as they were typed and read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from newsletters import act, curate, headlines, trail
from newsletters.act import Done, Refused, Stale
from newsletters.issues import Issue, IssueKind
from newsletters.newsletters import Edition
from newsletters.trail import About

#: The number is read at a glance, and its sentence in one breath.
LONGEST_FIGURE, LONGEST_SENTENCE = 20, 200
#: A diary of more days, or longer lines, is a page of its own.
MOST_DAYS, LONGEST_LINE = 10, 160

_DAY = re.compile(r"(?:(\d{4})-(\d{1,2})-(\d{1,2})|(\d{1,2})[./](\d{1,2})\.?)[\s:،,–-]+(\S.*)\Z")


def set_figure(
    session: Session, issue_id: int, *, figure: str, words: str, url: str, seen: int, by: str, now: datetime
) -> Done | Refused | Stale:
    """Set the number of the day, with the sentence that explains it; no number takes it out."""
    issue = _open(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    typed = {"figure": headlines.clean(figure), "words": headlines.clean(words), "url": url.strip()}
    problem = _unfit_figure(typed)
    if problem is not None:
        return Refused(problem)
    return _put(session, issue, About.FIGURE, typed if typed["figure"] else None, seen=seen, by=by, now=now)


def set_diary(
    session: Session, issue_id: int, *, lines: str, seen: int, by: str, now: datetime
) -> Done | Refused | Stale:
    """Set the days to come, a line each that begins with its date; no line takes them out."""
    issue = _open(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    zone = ZoneInfo(session.get_one(Edition, issue.edition_id).zone)
    days = _days(lines, issue.scheduled_for.astimezone(zone).date())
    return days if isinstance(days, Refused) else _put(session, issue, About.DIARY, days, seen=seen, by=by, now=now)


def written(days: Sequence[Mapping[str, str]] | None) -> str:
    """A diary as it is typed."""
    return "\n".join(f"{day['on']} {day['words']}" for day in days or ())


def _open(session: Session, issue_id: int) -> Issue | Refused:
    issue = act.find_editable(session, issue_id)
    if isinstance(issue, Issue) and issue.kind is IssueKind.ALERT:
        return Refused("An alert is one story, and nothing stands after it.")
    return issue


def _put(
    session: Session, issue: Issue, about: About, piece: object, *, seen: int, by: str, now: datetime
) -> Done | Stale:
    before = issue.pieces.get(about)
    if piece == before:
        return Done(issue.revision)
    meanwhile = trail.since(trail.steps(session, issue), seen, about)
    if meanwhile:
        return Stale(issue.revision, meanwhile)
    put(issue, about, piece)
    return curate.edited(session, issue, f"issue.{about}", by=by, now=now, before=before, after=piece)


def put(issue: Issue, about: About, piece: Any) -> None:  # noqa: ANN401 - a figure, a diary or nothing
    """Let this piece stand in the issue, or none."""
    rest = {name: kept for name, kept in issue.pieces.items() if name != about}
    issue.pieces = rest | ({about.value: piece} if piece else {})


def _unfit_figure(typed: Mapping[str, str]) -> str | None:
    if not typed["figure"]:
        return "Write the number, too: a sentence alone is no number of the day." if typed["words"] else None
    if len(typed["figure"]) > LONGEST_FIGURE:
        return (
            f"The number has {len(typed['figure'])} characters; write at most {LONGEST_FIGURE}, and the rest below it."
        )
    if not 1 <= len(typed["words"]) <= LONGEST_SENTENCE:
        return f"The sentence has {len(typed['words'])} characters; write 1 to {LONGEST_SENTENCE}."
    if typed["url"] and not headlines.is_link(typed["url"]):
        return f"“{typed['url'][:80]}” is no address of the web. Write a whole one: https://example.org/page."
    return None


def _days(lines: str, today: date) -> list[dict[str, str]] | Refused:
    """What was typed, by its dates. A date without a year is the next one of that name."""
    typed = [line for line in (headlines.clean(each) for each in lines.splitlines()) if line]
    if len(typed) > MOST_DAYS:
        return Refused(f"The diary has {len(typed)} lines; write at most {MOST_DAYS}.")
    found: list[tuple[date, str]] = []
    for line in typed:
        read = _day(line, today)
        if read is None:
            return Refused(f"“{line[:60]}” begins with no date. Write 2026-03-10 or 10.3. first, then what happens.")
        if read[0] < today:
            return Refused(f"“{line[:60]}” is of a day before the issue goes, {today:%d %B %Y}. Correct its date.")
        if len(read[1]) > LONGEST_LINE:
            return Refused(f"“{line[:60]}” has {len(read[1])} characters; write at most {LONGEST_LINE}.")
        found.append(read)
    return [{"on": on.isoformat(), "words": words} for on, words in sorted(found, key=lambda each: each[0])]


def _day(line: str, today: date) -> tuple[date, str] | None:
    match = _DAY.match(line)
    if match is None:
        return None
    year, month, day = (match[1], match[2], match[3]) if match[1] else (None, match[5], match[4])
    try:
        on = date(int(year) if year else today.year, int(month), int(day))
        if year is None and on < today:
            on = on.replace(year=on.year + 1)
    except ValueError:
        return None
    return on, match[6]
