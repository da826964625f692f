"""Where the files lie that are not Python: templates, catalogues, static files.

In a checkout they stand at the top level; a wheel carries them inside this package. One function knows both.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from broadsheet.settings import ConfigurationError

if TYPE_CHECKING:
    from newsletters.layouts import Layout

_PACKAGE = Path(__file__).parent

Shipped = Literal["templates", "locales"]


def locate(name: Shipped) -> Path:
    """The folder of this name. Raises FileNotFoundError when the installation is incomplete."""
    for folder in (_PACKAGE / "_shipped" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"The folder {name!r} is neither beside the package nor inside it: this installation is incomplete. "
        "Install Broadsheet again from a wheel, or run it from a whole checkout."
    )


def own_templates(folder: Path | None) -> Path | None:
    """The newsroom's letter templates; a folder that is not there is told at start, not at the first letter."""
    if folder is not None and not folder.is_dir():
        raise ConfigurationError(
            f"templates_dir names {folder}, and there is no such folder. Correct it, or unset it to use ours."
        )
    return folder


def layouts(own: Path | None) -> tuple[Layout, ...]:
    """What an issue may be set as, as the folders are now."""
    from newsletters.layouts import there  # not for a process that only sends

    return there(locate("templates") / "email", own)
