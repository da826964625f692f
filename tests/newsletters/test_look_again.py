"""Pages looked at once more before an issue goes: what is gone is taken out, what is shut is told, the network is no reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from articles.articles import Article, ArticleStatus
from ground.database import Database
from ground.fetch import Fetcher, FetchLimits
from newsletters import compose, curate, desk, issues, launch, look_again
from newsletters.act import Done
from newsletters.issues import Issue, IssueState
from newsletters.look_again import LookAgain
from newsletters.schedules import Schedule
from tests.ground.test_fetch import answer, serving
from tests.newsletters.builders import a_desk, morning_news
from tests.newsletters.test_compose import SLOT


@dataclass
class Newsroom:
    """An issue of five stories whose pages a test takes down; its server writes down what it was asked."""

    database: Database
    now: datetime
    fetcher: Fetcher
    port: int
    pages: dict[str, str] = field(default_factory=dict)  # path -> status
    asked: list[str] = field(default_factory=list)
    issue_id: int = 0

    def compose(self) -> None:
        with self.database.write() as session:
            made = a_desk(session, self.now)
            morning_news(session, made, self.now)
            for article in session.scalars(select(Article)):
                article.url = f"http://127.0.0.1:{self.port}/{article.title.replace(' ', '-')}"
            issue = compose.compose(session, session.get_one(Schedule, made.schedule), SLOT, now=self.now)
            assert isinstance(issue, Issue)
            self.issue_id = issue.id

    async def look(self) -> int:
        return await LookAgain(database=self.database, fetcher=self.fetcher, clock=lambda: self.now).look()

    def issue(self) -> Issue:
        with self.database.read() as session:
            found = session.get_one(Issue, self.issue_id)
            session.expunge_all()
        return found

    def titles(self) -> list[str]:
        with self.database.read() as session:
            return [article.title for _, article in issues.list_stories(session, self.issue_id)]

    def desk(self) -> desk.Desk:
        with self.database.read() as session:
            found = desk.read(session, self.issue_id)
            assert found is not None
            session.expunge_all()
        return found


@pytest.fixture
async def newsroom(database: Database) -> AsyncIterator[Newsroom]:
    pages: dict[str, str] = {}
    asked: list[str] = []

    async def handler(head: str, writer: asyncio.StreamWriter) -> None:
        method, path, _ = head.split(None, 2)
        asked.append(f"{method} {path}")
        status = pages.get(f"{method} {path}") or pages.get(path, "200 OK")
        writer.write(answer(status=status) if method == "HEAD" else answer(b"<p>x</p>", status=status))
        await writer.drain()

    async with serving(handler) as port:
        fetcher = Fetcher(FetchLimits(deadline=timedelta(seconds=2)), allowed_hosts=frozenset({f"127.0.0.1:{port}"}))
        found = Newsroom(database, SLOT.due_at - timedelta(minutes=15), fetcher, port, pages, asked)
        found.compose()
        yield found
        await fetcher.close()


async def test_a_story_whose_page_is_gone_is_taken_out_and_the_desk_says_why(newsroom: Newsroom) -> None:
    newsroom.pages["/Story-3"] = "404 Not Found"
    assert await newsroom.look() == 1
    assert "Story 3" not in newsroom.titles()
    (story,) = newsroom.desk().dropped
    assert story.item.page_said == "127.0.0.1 answered 404 Not Found."
    assert story.taken_out is not None
    assert (story.taken_out.by, story.taken_out.act) == (look_again.BY, "issue.drop")
    assert newsroom.issue().reason is None


async def test_what_an_editor_brings_back_is_not_taken_out_again(newsroom: Newsroom) -> None:
    newsroom.pages["/Story-3"] = "404 Not Found"
    await newsroom.look()
    with newsroom.database.write() as session:
        (story,) = newsroom.desk().dropped
        assert isinstance(curate.restore(session, story.item.id, by="hanar", now=newsroom.now), Done)
    newsroom.asked.clear()
    assert await newsroom.look() == 0
    assert newsroom.asked == []
    assert "Story 3" in newsroom.titles()


async def test_a_page_is_asked_for_without_its_body_and_once(newsroom: Newsroom) -> None:
    assert await newsroom.look() == 0
    assert await newsroom.look() == 0
    assert sorted(newsroom.asked) == [f"HEAD /Story-{n}" for n in range(1, 6)]


async def test_a_server_that_denies_only_the_look_keeps_its_story(newsroom: Newsroom) -> None:
    newsroom.pages["HEAD /Story-1"] = "404 Not Found"
    newsroom.pages["HEAD /Story-2"] = "405 Method Not Allowed"
    assert await newsroom.look() == 0
    assert len(newsroom.titles()) == 5
    assert {"GET /Story-1", "GET /Story-2"} <= set(newsroom.asked)


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "429 Too Many Requests", "503 Service Down"])
async def test_a_page_that_is_shut_stays_in_and_the_desk_is_told(newsroom: Newsroom, status: str) -> None:
    newsroom.pages["/Story-4"] = status
    assert await newsroom.look() == 0
    assert len(newsroom.titles()) == 5
    (remark,) = [each for each in newsroom.desk().remarks if "Readers may not get to" in each.text]
    assert "Story 4" in remark.text
    assert status[:3] in remark.text


async def test_a_network_that_is_down_says_nothing_about_a_story(newsroom: Newsroom) -> None:
    with newsroom.database.write() as session:
        for article in session.scalars(select(Article)):
            article.url = "http://127.0.0.1:1/nobody-listens"
    assert await newsroom.look() == 0
    assert len(newsroom.titles()) == 5
    assert not [each for each in newsroom.desk().remarks if "may not get to" in each.text]


async def test_a_site_that_denies_most_of_its_pages_costs_no_story(newsroom: Newsroom) -> None:
    newsroom.pages |= {f"/Story-{n}": "404 Not Found" for n in range(1, 5)}
    assert await newsroom.look() == 0
    assert len(newsroom.titles()) == 5
    assert len([each for each in newsroom.desk().remarks if "may not get to" in each.text]) == 4


async def test_what_a_person_approved_waits_for_a_person_once_a_story_is_gone(newsroom: Newsroom) -> None:
    with newsroom.database.write() as session:
        assert isinstance(launch.approve(session, newsroom.issue_id, by="hanar", now=newsroom.now), Done)
    newsroom.pages["/Story-3"] = "410 Gone"
    assert await newsroom.look() == 1
    issue = newsroom.issue()
    assert (issue.state, issue.approved_by) == (IssueState.DRAFT, None)
    assert "Story 3" in (issue.reason or "")


async def test_a_story_that_left_the_middle_of_its_feed_and_its_site_is_withdrawn_everywhere(
    newsroom: Newsroom,
) -> None:
    with newsroom.database.write() as session:
        for article in session.scalars(select(Article).where(Article.title != "Story 3")):
            article.last_seen_at = newsroom.now
    newsroom.pages |= {"/Story-3": "404 Not Found", "/Story-5": "404 Not Found"}
    assert await newsroom.look() == 2
    with newsroom.database.read() as session:
        known = {article.title: article.status for article in session.scalars(select(Article))}
    # Story 5 is the oldest: it may have dropped off the end of its feed, and is out of this issue only.
    assert (known["Story 3"], known["Story 5"]) == (ArticleStatus.WITHDRAWN, ArticleStatus.LIVE)


async def test_an_issue_is_not_looked_at_long_before_its_time(newsroom: Newsroom) -> None:
    newsroom.now = SLOT.due_at - look_again.BEFORE - timedelta(minutes=1)
    assert await newsroom.look() == 0
    assert newsroom.asked == []


async def test_the_last_story_stays_and_holds_its_issue(newsroom: Newsroom) -> None:
    with newsroom.database.write() as session:
        for item, _ in issues.list_stories(session, newsroom.issue_id)[1:]:
            curate.drop(session, item.id, by="hanar", now=newsroom.now)
    (left,) = newsroom.titles()
    newsroom.pages[f"/{left.replace(' ', '-')}"] = "404 Not Found"
    assert await newsroom.look() == 0
    assert newsroom.titles() == [left]
    assert "gone from its site" in (newsroom.issue().reason or "")
