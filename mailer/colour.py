"""A colour as `#rrggbb`: how well it can be read, and the nearest shade that can.

The measure is WCAG 2.2's contrast ratio, 1 to 21; text needs 4.5 (1.4.3, level AA). A shade keeps hue and saturation and
is only lighter or darker: mixed with white, a red would turn to dust.
"""

from __future__ import annotations

import colorsys
import math
import re
from collections.abc import Callable, Sequence

ENOUGH = 4.5
#: What letters are printed on, in the light and in the dark (templates/email/_style.css and _media.css).
PAPER = ("#fbfaf7",)
DARK_PAPER = ("#12181d", "#1a2229")  # and what is raised from it

_FORM = re.compile(r"#[0-9a-fA-F]{6}\Z")
_STEPS = 200


def is_colour(text: str) -> bool:
    return _FORM.match(text) is not None


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def is_readable(colour: str, grounds: Sequence[str]) -> bool:
    return all(contrast(colour, ground) >= ENOUGH for ground in grounds)


def lighter(colour: str, grounds: Sequence[str]) -> str:
    """The nearest lighter shade that can be read on each of these grounds; white where none can."""
    return _nearest(colour, 1.0, grounds) or "#ffffff"


def darker(colour: str, grounds: Sequence[str]) -> str:
    """The nearest darker shade that can be read on each of these grounds; black where none can."""
    return _nearest(colour, 0.0, grounds) or "#000000"


def unreadable_by_day(typed: str) -> str | None:
    """Why letters on light paper cannot have this as their brand colour, and the nearest shade; None for a good one."""
    return _objection(typed, PAPER, "light paper", darker)


def unreadable_by_night(typed: str) -> str | None:
    """The same on dark paper."""
    return _objection(typed, DARK_PAPER, "dark paper", lighter)


def _objection(
    typed: str, grounds: Sequence[str], paper: str, nearest: Callable[[str, Sequence[str]], str]
) -> str | None:
    if not is_colour(typed):
        return f"“{typed[:40]}” is no colour. Write it as # and six digits, as #0b4f6c."
    if is_readable(typed, grounds):
        return None
    # Rounded down: 4.496 must not be told as the 4.5 that it lacks.
    measured = math.floor(10 * min(contrast(typed, ground) for ground in grounds)) / 10
    return (
        f"{typed} has a contrast of {measured}:1 on {paper} and needs {ENOUGH}:1, so it cannot be read there. "
        f"The nearest shade that can is {nearest(typed, grounds)}."
    )


def _nearest(colour: str, end: float, grounds: Sequence[str]) -> str | None:
    hue, lightness, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in _channels(colour)))
    for step in range(_STEPS + 1):
        shade = colorsys.hls_to_rgb(hue, lightness + (end - lightness) * step / _STEPS, saturation)
        tried = "#" + "".join(f"{round(channel * 255):02x}" for channel in shade)
        if is_readable(tried, grounds):
            return tried
    return None


def _channels(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def _luminance(colour: str) -> float:
    shares = [channel / 255 for channel in _channels(colour)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
