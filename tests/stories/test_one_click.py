"""Unsubscribing with one click (RFC 8058), as mail programs do it, and what the next issue makes of it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import NamedTuple

import pytest
import pytest_asyncio
from sqlalchemy import select
from sqlalchemy.orm import Session

from broadsheet.demo import setting
from broadsheet.demo.visitor import Form
from mailer.deliveries import Delivery
from newsletters.issues import Issue
from newsletters.schedules import Terms
from subscribers.consents import Act, ConsentEvent
from subscribers.subscriptions import Subscription, SubscriptionState
from tests.stories.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

STAYS, URLENCODED, MULTIPART, RETURNS = (
    f"{name}@readers.example" for name in ("stays", "urlencoded", "multipart", "returns")
)
#: Few stories an issue, so that the next morning has some left.
SHORT = Terms(lead=timedelta(0), max_articles=3, late_limit=timedelta(hours=25), window=timedelta(hours=72))


class Readers(NamedTuple):
    service: Service
    subscriptions: dict[str, int]

    def link(self, reader: str) -> str:
        found = re.fullmatch(
            r"<(https?://[^>]+)>", str(self.service.digests_to(reader)[0].parsed()["List-Unsubscribe"])
        )
        assert found is not None
        return found[1]

    async def state(self, reader: str) -> SubscriptionState:
        def ask(session: Session) -> SubscriptionState:
            return session.get_one(Subscription, self.subscriptions[reader]).state

        return await self.service.read(ask)

    async def acts(self, reader: str) -> list[Act]:
        def ask(session: Session) -> list[Act]:
            subscription = session.get_one(Subscription, self.subscriptions[reader])
            wanted = select(ConsentEvent.act).where(ConsentEvent.subscriber_id == subscription.subscriber_id)
            return list(session.scalars(wanted.order_by(ConsentEvent.id)))

        return await self.service.read(ask)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def readers(service: Service) -> Readers:
    """Four readers who have today's issue."""
    added = await service.add_readers("en", [STAYS, URLENCODED, MULTIPART, RETURNS])
    await service.collect()
    await service.schedule("en", terms=SHORT)
    await service.todays_issues()
    return Readers(service, added)


async def test_one_post_is_enough_and_a_second_one_harmless(readers: Readers) -> None:
    url, client = readers.link(URLENCODED), readers.service.client
    for _ in range(2):
        answer = await client.post(url, data={"List-Unsubscribe": "One-Click"}, follow_redirects=False)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    assert await readers.state(URLENCODED) is SubscriptionState.ENDED
    assert await readers.acts(URLENCODED) == [Act.LEFT]


async def test_a_multipart_body_is_as_good(readers: Readers) -> None:
    """RFC 8058 3.2 allows both; Yahoo sends multipart."""
    answer = await readers.service.client.post(
        readers.link(MULTIPART), files={"List-Unsubscribe": (None, "One-Click")}, follow_redirects=False
    )
    assert answer.status_code == 200
    assert await readers.state(MULTIPART) is SubscriptionState.ENDED


async def test_who_pressed_by_mistake_comes_back(readers: Readers) -> None:
    client = readers.service.client
    left = await client.post(readers.link(RETURNS), data={"from": "page"})
    assert await readers.state(RETURNS) is SubscriptionState.ENDED
    undo = Form.read(left.text, str(left.url))
    assert "/back/" in undo.action
    assert (await client.get(undo.action)).status_code == 200
    assert await readers.state(RETURNS) is SubscriptionState.ENDED, "a GET brought them back"
    assert (await client.post(undo.action, data=undo.fields)).status_code == 200
    assert await readers.state(RETURNS) is SubscriptionState.ACTIVE


async def test_the_next_issue_goes_to_who_is_left(readers: Readers) -> None:
    service = readers.service
    service.clock.put_forward(timedelta(days=1))
    await service.collect()
    [issue_id] = await service.todays_issues()

    def addresses(session: Session) -> list[str]:
        letter = select(Issue.letter_id).where(Issue.id == issue_id).scalar_subquery()
        return sorted(session.scalars(select(Delivery.address).where(Delivery.letter_id == letter)))

    assert await service.read(addresses) == [RETURNS, STAYS]
    assert [len(service.digests_to(reader)) for reader in (STAYS, RETURNS, URLENCODED, MULTIPART)] == [2, 2, 1, 1]
    shelf = await service.client.get(f"/archive/{setting.SLUG}/en")
    assert f"/archive/{setting.SLUG}/en/2" in shelf.text


async def test_a_link_of_an_old_issue_works_after_the_next_one(readers: Readers) -> None:
    url = readers.link(STAYS)
    readers.service.clock.put_forward(timedelta(days=400))
    answer = await readers.service.client.post(url, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert await readers.state(STAYS) is SubscriptionState.ENDED
