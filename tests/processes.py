"""The command line as processes, and an issue for them to send: what the tests of `serve` share."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from articles.articles import Article
from articles.dates import DateConfidence
from articles.feeds import Feed
from broadsheet import clock
from broadsheet.wiring import House
from newsletters import compose, launch, newsletters
from newsletters.act import Done
from newsletters.issues import Issue
from newsletters.newsletters import Edition, NewEdition, NewNewsletter, Newsletter
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState

READERS = 2_000


def an_approved_issue(house: House, readers: int = READERS) -> int:
    now = house.clock()
    edition_id = an_edition(house, readers)
    with house.database.write() as session:
        made = compose.one_off(session, edition_id, now=now)
        assert isinstance(made, Issue)
        assert isinstance(launch.approve(session, made.id, by="test", now=now), Done)
        return made.id


def an_edition(house: House, readers: int = READERS) -> int:
    """An edition with five fresh articles and its readers."""
    now = house.clock()
    with house.database.write() as session:
        newsletter = newsletters.add(
            session,
            NewNewsletter(
                slug="morning",
                publisher="The Zagros Courier",
                sender_address="briefing@zagroscourier.example",
                reply_to="desk@zagroscourier.example",
                postal_address="14 Bridge Street, Zeryan",
                site_url="https://zagroscourier.example",
            ),
            now=now,
        )
        assert isinstance(newsletter, Newsletter)
        new = NewEdition(
            language="en", title="Morning briefing", tagline="Today", frequency="Daily.", zone="Asia/Baghdad"
        )
        edition = newsletters.add_edition(session, newsletter.id, new, now=now)
        assert isinstance(edition, Edition)
        feed = Feed(url="https://zagroscourier.example/feed", next_fetch_at=now + timedelta(days=1), created_at=now)
        session.add(feed)
        session.flush()
        newsletters.draw_from(session, edition.id, [feed.id])
        session.add_all(an_article(feed.id, number) for number in range(5))
        session.add_all(a_reader(number) for number in range(readers))
        session.flush()
        session.add_all(
            Subscription(
                subscriber_id=number + 1,
                edition_id=edition.id,
                state=SubscriptionState.ACTIVE,
                requested_at=now,
                confirmed_at=now,
            )
            for number in range(readers)
        )
        return edition.id


def an_article(feed_id: int, number: int) -> Article:
    seen = clock.now() - timedelta(hours=1, minutes=number)
    url = f"https://zagroscourier.example/story-{number}"
    return Article(
        feed_id=feed_id,
        guid=url,
        url=url,
        url_key=url,
        title=f"Story number {number}",
        summary="What happened, in one sentence.",
        tags=[],
        published_at=seen,
        date_confidence=DateConfidence.EXACT,
        first_seen_at=seen,
        last_seen_at=seen,
        content_hash=str(number),
    )


def a_reader(number: int) -> Subscriber:
    address = f"reader{number}@readers.example"
    return Subscriber(
        id=number + 1, address=address, address_key=address, domain_group="other", language="en", created_at=clock.now()
    )


@contextmanager
def running(environment: dict[str, str], log: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "broadsheet", *command], env=environment, stdout=output, stderr=output
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def run(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "broadsheet", *command], env=environment, capture_output=True, text=True, check=False
    )


def show(environment: dict[str, str], issue: int) -> dict[str, Any]:
    done = run(environment, "issue", "show", str(issue), "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds:g} s until {what}"
        time.sleep(0.05)


def count(folder: Path) -> int:
    return sum(1 for _ in folder.glob("*.eml")) if folder.is_dir() else 0


def free_port(*, in_a_row: int = 1) -> int:
    """A port that nobody listens on; the first of several one after the other."""
    while True:
        with ExitStack() as held:
            first = held.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                for further in range(1, in_a_row):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port + further))
            except (OSError, OverflowError):  # taken, or beyond the last there is
                continue
            return port
