"""A page: a mail's HTML, parsed once, as the rules look at it.

It may be anybody's: the source is read up to `MAX_SOURCE`, elements are counted up to `MAX_ELEMENTS`, and the walk is a
loop. lxml stops at a depth of its own, so a tower of fifty thousand `<div>` is neither a crash nor a long wait.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any

from mailer.lint import css
from mailer.lint.css import Declaration, Sheet

MAX_SOURCE = 1024 * 1024
MAX_ELEMENTS = 20_000
_WITHIN = 150  # elements that are looked at for the text of one around them
_BLANKS = re.compile(r"[\s\u00a0\u200b\u200c\u034f\ufeff\u00ad]+")
_INHERITED = ("font-family", "font-size", "font-style", "font-weight", "letter-spacing", "text-transform", "text-align")
_LONG_TAG, _ATTRIBUTES = 4_000, 400
#: A tag, as far as its quotes close; no part of it is ever tried twice.
_TAG = re.compile(r"""<[A-Za-z](?:[^"'>]++|"[^"]*+"|'[^']*+')*+""")
_UNSEEN = frozenset({"head", "title", "style", "script", "template", "noscript"})


@dataclass(frozen=True, slots=True)
class Node:
    """An element with what it inherits."""

    tag: str
    attributes: Mapping[str, str]
    style: Sequence[Declaration]
    line: int
    text: str  # the whole text within, blanks folded, cut off where it is long
    own: str  # the text that is directly its own
    path: tuple[str, ...]  # the tags around it, the nearest first, a dozen at most
    tables: int  # how many tables it stands in
    lang: str
    dir: str
    is_hidden: bool  # from the eye: display:none
    is_silent: bool  # from a screen reader: aria-hidden
    inherited: Mapping[str, str]
    parent: int = -1  # its place in the page's nodes
    images: Sequence[Mapping[str, str]] = ()

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")

    @property
    def styles(self) -> dict[str, str]:
        return {each.name: each.value for each in self.style}

    @property
    def where(self) -> str:
        """A place that a person finds again: the tag, its line and the first words in it."""
        words = self.text[:60] or self.get("alt")[:60] or self.get("src")[:60]
        return f"line {self.line}, <{self.tag}>{f': {words}' if words else ''}"


@dataclass(frozen=True, slots=True)
class _State:
    """What an element hands down."""

    path: tuple[str, ...] = ()
    tables: int = 0
    lang: str = ""
    dir: str = ""
    is_hidden: bool = False
    is_silent: bool = False
    inherited: Mapping[str, str] = field(default_factory=dict)
    place: int = -1


class Page:
    """The HTML of a mail."""

    def __init__(self, source: str) -> None:
        self.source = source[:MAX_SOURCE]
        self.is_whole = len(source) <= MAX_SOURCE
        self.nodes: list[Node] = []
        self.comments: list[str] = []
        self._read(_tree(self.source))

    def all(self, *tags: str) -> Iterator[Node]:
        return (node for node in self.nodes if node.tag in tags)

    def first(self, tag: str) -> Node | None:
        return next(self.all(tag), None)

    @property
    def seen(self) -> Iterator[Node]:
        """What a reader sees."""
        return (node for node in self.nodes if not node.is_hidden)

    @cached_property
    def links(self) -> list[Node]:
        return [node for node in self.all("a") if node.get("href")]

    @cached_property
    def sheets(self) -> list[Sheet]:
        return [css.sheet(text) for text in self._style_texts]

    @cached_property
    def text(self) -> str:
        """All that a reader sees, as one line."""
        return _folded(" ".join(node.own for node in self.seen if node.own))

    def table_of(self, cell: Node) -> Node | None:
        """The table that a cell is a cell of."""
        while cell.parent >= 0:
            cell = self.nodes[cell.parent]
            if cell.tag == "table":
                return cell
        return None

    def cells_of(self, table: Node) -> frozenset[str]:
        """What stands in this table itself, and not in one within it: td, th, caption."""
        return self._cells.get(id(table), frozenset())

    @cached_property
    def _cells(self) -> dict[int, frozenset[str]]:
        found: dict[int, set[str]] = {}
        for cell in self.all("td", "th", "caption"):
            table = self.table_of(cell)
            if table is not None:
                found.setdefault(id(table), set()).add(cell.tag)
        return {table: frozenset(tags) for table, tags in found.items()}

    @property
    def lang(self) -> str:
        root = self.first("html")
        return root.get("lang") if root else ""

    @property
    def direction(self) -> str:
        root = self.first("html")
        return (root.get("dir").lower() if root else "") or "ltr"

    def _read(self, root: Any) -> None:  # noqa: ANN401 - lxml's stubs know no more
        self._style_texts: list[str] = []
        self.is_counted = True  # to the last element
        if root is None:
            return
        from lxml import etree

        states = [_State()]
        for event, element in etree.iterwalk(root, events=("start", "end", "comment")):
            if event == "comment":
                self.comments.append((element.text or "")[:20_000])
            elif event == "end":
                states.pop()
            elif len(self.nodes) >= MAX_ELEMENTS:
                self.is_counted = False
                return
            else:
                states.append(self._enter(element, states[-1]))

    def _enter(self, element: Any, above: _State) -> _State:  # noqa: ANN401 - lxml's stubs know no more
        tag = str(element.tag).lower()
        attributes = {str(name).lower(): str(value) for name, value in element.attrib.items()}
        style = css.declarations(attributes.get("style", "")[:10_000])
        state = replace(_below(above, tag, attributes, style), place=len(self.nodes))
        if tag == "style":
            self._style_texts.append(element.text or "")
        images = [each for each in islice(element.iter(), _WITHIN) if each.tag == "img"] if tag == "a" else []
        self.nodes.append(
            Node(
                tag=tag,
                attributes=attributes,
                style=style,
                line=element.sourceline or 0,
                text=_folded("".join(_texts(element))[:2_000]),
                own=_folded(" ".join(_own_texts(element)))[:20_000],
                path=above.path,
                tables=above.tables,
                lang=state.lang,
                dir=state.dir,
                is_hidden=state.is_hidden,
                is_silent=state.is_silent,
                inherited=state.inherited,
                parent=above.place,
                images=[{str(name): str(value) for name, value in each.attrib.items()} for each in images],
            )
        )
        return state


def _below(above: _State, tag: str, attributes: Mapping[str, str], style: Sequence[Declaration]) -> _State:
    inherited = above.inherited
    if own := {each.name: each.value for each in style if each.name in _INHERITED}:
        inherited = {**inherited, **own}
    hidden = any((each.name, each.value.lower()) == ("display", "none") for each in style)
    return _State(
        path=(tag, *above.path[:11]),
        tables=above.tables + (tag == "table"),
        lang=attributes.get("lang") or above.lang,
        dir=attributes.get("dir", "").lower() or above.dir,
        is_hidden=above.is_hidden or hidden or tag in _UNSEEN,
        is_silent=above.is_silent or attributes.get("aria-hidden") == "true",
        inherited=inherited,
    )


def _cut_tags(source: str) -> str:
    """The source with tags of hundreds of attributes cut short: libxml2 compares each with all before it."""
    return _TAG.sub(
        lambda tag: tag[0][:_LONG_TAG] if len(tag[0].split(None, _ATTRIBUTES)) > _ATTRIBUTES else tag[0], source
    )


def _tree(source: str) -> Any:  # noqa: ANN401 - lxml's stubs know no more
    from lxml import etree

    # libxml2 trusts an XML declaration about the encoding of what is text already.
    text = re.sub(r"^\s{0,100}<\?xml[^>]{0,200}\?>", "", _cut_tags(source)).replace("\x00", "\ufffd")
    data = text.encode("utf-8", "replace")
    try:
        return etree.fromstring(data, etree.HTMLParser(no_network=True, remove_pis=True, encoding="utf-8"))
    except (etree.XMLSyntaxError, ValueError, AssertionError):
        return None  # nothing in it that could be an element


def _texts(element: Any) -> Iterator[str]:  # noqa: ANN401 - lxml's stubs know no more
    for node in islice(element.iter(), _WITHIN):
        if isinstance(node.tag, str) and node.text and node.tag not in {"style", "script"}:
            yield node.text
        if node is not element and node.tail:
            yield node.tail


def _own_texts(element: Any) -> Iterator[str]:  # noqa: ANN401 - lxml's stubs know no more
    if element.tag in {"style", "script"}:
        return
    if element.text:
        yield element.text
    for child in islice(element, 2_000):
        if child.tail:
            yield child.tail


def _folded(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()
