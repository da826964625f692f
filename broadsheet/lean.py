"""Imported first by a process that sends: what a library would load for comfort stays out of it."""

from __future__ import annotations

import gc
import sys

# structlog draws tracebacks with rich where that is installed: 6 MB in each process, for a log that shows plain ones.
sys.modules.setdefault("rich", None)  # type: ignore[arg-type] # None is how Python says: not to be imported


def settle() -> None:
    """Everything is loaded, and stays: the collector need not walk through it each time some thousand mails are made."""
    gc.collect()
    gc.freeze()
