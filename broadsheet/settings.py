"""Settings: environment `BROADSHEET_*` over a TOML file over defaults; `BROADSHEET_X_FILE` reads a secret from a file.

An unknown key in the file is refused, so that a typing error is found at the start and not on the day it matters.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from broadsheet import proxies, relays
from broadsheet.caps import Pacing
from broadsheet.cores import WORKERS
from broadsheet.durations import Duration
from broadsheet.relays import Smtp

PREFIX = "BROADSHEET_"
NESTED = "__"

_BASE_URL = re.compile(r"https?://(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?/?")
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*")


class ConfigurationError(Exception):
    """Settings that cannot be used; the text says which, why, and what to write instead."""


class Settings(BaseSettings):
    """All that an operator can set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=NESTED, extra="forbid", frozen=True, validate_default=True
    )

    data_dir: Path = Field(default=Path("var"), description="database, keys, mailbox and bounces, where they are ours")
    database_url: str = Field(
        default="",
        repr=False,
        description="empty: SQLite in data_dir; or postgresql+psycopg://... (may hold a password)",
    )
    engine: Literal["local", "procrastinate"] = Field(
        default="local", description="local: this process works alone; procrastinate: several share one PostgreSQL"
    )
    keys_file: Path | None = Field(default=None, description="the key ring; made on first run in data_dir; back it up")
    base_url: str = Field(
        default="", description="what readers type; the only host that is answered; empty: this machine, at port"
    )
    host: str = Field(default="127.0.0.1", description="the address the web server binds")
    port: int = Field(default=8000, ge=0, le=65535)
    mail_domain: str = Field(default="", description="domain of Message-IDs; empty: the host of base_url")
    bounce_domain: str = Field(default="", description="domain of the return path; empty: bounces.<mail_domain>")
    bounces_maildir: Path | None = Field(
        default=None, description="where bounces are delivered; empty: data_dir/bounces"
    )
    helo: str = Field(default="", description="the name this machine gives relays; empty: mail_domain")
    smtp: Smtp = Smtp()
    routes: Annotated[dict[str, Smtp], AfterValidator(relays.checked)] = Field(
        default={}, description="several ways out, instead of smtp"
    )
    pacing: Pacing = Pacing()
    fetch_allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="host:port pairs that may be fetched although they are private; comma-separated"
    )
    fetch_every: Duration = Field(default=timedelta(minutes=5), description="how often we look for feeds that are due")
    lead_images: Literal["link", "own"] = Field(
        default="link", description="letters show images from their source, or from copies of our own (needs Pillow)"
    )
    templates_dir: Path | None = Field(default=None, description="a folder with letter templates of your own")
    in_doubt_grace: Duration = Field(
        default=timedelta(minutes=15), description="how long evidence is awaited for a mail whose outcome is unknown"
    )
    freeze_ahead: Duration = Field(
        default=timedelta(minutes=10),
        description="how long before its time an issue is frozen, so that its mails are signed by then; where we sign",
    )
    signing_processes: int = Field(
        default=WORKERS, ge=1, description="processes that sign mail; one for each core, four at most"
    )
    undo_for: Duration = Field(
        default=timedelta(minutes=5),
        description="how long an issue that is sent now waits, so that it can be taken back",
    )
    bounces_every: Duration = Field(default=timedelta(minutes=1), description="how often the bounce maildir is read")
    form_min_age: Duration = Field(
        default=timedelta(seconds=2), description="a sign-up form sent faster than this is a robot's"
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description="what a scraper of /metrics shows as its bearer token; empty: only this machine may ask",
    )
    archive_indexed: bool = Field(default=True, description="whether search engines may list past issues")
    sign_ups_per_address: int = Field(default=5, ge=1, description="forms for one inbox in a day; more are ignored")
    sign_ups_per_network: int = Field(default=60, ge=1, description="forms from one network in an hour; more are told")
    sign_ups_in_all: int = Field(default=2000, ge=1, description="forms in an hour, from anywhere; more are told")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode, AfterValidator(proxies.checked)] = Field(
        default=("127.0.0.1", "::1"),
        description="whose X-Forwarded-For is believed: addresses or networks, comma-separated; empty: nobody's",
    )
    sign_in_idle: Duration = Field(
        default=timedelta(hours=24), description="staff sign in again after so long without opening a page"
    )
    sign_in_longest: Duration = Field(
        default=timedelta(days=14), description="staff sign in again after so long, however busy"
    )
    mailbox_host: str = Field(default="127.0.0.1", description="the developer's mailbox (serve --dev, inbox, demo)")
    mailbox_port: int = Field(default=1025, ge=0, le=65534, description="its page is on the next one")
    log_format: Literal["console", "json"] = "console"

    @field_validator("fetch_allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("base_url")
    @classmethod
    def _plain_base_url(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            sound = bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port or an IPv6 address that is none
            sound = False
        if value and not (sound and _BASE_URL.fullmatch(value)):
            raise ValueError("write scheme and host only, like https://news.example.org")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        # The value is not told: it may hold a password.
        if value and not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("begin with sqlite:/// or postgresql+psycopg://")
        try:
            if value:
                make_url(value)
        except (ArgumentError, ValueError):
            raise ValueError("write it like postgresql+psycopg://user:password@host:5432/name") from None
        return value

    @field_validator("mail_domain", "bounce_domain", "helo")
    @classmethod
    def _plain_domain(cls, value: str) -> str:
        if value and not _DOMAIN.fullmatch(value):
            raise ValueError("write a domain only, like news.example.org")
        return value.lower()

    @field_validator("fetch_allowed_hosts")
    @classmethod
    def _with_ports(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [pair for pair in value if not re.fullmatch(r"\S+:\d{1,5}", pair)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} names no port: write host:port, like 10.0.0.5:8080")
        return value

    @field_validator("fetch_every", "bounces_every", "sign_in_idle", "sign_in_longest")
    @classmethod
    def _longer_than_nothing(cls, value: timedelta) -> timedelta:
        if value < timedelta(seconds=1):
            raise ValueError("must be a second or longer")
        return value

    @field_validator("in_doubt_grace", "form_min_age", "undo_for")
    @classmethod
    def _not_negative(cls, value: timedelta) -> timedelta:
        if value < timedelta(0):
            raise ValueError("must not be negative")
        return value

    @model_validator(mode="after")
    def _one_form_of_routes(self) -> Self:
        if self.routes and "smtp" in self.model_fields_set:
            raise ValueError(
                "both smtp and routes are set, and mail would leave by the routes only: "
                "make a route of smtp, or remove one of them"
            )
        return self

    @property
    def ways(self) -> dict[str, Smtp]:
        """All routes by their names, however they were written."""
        return self.routes or {"smtp": self.smtp}

    @model_validator(mode="after")
    def _fill_in(self) -> Self:
        derived: dict[str, Any] = {}
        derived["base_url"] = self.base_url or f"http://127.0.0.1:{self.port}"
        host = urlsplit(derived["base_url"]).hostname or ""
        domain = self.mail_domain or (host if not _is_ip(host) else "broadsheet.example")
        derived["mail_domain"] = domain
        derived["helo"] = self.helo or domain
        derived["bounce_domain"] = self.bounce_domain or f"bounces.{domain}"
        derived["database_url"] = self.database_url or f"sqlite:///{self.data_dir / 'broadsheet.sqlite3'}"
        derived["keys_file"] = self.keys_file or self.data_dir / "keys.json"
        derived["bounces_maildir"] = self.bounces_maildir or self.data_dir / "bounces"
        for name, value in derived.items():
            object.__setattr__(self, name, value)  # the model is frozen for everybody else
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del env_settings, dotenv_settings, file_secret_settings
        sources: list[PydanticBaseSettingsSource] = [init_settings, Environment(settings_cls)]
        path = config_path()
        if path is not None:
            sources.append(TomlConfigSettingsSource(settings_cls, path))
        return tuple(sources)


class Environment(EnvSettingsSource):
    """The environment, where `BROADSHEET_SMTP__PASSWORD_FILE=/run/secrets/smtp` stands for the file's content."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        values = dict(super()._load_env_vars())
        for name, path in list(values.items()):
            if path and _names_a_secret_file(name):
                del values[name]
                try:
                    secret = relays.secret(name.upper(), Path(path))
                except ValueError as problem:
                    raise ConfigurationError(f"{problem}.") from None
                values.setdefault(name.removesuffix("_file"), secret)
        return values


def _names_a_secret_file(name: str) -> bool:
    return name.startswith(PREFIX.lower()) and name.endswith("_file") and name != f"{PREFIX.lower()}keys_file"


def config_path() -> Path | None:
    """The TOML file: BROADSHEET_CONFIG, else `broadsheet.toml` in the working directory, else none."""
    given = os.environ.get(f"{PREFIX}CONFIG")  # noqa: TID251 - this is the door of settings
    if given:
        return Path(given)
    default = Path("broadsheet.toml")
    return default if default.is_file() else None


def load(**over: Any) -> Settings:  # noqa: ANN401 - what a command line may set
    """Read the settings. Raises ConfigurationError in words an operator can act on."""
    path = config_path()
    if path is not None and not path.is_file():
        raise ConfigurationError(f"BROADSHEET_CONFIG names {path}, and there is no such file. Correct it or unset it.")
    try:
        return Settings(**over)
    except ValidationError as problem:
        lines = [f"  {'.'.join(map(str, error['loc']))}: {error['msg']}" for error in problem.errors()]
        source = " or ".join(filter(None, ("the command line" if over else "", "the environment", str(path or ""))))
        text = "\n".join(lines)
        raise ConfigurationError(
            f"These settings from {source} cannot be used:\n{text}\nCorrect them and start again."
        ) from None
    except OSError as problem:
        raise ConfigurationError(
            f"A settings file cannot be read: {problem}. Correct its name or its permissions."
        ) from None
    except SettingsError as problem:  # BROADSHEET_SMTP=x, where BROADSHEET_SMTP__HOST was meant
        raise ConfigurationError(
            f"The environment cannot be read: {problem}. A group's settings have two underscores: {PREFIX}SMTP__HOST."
        ) from None
    except ValueError as problem:
        raise ConfigurationError(f"{path} is not valid TOML: {problem}. Correct it and start again.") from None


def _is_ip(host: str) -> bool:
    return host.replace(".", "").isdigit() or ":" in host or host == "localhost"
