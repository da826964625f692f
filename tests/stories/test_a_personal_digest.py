"""Readers who chose sections, authors and an hour on their preference page, and the mails that their servers received."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from articles.articles import authors_of
from broadsheet.demo import setting
from broadsheet.mailbox.store import StoredMessage
from feedback import figures
from ground.tokens import Purpose
from mailer.deliveries import Delivery, State
from newsletters import issues
from newsletters.issues import Exclusion, Issue
from newsletters.takeover import TOO_FEW_OWN
from tests.stories.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

ALL, OWN, AUTHOR, NOTHING, LATE = (
    f"{name}@readers.example" for name in ("emma.clarke", "jonas.weber", "aoife.byrne", "ida.lund", "max.kraus")
)


async def choose(service: Service, subscription_id: int, **fields: str | list[str]) -> str:
    """Press a button of the preference page, by the link that every letter has."""
    expires_at = service.clock() + timedelta(days=30)
    token = service.house.keys.sign(Purpose.PREFERENCES, str(subscription_id), expires_at=expires_at)
    answer = await service.client.post(f"/p/{token}", data={"edition": str(service.editions["en"]), **fields})
    assert answer.status_code == 200, answer.text
    return answer.text


def texts(mail: StoredMessage) -> tuple[str, str]:
    """The page and the plain part."""
    message = message_from_bytes(mail.raw(), policy=policy.default)
    assert isinstance(message, EmailMessage)
    found = [message.get_body((subtype,)) for subtype in ("html", "plain")]
    page, plain = [str(part.get_content()) if part else "" for part in found]
    return page, re.sub(r"\s+", " ", plain)


def shown(mail: StoredMessage, urls: list[str]) -> list[int]:
    """The numbers of the stories that stand in a mail; the page and the plain part must agree."""
    page, plain = texts(mail)
    in_page = [number for number, url in enumerate(urls, 1) if url.split("?")[0] in page]
    assert in_page == [number for number, url in enumerate(urls, 1) if url.split("?")[0] in plain]
    return in_page


async def test_each_reader_gets_their_own_stories_at_their_own_hour(service: Service) -> None:
    readers = await service.add_readers("en", [ALL, OWN, AUTHOR, NOTHING, LATE])
    await service.collect()
    await service.schedule("en", terms=setting.TERMS)
    await service.compose()
    (issue_id,) = await service.issue_ids()

    def stories(session: Session) -> list[tuple[str, str | None, list[str]]]:
        found = issues.list_stories(session, issue_id)
        authors = authors_of(session, [article.id for _, article in found])
        return [(article.url, article.section, authors[article.id]) for _, article in found]

    held = await service.read(stories)
    urls = [url for url, _, _ in held]
    section = next(name for _, name, _ in held[1:] if name)
    author = next(names[0] for _, _, names in held[1:] if names)
    page = await choose(service, readers[OWN], set="topics", section=[section])
    assert section in page
    await choose(service, readers[AUTHOR], set="topics", author=[author])
    await choose(service, readers[NOTHING], set="topics", section=["Opera"])
    await choose(service, readers[LATE], set="hour", hour="20", zone="Erbil")

    await service.publish()

    async def three_have_it() -> bool:
        return all(len(service.digests_to(reader)) == 1 for reader in (ALL, OWN, AUTHOR))

    await service.until(three_have_it)
    everything = list(range(1, len(held) + 1))
    assert shown(service.digest_to(ALL), urls) == everything
    own = [n for n, (_, name, _) in enumerate(held, 1) if n == 1 or name == section]
    assert shown(service.digest_to(OWN), urls) == own
    assert 1 < len(own) < len(held)
    by_author = [n for n, (_, _, names) in enumerate(held, 1) if n == 1 or author in names]
    assert shown(service.digest_to(AUTHOR), urls) == by_author

    # Whoever it has nothing for is left out, with the reason; whose hour has not come waits.
    assert service.digests_to(NOTHING) == service.digests_to(LATE) == []

    def reasons(session: Session) -> list[str]:
        return list(session.scalars(select(Exclusion.reason)))

    assert await service.read(reasons) == [TOO_FEW_OWN]
    funnel = await service.read(lambda session: figures.issue_figures(session, issue_id))
    assert funnel is not None
    assert (funnel.audience, funnel.recipients, funnel.deliveries[State.READY]) == (5, 4, 1)
    assert dict(funnel.exclusions) == {TOO_FEW_OWN: 1}
    assert funnel.sums_match

    # The archive shows the common version.
    web_html = await service.read(lambda session: session.get_one(Issue, issue_id).web_html)
    assert web_html is not None
    assert all(url.split("?")[0] in web_html for url in urls)

    service.clock.put_forward(timedelta(hours=12, minutes=54))
    assert service.digests_to(LATE) == []
    service.clock.put_forward(timedelta(minutes=2))
    await service.finished(issue_id)
    late = service.digest_to(LATE)
    assert shown(late, urls) == everything
    sent_on = parsedate_to_datetime(str(message_from_bytes(late.raw())["Date"]))
    assert abs(sent_on - service.clock()) < timedelta(minutes=5)

    def states(session: Session) -> set[State]:
        return set(session.scalars(select(Delivery.state)))

    assert await service.read(states) == {State.ACCEPTED}
