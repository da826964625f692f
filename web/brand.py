"""A newsroom's brand colour as the accent of its readers' pages, as far as it can be read.

On light paper the colour is taken as it is, or not at all; on dark paper it is lightened until it can be read. 4.5:1 is
WCAG 2.2 1.4.3 (AA).
"""

from __future__ import annotations

import colorsys
import re

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")
_LIGHT, _DARK = ("#fbfaf7", "#ffffff"), ("#12181d", "#1a2229")  # paper and raised, as in broadsheet.css
_DARK_INK = "#0d1a21"
_ENOUGH = 4.5


def stylesheet(brand: str) -> str:
    """The tokens that differ from Broadsheet's own; empty for a colour that is none or cannot be read on light paper."""
    if not _COLOUR.match(brand) or not _is_readable(brand, _LIGHT):
        return ""
    lightened = _lightened(brand)
    return (
        f"@layer tokens {{\n  :root {{ --accent: {brand.lower()}; --on-accent: #ffffff; }}\n"
        f"  @media (prefers-color-scheme: dark) {{ :root {{ --accent: {lightened}; --on-accent: {_DARK_INK}; }} }}\n}}\n"
    )


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours `#rrggbb`, 1 to 21 (WCAG 2.2)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _is_readable(colour: str, grounds: tuple[str, str]) -> bool:
    return all(contrast(colour, ground) >= _ENOUGH for ground in grounds)


def _lightened(colour: str) -> str:
    """The same hue and saturation, only lighter: mixed with white a red would turn to dust."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in _channels(colour)))
    for step in range(101):
        lighter = lightness + (1 - lightness) * step / 100
        channels = colorsys.hls_to_rgb(hue, lighter, saturation)
        tried = "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)
        if _is_readable(tried, _DARK) and contrast(tried, _DARK_INK) >= _ENOUGH:
            return tried
    return "#ffffff"


def _channels(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def _luminance(colour: str) -> float:
    shares = [channel / 255 for channel in _channels(colour)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
