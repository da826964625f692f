"""Why somebody left: one question, which nobody has to answer, with answers to choose from."""

from __future__ import annotations

from ground.language import Texts
from subscribers.subscriptions import Because


def reasons(texts: Texts) -> dict[Because, str]:
    """Why somebody may have left, in their own words."""
    _ = texts.gettext
    return {
        Because.TOO_MANY: _("Too many emails"),
        Because.NOT_FOR_ME: _("It is not what I was looking for"),
        Because.ELSEWHERE: _("I read you elsewhere"),
        Because.NEVER_ASKED: _("I never asked for it"),
        Because.OTHER: _("Another reason"),
    }
