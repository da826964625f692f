"""A newsroom with one issue that waits to be sent, made by the same code as any: composed, approved, rendered, frozen, sealed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from articles.articles import Article
from articles.dates import DateConfidence
from articles.feeds import Feed
from bench.conf import DOMAIN, settings
from broadsheet import clock, dkim_keys
from broadsheet.wiring import House
from mailer.dkim import Algorithm, KeyName
from newsletters import compose, launch, newsletters
from newsletters.act import Done
from newsletters.issues import Issue
from newsletters.newsletters import Edition, NewEdition, NewNewsletter, Newsletter
from newsletters.seal import Published
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState

ARTICLES = 12
_CHUNK = 10_000
_SENTENCES = (
    "The council voted late on Tuesday after a debate that had gone on for most of the spring.",
    "Engineers who inspected the bridge say that two of its piers have to be replaced before winter.",
    "Shopkeepers along the river fear for their trade, and the city has promised them a fund.",
    "A date for the first works is to be named at the end of the month.",
)


@dataclass(slots=True)
class _Watch:
    """An hour behind, until the issue's time has come."""

    behind: timedelta

    def __call__(self) -> datetime:
        return clock.now() - self.behind


def found(
    folder: Path,
    url: str,
    *,
    readers: int,
    sentences: int = 3,
    with_key: bool = False,
    ahead: bool = False,
    is_published: bool = True,
) -> None:
    """Make the town: `readers` rows of the ledger are ready at the end, with `ahead` signed before their time.

    Where it is not published, all is ready but for what is done at the slot, which has come.
    """
    watch = _Watch(timedelta(minutes=1 if ahead else 0))
    with House(settings(folder, url, port=25, connections=1, signs="ours"), watch) as house:
        house.migrate()
        if with_key:
            house.dkim_keys.write(active_key(house))
        edition_id = edition(house, readers, sentences=sentences)
        approve(house, edition_id, at=watch() + watch.behind)
        _ = house.scheduler  # knows the tasks that publishing submits
        if ahead:
            asyncio.run(_sign_ahead(house))
            watch.behind = timedelta(0)
        if not is_published:
            return
        [published] = asyncio.run(house.publisher.publish_due())
        assert isinstance(published, Published), published


def active_key(house: House) -> dkim_keys.StoredKey:
    made = dkim_keys.make(KeyName(domain=DOMAIN, selector="bench", algorithm=Algorithm.RSA), now=house.clock())
    return replace(made, active_since=house.clock())


def edition(house: House, readers: int, *, articles: int = ARTICLES, sentences: int = 3) -> int:
    now = house.clock()
    with house.database.write() as session:
        newsletter = newsletters.add(
            session,
            NewNewsletter(
                slug="morning",
                publisher="The Zagros Courier",
                sender_address=f"briefing@{DOMAIN}",
                reply_to=f"desk@{DOMAIN}",
                postal_address="14 Bridge Street, Zeryan",
                site_url=f"https://{DOMAIN}",
            ),
            now=now,
        )
        assert isinstance(newsletter, Newsletter)
        edition = newsletters.add_edition(
            session,
            newsletter.id,
            NewEdition(
                language="en", title="Morning briefing", tagline="Today", frequency="Daily.", zone="Asia/Baghdad"
            ),
            now=now,
        )
        assert isinstance(edition, Edition)
        feed = Feed(url=f"https://{DOMAIN}/feed", next_fetch_at=now + timedelta(days=1), created_at=now)
        session.add(feed)
        session.flush()
        newsletters.draw_from(session, edition.id, [feed.id])
        session.add_all(_article(house, feed.id, number, sentences) for number in range(articles))
        for rows in _chunks(readers):
            session.execute(insert(Subscriber), [_reader(house, number) for number in rows])
            session.execute(
                insert(Subscription),
                [
                    {
                        "subscriber_id": number + 1,
                        "edition_id": edition.id,
                        "state": SubscriptionState.ACTIVE,
                        "requested_at": now,
                        "confirmed_at": now,
                    }
                    for number in rows
                ],
            )
        return edition.id


def _chunks(readers: int) -> Iterator[range]:
    for start in range(0, readers, _CHUNK):
        yield range(start, min(start + _CHUNK, readers))


def _article(house: House, feed_id: int, number: int, sentences: int) -> Article:
    seen = house.clock() - timedelta(hours=1, minutes=number)
    url = f"https://{DOMAIN}/story-{number}"
    return Article(
        feed_id=feed_id,
        guid=url,
        url=url,
        url_key=url,
        title=f"The bridge over the river will be closed for repairs: part {number}",
        summary=" ".join(_SENTENCES[(number + turn) % len(_SENTENCES)] for turn in range(sentences)),
        tags=[],
        published_at=seen,
        date_confidence=DateConfidence.EXACT,
        first_seen_at=seen,
        last_seen_at=seen,
        content_hash=str(number),
    )


def _reader(house: House, number: int) -> dict[str, object]:
    address = f"reader{number}@d{number % 97}.readers.example"
    return {
        "id": number + 1,
        "address": address,
        "address_key": address,
        "domain_group": "other",
        "language": "en",
        "created_at": house.clock(),
    }


async def _sign_ahead(house: House) -> None:
    await house.publisher.publish_due()
    signed = await house.sign_ahead.sign()
    assert signed, "nothing was signed"


def approve(house: House, edition_id: int, *, at: datetime) -> None:
    now = house.clock()
    with house.database.write() as session:
        made = compose.one_off(session, edition_id, now=now)
        assert isinstance(made, Issue), made
        made.scheduled_for = at
        approved = launch.approve(session, made.id, by="bench", now=now)
        assert isinstance(approved, Done), approved
