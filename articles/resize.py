"""Resizing: a stranger's picture becomes one that a letter can carry. Run in a child process: decoders have had holes.

Size and pixels are judged before anything is decoded. What comes out is a new file: no metadata, no place where the picture
was taken, nothing of the file that came.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

#: Twice the width of a letter, for screens with small pixels.
WIDTH = 1200
SMALLEST = 300
_MOST_PIXELS = 40_000_000
_LARGEST = 300 * 1024  # bytes of what comes out
_QUALITIES = (82, 72, 60, 45)
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resized:
    body: bytes
    suffix: str  # jpg or png
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """How wide what comes out is at most, and what came must be at least."""

    width: int = WIDTH
    smallest: int = SMALLEST


@dataclass(frozen=True, slots=True)
class Unusable:
    """The picture cannot go into a letter, and why."""

    reason: str


def resize(body: bytes, frame: Frame = Frame()) -> Resized | Unusable:
    """The picture, at most as wide as its frame and 300 KB."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # ours is lower, and asked before anything is decoded
    try:
        with Image.open(io.BytesIO(body), formats=_FORMATS) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                return Unusable(f"It has {opened.width} × {opened.height} pixels, more than is decoded.")
            if opened.width < frame.smallest:
                return Unusable(f"It is only {opened.width} pixels wide.")
            opened.draft("RGB", (frame.width, frame.width * 4))  # a JPEG is decoded no larger than it is needed
            picture = ImageOps.exif_transpose(opened)
    except UnidentifiedImageError:
        return Unusable("It is no JPEG, PNG, WebP or GIF.")
    except (OSError, SyntaxError, ValueError, EOFError):
        return Unusable("It is broken.")
    if picture.width > frame.width:
        picture = picture.resize((frame.width, max(1, round(picture.height * frame.width / picture.width))))
    return _written(picture)


def _written(picture: object) -> Resized | Unusable:
    from PIL import Image

    assert isinstance(picture, Image.Image)
    if picture.mode in {"P", "LA", "PA", "RGBA", "La", "RGBa"} or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        if clear.getchannel("A").getextrema() != (255, 255):  # it is really transparent somewhere
            made = _saved(clear, "PNG", optimize=True)
            if len(made) <= _LARGEST:
                return Resized(body=made, suffix="png", width=clear.width, height=clear.height)
            clear = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
        picture = clear
    plain = picture.convert("RGB")
    for quality in _QUALITIES:
        made = _saved(plain, "JPEG", quality=quality, optimize=True, progressive=True)
        if len(made) <= _LARGEST:
            return Resized(body=made, suffix="jpg", width=plain.width, height=plain.height)
    return Unusable(f"It could not be made smaller than {_LARGEST // 1024} KB.")


def _saved(picture: object, form: str, **options: object) -> bytes:
    from PIL import Image

    assert isinstance(picture, Image.Image)
    held = io.BytesIO()
    picture.info = {}
    picture.save(held, form, **options)
    return held.getvalue()
