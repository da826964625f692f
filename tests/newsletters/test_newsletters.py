"""Newsletters and editions: what is typed is checked before it is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from ground.database import Database
from newsletters import newsletters
from newsletters.newsletters import Edition, NewEdition, NewNewsletter, Newsletter, NewsletterProblem

NEWSLETTER = NewNewsletter(
    slug="morning",
    publisher="The Zagros Courier",
    sender_address="briefing@zagroscourier.example",
    reply_to="desk@zagroscourier.example",
    postal_address="14 Bridge Street, Zeryan",
    site_url="https://zagroscourier.example",
    theme={"brand": "#0b4f6c"},
)
EDITION = NewEdition(
    language="en", title="Morning briefing", tagline="Today", frequency="one email a day", zone="Asia/Baghdad"
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"slug": "Morning news"}, "cannot stand in a URL"),
        ({"sender_address": "briefing"}, "no email address"),
        ({"reply_to": "a@x\r\nBcc: b@y"}, "no email address"),
        ({"postal_address": "  "}, "the law asks"),
        ({"theme": {"brand": "#ffee99"}}, "cannot be read"),
        ({"theme": {"brand": "red;}"}}, "is no colour"),
    ],
)
def test_a_newsletter_that_could_not_be_sent_is_refused_in_words(
    database: Database, now: datetime, change: dict[str, object], said: str
) -> None:
    with database.write() as session:
        added = newsletters.add(session, replace(NEWSLETTER, **change), now=now)  # type: ignore[arg-type]
    assert isinstance(added, NewsletterProblem)
    assert said in str(added)


def test_a_name_in_urls_belongs_to_one_newsletter(database: Database, now: datetime) -> None:
    with database.write() as session:
        assert isinstance(newsletters.add(session, NEWSLETTER, now=now), Newsletter)
        assert isinstance(newsletters.add(session, NEWSLETTER, now=now), NewsletterProblem)


@pytest.mark.parametrize(
    ("change", "said"), [({"language": "English"}, "language tag"), ({"zone": "Asia/Erbil"}, "time zone")]
)
def test_an_edition_needs_a_language_and_a_zone_that_exist(
    database: Database, now: datetime, change: dict[str, str], said: str
) -> None:
    with database.write() as session:
        newsletter = newsletters.add(session, NEWSLETTER, now=now)
        assert isinstance(newsletter, Newsletter)
        added = newsletters.add_edition(session, newsletter.id, replace(EDITION, **change), now=now)
    assert isinstance(added, NewsletterProblem)
    assert said in str(added)


def test_how_often_it_comes_is_kept_as_a_phrase(database: Database, now: datetime) -> None:
    """Seen on the sign-up page: "at seven in the morning.. You can unsubscribe"."""
    with database.write() as session:
        newsletter = newsletters.add(session, NEWSLETTER, now=now)
        assert isinstance(newsletter, Newsletter)
        typed = replace(EDITION, frequency=" one email a day. ")
        added = newsletters.add_edition(session, newsletter.id, typed, now=now)
        assert isinstance(added, Edition)
        assert added.frequency == "one email a day"
