"""The settings of a town, for whoever works in it: a worker that sends loads nothing else of what made it."""

from __future__ import annotations

from pathlib import Path

from broadsheet.relays import Smtp
from broadsheet.settings import Settings

DOMAIN = "zagroscourier.example"


def settings(folder: Path, url: str, *, port: int, connections: int, signs: str) -> Settings:
    """As an operator would write them for a relay on this machine."""
    smtp = Smtp(host="127.0.0.1", port=port, tls="none", connections=connections, messages_per_connection=10**9)
    return Settings(
        data_dir=folder,
        database_url=url,
        base_url=f"https://news.{DOMAIN}",
        mail_domain=DOMAIN,
        smtp=smtp.model_copy(update={"signs": signs}),
    )
