"""Rules about the faces that letters are set in (R06).

Which faces a reader's device has, only the device knows. What is known is which of the common ones have no Arabic letter
at all: set in such a one, a text falls to whatever comes next, in another size and weight on every device.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.lint.bidi import says
from mailer.lint.finding import Severity, Spot
from mailer.lint.mail import Mail
from mailer.lint.page import Node

#: Faces of the Latin script (some of the Greek and Cyrillic, too), by their makers' character sets.
WITHOUT_ARABIC = frozenset(
    {"georgia", "verdana", "trebuchet ms", "palatino", "palatino linotype", "book antiqua", "garamond", "baskerville"}
    | {"roboto", "open sans", "lato", "montserrat", "inter", "source sans pro", "source serif pro", "merriweather"}
    | {"comic sans ms", "impact", "lucida sans unicode", "cambria", "candara", "avenir"}
)
_ARABIC = re.compile("[\u0620-\u064a\u066e-\u06d3\u06d5\u06fa-\u06ff\u0750-\u077f]")


def first_face_has_the_letters(mail: Mail) -> Iterator[Spot]:
    """R06. In the letter's own language it is a fault; of a foreign name in it, worth knowing."""
    page = mail.page
    told: set[tuple[str, bool]] = set()
    for node in page.seen if page else ():
        face = _first_face(node)
        if page is None or face not in WITHOUT_ARABIC or len(_ARABIC.findall(node.own)) < 3:
            continue
        is_own = says(page.lang) == "rtl"
        if (face, is_own) not in told:
            told.add((face, is_own))
            yield Spot(
                f"Arabic letters are set in {face.title()}, which has none.",
                node.where,
                None if is_own else Severity.NOTE,
            )


def _first_face(node: Node) -> str:
    return node.inherited.get("font-family", "").split(",")[0].strip(" \"'").lower()
