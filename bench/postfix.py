"""Postfix's programs that tests of mail servers are made with, where they are installed (Debian: apt install postfix)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from typing import Self

MISSING = "smtp-source and smtp-sink are not installed (Debian: apt install postfix)"


def program(name: str) -> str | None:
    """Where it is; in /usr/sbin, which is in few people's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


class PostfixSink:
    """Postfix's smtp-sink, which counts nothing."""

    def __init__(self, program: str) -> None:
        self._program = program

    def __enter__(self) -> Self:
        self.port = _free_port()
        command = [self._program, "-u", "nobody", f"127.0.0.1:{self.port}", "512"]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - a program of the machine
        _wait_for(self.port)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("smtp-sink did not begin to listen")
