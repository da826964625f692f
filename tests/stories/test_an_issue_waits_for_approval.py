"""An issue that a person must approve: nothing leaves before, and what leaves is what they approved."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from newsletters import curate, issues, launch
from newsletters.act import Done, Refused
from newsletters.issues import Issue, IssueState
from newsletters.schedules import Autonomy
from tests.stories.service import Service
from tests.stories.test_one_click import SHORT

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

READER = "waits@readers.example"
BY = "editor@zagroscourier.example"
HEADLINE = "What the editor made of it, <b>bold</b> & plain"


async def test_an_issue_waits_for_approval(service: Service) -> None:
    await service.add_readers("en", [READER])
    await service.collect()
    await service.schedule("en", terms=replace(SHORT, autonomy=Autonomy.APPROVED))
    await service.compose()
    [issue_id] = await service.issue_ids()
    for _ in range(3):
        await service.publish()
    await asyncio.sleep(0.2)
    assert service.mailbox.messages() == [], "something left before it was approved"
    assert await state(service, issue_id) is IssueState.DRAFT

    dropped, rewritten = await edited(service, issue_id)
    assert isinstance(
        await service.write(lambda session: launch.approve(session, issue_id, by=BY, now=service.clock())), Done
    )
    await service.publish()
    await service.finished(issue_id)
    sent = service.digest_to(READER).parsed()
    text = sent.get_body(("plain",))
    html = sent.get_body(("html",))
    assert text is not None
    assert html is not None
    assert HEADLINE in " ".join(text.get_content().split())
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; plain" in html.get_content()
    for gone in (dropped, rewritten):
        assert gone not in " ".join(text.get_content().split())
        assert gone not in html.get_content()

    too_late = await service.write(
        lambda session: curate.set_subject(
            session, issue_id, subject="Later", preheader="", seen=99, by=BY, now=service.clock()
        )
    )
    assert isinstance(too_late, Refused)


async def edited(service: Service, issue_id: int) -> tuple[str, str]:
    """Drop one story and rewrite another; the two headlines that must not be sent. An approval in between is void."""

    def edit(session: Session) -> tuple[str, str]:
        first, second, third = issues.list_stories(session, issue_id)
        now = service.clock()
        assert isinstance(launch.approve(session, issue_id, by=BY, now=now), Done)
        assert isinstance(curate.drop(session, second[0].id, by=BY, now=now), Done)
        assert isinstance(
            curate.rewrite(session, third[0].id, title=HEADLINE, summary="", seen=99, by=BY, now=now), Done
        )
        subject = curate.set_subject(
            session, issue_id, subject=first[1].title, preheader="Today", seen=99, by=BY, now=now
        )
        assert isinstance(subject, Done)
        return second[1].title, third[1].title

    titles = await service.write(edit)
    assert await state(service, issue_id) is IssueState.DRAFT, "an edit did not take the approval back"
    await service.publish()
    assert service.mailbox.messages() == []
    return titles


async def state(service: Service, issue_id: int) -> IssueState:
    return await service.read(lambda session: session.get_one(Issue, issue_id).state)
