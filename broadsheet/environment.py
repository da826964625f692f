"""The environment's variables that begin as ours do: those that mean nothing are most likely typing errors."""

from __future__ import annotations

import os

from broadsheet.settings import NESTED, PREFIX, Settings


def unknown_variables() -> list[str]:
    """Their names.

    They are told and not refused, because container platforms set such names themselves (BROADSHEET_SERVICE_HOST).
    """
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields} | {f"{PREFIX}CONFIG"}
    ours = {name for name in map(str.upper, os.environ) if name.startswith(PREFIX)}  # noqa: TID251 - this is the door
    return sorted(
        name
        for name in ours - known
        if name.removesuffix("_FILE") not in known
        and not name.startswith((f"{PREFIX}SMTP{NESTED}", f"{PREFIX}ROUTES{NESTED}"))
    )
