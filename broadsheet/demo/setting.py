"""What an editor of the sample newsroom would have set up: a newsletter, an edition, its feeds, its schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from articles import feeds
from articles.feeds import Feed, Said
from broadsheet.demo.newsroom import SampleFeed
from newsletters import newsletters, schedules
from newsletters.newsletters import NewEdition, NewNewsletter, NewsletterProblem
from newsletters.schedule import ScheduleProblem
from newsletters.schedules import Terms

SLUG = "morning"
SENDER_ADDRESS = "briefing@zagroscourier.example"
ZONE = "Asia/Baghdad"
RULE = f"every day at 07:00 {ZONE}"

EDITIONS = {
    "en": NewEdition(
        language="en",
        title="Morning briefing",
        tagline="The day's stories from Zeryan and the valleys, in five minutes",
        frequency="one email a day, at seven in the morning",
        zone=ZONE,
    ),
    "ar": NewEdition(
        language="ar",
        title="موجز الصباح",
        tagline="أخبار زيريان والوديان في خمس دقائق",
        frequency="رسالة واحدة كل يوم في السابعة صباحًا",
        zone=ZONE,
    ),
    "ckb": NewEdition(
        language="ckb",
        title="پوختەی بەیانی",
        tagline="هەواڵەکانی ڕۆژ لە زێریان و دۆڵەکان، بە پێنج خولەک",
        frequency="ڕۆژانە یەک ئیمەیڵ، کاتژمێر حەوتی بەیانی",
        zone=ZONE,
    ),
}


def set_up(session: Session, sample: Sequence[SampleFeed], *, site_url: str, now: datetime) -> dict[str, int]:
    """The newsletter, its editions and their feeds; the editions' ids by language."""
    newsletter = newsletters.add(
        session,
        NewNewsletter(
            slug=SLUG,
            publisher="The Zagros Courier",
            sender_address=SENDER_ADDRESS,
            reply_to="desk@zagroscourier.example",
            postal_address="14 Bridge Street, Zeryan",
            site_url=site_url,
            privacy_url=f"{site_url}/privacy",
            theme={
                "brand": "#0b4f6c",
                "logo_url": f"{site_url}/images/logo.png",
                "logo_dark_url": f"{site_url}/images/logo-dark.png",
                "logo_alt": "The Zagros Courier",
                "logo_width": 240,
            },
        ),
        now=now,
    )
    assert not isinstance(newsletter, NewsletterProblem), str(newsletter)
    editions = {}
    for language, new in EDITIONS.items():
        edition = newsletters.add_edition(session, newsletter.id, new, now=now)
        assert not isinstance(edition, NewsletterProblem), str(edition)
        own = [feed for feed in sample if feed.language.partition("-")[0] == language]
        drawn = [
            feeds.add_feed(session, feed.url, now=now, said=Said(language=feed.language, zone=ZONE)) for feed in own
        ]
        newsletters.draw_from(session, edition.id, [feed.id for feed in drawn if isinstance(feed, Feed)])
        editions[language] = edition.id
    return editions


#: Drafts are made at the slot itself and not before it: half an hour early, tomorrow's would be there as well. An hour
#: more than a day: of a slot that is a day old now, the issue is made a moment later.
TERMS = Terms(lead=timedelta(0), late_limit=timedelta(hours=25), window=timedelta(hours=72))


def add_schedules(session: Session, editions: Mapping[str, int], *, now: datetime, terms: Terms = TERMS) -> None:
    """Every edition daily at seven. They began yesterday, so this morning's slot is theirs and late, but not too late."""
    for edition_id in editions.values():
        schedule = schedules.add(session, edition_id, RULE, now=now - timedelta(days=1), terms=terms)
        assert not isinstance(schedule, ScheduleProblem), str(schedule)
