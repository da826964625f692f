"""Law 10: whoever only names articles does not load what reads feeds."""

from __future__ import annotations

import subprocess
import sys

import pytest

_ASK = "import articles.articles, articles.feeds, articles.intake, articles.collect, sys; print(*sys.modules)"


@pytest.mark.slow
def test_collecting_leaves_the_parsers_to_its_children() -> None:
    loaded = subprocess.run([sys.executable, "-c", _ASK], check=True, capture_output=True, text=True).stdout.split()
    assert "articles.collect" in loaded
    assert not {"feedparser", "lxml", "nh3"} & set(loaded)
