"""The demo as a person runs it: to its end, looked around in, ended with Ctrl+C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_the_demo_comes_true_can_be_looked_at_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "broadsheet", "demo", "--folder", str(tmp_path / "demo"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ)) as demo:  # noqa: TID251 - a child's
        try:
            told = read_until(demo, "Ctrl+C ends it.", seconds=60)
            assert "Readers confirmed" in told
            assert "the owner signed in over HTTP" in told
            assert "by two DKIM keys" in told
            pages = re.findall(r"http://127\.0\.0\.1:\d+\S*", told)
            assert len(pages) == 8
            for page in pages:
                with urllib.request.urlopen(page, timeout=10) as answer:  # noqa: S310 - http, as the pattern says
                    assert answer.status == 200, page
            began = time.monotonic()
            demo.send_signal(signal.SIGINT)
            assert demo.wait(10) == 0
            assert time.monotonic() - began < 5
        finally:
            demo.kill()


def read_until(process: subprocess.Popen[bytes], words: str, *, seconds: float) -> str:
    assert process.stdout is not None
    told, end = "", time.monotonic() + seconds
    while words not in told:
        line = process.stdout.readline().decode()
        assert line, f"the demo ended before it said {words!r}:\n{told}"
        assert time.monotonic() < end, told
        told += line
    return told
