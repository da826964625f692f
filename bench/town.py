"""A newsroom with one issue that waits to be sent, made by the same code as any: composed, approved, rendered, frozen, sealed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert

from articles.articles import Article
from articles.dates import DateConfidence
from articles.feeds import Feed
from broadsheet import dkim_keys
from broadsheet.relays import Smtp
from broadsheet.settings import Settings
from broadsheet.wiring import House
from mailer.dkim import Algorithm, KeyName
from newsletters import compose, launch, newsletters
from newsletters.act import Done
from newsletters.issues import Issue
from newsletters.newsletters import Edition, NewEdition, NewNewsletter, Newsletter
from newsletters.seal import Published
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState

DOMAIN = "zagroscourier.example"
ARTICLES = 12
_CHUNK = 10_000
_SENTENCES = (
    "The council voted late on Tuesday after a debate that had gone on for most of the spring.",
    "Engineers who inspected the bridge say that two of its piers have to be replaced before winter.",
    "Shopkeepers along the river fear for their trade, and the city has promised them a fund.",
    "A date for the first works is to be named at the end of the month.",
)


def settings(folder: Path, url: str, *, port: int, connections: int, signs: str) -> Settings:
    """As an operator would write them for a relay on this machine."""
    smtp = Smtp(host="127.0.0.1", port=port, tls="none", connections=connections, messages_per_connection=10**9)
    return Settings(
        data_dir=folder,
        database_url=url,
        base_url=f"https://news.{DOMAIN}",
        mail_domain=DOMAIN,
        smtp=smtp.model_copy(update={"signs": signs}),
    )


def found(folder: Path, url: str, *, readers: int, with_key: bool = False) -> None:
    """Make the town: `readers` rows of the ledger are ready at the end."""
    with House(settings(folder, url, port=25, connections=1, signs="ours")) as house:
        house.migrate()
        if with_key:
            house.dkim_keys.write(active_key(house))
        edition_id = edition(house, readers)
        approve(house, edition_id)
        _ = house.scheduler  # knows the tasks that publishing submits
        [published] = asyncio.run(house.publisher.publish_due())
        assert isinstance(published, Published), published


def active_key(house: House) -> dkim_keys.StoredKey:
    made = dkim_keys.make(KeyName(domain=DOMAIN, selector="bench", algorithm=Algorithm.RSA), now=house.clock())
    return replace(made, active_since=house.clock())


def edition(house: House, readers: int) -> int:
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
        session.add_all(_article(house, feed.id, number) for number in range(ARTICLES))
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


def _article(house: House, feed_id: int, number: int) -> Article:
    seen = house.clock() - timedelta(hours=1, minutes=number)
    url = f"https://{DOMAIN}/story-{number}"
    return Article(
        feed_id=feed_id,
        guid=url,
        url=url,
        url_key=url,
        title=f"The bridge over the river will be closed for repairs: part {number}",
        summary=" ".join(_SENTENCES[(number + turn) % len(_SENTENCES)] for turn in range(3)),
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


def approve(house: House, edition_id: int) -> None:
    now = house.clock()
    with house.database.write() as session:
        made = compose.one_off(session, edition_id, now=now)
        assert isinstance(made, Issue), made
        approved = launch.approve(session, made.id, by="bench", now=now)
        assert isinstance(approved, Done), approved
