"""Layouts: how an issue may be set. Each is a folder in `templates/email`; a breaking story's is not to be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    name: str  # the folder
    is_for_all: bool = True  # else each reader gets what they follow, and nobody anything else


DAILY = "daily"
LAYOUTS = (
    Layout(DAILY),
    Layout("weekly"),
    Layout("follow", is_for_all=False),
)


def find(name: str) -> Layout | None:
    """The layout that an editor may choose by this name."""
    return next((layout for layout in LAYOUTS if layout.name == name), None)


def by_hand() -> tuple[Layout, ...]:
    """What an issue outside any schedule may be: it is for everybody."""
    return tuple(layout for layout in LAYOUTS if layout.is_for_all)


def unknown(name: str, among: Sequence[Layout] = LAYOUTS) -> tuple[str, str]:
    """What is wrong with a name that is none of these, and what to do."""
    known = ", ".join(layout.name for layout in among)
    return f"There is no layout “{name[:40]}”.", f"Choose one of these: {known}."
