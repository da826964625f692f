"""Rendering: a letter's templates and content to inlined HTML and plain text. The only module that loads premailer.

A letter is a folder in `templates/email`: `subject.txt`, `body.html` (with a block `preheader`) and `body.txt`. What
differs per reader stands in them as `field("unsubscribe_url")`, an opaque token until the letter is compiled; so does
`item.link`, the link to an article. Blocks that one reader gets and another does not are marked (mailer.marks). Inlining
parses the page, and closes what a block leaves open: a tag that one block opens and another closes is written as
`bare("<div ..>")`, with its style in it, and put in its place afterwards. It is for a template's own tags, never for data.

Everything here is a pure function of its arguments, so that it can run in a child process: inlining holds the
interpreter for tens of milliseconds, and a web request in the same process would wait for it.
"""

from __future__ import annotations

import logging
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ground.language import Languages, Texts, direction
from mailer import colour, field, marks, mjml, typefaces
from mailer.bounded import BoundedEnvironment, explain, said
from mailer.encoding import clean
from mailer.letter import BrokenLetter, Rendered
from mailer.sender import Sender
from mailer.stand_ins import StandIns, weblink

_SHORT_COLOUR = re.compile(r"#([0-9a-fA-F])([0-9a-fA-F])([0-9a-fA-F])(?![0-9a-zA-Z])")
_STYLE = re.compile(r"""\sstyle=(?:"([^"]*)"|'([^']*)')""")
_WIDTH = 72  # of the plain part
HTML, MJML = "body.html", "body.mjml"


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
    copy = StandIns(page.context, page.marker, with_blocks=page.with_blocks)
    values = _values(page, texts) | copy.values()
    try:
        subject = said(environment.get_template(f"{page.template}/subject.txt"), values)
        body = environment.get_template(f"{page.template}/{_page_of(folders, page.template)}")
        html = said(body, {**values, "subject": _one_line(subject), "cut": copy.cut_html})
        if (place := body.name or "").endswith(".mjml"):
            html = mjml.to_html(html, place)
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
        html=copy.laid_bare(inline(html)),
        text=marks.between(text, copy.marker, _tidy).strip() + "\n",
        language=page.language,
        marker=page.marker,
        urls=copy.urls,
        common=copy.common,
    )


def _page_of(folders: Folders, template: str) -> str:
    """The file that holds a letter's page: a newsroom's own may be MJML."""
    own = None if folders.own is None else folders.own / template
    is_mjml = own is not None and (own / MJML).is_file() and not (own / HTML).is_file()
    return MJML if is_mjml else HTML


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
        autoescape=lambda name: name is not None and name.endswith((".html", ".mjml")),
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
        figure=texts.figure,
        listing=texts.listing,
        apart=texts.apart,
        weblink=weblink,
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
        "typeface_of": partial(typefaces.stack, theme.latin, theme.arabic),
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
