"""`newsletter look`: what letters wear."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.broadsheet.conftest import EDITION, NEWSLETTER, Ask, Run, words

pytestmark = pytest.mark.slow  # each command opens the whole house


def test_a_look_is_shown_and_changed_with_its_logo(ask: Ask, run: Run, tmp_path: Path) -> None:
    ask(*NEWSLETTER)
    ask(*EDITION)
    Image.new("RGB", (640, 160), "#8b1a1a").save(tmp_path / "logo.png")
    made = ask("newsletter", "look", "morning/en", "--brand", "#8B1A1A", "--logo", str(tmp_path / "logo.png"))
    assert (made["brand"], made["latin"]) == ("#8b1a1a", "georgia")
    assert "/logos/" in made["logo"]
    assert ask("newsletter", "look", "morning/en", "--footer", "Licence 12")["logo"] == made["logo"]
    assert ask("newsletter", "look", "morning/en", "--logo", "none")["logo"] is None
    told = words(run("newsletter", "look", "morning/en", "--brand", "#ffcc00", "--latin", "comic", code=2))
    assert "contrast of 1.4:1" in told
    assert "latin: “comic” is none of them" in told
    (tmp_path / "no.png").write_bytes(b"no picture")
    refused = run("newsletter", "look", "morning/en", "--logo", str(tmp_path / "no.png"), "--footer", "x", code=2)
    assert "nothing was changed" in words(refused)
    assert ask("newsletter", "look", "morning/en")["footer"] == "Licence 12"
