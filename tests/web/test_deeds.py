"""The audit trail's words: no act of ours is told by its bare name."""

from __future__ import annotations

import re

from ground.language import Languages
from tests.conftest import ROOT
from web.console import deeds

ROOMS = ("newsletters", "articles", "feedback", "staff", "subscribers", "mailer", "broadsheet")
#: `audit(session, "feed.add", …)`, and the stories that hand their act on to it.
ACT = re.compile(r'"((?:issue|schedule|feed|import|subscriber|suppression|sending|staff)\.[a-z_-]+)"')


def test_every_act_that_is_written_down_has_words(languages: Languages) -> None:
    written = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "log." not in line]
            written |= set(ACT.findall("\n".join(lines)))
    assert len(written) > 30
    assert written - set(deeds._words(languages.texts("en"))) - {"staff.id"} == set()  # a foreign key, not an act
