"""The same messages over the same transport with nothing written down: `python -m bench.bare`.

What a worker would do that forgot its ledger: the difference is what the ledger costs.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter

from sqlalchemy import select

from bench import conf
from broadsheet import outgoing
from broadsheet.wiring import House
from mailer.deliveries import DELIVERIES, Row, Span
from mailer.feed import Feed, Intended
from mailer.leases import Lease
from mailer.letter import Compiled
from mailer.letters import Lane, Letter, Variant
from mailer.press import Written
from mailer.transports import Outcome
from mailer.transports.smtp import SmtpTransport

#: Messages written at a time: what a worker intends at once at some thousands a second.
_GROUP = 100


def main() -> None:
    with House(conf.ordered()) as house:
        rows, lease, letters = _read(house)
        seconds, processor, told = asyncio.run(_send(house, rows, lease, letters))
    sys.stdout.write(json.dumps({"seconds": seconds, "processor_seconds": processor, "told": told}) + "\n")


def _read(house: House) -> tuple[list[Row], Lease, dict[int, Compiled]]:
    with house.database.read() as session:
        letter = session.scalars(select(Letter).order_by(Letter.id.desc()).limit(1)).one()
        columns = [DELIVERIES.c[name] for name in Row.__dataclass_fields__]
        found = session.execute(select(*columns).where(DELIVERIES.c.letter_id == letter.id).order_by(DELIVERIES.c.id))
        rows = [Row(*row) for row in found]
        stored = session.execute(select(Variant.id, Variant.compiled)).all()
    span = Span(letter.id, rows[0].id, rows[-1].id)
    lease = Lease(0, "bare", Lane.BULK, span, letter.state, letter.due_at, letter.deadline_at)
    return rows, lease, {row.id: Compiled.from_bytes(row.compiled) for row in stored}


async def _send(
    house: House, rows: list[Row], lease: Lease, letters: dict[int, Compiled]
) -> tuple[float, float, dict[str, int]]:
    [way] = outgoing.ways(house.settings)[Lane.BULK]
    assert isinstance(way.transport, SmtpTransport)
    press, told = outgoing.press_of(house), Counter[str]()

    def settle(_: Intended, outcome: Outcome) -> None:
        told[outcome.result.value] += 1

    feed = Feed(settle, lambda _: None)
    began, processor = time.perf_counter(), time.process_time()
    senders = [asyncio.create_task(way.transport.carry(feed)) for _ in range(way.transport.connections)]
    for start in range(0, len(rows), _GROUP):
        made = await press.write(way.relay, letters, {}, rows[start : start + _GROUP], lease)
        await feed.taken.wait()
        written = [each for each in made if isinstance(each, Written)]
        feed.put(Intended(each.envelope, each.pieces, each.is_canonical, row=each.row, attempt=1) for each in written)
    await feed.taken.wait()
    feed.end()
    await asyncio.gather(*senders)
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    await way.transport.close()
    return seconds, processor, dict(told)


if __name__ == "__main__":
    main()
