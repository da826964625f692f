"""Mail that cannot be delivered: refused at the door, or sent back later; and reports that prove nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import pytest
import pytest_asyncio
from sqlalchemy import select
from sqlalchemy.orm import Session

from broadsheet.mailbox import reports
from broadsheet.mailbox.rules import Action, Rule
from mailer.bounce_reports import BounceReport, Disposition
from mailer.deliveries import Delivery, State
from mailer.inbound.maildir import Maildir
from mailer.suppressions import Cause, Suppression
from newsletters.issues import Exclusion, Issue
from subscribers.subscribers import Subscriber
from tests.stories.service import Service
from tests.stories.test_one_click import SHORT

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

WELL, REFUSED, RETURNED, FULL, FRAMED = (
    f"{name}@readers.example" for name in ("well", "refused", "returned", "full", "framed")
)


class Bounced(NamedTuple):
    service: Service
    issue: int

    async def delivery(self, reader: str) -> Delivery:
        def ask(session: Session) -> Delivery:
            issue = session.get_one(Issue, self.issue)
            wanted = select(Delivery).where(Delivery.letter_id == issue.letter_id, Delivery.address == reader)
            return session.scalars(wanted).one()

        return await self.service.read(ask)

    async def suppressed(self) -> dict[str, Cause]:
        def ask(session: Session) -> dict[str, Cause]:
            standing = select(Suppression.address_key, Suppression.cause).where(Suppression.lifted_at.is_(None))
            return dict(session.execute(standing).all())

        return await self.service.read(ask)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bounced(service: Service) -> Bounced:
    """An issue of which one mail was refused, two were taken and sent back, and one report is a forgery."""
    await service.add_readers("en", [WELL, REFUSED, RETURNED, FULL, FRAMED])
    tell = service.mailbox.tell
    assert tell(Rule(action=Action.REFUSE, address=REFUSED, reply="550 5.1.1 No such user")) is None
    assert tell(Rule(action=Action.BOUNCE, address=RETURNED, status="5.1.1")) is None
    assert tell(Rule(action=Action.BOUNCE, address=FULL, status="5.2.2")) is None
    await service.collect()
    await service.schedule("en", terms=SHORT)
    [issue] = await service.todays_issues()
    sent = service.digest_to(FRAMED)
    forgery = reports.Undeliverable(
        return_path=sent.sender[: sent.sender.index("@") - 1] + "7@bounces.zagroscourier.example",
        recipient=FRAMED,
        status="5.1.1",
        original=b"From: somebody@else.example\r\nMessage-ID: <made-up@else.example>\r\n\r\n",
        number=99,
    )
    assert service.house.settings.bounces_maildir is not None
    Maildir(service.house.settings.bounces_maildir).deliver(
        reports.write(forgery, now=service.clock()), now=service.clock()
    )
    await service.read_bounces(reports=3)
    return Bounced(service, issue)


async def test_an_address_refused_at_the_door_is_suppressed(bounced: Bounced) -> None:
    delivery = await bounced.delivery(REFUSED)
    assert delivery.state is State.FAILED
    assert "5.1.1" in str(delivery.reply)
    assert delivery.bounced_at is not None
    assert (await bounced.suppressed())[REFUSED] is Cause.HARD_BOUNCE
    assert bounced.service.mailbox.messages(REFUSED) == []


async def test_an_address_whose_mail_comes_back_is_suppressed(bounced: Bounced) -> None:
    delivery = await bounced.delivery(RETURNED)
    assert delivery.state is State.ACCEPTED, "it was accepted, and that is what the books say"
    assert delivery.bounced_at is not None
    assert (await bounced.suppressed())[RETURNED] is Cause.HARD_BOUNCE


async def test_a_full_mailbox_costs_nobody_their_subscription(bounced: Bounced) -> None:
    assert FULL not in await bounced.suppressed()


async def test_a_forged_report_does_nothing(bounced: Bounced) -> None:
    assert FRAMED not in await bounced.suppressed()
    assert (await bounced.delivery(FRAMED)).bounced_at is None

    def dispositions(session: Session) -> list[Disposition]:
        return sorted(session.scalars(select(BounceReport.disposition)))

    found = await bounced.service.read(dispositions)
    assert found == sorted([Disposition.SUPPRESSED, Disposition.RECORDED, Disposition.UNKNOWN])


async def test_the_next_issue_leaves_them_out_and_says_why(bounced: Bounced) -> None:
    service = bounced.service
    service.clock.put_forward(timedelta(days=1))
    await service.collect()
    [issue] = await service.todays_issues()

    def left_out(session: Session) -> dict[str, str]:
        wanted = select(Subscriber.address, Exclusion.reason).join(Subscriber, Subscriber.id == Exclusion.subscriber_id)
        return dict(session.execute(wanted.where(Exclusion.issue_id == issue)).all())

    reason = f"suppressed: {Cause.HARD_BOUNCE}"
    assert await service.read(left_out) == {REFUSED: reason, RETURNED: reason}
    assert [len(service.digests_to(reader)) for reader in (WELL, FULL, FRAMED, RETURNED, REFUSED)] == [2, 2, 2, 1, 0]

    def counts(session: Session) -> tuple[int | None, int | None, int | None]:
        row = session.get_one(Issue, issue)
        return row.audience_count, row.recipient_count, row.exclusion_count

    assert await service.read(counts) == (5, 3, 2)
