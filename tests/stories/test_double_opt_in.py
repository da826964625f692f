"""Signing up: two steps, and what a link scanner does in between changes nothing."""

from __future__ import annotations

import asyncio
import re

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from broadsheet.demo import setting
from broadsheet.demo.people import Person
from broadsheet.demo.visitor import link_in
from broadsheet.mailbox.store import StoredMessage
from subscribers.consents import Act, ConsentEvent
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState
from tests.stories.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


def state_of(session: Session, address: str) -> SubscriptionState | None:
    return session.scalar(
        select(Subscription.state)
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .where(Subscriber.address_key == address)
    )


def acts_of(session: Session, address: str) -> list[Act]:
    found = select(ConsentEvent.act).join(Subscriber, Subscriber.id == ConsentEvent.subscriber_id)
    return list(session.scalars(found.where(Subscriber.address_key == address).order_by(ConsentEvent.id)))


async def signed_up(service: Service, person: Person) -> StoredMessage:
    await service.visitor.sign_up(f"/n/{setting.SLUG}/{person.language}", person)
    return await service.mailbox.wait_for(to=person.address)


def links_in(mail: StoredMessage) -> set[str]:
    """Every link of both parts and of the headers."""
    message = mail.parsed()
    text = "\n".join(part.get_content() for part in message.walk() if part.get_content_maintype() == "text")
    found = re.findall(r"https?://[^\s\"'<>)]+", text + "\n" + "\n".join(str(value) for value in message.values()))
    return {url.replace("&amp;", "&").rstrip(".,") for url in found}


@pytest.mark.parametrize("language", ["en", "ar", "ckb"])
async def test_a_reader_signs_up_confirms_and_is_welcomed(service: Service, language: str) -> None:
    person = Person(f"new.{language}@readers.example", language)
    asked = await signed_up(service, person)
    assert await service.read(lambda session: state_of(session, person.address)) is SubscriptionState.PENDING
    message = asked.parsed()
    assert message["auto-submitted"] == "auto-generated"
    assert message["list-unsubscribe"] is None, "there is no subscription yet to end"
    await service.visitor.confirm(message)
    assert await service.read(lambda session: state_of(session, person.address)) is SubscriptionState.ACTIVE
    assert await service.read(lambda session: acts_of(session, person.address)) == [Act.REQUESTED, Act.CONFIRMED]
    welcome = await service.mailbox.wait_for(to=person.address, after=asked.id)
    assert welcome.parsed()["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert len(service.mailbox.messages(person.address)) == 2


async def test_nothing_goes_to_who_did_not_confirm(service: Service) -> None:
    person = Person("asked.only@readers.example", "en")
    await signed_up(service, person)
    again = await service.client.get(f"/n/{setting.SLUG}/en")
    assert again.status_code == 200
    await service.visitor.sign_up(f"/n/{setting.SLUG}/en", person)  # once more the same day
    await asyncio.sleep(0.3)
    assert len(service.mailbox.messages(person.address)) == 1, "an address is asked at most once a day"
    assert await service.read(lambda session: state_of(session, person.address)) is SubscriptionState.PENDING


async def test_a_link_scanner_changes_nothing(service: Service) -> None:
    """Security products open every link of a mail, some of them several times at once, before its reader sees it."""
    pending, reader = Person("scanned@readers.example", "en"), Person("welcomed@readers.example", "ckb")
    asked = await signed_up(service, pending)
    to_reader = await signed_up(service, reader)
    await service.visitor.confirm(to_reader.parsed())
    await service.mailbox.wait_for(to=reader.address, after=to_reader.id)
    await service.quiet_everywhere()
    links = set().union(*(links_in(mail) for mail in service.mailbox.messages()))
    ours = sorted(link for link in links if link.startswith(service.house.settings.base_url))
    for path in ("/confirm/", "/u/", "/archive/"):
        assert any(path in link for link in ours), f"no link to {path}"
    before, mails = await service.dump(), len(service.mailbox.messages())
    answers = await asyncio.gather(
        *(service.client.request(method, link) for method in ("GET", "HEAD") for link in ours for _ in range(2))
    )
    assert {answer.status_code for answer in answers} == {200}
    await service.quiet_everywhere()
    after = await service.dump()
    # The rounds of the service go on meanwhile and note when they last ran.
    assert [table for table in before if before[table] != after[table] and table != "heartbeats"] == []
    assert len(service.mailbox.messages()) == mails
    await service.visitor.confirm(asked.parsed())  # and the link still works for its reader
    assert await service.read(lambda session: state_of(session, pending.address)) is SubscriptionState.ACTIVE


async def test_a_confirmation_pressed_twice_is_one(service: Service) -> None:
    person = Person("twice@readers.example", "en")
    asked = await signed_up(service, person)
    url = link_in(asked.parsed(), "/confirm/")
    answers = await asyncio.gather(*(service.client.post(url) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {200}
    await service.mailbox.wait_for(to=person.address, after=asked.id)
    await service.quiet_everywhere()
    assert await service.read(lambda session: acts_of(session, person.address)) == [Act.REQUESTED, Act.CONFIRMED]
    assert len(service.mailbox.messages(person.address)) == 2, "one welcome"


async def test_a_tampered_or_old_link_confirms_nobody(service: Service) -> None:
    person = Person("late@readers.example", "en")
    url = link_in((await signed_up(service, person)).parsed(), "/confirm/")
    tampered = await service.client.post(url[:-1] + ("A" if url[-1] != "A" else "B"))
    assert tampered.status_code == 404
    from datetime import timedelta

    service.clock.put_forward(timedelta(hours=73))  # last in this module
    assert (await service.client.post(url)).status_code in {200, 410}
    assert await service.read(lambda session: state_of(session, person.address)) is SubscriptionState.PENDING
