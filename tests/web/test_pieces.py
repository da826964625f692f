"""A number of the day and the days ahead at the desk: typed in forms, seen in the preview, never lost."""

from __future__ import annotations

from staff.members import Role
from tests.web.conftest import House
from tests.web.test_desk import an_issue, issue


def test_both_are_set_seen_in_both_parts_of_the_letter_and_undone(house: House) -> None:
    issue_id = an_issue(house)
    home, editor = f"/console/issues/{issue_id}", house.sign_in(Role.EDITOR)
    seen = issue(house, issue_id).revision
    typed = {"figure": "1,250", "words": "<b>wells</b> & more", "url": "https://example.org/wells", "seen": seen}
    editor.post(f"{home}/figure", typed)
    editor.post(f"{home}/diary", {"lines": "2026-03-20 Newroz eve", "seen": issue(house, issue_id).revision})
    for path in (home, f"{home}/preview/letter"):
        page = editor.get(path).text
        assert "<b>wells" not in page
        assert "&lt;b&gt;wells&lt;/b&gt; &amp; more" in page
        assert "Newroz eve" in page
    text = editor.get(f"{home}/preview?screen=text").text
    for said in ("Number of the day", "https://example.org/wells", "Friday 20 March", "Newroz eve"):
        assert said in text
    editor.post(f"{home}/undo-edit", {})
    assert set(issue(house, issue_id).pieces) == {"figure"}


def test_what_was_typed_comes_back_when_it_is_refused_or_somebody_was_faster(house: House) -> None:
    issue_id = an_issue(house)
    home, editor = f"/console/issues/{issue_id}", house.sign_in(Role.EDITOR)
    seen = issue(house, issue_id).revision
    for kind, bad, good in (
        ("figure", {"figure": "34", "words": ""}, {"figure": "34", "words": "Dry wells."}),
        ("diary", {"lines": "Some day"}, {"lines": "2026-03-20 Newroz eve"}),
    ):
        refused = editor.post(f"{home}/{kind}", {**bad, "seen": seen})
        assert refused.status_code == 422
        assert next(filter(None, bad.values())) in refused.text
        editor.post(f"{home}/{kind}", {**good, "seen": seen})
        late = editor.post(f"{home}/{kind}", {**good, "figure": "35", "lines": "2026-03-21 Newroz", "seen": seen})
        assert late.status_code == 409
        assert ("35" if kind == "figure" else "2026-03-21 Newroz") in late.text
    assert issue(house, issue_id).pieces["figure"]["figure"] == "34"
