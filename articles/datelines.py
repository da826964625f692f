"""Datelines: the place that an agency's text begins with, told from the text itself where that is sure.

    ERBIL, Iraq (Reuters) — The council said on Monday ..      ERBIL, Iraq | The council said on Monday ..
    أربيل (كوردستان ٢٤) - أعلن المجلس ..                         أربيل | أعلن المجلس ..

In Latin letters a place stands in capitals; Arabic letters have none, so that there the agency's name in brackets must
follow it.
"""

from __future__ import annotations

import re

_DASH = r"\s*(?:[—–―]|--|(?<=\s)-(?=\s)|(?<=\))-)\s*"
_AGENCY = r"\s*\((?P<agency>[^()]{2,40})\)"
_LATIN = re.compile(
    rf"^(?P<place>[A-ZÀ-ÖØ-Þ][A-ZÀ-ÖØ-Þ'’.\- ]{{2,29}}[A-ZÀ-ÖØ-Þ](?:,\s[A-ZÀ-Þ][\w.'’ ]{{1,30}}){{0,2}}?)(?:{_AGENCY})?{_DASH}"
    r"(?=[\"“‘'«]?[A-ZÀ-Þ0-9])"
)
_ARABIC = re.compile(
    rf"^(?P<place>[\u0621-\u06d5\u200c]+(?:\s[\u0621-\u06d5\u200c]+){{0,2}}){_AGENCY}(?:{_DASH}|\s*[:،]\s*)"
)

#: What newsrooms write in capitals before a dash, and that is no place.
_NO_PLACES = frozenset(
    re.findall(
        "[A-Z]+",
        """ANALYSIS BREAKING COMMENT CORRECTED CORRECTION EDITORIAL EXCLUSIVE EXPLAINED EXPLAINER FACTBOX FEATURE GALLERY
        INTERVIEW LATEST LISTEN LIVE NEWS OBITUARY OPINION PHOTOS PICTURES PODCAST PROFILE QUIZ READ REPORT REVIEW SPORT
        TIMELINE UPDATE UPDATED URGENT VIDEO WATCH WEATHER WITHDRAWN WRAPUP ADVISORY EMBARGOED NOTE WARNING
        ASEAN FIFA IMF NAACP NASA NATO OPEC UEFA UNESCO UNHCR UNICEF""",
    )
)
#: With less text behind it, the line is no summary with a place before it.
_REST = 20
LONGEST = 80


def split(text: str) -> tuple[str | None, str]:
    """The place and the text behind it; None, and the text as it is, where it begins with no dateline for sure."""
    found = _LATIN.match(text) or _ARABIC.match(text)
    if found is None or len(text) - found.end() < _REST:
        return None, text
    place = " ".join(found["place"].split())
    if not _NO_PLACES.isdisjoint(re.findall(r"[A-Z]+", place)) or len(place) > LONGEST:
        return None, text
    return place, text[found.end() :]
