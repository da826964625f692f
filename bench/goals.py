"""The goals: each a ratio of figures measured in one run, what is required of it and what is aimed at."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


class Verdict(enum.StrEnum):
    AIM = "aim reached"
    PASS = "pass"  # noqa: S105 - a word
    SHORT = "SHORT"
    NOT_RUN = "not run"


#: A measurement's name -> its rounds.
Rounds = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """`over / under`, medians of the rounds; with `under` None a figure by itself. `at_most`: smaller is better."""

    number: str
    words: str
    over: str
    under: str | None
    required: float
    aim: float
    at_most: bool = False
    unit: str = "x"

    def measured(self, rounds: Rounds) -> float | None:
        """The ratio; None where one of the two was not run."""
        if not rounds.get(self.over) or (self.under is not None and not rounds.get(self.under)):
            return None
        return median(rounds[self.over]) / (1 if self.under is None else median(rounds[self.under]))

    def verdict(self, rounds: Rounds) -> Verdict:
        found = self.measured(rounds)
        if found is None:
            return Verdict.NOT_RUN
        reached = [found <= bound if self.at_most else found >= bound for bound in (self.aim, self.required)]
        return Verdict.AIM if reached[0] else Verdict.PASS if reached[1] else Verdict.SHORT


def _goal(
    number: str,
    words: str,
    over: str,
    under: str | None,
    required: float,
    aim: float,
    *,
    at_most: bool = False,
    unit: str = "x",
) -> Goal:
    return Goal(
        number=number,
        words=words,
        over=over,
        under=under,
        required=required,
        aim=aim,
        at_most=at_most,
        unit=unit,
    )


GOALS: Sequence[Goal] = (
    _goal(
        "G1a",
        "signed ahead, SQLite ledger, against smtp-source, on smtp-sink",
        "ours, smtp-sink",
        "smtp-source, smtp-sink",
        0.95,
        1.05,
    ),
    _goal("G1b", "the same on the epoll sink", "ours, signed ahead", "smtp-source", 1.0, 1.5),
    _goal(
        "G2",
        "processor time a message, as a share of aiosmtplib's sendmail",
        "ours, us a message",
        "aiosmtplib, us a message",
        1 / 8,
        1 / 12,
        at_most=True,
    ),
    _goal(
        "G3a",
        "RSA-2048 while sending, one process signs, against openssl speed",
        "ours, one signs",
        "openssl rsa2048",
        0.70,
        0.77,
    ),
    _goal("G3b", "two processes sign, against one", "ours, two sign", "ours, one signs", 1.7, 1.85),
    _goal("G4", "signed ahead, against unsigned", "ours, signed ahead", "ours", 0.93, 0.98),
    _goal("G5a", "against nodemailer pooled, unsigned", "ours", "nodemailer", 27, 35),
    _goal(
        "G5b",
        "signed ahead, against nodemailer pooled with its DKIM",
        "ours, signed ahead",
        "nodemailer, dkim",
        75,
        100,
    ),
    _goal("G6a", "against Django's send_messages", "ours", "django", 52, 100),
    _goal("G6b", "against premailer for each reader", "ours", "premailer", 1_700, 2_500),
    _goal(
        "G7a",
        "20 ms round trip, PIPELINING, against aiosmtplib",
        "ours, 20 ms, pipelining",
        "aiosmtplib, 20 ms",
        3.8,
        4,
    ),
    _goal(
        "G7b", "20 ms round trip, CHUNKING, against aiosmtplib", "ours, 20 ms, chunking", "aiosmtplib, 20 ms", 25, 32
    ),
    _goal("G8a", "memory of a sending worker, MB", "ours, MB", None, 96, 72, at_most=True, unit="MB"),
    _goal(
        "G8b",
        "the same at --many recipients (100,000) against 10,000",
        "ours, MB, many",
        "ours, MB, few",
        1.05,
        1.02,
        at_most=True,
    ),
    _goal(
        "G9a",
        "freeze on PostgreSQL, against a raw COPY of the same rows",
        "freeze, s",
        "raw COPY, s",
        2.5,
        1.5,
        at_most=True,
    ),
    _goal("G9b", "from the slot to the first message, s", "first message, s", None, 1, 0.3, at_most=True, unit="s"),
    _goal("G10a", "with the ledger on SQLite, against no ledger at all", "ours", "ours, no ledger", 0.75, 0.9),
    _goal("G10b", "with the ledger on PostgreSQL, against none", "ours, PostgreSQL", "ours, no ledger", 0.7, 0.8),
    _goal(
        "G11",
        "own 12 of 200 articles, against a letter for all as large",
        "ours, personal",
        "ours, as large",
        0.9,
        0.97,
    ),
    _goal("G12a", "readers lost by eight kills under two policies", "lost", None, 0, 0, at_most=True, unit="readers"),
    _goal(
        "G12b",
        "copies too many where doubts are held",
        "copies where doubts are held",
        None,
        0,
        0,
        at_most=True,
        unit="copies",
    ),
    _goal(
        "G12c",
        "copies too many for each doubt that was sent again",
        "copies for each doubt",
        None,
        1,
        1,
        at_most=True,
        unit="copies",
    ),
    _goal("G13a", "5 % of recipients refused, against the clean run", "ours, 5 % refused", "ours", 0.8, 0.9),
    _goal("G13b", "1 % of connections dropped, against the clean run", "ours, 1 % dropped", "ours", 0.8, 0.9),
    _goal("G14", "bounce mails read in a second of one core", "bounces a second", None, 1_000, 5_000, unit="mails"),
)

#: What `make bench-quick` looks at.
QUICK = frozenset({"G1a", "G1b", "G4", "G6a", "G6b", "G8a", "G10a", "G13a", "G13b"})
