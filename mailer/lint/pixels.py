"""What a picture's own pixels say (K03): dark marks on nothing are gone where a program turns the page dark.

Needs Pillow (the extra `images`). Only PNG is opened, and only so many pixels: it is a stranger's file.
"""

from __future__ import annotations

import importlib.util
import io

_MOST_PIXELS = 2_000_000
_DARK = 60  # of 255: the luminance under which a mark is lost on a dark page
_CLEAR = 16  # of 255: what is less opaque is not seen


def can_look() -> bool:
    return importlib.util.find_spec("PIL") is not None


def is_lost_by_night(body: bytes) -> bool:
    """Whether a PNG is dark and stands on nothing: its edge is clear, and what is seen of it is nearly black."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(body), formats=["PNG"]) as opened:
            if opened.width * opened.height > _MOST_PIXELS or not opened.has_transparency_data:
                return False
            picture = opened.convert("LA")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        return False  # no PNG, or a broken one: of that, I04 tells
    return _has_a_clear_edge(picture.getchannel("A").tobytes(), picture.width) and _is_dark(picture.tobytes())


def _has_a_clear_edge(alpha: bytes, width: int) -> bool:
    """Whether most of its outermost pixels are clear."""
    edge = alpha[:width] + alpha[-width:] + alpha[::width] + alpha[width - 1 :: width]
    return sum(each < _CLEAR for each in edge) > len(edge) * 0.6


def _is_dark(pixels: bytes) -> bool:
    """Whether what is seen of it is dark; pairs of luminance and opacity."""
    seen = [light for light, opacity in zip(pixels[::2], pixels[1::2], strict=True) if opacity > 127]
    return bool(seen) and sum(light < _DARK for light in seen) > len(seen) * 0.8
