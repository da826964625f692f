"""The golden letters: the same bytes as ever, and nothing to mend in any of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ground.language import Languages
from mailer import lint
from mailer.lint import Finding, Severity
from mailer.lint.mail import Mail
from mailer.lint.page import Page
from mailer.lint.tools import caniemail, spamassassin
from tests.golden.letters import GOLDEN, KEPT, LAYOUTS, NOTICES, Golden, made, part, readable
from tests.mailer.letters_at_hand import FOLDERS

ROOT = Path(__file__).parent.parent.parent
NODE_MODULES = ROOT / "tests" / "browser" / "node_modules"
#: Warnings that are known of our own letters, and why they stand.
KNOWN = {
    "P01": "the sign-up, archive and console links of the footer stand in the page alone",
    "I05": "an alert is one story with one picture",
}

every_letter = pytest.mark.parametrize("golden", GOLDEN, ids=str)


@every_letter
def test_a_letter_is_byte_by_byte_what_is_kept(golden: Golden) -> None:
    assert golden.kept.is_file(), "nothing is kept of it: `make golden`, then look at what it wrote"
    assert readable(made(golden).raw) == golden.kept.read_text(encoding="utf-8"), "`make golden` renews what is kept"


def test_nothing_is_kept_of_a_letter_that_is_no_more_and_all_of_it_is_small() -> None:
    kept = sorted(KEPT.glob("*.txt"))
    assert kept == sorted(golden.kept for golden in GOLDEN)
    assert sum(path.stat().st_size for path in kept) < 2_300_000
    assert {"daily", "breaking"} <= set(LAYOUTS)
    assert {"confirm", "correction", "way_in"} <= set(NOTICES)


def _told(found: Finding) -> str:
    return f"{found.id} {found.severity}: {found.words} {found.where}"


@every_letter
def test_the_lint_finds_nothing_that_harms_and_nothing_unknown(golden: Golden) -> None:
    letter = made(golden)
    report = lint.look(letter.raw, letter.about)
    assert [_told(each) for each in report.findings if each.severity is Severity.ERROR] == []
    if golden.case != "hostile":  # whose words a careful person should look at, and is told to
        warnings = [each for each in report.findings if each.severity is Severity.WARNING and each.id not in KNOWN]
        assert [_told(each) for each in warnings] == []
    assert [each for each in report.not_run if "broke" in each.why] == []


@every_letter
def test_a_letter_passes_the_checks_of_the_email_markup_consortium(golden: Golden) -> None:
    """Its accessibility report of 2026, of which eight mails in 376,348 had nothing to say against them."""
    page = Mail(made(golden).raw).page
    assert page is not None
    assert _lacking(page) == []


def _lacking(page: Page) -> list[str]:
    root, title = page.first("html"), page.first("title")
    assert root is not None
    wrapper = next(node for node in page.seen if node.get("role") == "article")
    links = [
        node
        for node in page.links
        if not node.is_silent and not (node.text or node.get("aria-label") or any(i.get("alt") for i in node.images))
    ]
    levels = [int(node.tag[1]) for node in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
    steps = zip([0, *levels], levels, strict=False)
    texts = [node for node in page.seen if node.own and node.tag in {"p", "td", "li"}]
    found = {
        "lang": bool(root.get("lang") and wrapper.get("lang")),
        "dir": bool(root.get("dir") and wrapper.get("dir")),
        "title": bool(title and title.text),
        "table roles": all(node.get("role") == "presentation" for node in page.all("table")),
        "alt": all("alt" in node.attributes for node in page.all("img")),
        "link texts": not links,
        "headings": levels.count(1) == 1 and all(next_ <= before + 1 for before, next_ in steps),
        "underlined links in text": all(
            "none" not in node.styles.get("text-decoration", "") for node in page.links if node.path[:1] == ("p",)
        ),
        "text size": all(float(node.inherited.get("font-size", "16px").removesuffix("px")) >= 12 for node in texts),
        "no justified text": all(node.inherited.get("text-align") != "justify" for node in texts),
        "zoom allowed": not any("user-scalable=no" in node.get("content") for node in page.all("meta")),
    }
    return [name for name, is_kept in found.items() if not is_kept]


@pytest.mark.parametrize("golden", [each for each in GOLDEN if each.case == "paywall"], ids=str)
def test_what_is_for_members_says_so(golden: Golden) -> None:
    """N10: three of the five stories are."""
    said = Languages(FOLDERS.locales).texts(golden.language).gettext("For members")
    letter = made(golden)
    wanted = 1 if golden.template == "breaking" else 3
    assert letter.html.replace("\u00a0", " ").count(said) >= wanted
    assert part(letter.raw, "plain").count(said) >= wanted


@every_letter
def test_can_i_email_knows_no_error_beyond_the_written_baseline(golden: Golden) -> None:
    report = caniemail.look(made(golden).html, modules=NODE_MODULES)
    if report.not_run:
        _left_out(
            f"caniemail was not asked: {report.not_run[0].why} (Debian: apt install npm, then `make browser-test`)"
        )
    assert [_told(each) for each in report.findings] == []


@pytest.mark.slow
@every_letter
def test_spamassassin_gives_less_than_a_point_and_no_rule_above_one_and_a_half(golden: Golden) -> None:
    if shutil.which("spamassassin") is None:
        _left_out("SpamAssassin is missing (Debian: apt install spamassassin)")
    scored = spamassassin.score(made(golden).raw)
    assert not isinstance(scored, str), scored
    assert scored.points < 1.0, scored.rules
    assert [rule for rule in scored.rules if rule.points > 1.5] == []


def _left_out(reason: str) -> None:
    import os

    if os.environ.get("CI") == "true":  # noqa: TID251 - a test's own door
        pytest.fail(reason)
    pytest.skip(reason)
