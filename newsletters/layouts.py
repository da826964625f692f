"""Layouts: how an issue may be set. Each is a folder in `templates/email`; a breaking story's is not to be chosen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    name: str  # the folder
    words: str  # what an editor calls it
    has_lead: bool = True  # the first story is every reader's, whatever they chose


DAILY = "daily"
LAYOUTS = (
    Layout(DAILY, "a daily briefing"),
    Layout("weekly", "a week by sections"),
)


def find(name: str) -> Layout | None:
    """The layout that an editor may choose by this name."""
    return next((layout for layout in LAYOUTS if layout.name == name), None)


def has_lead(name: str) -> bool:
    found = find(name)
    return found is None or found.has_lead


def unknown(name: str) -> tuple[str, str]:
    """What is wrong with a name that is no layout's, and what to do."""
    known = ", ".join(layout.name for layout in LAYOUTS)
    return f"There is no layout “{name[:40]}”.", f"Choose one of these: {known}."
