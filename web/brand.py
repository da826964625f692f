"""A newsroom's brand colour as the accent of its readers' pages, as far as it can be read.

On light paper the colour is taken as it is, or not at all; on dark paper it is lightened until it can be read, unless the
newsroom chose one for it.
"""

from __future__ import annotations

from mailer import colour
from mailer.sender import Theme

_LIGHT, _DARK = ("#fbfaf7", "#ffffff"), ("#12181d", "#1a2229")  # paper and raised, as in broadsheet.css
_DARK_INK = "#0d1a21"


def stylesheet(theme: Theme) -> str:
    """The tokens that differ from Broadsheet's own; empty for a colour that is none or cannot be read on light paper."""
    if not colour.is_colour(theme.brand) or not colour.is_readable(theme.brand, _LIGHT):
        return ""
    in_the_dark = theme.brand_dark or theme.brand
    lightened = colour.lighter(in_the_dark, (*_DARK, _DARK_INK))
    return (
        f"@layer tokens {{\n  :root {{ --accent: {theme.brand.lower()}; --on-accent: #ffffff; }}\n"
        f"  @media (prefers-color-scheme: dark) {{ :root {{ --accent: {lightened}; --on-accent: {_DARK_INK}; }} }}\n}}\n"
    )
