"""Rules about layout tables and columns (L)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.lint.finding import Spot
from mailer.lint.mail import Mail
from mailer.lint.page import Node, Page

_ZEROS = ("border", "cellpadding", "cellspacing")
_MSO = re.compile(r"\[if[^\]]*\bmso\b")


def layout_tables(page: Page) -> Iterator[Node]:
    """Tables without a heading cell or a caption: those are there for their places only."""
    return (node for node in page.all("table") if not is_data(page, node))


def is_data(page: Page, table: Node) -> bool:
    """Whether it tells something by its rows and columns: it says so, or has cells of both kinds."""
    says_so = "summary" in table.attributes or table.get("role") in {"table", "grid"} or bool(table.get("aria-label"))
    return says_so or "caption" in page.cells_of(table) or {"td", "th"} <= page.cells_of(table)


def tables_are_presentation(mail: Mail) -> Iterator[Spot]:
    """L01. Otherwise screen readers announce rows and columns."""
    for table in layout_tables(mail.page) if mail.page else ():
        if table.get("role") not in {"presentation", "none"}:
            yield Spot('A layout table has no role="presentation".', table.where)


def tables_have_no_gaps(mail: Mail) -> Iterator[Spot]:
    """L01. Outlook's own gaps are two pixels."""
    for table in layout_tables(mail.page) if mail.page else ():
        lacking = [name for name in _ZEROS if table.get(name) != "0"]
        if lacking and table.get("role") in {"presentation", "none", ""}:
            yield Spot(f"A layout table lacks {', '.join(lacking)} of 0.", table.where)


def outlook_has_a_width(mail: Mail) -> Iterator[Spot]:
    """L02. Word knows no max-width."""
    if mail.page is None or not any("max-width" in node.styles for node in mail.page.seen):
        return
    if not any(_MSO.search(text) and "width" in text and "<table" in text for text in mail.page.comments):
        yield Spot("The column has a max-width and no table for Outlook: there it fills the window.")


def tables_are_shallow(mail: Mail) -> Iterator[Spot]:
    """L04."""
    deepest = max(mail.page.all("table"), key=lambda node: node.tables, default=None) if mail.page else None
    if deepest is not None and deepest.tables >= 6 + 3 * (not mail.about.is_ours):
        yield Spot(f"Tables are nested {deepest.tables + 1} deep.", deepest.where)


def no_spans(mail: Mail) -> Iterator[Spot]:
    """L05."""
    for node in mail.page.all("td", "th") if mail.page else ():
        spans = [name for name in ("colspan", "rowspan") if node.get(name) not in {"", "1"}]
        if node.tag == "th" and mail.page is not None and not _stands_in_data(mail.page, node):
            yield Spot("A layout cell is <th>, which screen readers say as a heading.", node.where)
        elif spans:
            yield Spot(f"A cell has {' and '.join(spans)}, which Outlook sizes wrongly.", node.where)


def _stands_in_data(page: Page, cell: Node) -> bool:
    table = page.table_of(cell)
    return table is None or is_data(page, table)


def padding_on_cells(mail: Mail) -> Iterator[Spot]:
    """L06. Word honours padding on cells only, and no negative margin."""
    for node in mail.page.seen if mail.page else ():
        for name, value in node.styles.items():
            is_set = name.startswith("padding") and re.search(r"[1-9]", value)
            if is_set and node.tag in {"p", "div", "table", "h1", "h2", "h3"}:
                yield Spot(f"<{node.tag}> has padding, which Outlook passes over.", node.where)
                break
            if name.startswith("margin") and re.search(r"(?<!\w)-\d", value):
                yield Spot("A negative margin, which Outlook and Gmail pass over.", node.where)
                break


def columns_stand_close(mail: Mail) -> Iterator[Spot]:
    """L08. A blank between inline blocks is a blank on the screen, and the last one wraps."""
    if mail.page is None:
        return
    columns = [node for node in mail.page.seen if node.styles.get("display") == "inline-block" and node.tag == "div"]
    for node in columns:
        size = node.inherited.get("font-size", "")
        if (
            "font-size" not in node.styles
            and size not in {"0", "0px"}
            and re.search(r"%|px", node.styles.get("width", ""))
        ):
            yield Spot("An inline-block column stands in a line of text: the blank beside it takes room.", node.where)
