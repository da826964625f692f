"""A worker killed at random moments, as `make faults` does it fifty times: `python -m bench.kills`.

Under each policy one issue for two thousand readers. It prints one line of JSON: who got nothing and is named nowhere, copies
where doubts are held, and copies where they are sent again as a share of the doubts.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

from mailer.letters import InDoubt
from tests.faults.kills import Ordeal, fresh, ordeal

_KILLS = 8


def main() -> None:
    held, resent = (_ordeal(policy) for policy in (InDoubt.HOLD, InDoubt.RESEND))
    if not (held.stands and resent.stands):
        raise AssertionError(f"what must hold after a kill does not: {held} {resent}")
    figures = {
        "lost": held.lost + resent.lost,
        "copies_held": held.duplicates,
        "copies_resent": resent.duplicates / max(1, resent.in_doubt),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _ordeal(policy: InDoubt) -> Ordeal:
    with tempfile.TemporaryDirectory(prefix="bench-kills-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with fresh("sqlite", folder) as url:
            return ordeal(url, folder / "var", policy, _KILLS, random.Random(2026), mode="pipelining")  # noqa: S311 - chooses when to kill


if __name__ == "__main__":
    main()
