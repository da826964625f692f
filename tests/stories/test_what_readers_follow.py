"""What readers follow, chosen on their preference page, and the mails that their servers received."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from articles.articles import authors_of
from broadsheet.demo import setting
from newsletters import issues, plan, schedule
from newsletters.issues import Exclusion, Issue
from newsletters.layouts import FOLLOW
from newsletters.plan import Planned
from newsletters.takeover import FOLLOWS_NOTHING, NOTHING_FOLLOWED
from tests.stories.service import Service
from tests.stories.test_a_personal_digest import choose, shown, texts

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SECTION, AUTHOR, NOTHING, NOBODY = (
    f"{name}@readers.example" for name in ("emma.clarke", "jonas.weber", "ida.lund", "max.kraus")
)


async def test_each_reader_gets_all_that_is_new_of_what_they_follow_and_nothing_else(service: Service) -> None:
    readers = await service.add_readers("en", [SECTION, AUTHOR, NOTHING, NOBODY])
    await service.collect()
    await service.schedule("en", terms=setting.TERMS)
    rule = schedule.parse("daily 07:00 Asia/Baghdad")
    assert isinstance(rule, schedule.Schedule)

    def follow(session: Session) -> int:
        terms = replace(setting.TERMS, name="following", layout=FOLLOW, max_articles=40)
        at = service.clock() - timedelta(days=1)
        planned = plan.add(session, service.editions["en"], rule, terms, by="hanar", now=at)
        assert isinstance(planned, Planned)
        return planned.schedule.id

    following = await service.write(follow)
    for reader in readers.values():
        page = await choose(service, reader, set="rhythm", rhythm=str(following))
        assert "You follow nothing yet" in page
    await service.compose()

    def of_following(session: Session) -> int:
        return session.scalars(select(Issue.id).where(Issue.schedule_id == following)).one()

    issue_id = await service.read(of_following)

    def stories(session: Session) -> list[tuple[str, str | None, list[str]]]:
        found = issues.list_stories(session, issue_id)
        authors = authors_of(session, [article.id for _, article in found])
        return [(article.url, article.section, authors[article.id]) for _, article in found]

    held = await service.read(stories)
    urls = [url for url, _, _ in held]
    section = next(name for _, name, _ in held[1:] if name and name != held[0][1])
    author = next(names[0] for _, _, names in held if names)
    await choose(service, readers[SECTION], set="topics", section=[section])
    await choose(service, readers[AUTHOR], set="topics", author=[author])
    await choose(service, readers[NOTHING], set="topics", section=["Opera"])
    await service.publish()
    await service.finished(issue_id)

    own = [number for number, (_, name, _) in enumerate(held, 1) if name == section]
    assert shown(service.digest_to(SECTION), urls) == own
    assert 1 not in own
    assert shown(service.digest_to(AUTHOR), urls) == [n for n, (_, _, names) in enumerate(held, 1) if author in names]
    page, plain = texts(service.digest_to(SECTION))
    assert "New from what you follow" in page
    assert "New from what you follow" in plain

    def left_out(session: Session) -> list[str]:
        return sorted(session.scalars(select(Exclusion.reason).where(Exclusion.issue_id == issue_id)))

    assert await service.read(left_out) == sorted([FOLLOWS_NOTHING, NOTHING_FOLLOWED])
    assert service.digests_to(NOTHING) == service.digests_to(NOBODY) == []
