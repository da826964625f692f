"""`python -m bench`: measure, compare with the goals, and say which are short.

python -m bench                      everything, five rounds
python -m bench --quick              a few goals in three minutes; exits 1 when a required figure is short
python -m bench --only G1 --rounds 3
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import structlog

from bench import goals, report
from bench.longer import LongerBench
from bench.sink import NoCompilerError


def main() -> int:
    """Exit code: 0 all required figures reached, 1 one is short, 2 it could not be measured."""
    options = _options()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    wanted = [goal for goal in goals.GOALS if _is_wanted(goal, options)]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = LongerBench(Path(folder), messages=options.messages, many=options.many)
        try:
            bench.prepare(wanted)
        except NoCompilerError as problem:
            sys.stderr.write(f"{problem}\n")
            return 2
        with closing(bench):
            for number in range(options.rounds):
                sys.stderr.write(f"round {number + 1} of {options.rounds}\n")
                bench.round()
    report.show(wanted, bench.rounds, bench.notes)
    report.write(options.json, wanted, bench.rounds, bench.notes)
    return int(any(goal.verdict(bench.rounds) is goals.Verdict.SHORT for goal in wanted))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure sending beside others.")
    parser.add_argument("--quick", action="store_true", help="few goals, two rounds, fewer messages")
    parser.add_argument("--only", default="", help="these goals: G1,G7b")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--messages", type=int, default=0)
    parser.add_argument("--many", type=int, default=100_000, help="recipients of the large issue of G8b")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.messages = options.messages or (5_000 if options.quick else 20_000)
    return options


def _is_wanted(goal: goals.Goal, options: argparse.Namespace) -> bool:
    if options.only:
        return any(goal.number.rstrip("abc") == each or goal.number == each for each in options.only.split(","))
    return not options.quick or goal.number in goals.QUICK


if __name__ == "__main__":
    sys.exit(main())
