"""The sandbox that letters are rendered in. Templates may show data and nothing else, and what they do comes to an end.

A newsroom may bring templates of its own. A slip in one must cost that letter, with a word about it, and not the machine:
numbers, repetitions and loops by count are bounded; what is left is stopped by the limits of the child that renders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import Template, TemplateNotFound, TemplateSyntaxError
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailer.letter import BrokenLetter

#: Characters or elements that one repetition makes, and turns of all loops by count in one rendering.
MOST = 100_000
#: Characters of one file's outcome: a letter with all its marks has a tenth of it.
LONGEST = 4_000_000


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """One rendering's environment."""

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - jinja2's own
        super().__init__(**options)
        self._turns = 0
        self.globals["range"] = self._range

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - jinja2's own
        if operator == "**":
            raise SecurityError("a letter needs no powers")
        for many, times in ((left, right), (right, left)):
            if isinstance(many, Sized) and isinstance(times, int) and len(many) * times > MOST:
                raise SecurityError(f"this repetition is longer than {MOST:,}")
        return super().call_binop(context, operator, left, right)

    def _range(self, *numbers: int) -> range:
        made = range(*numbers)
        self._turns += len(made)
        if self._turns > MOST:
            raise SecurityError(f"the loops of this letter have more than {MOST:,} turns")
        return made


def said(template: Template, values: Mapping[str, Any]) -> str:
    """What a template says, unless it does not come to an end."""
    said, length = [], 0
    for piece in template.generate(dict(values)):
        said.append(piece)
        length += len(piece)
        if length > LONGEST:
            raise BrokenLetter(
                template.name or "", f"it has come to more than {LONGEST:,} characters; shorten its loops."
            )
    return "".join(said)


def explain(template: str, problem: Exception) -> NoReturn:
    """Raises BrokenLetter for whatever went wrong in a template: where, what, and what to do."""
    match problem:
        case TemplateSyntaxError():
            place = f"{problem.name or template}, line {problem.lineno}"
            raise BrokenLetter(place, f"{problem.message}. Mend the line and try again.") from problem
        case TemplateNotFound():
            raise BrokenLetter(
                str(problem.name), "the file is missing; restore it in the templates folder."
            ) from problem
        case UndefinedError():
            raise BrokenLetter(
                _place(template, problem), f"{problem.message}; the letter's data has no such name."
            ) from problem
        case SecurityError():
            raise BrokenLetter(
                _place(template, problem), f"{problem.message}; templates may only show data."
            ) from problem
        case _:
            raise BrokenLetter(_place(template, problem), f"{type(problem).__name__}: {problem}") from problem


def _place(template: str, problem: Exception) -> str:
    """The innermost template line of a traceback: Jinja maps its generated code back to the file."""
    place, step = template, problem.__traceback__
    while step is not None:
        name = step.tb_frame.f_code.co_filename
        if name.endswith((".html", ".txt", ".css")):
            place = f"{'/'.join(Path(name).parts[-2:])}, line {step.tb_lineno}"
        step = step.tb_next
    return place
