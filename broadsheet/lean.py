"""Imported first by a process that sends: what a library would load for comfort stays out of it."""

from __future__ import annotations

import sys

# structlog draws tracebacks with rich where that is installed: 6 MB in each process, for a log that shows plain ones.
sys.modules.setdefault("rich", None)  # type: ignore[arg-type] # None is how Python says: not to be imported
