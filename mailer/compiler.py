"""What there is to compile: a letter's template, language, sender and content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mailer.letters import Kind
from mailer.sender import Sender


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterJob:
    """A letter to compile. `context` is what JSON can hold; it is the template's data."""

    template: str
    language: str
    kind: Kind
    sender: Sender
    context: Mapping[str, Any]
    for_web: bool = False  # the public version: no reader's link is in it

    def digest(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, default=dict).encode()).hexdigest()
