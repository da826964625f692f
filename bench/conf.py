"""The settings of a town, for whoever works in it by orders: a worker that sends loads nothing else of what made it."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog

from broadsheet.cores import WORKERS
from broadsheet.relays import Smtp
from broadsheet.settings import Settings

DOMAIN = "zagroscourier.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    folder: str
    url: str
    port: int
    connections: int = 10
    signs: str = "relay"  # ours: signed while sending
    signing_processes: int = WORKERS


def settings(
    folder: Path, url: str, *, port: int, connections: int, signs: str, signing_processes: int = WORKERS
) -> Settings:
    """As an operator would write them for a relay on this machine."""
    smtp = Smtp(host="127.0.0.1", port=port, tls="none", connections=connections, messages_per_connection=10**9)
    return Settings(
        data_dir=folder,
        database_url=url,
        base_url=f"https://news.{DOMAIN}",
        mail_domain=DOMAIN,
        smtp=smtp.model_copy(update={"signs": signs}),
        signing_processes=signing_processes,
    )


def ordered() -> Settings:
    """What the orders on standard input come to; a program that works by orders says nothing below an error."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    orders = Orders(**json.load(sys.stdin))
    return settings(
        Path(orders.folder),
        orders.url,
        port=orders.port,
        connections=orders.connections,
        signs=orders.signs,
        signing_processes=orders.signing_processes,
    )
