"""`kill -9` of `broadsheet serve` in the middle of 2,000 mails, then a restart: nobody is lost, and the doubts are counted.

Everything is real: two processes of the command line, SMTP between them, and one database file.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from articles.articles import Article, DateConfidence
from articles.feeds import Feed
from broadsheet import clock
from broadsheet.settings import load
from broadsheet.wiring import House
from newsletters import compose, curate, newsletters
from newsletters.curate import Done
from newsletters.issues import Issue
from newsletters.newsletters import Edition, NewEdition, NewNewsletter, Newsletter
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState

pytestmark = [pytest.mark.slow, pytest.mark.faults]

READERS = 2_000
CONNECTIONS = 5


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of the processes; two ports in a row are taken by the mailbox."""
    web, smtp = free_port(), free_port()
    return {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},  # noqa: TID251
        "BROADSHEET_DATA_DIR": str(tmp_path / "var"),
        "BROADSHEET_BASE_URL": f"http://127.0.0.1:{web}",
        "BROADSHEET_PORT": str(web),
        "BROADSHEET_SMTP__PORT": str(smtp),
        "BROADSHEET_SMTP__TLS": "none",
        "BROADSHEET_SMTP__CONNECTIONS": str(CONNECTIONS),
        "BROADSHEET_MAILBOX_PORT": str(smtp),
        "BROADSHEET_IN_DOUBT_GRACE": "1",
    }


@pytest.fixture
def issue(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> int:
    """An approved issue of one edition with 2,000 readers."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with House(load()) as house:
        house.require_tables()
        return an_approved_issue(house)


def test_nobody_is_lost_and_the_doubts_are_counted(environment: dict[str, str], issue: int, tmp_path: Path) -> None:
    received = tmp_path / "received"
    at = random.Random(2026).randrange(200, READERS - 400)
    with running(environment, tmp_path / "mailbox.log", "inbox", "--folder", str(received)):
        with running(environment, tmp_path / "killed.log", "serve") as victim:
            wait_until(lambda: count(received) >= at, 60, "mails are under way")
            victim.send_signal(signal.SIGKILL)
            victim.wait()
        before = count(received)
        assert before < READERS, "it was done before it was killed: this proves nothing"
        with running(environment, tmp_path / "second.log", "serve"):
            wait_until(lambda: show(environment, issue)["state"] == "finished", 90, "the issue is finished")
        report = show(environment, issue)
        got = Counter(json.loads(path.read_text())["recipient"] for path in received.glob("*.json"))

    duplicates = sum(copies - 1 for copies in got.values())
    in_doubt = report["in_doubt_at_some_time"]

    assert len(got) == READERS
    assert report["accepted"] == READERS
    assert report["sums_match"] is True
    assert duplicates <= in_doubt, "a copy that nobody was told of"
    # One intent group, those in flight, and 10 ms of unwritten results.
    assert in_doubt <= 100
    assert run(environment, "verify").returncode == 0


def an_approved_issue(house: House) -> int:
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
        session.add_all(a_reader(number) for number in range(READERS))
        session.flush()
        session.add_all(
            Subscription(
                subscriber_id=number + 1,
                edition_id=edition.id,
                state=SubscriptionState.ACTIVE,
                requested_at=now,
                confirmed_at=now,
            )
            for number in range(READERS)
        )
        session.flush()
        made = compose.one_off(session, edition.id, now=now)
        assert isinstance(made, Issue)
        assert isinstance(curate.approve(session, made.id, by="test", now=now), Done)
        return made.id


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
