"""Pictures of a received mail: 600 and 360 px, light and dark.

    python tools/pictures.py var/demo/mailbox/31.eml docs/pictures/digest

Images of the sample newsroom are read from the package, so that the demo need not run.
"""

from __future__ import annotations

import email
import email.policy
import re
import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Route, sync_playwright

IMAGES = Path(__file__).parent.parent / "broadsheet" / "demo" / "sample" / "images"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main(mail: Path, prefix: Path) -> None:
    message = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)
    part = message.get_body(("html",))
    assert part is not None, f"{mail} has no HTML part"
    html = part.get_content()
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-background-networking"]
        )
        for scheme in SCHEMES:
            for width in (600, 360):
                page = browser.new_page(
                    viewport={"width": width, "height": 800}, color_scheme=scheme, device_scale_factor=2
                )
                page.route("**/*", answer)
                page.set_content(html, wait_until="networkidle")
                page.screenshot(path=f"{prefix}-{width}-{scheme}.png", full_page=True)
                print(f"{prefix}-{width}-{scheme}.png")
                page.close()
        browser.close()


def answer(route: Route) -> None:
    name = re.sub(r"-\d+x\d+(?=\.)", "", Path(route.request.url.split("?")[0]).name)
    image = IMAGES / name
    if image.is_file():
        route.fulfill(path=image)
    else:
        route.abort()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
