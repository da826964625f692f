"""Layouts: how an issue may be set. Each is a folder in `templates/email`; a breaking story's is not to be chosen.

A newsroom's own folder of templates may hold further ones under names of its own. They come and go with their folders, so
whoever chooses or composes is handed what is there at that moment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: What makes a folder a letter that can be sent. (The page may be `body.mjml`, too: mailer.mjml.)
FILES = ("subject.txt", "body.html", "body.txt")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Layout:
    name: str  # the folder
    is_for_all: bool = True  # else each reader gets what they follow, and nobody anything else
    is_own: bool = False  # the newsroom's: no other place has one of this name


DAILY, FOLLOW = "daily", "follow"
LAYOUTS = (
    Layout(DAILY),
    Layout("weekly"),
    Layout(FOLLOW, is_for_all=False),
)


def there(ours: Path, own: Path | None) -> tuple[Layout, ...]:
    """What may be chosen now: ours, then the newsroom's whole letters under names that no letter of ours has."""
    if own is None or not own.is_dir():
        return LAYOUTS
    folders = sorted(folder for folder in own.iterdir() if _NAME.fullmatch(folder.name))
    new = [folder for folder in folders if not (ours / folder.name).exists()]
    whole = [folder for folder in new if _is_whole(folder)]
    return (*LAYOUTS, *(Layout(folder.name, is_own=True) for folder in whole))


def _is_whole(folder: Path) -> bool:
    is_mjml = (folder / "body.mjml").is_file()
    return all((folder / name).is_file() or (is_mjml and name == "body.html") for name in FILES)


def find(name: str, among: Sequence[Layout] = LAYOUTS) -> Layout | None:
    """The layout that an editor may choose by this name."""
    return next((layout for layout in among if layout.name == name), None)


def by_hand(among: Sequence[Layout] = LAYOUTS) -> tuple[Layout, ...]:
    """What an issue outside any schedule may be: it is for everybody."""
    return tuple(layout for layout in among if layout.is_for_all)


def unknown(name: str, among: Sequence[Layout] = LAYOUTS) -> tuple[str, str]:
    """What is wrong with a name that is none of these, and what to do."""
    known = ", ".join(layout.name for layout in among)
    return f"There is no layout “{name[:40]}”.", f"Choose one of these: {known}."


def missing(name: str, among: Sequence[Layout] = LAYOUTS) -> str | None:
    """What to do about a layout that was chosen and is not there any more; None where it is."""
    if find(name, among) is not None:
        return None
    return (
        f"Waits for a person: its layout “{name}” is not whole in the templates folder any more. "
        f"Put {', '.join(FILES)} back there and approve it, or give the schedule another layout."
    )
