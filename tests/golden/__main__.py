"""Renew what is kept of the golden letters: `make golden`, then read the difference."""

from __future__ import annotations

import logging

import structlog

from tests.golden.letters import GOLDEN, KEPT, made, readable


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    KEPT.mkdir(exist_ok=True)
    changed = 0
    for golden in GOLDEN:
        text = readable(made(golden).raw)
        if not golden.kept.is_file() or golden.kept.read_text(encoding="utf-8") != text:
            golden.kept.write_text(text, encoding="utf-8")
            changed += 1
    gone = set(KEPT.glob("*.txt")) - {golden.kept for golden in GOLDEN}
    for path in gone:
        path.unlink()
    print(f"{len(GOLDEN)} golden letters: {changed} written, {len(gone)} taken away. Read `git diff tests/golden`.")  # noqa: T201 - what a person runs


if __name__ == "__main__":
    main()
