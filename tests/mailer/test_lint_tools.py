"""What other programs say of a mail, and what is done when they are not there, slow or broken."""

from __future__ import annotations

import asyncio
import base64
import io
import os
from pathlib import Path

import pytest
from PIL import Image

from ground.fetch import Fetched, FetchFailed, Reason
from mailer.lint import Severity, network
from mailer.lint.mail import Mail
from mailer.lint.network import Answer
from mailer.lint.tools import axe, caniemail, chromium, drawn, spamassassin

CORPUS = Path(__file__).parent.parent / "corpus" / "letters"
CARELESS = (CORPUS / "offers-careless.eml").read_bytes()
SOUND = (CORPUS / "receipt-sound.eml").read_bytes()

REPORT = """
Content analysis details:   (6.1 points, 5.0 required)

 pts rule name              description
---- ---------------------- --------------------------------------------------
-0.0 NO_RELAYS              Informational: message was not relayed via SMTP
 2.2 HTML_SHORT_LINK_IMG_1  HTML is very short with a linked image
 3.9 SUBJ_BUY               Subject line starts with Buy or Buying
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose programs are the only ones found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")  # behind ours; shadowed by it
    return folder


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_high_score_and_its_heavy_rules_are_findings(programs: Path) -> None:
    program(programs, "spamassassin", f"cat >/dev/null; cat <<'END'\n{REPORT}{REPORT}\nEND")
    report = spamassassin.look(CARELESS, is_message=True)
    assert [(each.severity, each.where) for each in report.findings] == [
        (Severity.WARNING, "HTML_SHORT_LINK_IMG_1"),
        (Severity.WARNING, "SUBJ_BUY"),
        (Severity.ERROR, "HTML_SHORT_LINK_IMG_1, SUBJ_BUY"),
    ]


def test_a_program_that_says_nothing_is_not_run(programs: Path) -> None:
    program(programs, "spamassassin", "cat >/dev/null; exit 3")
    report = spamassassin.look(CARELESS, is_message=True)
    assert report.findings == ()
    assert report.not_run[0].why == "it gave no score"


def test_a_program_that_hangs_is_not_run(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(programs, "spamassassin", "exec sleep 30")
    monkeypatch.setattr(spamassassin, "PATIENCE", 0.2)
    assert "within 0.2 seconds" in spamassassin.look(CARELESS, is_message=True).not_run[0].why


def test_a_program_that_is_not_there_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    html = "<p>x</p>"
    for report in (
        spamassassin.look(CARELESS, is_message=True),
        axe.look(html, modules=tmp_path),
        caniemail.look(html, modules=tmp_path),
        drawn.look(html),
    ):
        assert report.findings == ()
        assert "installed" in report.not_run[0].why


def test_what_our_letters_use_on_purpose_is_no_finding() -> None:
    found = caniemail.findings([("gmail.ios", ["@media", "display:flex"]), ("gmail.ios", ["display:flex"])])
    assert [each.words for each in found] == ["display:flex is not known to gmail.ios."]
    assert all(caniemail.BASELINE.values())


def test_axes_answer_becomes_findings_and_the_page_cannot_run_its_scripts() -> None:
    """The page itself is looked at in a browser by tests/browser; here is what is made of it, and of the answer."""
    said = '[{"id": "color-contrast", "help": "Pale", "impact": "serious", "count": 2, "where": "<p>"}]'
    told = chromium.read(f"<pre>ANSWER[{base64.b64encode(said.encode()).decode()}]</pre>")
    assert not isinstance(told, str)
    assert [(each.id, each.severity, each.words) for each in axe.findings(told)] == [
        ("A04", Severity.ERROR, "axe: Pale (2 places).")
    ]
    assert chromium.read("<p>no answer</p>") == "it gave no answer on this page"
    page = chromium.page(
        chromium.harmless("<head></head><script>alert(1)</script><meta http-equiv=refresh content=0>"), "axe()"
    )
    assert "<script>alert" not in page
    assert "<meta http-equiv=refresh" not in page


# -- the network, where a person asks for it


class Web:
    """Answers as it was told; everything else is there."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def get(self, url: str, *, etag: str | None = None, last_modified: str | None = None) -> Answer:
        assert (etag, last_modified) == (None, None)
        self.asked.append(url)
        kind = "image/jpeg" if url.endswith(".jpg") else "text/html"
        return self.answers.get(url, Fetched(url=url, status=200, body=b"x", content_type=kind))


ORDER, TEAPOT = "https://shop.example/orders/1042", "https://shop.example/img/teapot.jpg"


def failed(url: str, status: int) -> FetchFailed:
    return FetchFailed(url=url, reason=Reason.STATUS, detail="It answered with an error.", status=status)


@pytest.mark.parametrize(
    ("status", "severity"),
    [
        (404, Severity.ERROR),
        (410, Severity.ERROR),
        (401, Severity.WARNING),
        (403, Severity.WARNING),
        (429, Severity.WARNING),
        (503, Severity.WARNING),
    ],
)
def test_a_link_that_is_gone_is_an_error_one_that_refuses_us_a_warning(status: int, severity: Severity) -> None:
    web = Web({ORDER: failed(ORDER, status)})
    report = asyncio.run(network.look(Mail(SOUND), web))
    assert [(each.id, each.severity, each.where) for each in report.findings] == [("T04", severity, ORDER)]


def test_pictures_are_asked_for_their_kind_and_weight() -> None:
    cases: list[tuple[Answer, str]] = [
        (Fetched(url=TEAPOT, status=200, body=b"x", content_type="image/webp"), "I04"),
        (Fetched(url=TEAPOT, status=200, body=b"x" * 300_000, content_type="image/jpeg"), "S04"),
        (failed(TEAPOT, 404), "I04"),
    ]
    for answer, rule in cases:
        report = asyncio.run(network.look(Mail(SOUND), Web({TEAPOT: answer})))
        assert [each.id for each in report.findings] == [rule]


def png(ink: tuple[int, int, int, int], ground: tuple[int, int, int, int]) -> bytes:
    """A word mark of one colour in the middle of another."""
    picture = Image.new("RGBA", (40, 20), ground)
    picture.paste(ink, (10, 5, 30, 15))
    kept = io.BytesIO()
    picture.save(kept, "PNG")
    return kept.getvalue()


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        (png((20, 33, 43, 255), (0, 0, 0, 0)), ["K03"]),  # dark on nothing
        (png((20, 33, 43, 255), (255, 255, 255, 255)), []),  # on a plate of its own
        (png((20, 33, 43, 0), (0, 0, 0, 0)), []),  # a gap
        (png((200, 33, 43, 255), (0, 0, 0, 0)), []),  # red
        (b"\x89PNG\r\n\x1a\nbroken", []),
    ],
)
def test_a_dark_picture_on_nothing_is_lost_by_night(body: bytes, rules: list[str]) -> None:
    answer = Fetched(url=TEAPOT, status=200, body=body, content_type="image/png")
    report = asyncio.run(network.look(Mail(SOUND), Web({TEAPOT: answer})))
    assert [each.id for each in report.findings] == rules


def test_a_page_online_that_asks_who_reads_it_is_told() -> None:
    page = "https://shop.example/view/1042"
    mail = Mail(f'<html><body><a href="{page}">View online</a> <a href="{ORDER}">Order</a></body></html>'.encode())
    report = asyncio.run(network.look(mail, Web({page: failed(page, 403), ORDER: failed(ORDER, 403)})))
    assert sorted((each.id, each.where) for each in report.findings) == [("T04", ORDER), ("T04", page), ("T06", page)]


def test_a_link_that_unsubscribes_is_never_followed() -> None:
    web = Web({})
    asyncio.run(network.look(Mail((CORPUS / "garden-notes.eml").read_bytes()), web))
    assert "https://garden.example/u/8f7e6d" not in web.asked
    assert "https://garden.example/notes/beans-in-march" in web.asked
    assert len(web.asked) == len(set(web.asked))
