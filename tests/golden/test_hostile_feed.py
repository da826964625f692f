"""From a feed made to hurt to the message: clean, small, and soon done."""

from __future__ import annotations

import json
import multiprocessing
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from mailer import lint, message
from mailer.compiled import Compiled
from mailer.compiler import compiled_bytes
from mailer.lint import About, Purpose, Severity
from tests.golden.feeds import feed
from tests.golden.letters import DIGEST, MINT, part, row
from tests.golden.newsroom import Newsroom
from tests.mailer.letters_at_hand import FOLDERS

pytestmark = pytest.mark.slow

TEN_MEGABYTES = 10 * 1024 * 1024
GIGABYTE = 1024**3
DIVS = "<div>" * 50_000 + "deep" + "</div>" * 50_000
ATTRIBUTES = (
    "<p " + " ".join(f"data-{number}='{'x' * 100}'" for number in range(TEN_MEGABYTES // 112)) + ">attributed</p>"
)

#: What stands in place of each story's text.
TEXTS: dict[str, Callable[[], str]] = {
    "scripts and styles": lambda: "<script>alert(1)</script><style>*{display:none}</style><svg onload=x()><p>said</p>",
    "bidi overrides": lambda: "\u202eturned\u202d \u2066\u202bround\u202c" * 200,
    "data URIs": lambda: f"<img src='data:image/png;base64,{'A' * 2_000_000}'><a href='data:text/html,x'>x</a>",
    "fifty thousand nested divs": lambda: DIVS,
    "ten megabytes of attributes": lambda: ATTRIBUTES,
    "two hundred thousand links": lambda: "<a href=javascript:x()>x</a>" * 200_000,
    "comments without end": lambda: "<!--[if mso]>" * 200_000,
    "one word of a megabyte": lambda: "w" * 1_000_000,
}


def poisoned(text: str) -> bytes:
    """A feed whose first story has this text everywhere; the others are sound."""
    document = json.loads(feed("en", "short"))
    first = document["items"][0]
    first |= {
        "content_html": text,
        "summary": text,
        "title": f"Hostile {text}",
        "tags": [text, text],
        "image": text[:3_000],
    }
    first["authors"] = [{"name": text}]
    return json.dumps(document).encode()


def built(folder: Path, document: bytes) -> bytes:
    newsroom = Newsroom(folder, "en", document)
    try:
        job = newsroom.job("daily")
    finally:
        newsroom.close()
    compiled = Compiled.from_bytes(compiled_bytes(job, DIGEST, FOLDERS))
    return message.build(compiled, row(compiled), MINT)


def _built_within_bounds(folder: str, document: bytes) -> bytes:
    """In a process of its own, that gets two gigabytes of addresses and no more."""
    resource.setrlimit(resource.RLIMIT_AS, (2 * GIGABYTE, 2 * GIGABYTE))
    return built(Path(folder), document)


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_feed_makes_a_clean_letter_in_bounded_time_and_memory(name: str, tmp_path: Path) -> None:
    document = poisoned(TEXTS[name]())
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        raw = pool.apply_async(_built_within_bounds, (str(tmp_path), document)).get(timeout=120)
    assert len(raw) < 150 * 1024
    about = About(purpose=Purpose.ISSUE, is_ours=True, postal_address="12 Bazaar Street, Zeryan")
    report = lint.look(raw, about)
    assert [each for each in report.findings if each.blocks] == []
    errors = [f"{each.id}: {each.words} {each.where}" for each in report.findings if each.severity is Severity.ERROR]
    assert errors == []
    assert "<script" not in part(raw, "html").lower()


def test_the_sound_stories_of_a_hostile_feed_are_told(tmp_path: Path) -> None:
    raw = built(tmp_path, poisoned(DIVS))
    titles = [item["title"].encode() for item in json.loads(feed("en", "short"))["items"][1:]]
    assert all(title.split()[0] in raw for title in titles)
