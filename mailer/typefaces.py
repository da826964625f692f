"""Typefaces: the stacks that headlines and text of letters can be set in, by script.

All of them are on readers' own devices: Word falls to Times where a letter names a face of the web, and Gmail takes none.
Each Arabic stack begins with faces that have Sorani's letters (ڕ ڵ ێ ۆ ە گ چ پ ژ ڤ).
"""

from __future__ import annotations

from collections.abc import Mapping

from ground.language import Direction

LATIN: Mapping[str, str] = {
    "georgia": "Georgia,'Times New Roman',serif",
    "palatino": "'Palatino Linotype',Palatino,'Book Antiqua',Georgia,serif",
    "times": "'Times New Roman',Times,serif",
    "helvetica": "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif",
    "verdana": "Verdana,Geneva,'DejaVu Sans',sans-serif",
    "trebuchet": "'Trebuchet MS','Segoe UI',Tahoma,sans-serif",
}
ARABIC: Mapping[str, str] = {
    "system": "'Segoe UI','Geeza Pro','Noto Naskh Arabic','Noto Sans Arabic',Tahoma,Arial,sans-serif",
    "naskh": "'Noto Naskh Arabic','Geeza Pro','Times New Roman',Tahoma,serif",
    "tahoma": "Tahoma,'Segoe UI','Noto Sans Arabic','Geeza Pro',sans-serif",
}


def stack(latin: str, arabic: str, direction: Direction) -> str:
    """The stack of a letter that is written in this direction; the first of its script for a name that is none."""
    chosen, faces = (arabic, ARABIC) if direction == "rtl" else (latin, LATIN)
    return faces.get(chosen) or next(iter(faces.values()))
