"""What the local mailbox was told to do with an address.

refuse gone@example.net 550 5.1.1 No such user       at RCPT, as a server that knows its readers
defer slow@example.net 2 450 4.2.0 Come back later   the first two times, then it accepts
bounce late@example.net 5.1.1                         accepts, and reports it undeliverable afterwards
refuse @dead.example                                  everybody there
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailer import address

_REPLY = re.compile(r"[45]\d\d [ -~]{1,400}\Z")
_STATUS = re.compile(r"[45]\.\d{1,3}\.\d{1,3}\Z")


class Action(enum.StrEnum):
    REFUSE = "refuse"
    DEFER = "defer"
    BOUNCE = "bounce"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    action: Action
    address: str  # small letters; "@example.net" is everybody there
    reply: str = ""  # refuse, defer: what the server says
    status: str = ""  # bounce: the report's enhanced status
    times: int = 0  # defer: how often

    def __str__(self) -> str:
        told = {Action.REFUSE: self.reply, Action.DEFER: f"{self.times} {self.reply}", Action.BOUNCE: self.status}
        return f"{self.action} {self.address} {told[self.action]}"


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """Why a text is no rule, and what one looks like."""

    text: str


class Rules:
    """Rules by address. The last one told for an address stands."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules: dict[str, Rule] = {}
        self._deferred: dict[tuple[str, str], int] = {}
        for rule in rules:
            self.add(rule)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules.values())

    def add(self, rule: Rule) -> None:
        self.remove(rule.address)
        self._rules[rule.address] = rule

    def remove(self, told_for: str) -> None:
        """Forget the rule for an address; harmless where there is none."""
        self._rules.pop(told_for.casefold(), None)
        self._deferred = {key: count for key, count in self._deferred.items() if key[0] != told_for.casefold()}

    def rule_for(self, recipient: str) -> Rule | None:
        name = recipient.casefold()
        return self._rules.get(name) or self._rules.get("@" + name.rpartition("@")[2])

    def refusal(self, recipient: str) -> str | None:
        """What RCPT answers instead of 250; None when the mail is taken. A deferral is counted down."""
        rule = self.rule_for(recipient)
        if rule is None or rule.action is Action.BOUNCE:
            return None
        if rule.action is Action.REFUSE:
            return rule.reply
        key = (rule.address, recipient.casefold())
        self._deferred[key] = self._deferred.get(key, 0) + 1
        return rule.reply if self._deferred[key] <= rule.times else None

    def report_status(self, recipient: str) -> str | None:
        """The status with which a taken mail is reported undeliverable; None when it is delivered."""
        rule = self.rule_for(recipient)
        return rule.status if rule is not None and rule.action is Action.BOUNCE else None


def parse(text: str) -> Rule | RuleProblem:
    """Read one rule as it is written above; what is left out has the usual answer."""
    verb, _, rest = " ".join(text.split()).partition(" ")
    if verb not in set(Action):
        return RuleProblem(f"{verb or 'nothing'!r} is no rule: begin with refuse, defer or bounce.")
    told_for, _, answer = rest.partition(" ")
    name = _told_for(told_for)
    if name is None:
        return RuleProblem(
            f"{told_for!r} is no address: write reader@example.net, or @example.net for everybody there."
        )
    return _PARSERS[Action(verb)](name, answer)


def _told_for(text: str) -> str | None:
    probe = f"anybody{text}" if text.startswith("@") else text
    found = address.parse(probe)
    if isinstance(found, address.BadAddress):
        return None
    return f"@{found.domain}" if text.startswith("@") else found.key


def _refuse(name: str, answer: str) -> Rule | RuleProblem:
    reply = answer or "550 5.1.1 No such user"
    if not _REPLY.match(reply):
        return RuleProblem(f"{reply!r} is no refusal: write a reply such as 550 5.1.1 No such user.")
    return Rule(action=Action.REFUSE, address=name, reply=reply)


def _defer(name: str, answer: str) -> Rule | RuleProblem:
    times, _, reply = (answer or "1").partition(" ")
    reply = reply or "450 4.2.0 Come back later"
    if not times.isdecimal() or not 1 <= int(times) <= 1000:
        return RuleProblem(f"{times!r} is no number of times: write one from 1 to 1000 after the address.")
    if not _REPLY.match(reply) or not reply.startswith("4"):
        return RuleProblem(f"{reply!r} is no deferral: write a reply such as 450 4.2.0 Come back later.")
    return Rule(action=Action.DEFER, address=name, times=int(times), reply=reply)


def _bounce(name: str, answer: str) -> Rule | RuleProblem:
    status = answer or "5.1.1"
    if not _STATUS.match(status):
        return RuleProblem(f"{status!r} is no status: write one such as 5.1.1.")
    return Rule(action=Action.BOUNCE, address=name, status=status)


_PARSERS = {Action.REFUSE: _refuse, Action.DEFER: _defer, Action.BOUNCE: _bounce}
