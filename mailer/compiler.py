"""What a letter is compiled from."""

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
    template: str
    language: str
    kind: Kind
    sender: Sender
    context: Mapping[str, Any]

    def digest(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
