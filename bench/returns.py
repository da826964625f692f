"""Reports that come back: what it costs to read one, and to write down what it changes: `python -m bench.returns`.

Its orders come on standard input. The mails are the tests' own samples; those that are written down are one of them, each
about another delivery of a town.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select, update

from bench import conf
from broadsheet.wiring import House
from feedback import apply
from mailer import bounces, envelope
from mailer.deliveries import DELIVERIES, Delivery, State

CORPUS = Path(__file__).parent.parent / "tests" / "corpus" / "bounces"
_READ = 20_000
_APPLIED = 2_000


def main() -> None:
    """Read, write down, and say how many there were for each second of this process."""
    with House(conf.ordered()) as house:
        figures = {"read": _read(house), "applied": _applied(house)}
    sys.stdout.write(json.dumps(figures) + "\n")


def _read(house: House) -> float:
    samples = [path.read_bytes() for path in sorted(CORPUS.glob("*.eml"))]
    began = time.process_time()
    for number in range(_READ):
        bounces.read(samples[number % len(samples)], house.keys)
    return _READ / (time.process_time() - began)


def _applied(house: House) -> float:
    mails = list(_bounces(house))
    began, found = time.process_time(), 0
    for number, mail in enumerate(mails):
        events = bounces.read(mail, house.keys)
        with house.database.write() as session:
            told = apply.apply_mail(session, f"{number:064x}", events, now=house.clock())
        found += len(told)
    seconds = time.process_time() - began
    with house.database.read() as session:
        back = len(session.scalars(select(Delivery.id).where(Delivery.bounced_at.is_not(None))).all())
    if back != len(mails):
        raise AssertionError(f"{len(mails)} reports were read, {found} things told, and {back} deliveries have bounced")
    return len(mails) / seconds


def _bounces(house: House) -> Iterator[bytes]:
    """One sample, about the first deliveries of the town, which were accepted."""
    sample = (CORPUS / "no-such-user-postfix.eml").read_bytes()
    with house.database.write() as session:
        accepted = {"state": State.ACCEPTED, "accepted_at": house.clock(), "attempt": 1}
        session.execute(update(DELIVERIES).where(DELIVERIES.c.id <= _APPLIED).values(accepted))
        sent = session.execute(select(Delivery.id, Delivery.address).where(Delivery.id <= _APPLIED)).all()
    for delivery_id, address in sent:
        path = envelope.return_path(house.keys, delivery_id, house.settings.bounce_domain)
        mine = sample.replace(b"briefing-bounces@bounces.example.org", path.encode())
        yield mine.replace(b"reader@example.net", address.encode())


if __name__ == "__main__":
    main()
