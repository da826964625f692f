"""The editor's note at the desk: typed in a form, seen in the preview, never lost."""

from __future__ import annotations

from staff.members import Role
from tests.web.conftest import House
from tests.web.test_desk import an_issue, issue


def test_a_note_is_written_seen_in_the_preview_and_undone(house: House) -> None:
    issue_id = an_issue(house)
    home, editor = f"/console/issues/{issue_id}", house.sign_in(Role.EDITOR)
    assert "Write a note" in editor.get(home).text
    words = "Good morning.\n\n<script>alert(1)</script> & tea"
    editor.post(f"{home}/note", {"words": words, "name": "Hanar", "seen": issue(house, issue_id).revision})
    assert issue(house, issue_id).note == words
    for path in (home, f"{home}/preview/letter"):
        page = editor.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; tea" in page
    assert "A note from Hanar" in editor.get(f"{home}/preview?screen=text").text
    editor.post(f"{home}/undo-edit", {})
    assert issue(house, issue_id).note is None


def test_what_was_typed_comes_back_when_it_is_refused_or_somebody_was_faster(house: House) -> None:
    issue_id = an_issue(house)
    home, editor = f"/console/issues/{issue_id}", house.sign_in(Role.EDITOR)
    seen = issue(house, issue_id).revision
    refused = editor.post(f"{home}/note", {"words": "long " * 300, "name": "", "seen": seen})
    assert refused.status_code == 422
    assert "long long" in refused.text
    editor.post(f"{home}/note", {"words": "First.", "name": "", "seen": seen})
    late = editor.post(f"{home}/note", {"words": "Mine.", "name": "", "seen": seen})
    assert late.status_code == 409
    assert "Mine." in late.text
    assert issue(house, issue_id).note == "First."
