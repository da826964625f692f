"""The report: a table for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.goals import Goal, Rounds, Verdict

_STYLE = {Verdict.AIM: "bold green", Verdict.PASS: "green", Verdict.SHORT: "bold red", Verdict.NOT_RUN: "dim"}


def show(goals: Sequence[Goal], rounds: Rounds, notes: Sequence[str]) -> None:
    """Both tables: what was measured, and what it says of each goal."""
    console = Console()
    figures = Table("measured", "median", "lowest", "highest", "rounds", title="Figures")
    for name, values in sorted(rounds.items()):
        if values:
            figures.add_row(
                name, *(_short(value) for value in (median(values), min(values), max(values))), str(len(values))
            )
    console.print(figures)
    table = Table("goal", "", "measured", "required", "aim", "", title="Goals (ratios of medians of one run)")
    for goal in goals:
        found, verdict = goal.measured(rounds), goal.verdict(rounds)
        measured = "-" if found is None else f"{_short(found)} {goal.unit}"
        style = _STYLE[verdict]
        table.add_row(
            goal.number, goal.words, measured, _short(goal.required), _short(goal.aim), f"[{style}]{verdict}[/{style}]"
        )
    console.print(table)
    for note in notes:
        console.print(f"- {note}", highlight=False)


def write(path: Path, goals: Sequence[Goal], rounds: Rounds, notes: Sequence[str]) -> None:
    """The same, for a machine."""
    found = {
        "rounds": {name: list(values) for name, values in rounds.items()},
        "goals": [
            {
                "number": goal.number,
                "words": goal.words,
                "measured": goal.measured(rounds),
                "required": goal.required,
                "aim": goal.aim,
                "verdict": goal.verdict(rounds),
            }
            for goal in goals
        ],
        "notes": list(notes),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
