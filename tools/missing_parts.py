"""Say which real components this machine lacks, with their Debian packages; in CI a missing one is an error."""

from __future__ import annotations

import os
import shutil
import sys

PARTS = {"chromium": "chromium", "npm": "npm", "opendkim": "opendkim", "spamassassin": "spamassassin"}


def main() -> int:
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"  # noqa: TID251 - where Debian has daemons
    missing = {program: package for program, package in PARTS.items() if shutil.which(program, path=path) is None}
    for program, package in missing.items():
        print(f"Not tested here for lack of {program} (Debian: apt install {package})")
    return int(bool(missing) and os.environ.get("CI") == "true")  # noqa: TID251 - a script's own door


if __name__ == "__main__":
    sys.exit(main())
