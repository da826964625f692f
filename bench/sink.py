"""The sink as a process: built from sink.c with the machine's compiler, started for each measurement."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

SOURCE = Path(__file__).with_name("sink.c")


class NoCompilerError(Exception):
    """There is no C compiler on this machine."""

    def __str__(self) -> str:
        return (
            "The benchmark's mail server is a small C program, and there is no C compiler here: install gcc or clang."
        )


def build(folder: Path) -> Path:
    """The program. Raises NoCompilerError."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompilerError
    program = folder / "sink"
    subprocess.run([compiler, "-O2", "-std=gnu11", "-o", str(program), str(SOURCE)], check=True)  # noqa: S603 - our own source
    return program


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How the sink behaves. The default takes everything at once and offers PIPELINING and CHUNKING."""

    delay_ms: int = 0
    refuse_percent: int = 0
    drop_percent: int = 0
    pipelining: bool = True
    chunking: bool = True

    def options(self) -> list[str]:
        words = ["--delay-ms", str(self.delay_ms), "--refuse-percent", str(self.refuse_percent)]
        words += ["--drop-percent", str(self.drop_percent)]
        return words + ["--no-pipelining"] * (not self.pipelining) + ["--no-chunking"] * (not self.chunking)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    accepted: int
    refused: int
    dropped: int
    connections: int
    bytes: int


class Sink:
    """Runs while the block does."""

    def __init__(self, program: Path, manners: Manners) -> None:
        self._command = [str(program), *manners.options()]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - what `build` made
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.port = int(self._line())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def count(self) -> Count:
        """What it has seen so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        words = self._line().split()
        return Count(**{name: int(number) for name, number in zip(words[::2], words[1::2], strict=True)})

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()
