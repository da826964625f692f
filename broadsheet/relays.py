"""Relays as an operator writes them: one route `[smtp]`, or several `[routes.NAME]`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from mailer.transports.relay import Correlation

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class Smtp(BaseModel):
    """A route that mail leaves by: `[smtp]`, or one of `[routes.NAME]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=25, ge=1, le=65535)
    #: `starttls` and `implicit` are required, not tried: a server that does not offer it gets no mail.
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    trusted_ca: Path | None = Field(default=None, description="a private authority's certificates; empty: the system's")
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = Field(default=None, description="where `password` is read, if it is not given itself")
    connections: int = Field(default=10, ge=1, le=200)
    tx_connections: int = Field(
        default=2, ge=1, le=20, description="kept apart, so that a digest never delays a confirmation"
    )
    messages_per_connection: int = Field(default=100, ge=1)
    pipelining: bool = Field(
        default=True, description="where the server offers it and it works; false: one command at a time, always"
    )
    chunking: bool = Field(default=True, description="the same, for messages sent ahead of the replies")
    weight: int = Field(default=1, ge=1, le=1000, description="its share of the mail, beside the other routes' weights")
    lanes: Annotated[tuple[Literal["bulk", "tx"], ...], NoDecode] = Field(default=("bulk", "tx"), min_length=1)
    signs: Literal["ours", "relay"] = Field(default="ours", description="whose DKIM signature the mail carries")
    keeps_message_id: bool = Field(default=True, description="false: the relay writes one of its own")
    keeps_date: bool = True
    keeps_return_path: bool = True
    correlation: Correlation | None = Field(
        default=None, description="the header whose content the relay repeats in its hooks"
    )

    @field_validator("lanes", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _read_password(self) -> Self:
        if self.password is None and self.password_file is not None:
            password = SecretStr(secret("password_file", self.password_file))
            object.__setattr__(self, "password", password)  # the model is frozen for everybody else
        return self


def checked(routes: dict[str, Smtp]) -> dict[str, Smtp]:
    """The routes, if each has a name and each lane has a way out. Raises ValueError."""
    for name in routes:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a route: use up to 32 of a-z, 0-9, - and _")
    for lane in ("bulk", "tx"):
        if routes and not any(lane in route.lanes for route in routes.values()):
            raise ValueError(f'no route carries the lane "{lane}": add it to the lanes of one of them')
    return routes


def secret(setting: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError(f"{setting} names {path}, and that is no text file") from None
    except OSError as problem:
        raise ValueError(f"{setting} names {path}, which cannot be read: {problem.strerror}") from None
