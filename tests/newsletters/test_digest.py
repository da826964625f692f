"""Digests: what of an issue a reader's own sections come to."""

from __future__ import annotations

import pytest

from newsletters.digest import own_blocks

ITEMS = [{"section": section} for section in ("Water", "Sport", "Roads", None, "Sport", "Water")]


@pytest.mark.parametrize(
    ("sections", "least", "own"),
    [
        ({"Sport"}, 3, "1,2,5"),
        ({"Water", "Roads"}, 1, "1,3,6"),
        ({"Sport"}, 4, None),  # too few: left out with a reason, not sent a digest of nothing
        (set(), 1, "1"),
        (set(), 2, None),
        ({"Culture"}, 2, None),
    ],
)
def test_a_reader_gets_the_lead_and_their_own_sections_or_is_left_out(
    sections: set[str], least: int, own: str | None
) -> None:
    assert own_blocks(ITEMS, sections, least=least) == own
