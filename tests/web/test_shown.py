"""Shown: what nobody can see is made visible, and a flood is cut."""

from __future__ import annotations

from web.shown import FIRST, MOST, shown, tame, visible


def test_what_acts_in_plain_text_is_made_visible() -> None:
    assert visible("a\x00b\x1b[31m\x7f\u202eexe\u200b\ue000") == "a␀b␛[31m␡⟨U+202E⟩exe⟨U+200B⟩⟨U+E000⟩"
    assert visible("\ud800") == "⟨U+D800⟩"
    assert visible("نامەکە گەیشت — ok 📬") == "نامەکە گەیشت — ok 📬"


def test_what_people_write_keeps_its_joiners() -> None:
    assert tame("می\u200cخواهم \u200fok\u202e") == "می\u200cخواهم \u200fok⟨U+202E⟩"


def test_a_flood_is_cut() -> None:
    assert shown(None) is None
    assert shown("") is None
    short, long, flood = shown("x"), shown("x" * (FIRST + 1)), shown("x" * (MOST + 7))
    assert short is not None
    assert (short.text, short.rest, short.left_out) == ("x", "", 0)
    assert long is not None
    assert (len(long.text), long.rest, long.left_out) == (FIRST, "x", 0)
    assert flood is not None
    assert (len(flood.text) + len(flood.rest), flood.left_out) == (MOST, 7)
