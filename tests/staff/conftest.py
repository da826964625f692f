"""A newsroom's staff: an owner and an editor, whose passwords are hashed as cheaply as the library lets us."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pytest
from argon2 import PasswordHasher

from ground.database import Database
from staff import appoint, members, sign_ins
from staff.appoint import NewMember
from staff.members import Member, Role
from staff.passwords import Passwords
from staff.sign_ins import Browser

PASSWORD = "three words in a row"


class CountingHasher(PasswordHasher):
    """Argon2 at its cheapest, which notes how often it was put to work."""

    def __init__(self, time_cost: int = 1) -> None:
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.checks: list[tuple[int, int]] = []  # memory and time of each
        self.hashes = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's name
        costs = dict(part.split("=") for part in str(hash).split("$")[3].split(","))
        self.checks.append((int(costs["m"]), int(costs["t"])))
        return super().verify(hash, password)

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.hashes += 1
        return super().hash(password, salt=salt)


@dataclass
class Newsroom:
    database: Database
    now: datetime
    hasher: CountingHasher = field(default_factory=CountingHasher)
    tokens: int = 0

    def __post_init__(self) -> None:
        self.passwords = Passwords(self.hasher)
        self.owner = self.appoint("owner@news.example.org", Role.OWNER)
        self.editor = self.appoint("editor@news.example.org", Role.EDITOR)

    def appoint(self, address: str, role: Role, password: str | None = PASSWORD) -> Member:
        new = NewMember(address=address, address_key=address.casefold(), name=f"The {role}", role=role)
        with self.database.write() as session:
            made = appoint.appoint(session, new, by="command line", now=self.now)
            assert isinstance(made, Member)
            made.password_hash = self.passwords.hash(password) if password else None
            return made

    def browser(self) -> Browser:
        self.tokens += 1
        return Browser(token=f"token-{self.tokens}", user_agent="a browser")

    def sign_in(self, member: Member) -> str:
        """Sign a browser in; its token."""
        browser = self.browser()
        with self.database.write() as session:
            sign_ins.begin(session, member, browser, now=self.now)
        return browser.token

    def is_signed_in(self, token: str, now: datetime | None = None) -> bool:
        with self.database.read() as session:
            return sign_ins.find(session, token, now=now or self.now) is not None

    def member(self, member: Member) -> Member:
        with self.database.read() as session:
            found = members.by_id(session, member.id)
            assert found
            return found


@pytest.fixture
def newsroom(database: Database, now: datetime) -> Newsroom:
    return Newsroom(database, now)
