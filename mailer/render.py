"""Rendering: a letter's templates and content to inlined HTML and plain text. The only module that loads premailer.

A letter is a folder in `templates/email`: `subject.txt`, `body.html` (with a block `preheader`) and `body.txt`. What
differs per reader stands in them as `field("unsubscribe_url")`, an opaque token until the letter is compiled; so does
`item.link`, the link to an article. Blocks that one reader gets and another does not are marked (mailer.marks).

Everything here is a pure function of its arguments, so that it can run in a child process: inlining holds the
interpreter for tens of milliseconds, and a web request in the same process would wait for it.
"""

from __future__ import annotations

import hashlib
import logging
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ground.language import Languages, Texts, direction
from mailer import colour, field, marks, typefaces
from mailer.bounded import BoundedEnvironment, explain, said
from mailer.encoding import clean
from mailer.letter import BrokenLetter, Rendered
from mailer.sender import Sender

_SHORT_COLOUR = re.compile(r"#([0-9a-fA-F])([0-9a-fA-F])([0-9a-fA-F])(?![0-9a-zA-Z])")
_STYLE = re.compile(r"""\sstyle=(?:"([^"]*)"|'([^']*)')""")
_WEB_LINK = re.compile(r"https?://[^\s\x00-\x1f\x7f\"<>\\]{1,8000}\Z")
_WIDTH = 72  # of the plain part
_NOWHERE = "#"
_MOST_SUMS = 1_000  # an article of a hundred thousand minutes must not make as many texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where templates and catalogues lie; plain paths, so that a child process can be told."""

    templates: Path  # the folder `templates/email`
    locales: Path
    own: Path | None = None  # a newsroom's own: what is found there takes the place of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one rendering is about."""

    template: str  # the letter's folder: daily, confirm
    language: str
    sender: Sender
    context: Mapping[str, Any]
    marker: str  # for the field tokens; empty for the web, where no reader's link may appear
    with_blocks: bool = False  # keep the marks of blocks, so that readers may get their own; else the common version


def render(page: Page, folders: Folders) -> Rendered:
    """The letter's texts. Raises BrokenLetter, naming file and line, for a template that cannot be rendered."""
    texts = Languages(folders.locales).texts(page.language, page.sender.theme.digits)
    environment = _environment(folders, texts)
    copy = _Copy(page)
    values = _values(page, texts) | copy.values()
    try:
        subject = said(environment.get_template(f"{page.template}/subject.txt"), values)
        body = environment.get_template(f"{page.template}/body.html")
        html = said(body, {**values, "subject": _one_line(subject), "cut": copy.cut_html})
        preheader = _block(body, "preheader", values)
        text = said(environment.get_template(f"{page.template}/body.txt"), {**values, "cut": copy.cut_text})
        html, text = copy.put_together(html), copy.put_together(text)
    except BrokenLetter:
        raise
    except Exception as problem:  # noqa: BLE001 - an expression in a template may raise anything
        explain(page.template, problem)
    return Rendered(
        subject=_one_line(subject),
        preheader=_one_line(preheader),
        html=inline(html),
        text=marks.between(text, copy.marker, _tidy).strip() + "\n",
        language=page.language,
        marker=page.marker,
        urls=copy.urls,
        common=copy.common,
    )


class _Comment(str):
    """A mark in the page, which autoescape leaves as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


class _Copy:
    """The articles of one rendering: their links as fields, and the marks between their blocks."""

    def __init__(self, page: Page) -> None:
        self._page = page
        items = page.context.get("items", ())
        # Nobody outside knows a whole letter, so no article can hold its marks.
        self.marker = page.marker or hashlib.sha256(repr(page).encode("utf-8", "replace")).hexdigest()[:16]
        self.common: tuple[int, ...] = tuple(page.context.get("common") or range(1, len(items) + 1))
        self.urls: dict[str, str] = {}
        self._items = [self._item(number, item) for number, item in enumerate(items, 1)]

    def values(self) -> dict[str, Any]:
        return {"sums": self._sums} | ({"items": self._items} if "items" in self._page.context else {})

    def _item(self, number: int, item: Mapping[str, Any]) -> dict[str, Any]:
        """An article as templates know it: with its number in the issue and its link."""
        link = _weblink(item["url"]).encode("utf-8", "replace").decode("utf-8")
        if self._page.marker and link != _NOWHERE:
            self.urls[f"link_{number}"] = link
            link = field.token(self._page.marker, f"link_{number}")
        return {**item, "number": number, "link": link}

    def _sums(self, weights: Sequence[int]) -> Sequence[int]:
        """The sums that a tally needs a text for: each there may be, or that of the common version."""
        if self._page.with_blocks:
            return range(1, min(sum(weights), _MOST_SUMS) + 1)
        return [sum(weights[number - 1] for number in self.common)]

    def cut_html(self, word: str, argument: int | str = "") -> _Comment:
        return _Comment(marks.mark(self.marker, word, argument, is_html=True))

    def cut_text(self, word: str, argument: int | str = "") -> str:
        return marks.mark(self.marker, word, argument, is_html=False)

    def put_together(self, text: str) -> str:
        return text if self._page.with_blocks else marks.joined(text, self.marker, self.common)


def _block(template: Template, name: str, values: Mapping[str, Any]) -> str:
    if name not in template.blocks:
        raise BrokenLetter(template.name or "", f"it has no block `{name}`; add one, it may be empty.")
    return "".join(template.blocks[name](template.new_context(dict(values))))


def inline(html: str) -> str:
    """CSS into style attributes. Style blocks marked `data-premailer="ignore"` stay as they are (media queries, dark mode)."""
    import cssutils
    from premailer import Premailer

    cssutils.log.setLevel(logging.CRITICAL)
    inlined: str = Premailer(
        html,
        strip_important=False,
        disable_validation=True,
        allow_network=False,
        allow_loading_external_files=False,
        keep_style_tags=False,
        remove_classes=False,
        disable_basic_attributes=["align", "width", "height"],
        cssutils_logging_level=logging.CRITICAL,
    ).transform(pretty_print=False)
    return _STYLE.sub(_style, inlined) + "\n"


def _style(found: re.Match[str]) -> str:
    # cssutils shortens colours to three digits, which older clients misread, and puts font names in double quotes,
    # which turns the attribute's own quotes into single ones.
    style = _SHORT_COLOUR.sub(r"#\1\1\2\2\3\3", found[1] or (found[2] or "").replace('"', "'"))
    return f' style="{style}"'


def _environment(folders: Folders, texts: Texts) -> ImmutableSandboxedEnvironment:
    environment = BoundedEnvironment(
        loader=FileSystemLoader([path for path in (folders.own, folders.templates) if path is not None]),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # put there by the extension
        texts.gettext, texts.ngettext, newstyle=True, pgettext=texts.pgettext, npgettext=texts.npgettext
    )
    environment.filters.update(
        number=texts.number,
        listing=texts.listing,
        apart=texts.apart,
        weblink=_weblink,
        paragraph=_paragraphs(texts),
        plain=lambda text: " ".join(clean(text).split()),
    )
    environment.globals.update(
        direction=direction, date=_date(texts), moment=texts.moment, time=texts.time, dot=texts.dot
    )
    return environment


def _values(page: Page, texts: Texts) -> dict[str, Any]:
    """What every template may name, beside the letter's own context."""
    theme = page.sender.theme
    for shade in filter(None, (theme.brand, theme.brand_dark)):
        if not colour.is_colour(shade):
            raise ValueError(
                f"The brand colour {shade!r} is not of the form #0b4f6c; correct it in the newsletter's look."
            )

    def reader_field(name: str) -> str:
        if not page.marker:
            raise BrokenLetter(
                f"{page.template}/body.html", f"field({name!r}) stands on the public page; guard it by for_web"
            )
        return field.token(page.marker, name)

    return {
        **page.context,
        "sender": page.sender,
        "brand": theme.brand,
        "brand_dark": theme.brand_dark or colour.lighter(theme.brand, colour.DARK_PAPER),
        "typeface": typefaces.stack(theme.latin, theme.arabic, texts.direction),
        "language": page.language,
        "dir": texts.direction,
        "start": texts.start,
        "end": texts.end,
        "mark": texts.mark,
        "for_web": not page.marker,
        "field": reader_field,
    }


def _date(texts: Texts) -> Callable[..., str]:
    def written(day: str | date, style: str = "full") -> str:
        parsed = datetime.fromisoformat(day).date() if isinstance(day, str) else day
        return texts.date(parsed, style)  # type: ignore[arg-type]  # a template's word

    return written


def _weblink(url: str) -> str:
    """An address of the web or nothing: whatever else a feed called a link (`javascript:`) leads nowhere."""
    return url if _WEB_LINK.match(url) else _NOWHERE


def _paragraphs(texts: Texts) -> Callable[..., str]:
    @pass_context
    def paragraph(_: Context, text: str, indent: int = 0) -> str:
        """Plain text wrapped for the plain part; right-to-left paragraphs say so by an invisible mark."""
        mark = texts.mark if texts.direction == "rtl" else ""
        blank = " " * indent
        return textwrap.fill(
            mark + " ".join(clean(text).split()),
            _WIDTH,
            initial_indent=blank,
            subsequent_indent=blank,
            break_long_words=False,
            break_on_hyphens=False,
        )

    return paragraph


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _tidy(text: str) -> str:
    """No trailing blanks, never more than one empty line: template tags leave both."""
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines)
