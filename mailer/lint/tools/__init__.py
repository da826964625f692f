"""Other programs' opinions of a mail, where they are installed. Each answers with findings, or that it was not run and why.

A program that is absent, slow or broken never makes a mail worse: see `ran`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program said."""

    code: int
    out: str
    err: str


def ran(command: Sequence[str], stdin: bytes, *, seconds: float) -> Ran | str:
    """Run a program with bytes on its standard input; a sentence where it could not be run to its end."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=seconds, check=False)  # noqa: S603 - found by us, no shell
    except subprocess.TimeoutExpired:
        return f"it did not answer within {seconds:g} seconds"
    except OSError as problem:
        return f"it could not be started: {problem.strerror or problem}"
    return Ran(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
