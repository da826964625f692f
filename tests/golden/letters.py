"""The golden letters: every layout and every notice in every language, as the very message that a server would receive.

Which there are is read from the templates' folder: what stands on `_notice.html` is a notice, the rest are layouts of an
issue. A new one joins by lying there.
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any

from ground.tokens import KeyRing
from mailer import message
from mailer.compiled import Compiled
from mailer.compiler import LetterJob, compiled_bytes
from mailer.letter import Kind
from mailer.lint import About
from mailer.look_over import known_of
from mailer.message import Mint, Recipient
from newsletters import put_right, staff_mail
from newsletters.corrections import Correction
from newsletters.sender import sender_of
from tests.golden import besides
from tests.golden.feeds import CASES, feed
from tests.golden.newsroom import BASE_URL, NOW, Newsroom
from tests.mailer.letters_at_hand import FOLDERS, LANGUAGES

KEPT = Path(__file__).parent / "kept"
NOTICES = tuple(
    sorted(
        path.parent.name
        for path in FOLDERS.templates.glob("*/body.html")
        if '"_notice.html"' in path.read_text(encoding="utf-8")[:200]
    )
)
LAYOUTS = tuple(
    sorted(path.parent.name for path in FOLDERS.templates.glob("*/body.html") if path.parent.name not in NOTICES)
)

MINT = Mint(
    keys=KeyRing({"a": b"a key for tests, thirty-two bytes"}, "a"),
    base_url=BASE_URL,
    message_domain="zagroscourier.example",
    bounce_domain="bounce.zagroscourier.example",
)
#: What the rows of the golden letters hold; the rest are the payloads of links.
_FIELDS = {
    "name": "Shilan Gulan",
    "by": "Hanar Dolan",
    "role": "an editor: you can choose stories, arrange them and send issues",
}
_TAKEN = {
    "en": "Morning briefing (daily) and The week",
    "ar": "موجز الصباح (كل يوم) وأسبوع زاغروس",
    "ckb": "پوختەی بەیانی (هەموو ڕۆژێک) و هەفتەی زاگرۆس",
}
#: The letter that holds all that can stand beside the stories.
_FULL = ("daily", "short")
_WITH_EARLIER = ("follow", "short")
_WITH_PICTURE = ("breaking", "short")
DIGEST = "fedcba9876543210" * 4
#: Staff letters, which are in English alone, and what they tell.
_STAFF: Mapping[str, Mapping[str, Any]] = {
    "way_in": {"why": "invited"},
    "alert": {
        "title": "A source cannot be read",
        "texts": ["We could not fetch “City desk”, 12 times in a row. Its stories are missing from drafts."],
        "url": f"{BASE_URL}/console/sources",
        "is_for_ops": False,
    },
    "desk": {
        "short": "Draft ready",
        "title": "The draft is ready",
        "now": "It will be sent automatically on Monday 9 March at 07:00 (Baghdad time) unless someone stops it.",
        "button": "Open the draft",
        "edition": "پوختەی بەیانی",
        "edition_language": "ckb",
        "number": 12,
        "at": "Monday 9 March at 07:00 (Baghdad time)",
        "reason": None,
        "stories": ["پردی ڕووبار دوای ١٤ مانگ نۆژەنکردنەوە کرایەوە", "نرخی تەماتە بە ڕێژەی سێیەک دابەزی"],
        "more": 7,
        "url": f"{BASE_URL}/console/issues/12",
    },
}


#: What a newsroom says when it was wrong.
_PUT_RIGHT: Mapping[str, str] = {
    "en": "We wrote that the bridge over the river had been closed for 41 months. It was closed for 14.\n\n"
    "The mistake was ours, not the council’s. The page has been corrected.",
    "ar": "كتبنا أن الجسر فوق النهر ظل مغلقاً ٤١ شهراً، والصحيح أنه أُغلق ١٤ شهراً.\n\n"
    "الخطأ خطؤنا وليس خطأ المجلس. وقد صُححت الصفحة.",
    "ckb": "نووسیبوومان پردی ڕووبار ٤١ مانگ داخرابوو. ڕاستییەکەی ١٤ مانگ بوو.\n\n"
    "هەڵەکە هی ئێمەیە، نەک هی ئەنجوومەن. لاپەڕەکە ڕاست کراوەتەوە.",
}


#: What editors and sponsors set beside the stories, all of it in one letter.
_PIECES: Mapping[str, Any] = {
    "figure": {
        "figure": "1,250.5",
        "words": "ئەوەندە بیر لە قەزاکەدا لە کۆتایی زستاندا وشک بوون.",
        "url": f"{BASE_URL}/wells?a=1&b=2",
    },
    "diary": [
        {"on": "2026-03-10", "words": "ئەنجوومەن دەنگ لەسەر هێڵی ترام دەدات."},
        {"on": "2026-03-21", "words": "نەورۆز: ژمارە نییە."},
    ],
    "sponsor": {
        "name": "Zeryan Bank <&>",
        "headline": "هەژمارێکی بێ کرێ",
        "text": "لە دە خولەکدا بە کارتی نیشتمانییەکەت بیکەرەوە.",
        "url": "https://bank.example/current",
        "image": {"url": "https://zagroscourier.example/images/stadium.png", "alt": "لقێکی بانک"},
    },
}


@dataclass(frozen=True, slots=True)
class Golden:
    template: str
    language: str
    case: str = ""  # of a layout

    def __str__(self) -> str:
        return "-".join(filter(None, (self.template, self.case, self.language)))

    @property
    def kept(self) -> Path:
        return KEPT / f"{self}.txt"


@dataclass(frozen=True, slots=True)
class Made:
    raw: bytes  # the message
    about: About  # what the lint is told of it

    @property
    def html(self) -> str:
        return part(self.raw, "html")


GOLDEN = [
    *(Golden(layout, language, case) for layout in LAYOUTS for case in CASES for language in LANGUAGES),
    Golden("weekly", "ckb", "pieces"),
    *(Golden(notice, language) for notice in NOTICES if notice not in _STAFF for language in LANGUAGES),
    *(Golden(notice, "en") for notice in NOTICES if notice in _STAFF),
]


@cache
def made(golden: Golden) -> Made:
    """The letter as its reader's server receives it, the same bytes whenever it is asked for."""
    if golden.case == "pieces":
        job = _jobs_of_issues(golden.language, "short")[golden.template]
        job = replace(job, context={**job.context, "issue": {**job.context["issue"], **_PIECES}})
    elif (golden.template, golden.case) == _WITH_EARLIER:
        job = _with_earlier(_jobs_of_issues(golden.language, golden.case)[golden.template])
    elif (golden.template, golden.case) == _WITH_PICTURE:
        job = _with_picture(_jobs_of_issues(golden.language, golden.case)[golden.template])
    elif golden.case:
        job = _jobs_of_issues(golden.language, golden.case)[golden.template]
    else:
        job = _jobs_of_notices(golden.language)[golden.template]
    compiled = Compiled.from_bytes(compiled_bytes(job, DIGEST, FOLDERS))
    about = known_of(compiled, job.kind, job.sender, job.context)
    return Made(message.build(compiled, row(compiled, golden.language), MINT), about)


def _with_earlier(job: LetterJob) -> LetterJob:
    """The same, as if its first story had a picture, and an author with a face who wrote two others before."""
    first, *rest = job.context["items"]
    lead = _lead(job.language)
    before = [
        {"title": title, "url": f"https://zagroscourier.example/before-{number}", "language": job.language}
        for number, title in enumerate(besides.EARLIER[job.language])
    ]
    shown = {"image": lead["image"], "profile": lead["profile"], "earlier": before}
    second = {"face": lead["profile"]["avatar_url"]}
    return replace(job, context={**job.context, "items": [first | shown, rest[0] | second, *rest[1:]]})


def _with_picture(job: LetterJob) -> LetterJob:
    """The same, as if its story had a picture."""
    [story, *rest] = job.context["items"]
    return replace(job, context={**job.context, "items": [story | {"image": _lead(job.language)["image"]}, *rest]})


def _lead(language: str) -> Mapping[str, Any]:
    """A story that has all that a story may have."""
    found: Mapping[str, Any] = _jobs_of_issues(language, "short")["daily"].context["items"][0]
    return found


def row(compiled: Compiled, language: str = "en") -> Recipient:
    names = {(link.payload or name) for name, link in compiled.links.items()}
    return Recipient(
        delivery_id=1,
        letter_id=12,
        recipient_id=7,
        address="rezan@reader.example",
        fields=dict.fromkeys(names, "7-1") | _FIELDS | {"newsletters": _TAKEN[language]},
        due_at=NOW,
    )


@cache
def _jobs_of_issues(language: str, case: str) -> Mapping[str, LetterJob]:
    with tempfile.TemporaryDirectory(prefix="broadsheet-golden-") as folder:
        newsroom = Newsroom(Path(folder), language, feed(language, case))
        try:
            return {layout: newsroom.job(layout, with_besides=(layout, case) == _FULL) for layout in LAYOUTS}
        finally:
            newsroom.close()


@cache
def _jobs_of_notices(language: str) -> Mapping[str, LetterJob]:
    with tempfile.TemporaryDirectory(prefix="broadsheet-golden-") as folder:
        newsroom = Newsroom(Path(folder), language, feed(language, "short"))
        try:
            return {notice: _notice(newsroom, notice, language) for notice in NOTICES}
        finally:
            newsroom.close()


def _notice(newsroom: Newsroom, notice: str, language: str) -> LetterJob:
    with newsroom.database.write() as session:
        if notice in _STAFF:
            staff = staff_mail.job(session, notice, _STAFF[notice], base_url=BASE_URL)
            assert staff is not None
            return staff
        if notice == "correction":
            issue = newsroom.issue(session, "daily")
            wrong = Correction(issue_id=issue.id, subject=issue.subject, words=_PUT_RIGHT[language])
            job = put_right.letter(session, wrong, base_url=BASE_URL)
            session.rollback()
            return job
        sender = sender_of(*newsroom.edition(session), BASE_URL)
        return LetterJob(template=notice, language=language, kind=Kind.TX, sender=sender, context={})


def part(raw: bytes, subtype: str) -> str:
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    body = found.get_body((subtype,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def readable(raw: bytes) -> str:
    """What is kept: the digest of the bytes, then the header block as it is, then both parts as a reader's program has them.

    The digest holds every byte; the rest is there so that a difference can be read.
    """
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii").replace("\r\n", "\n")
    digest = hashlib.sha256(raw).hexdigest()
    return "\n".join(
        [f"{len(raw)} bytes, sha256 {digest}", head, "", "-- text", part(raw, "plain"), "-- html", part(raw, "html")]
    )
