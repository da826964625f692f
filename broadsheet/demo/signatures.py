"""The demo's mail is signed like a newsroom's: with keys of its own, made at the start. (Its domain has no DNS to show them.)"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from broadsheet import rotation
from broadsheet.demo.setting import SENDER_ADDRESS
from broadsheet.dkim_keys import KeyFolder
from broadsheet.mailbox.store import StoredMessage


def make_keys(folder: KeyFolder, *, now: datetime) -> None:
    """An RSA and an Ed25519 key for the sender's domain, which sign from now on."""
    domain = SENDER_ADDRESS.partition("@")[2]
    for done in (rotation.new_pair(folder, domain, now=now), rotation.rotate(folder, domain, found=(), now=now)):
        assert not isinstance(done, rotation.Refused), done.words


def signed_by_both(mails: Iterable[StoredMessage]) -> int:
    """How many of these mails carry both signatures."""
    return sum(_has_both(mail.raw().partition(b"\r\n\r\n")[0]) for mail in mails)


def _has_both(head: bytes) -> bool:
    return all(b"DKIM-Signature: v=1; a=%s;" % algorithm in head for algorithm in (b"rsa-sha256", b"ed25519-sha256"))
