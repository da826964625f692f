"""An edition's issues as a JSON Feed (jsonfeed.org, version 1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from newsletters.archive import Published
from web.readers.place import Place

_VERSION = "https://jsonfeed.org/version/1.1"


def feed(place: Place, issues: Sequence[Published]) -> dict[str, Any]:
    """What is served as feed.json."""
    sender = place.sender
    about = {
        "version": _VERSION,
        "title": f"{sender.publisher}: {sender.title}",
        "home_page_url": sender.archive_url,
        "feed_url": f"{sender.archive_url}/feed.json",
        "language": sender.language,
        "authors": [{"name": sender.publisher, "url": sender.site_url}],
    }
    if sender.tagline:
        about["description"] = sender.tagline
    if sender.theme.logo_url:
        about["icon"] = sender.theme.logo_url
    return {**about, "items": [_item(each, sender.archive_url) for each in issues]}


def _item(each: Published, archive_url: str) -> dict[str, Any]:
    address = f"{archive_url}/{each.issue.number}"
    texts = [each.issue.preheader or each.issue.subject]
    texts += [f"{correction.subject}\n\n{correction.words}" for correction in each.corrections]
    item = {
        "id": address,
        "url": address,
        "title": each.issue.subject,
        "content_text": "\n\n".join(texts),
        "date_published": each.issue.scheduled_for.isoformat(),
    }
    if each.corrections:
        item["date_modified"] = max(filter(None, (one.sealed_at for one in each.corrections))).isoformat()
    return item
