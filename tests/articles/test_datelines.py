"""Datelines: a place is parted from the text where it is one for sure, and never cut off where it is not."""

from __future__ import annotations

import pytest

from articles import datelines
from articles.entry import ParsedFeed
from articles.formats import parse

REST = "The council said on Monday that the bridge is open again."


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"ERBIL — {REST}", "ERBIL"),
        (f"ERBIL, Iraq (Reuters) — {REST}", "ERBIL, Iraq"),
        (f"WASHINGTON (AP) – {REST}", "WASHINGTON"),
        (f"NEW YORK -- {REST}", "NEW YORK"),
        (f"BAGHDAD/ERBIL - {REST}", None),  # two places: left as it is
        (f"ERBIL, Kurdistan Region, Iraq – {REST}", "ERBIL, Kurdistan Region, Iraq"),
        (f"SÃO PAULO, Brazil (AP) — “{REST}”", "SÃO PAULO, Brazil"),
        ("أربيل (كوردستان 24) - أعلن المجلس يوم الاثنين أن الجسر مفتوح.", "أربيل"),
        ("هەولێر (کوردستان24) – ئەنجوومەن ڕایگەیاند کە پردەکە کراوەیە.", "هەولێر"),
    ],
)
def test_a_place_before_an_agencys_text_is_parted_from_it(text: str, place: str | None) -> None:
    found, rest = datelines.split(text)
    assert found == place
    assert rest == (text[text.index(rest) :] if place else text)
    assert not place or place not in rest


@pytest.mark.parametrize(
    "text",
    [
        f"BREAKING — {REST}",
        f"LIVE UPDATES – {REST}",
        "NATO — the alliance of thirty-two — said on Monday that it would meet.",
        "US – China talks began on Monday in Geneva, officials said.",
        f"Erbil — {REST}",
        "THE BIG READ",
        "ERBIL — Open.",
        "أربيل - أعلن المجلس يوم الاثنين أن الجسر مفتوح للسيارات.",
        "",
    ],
)
def test_what_is_no_dateline_for_sure_is_left_as_it_is(text: str) -> None:
    assert datelines.split(text) == (None, text)


def test_an_entrys_summary_goes_without_its_place() -> None:
    item = f"<item><title>Bridge opens</title><link>https://z.example/1</link><description>ERBIL (AP) — {REST}</description></item>"
    feed = f"<rss version='2.0'><channel><title>Z</title>{item}</channel></rss>"
    parsed = parse(feed.encode(), "application/rss+xml", "https://z.example/feed")
    assert isinstance(parsed, ParsedFeed)
    (entry,) = parsed.entries
    assert (entry.dateline, entry.summary) == ("ERBIL", REST)
