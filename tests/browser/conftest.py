"""A real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.live import Live, a_live_service


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. A machine without it leaves these tests out and says so; in CI that is an error."""
    path = shutil.which("chromium")
    if path is None:
        reason = "Chromium is missing (Debian: apt install chromium)"
        if os.environ.get("CI") == "true":  # noqa: TID251 - a test's own door
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as play:
        started = play.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with a_live_service(tmp_path_factory.mktemp("service")) as running:
        yield running
