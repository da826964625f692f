"""A wheel, installed where nothing else is, serves pages and runs the demo: nothing it needs was left in the checkout."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a new environment that holds the wheel and what is pinned for it."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    (wheel,) = folder.glob("broadsheet-*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", str(folder / "env"))
    python = str(folder / "env" / "bin" / "python")
    install = (sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python)
    run(*install, "--require-hashes", "-r", str(ROOT / "requirements" / "runtime.txt"))
    run(*install, "--no-deps", str(wheel))
    return folder / "env" / "bin"


@pytest.fixture
def served(installed: Path, tmp_path: Path) -> Iterator[str]:
    """The address of `broadsheet serve`, started in an empty folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {
        "PATH": os.defpath,
        "BROADSHEET_BASE_URL": url,
        "BROADSHEET_PORT": str(port),
    }  # nothing of the checkout
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [installed / "broadsheet", "serve"], cwd=tmp_path, env=environment, stdout=log, stderr=log
    )
    try:
        wait_for(f"{url}/readyz", process, tmp_path / "log")
        yield url
    finally:
        process.terminate()
        assert process.wait(20) in {0, -15}
        log.close()


def test_it_serves_pages_styles_and_a_migrated_database(served: str, tmp_path: Path) -> None:
    page = fetch(served + "/")
    style = page.split('rel="stylesheet" href="', 1)[1].split('"', 1)[0]
    assert fetch(style if style.startswith("http") else served + style).startswith(("@", "/*", ":root"))
    with closing(sqlite3.connect(tmp_path / "var" / "broadsheet.sqlite3")) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {"deliveries", "alembic_version"} <= tables


def test_it_runs_the_demo(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [installed / "broadsheet", "demo", "--once"],
        cwd=tmp_path,
        env={"PATH": os.defpath, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Accepted" in done.stdout


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        try:
            fetch(url)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own server
        return str(response.read().decode())
