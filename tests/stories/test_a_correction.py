"""A correction and the last letters: what the readers' server receives, and what the links in it do."""

from __future__ import annotations

import re
from datetime import timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy.orm import Session

from broadsheet.demo import setting
from broadsheet.demo.visitor import link_in
from ground.engine import WorkLane
from mailer import ledger
from newsletters import correct
from newsletters.correct import Wording
from newsletters.corrections import Correction
from subscribers.subscribers import Subscriber
from tests.stories.service import Service
from tests.stories.test_notices import LIST_HEADERS

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

STAYS, LEAVES, MOVES = (f"{name}@readers.example" for name in ("stays", "leaves", "moves"))
WORDS = Wording(subject="پردەکە دووشەممە دەکرێتەوە", words="نووسیبوومان یەکشەممە.\n\nڕاستییەکەی دووشەممەیە.")


def html(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def way(message: EmailMessage, path: str) -> str:
    """The link of the page in a letter; the header's is the mail program's own."""
    found = re.search(rf'href="https?://[^"/]+({path}[^"]+)"', html(message))
    assert found is not None
    return found[1]


async def test_readers_of_an_issue_are_told_leave_and_move(service: Service) -> None:
    await service.add_readers("ckb", [STAYS, LEAVES, MOVES])
    service.clock.put_forward(timedelta(days=1))  # they have been here for a while
    await service.collect()
    await service.schedule("ckb", terms=setting.TERMS)
    [issue_id] = await service.todays_issues()
    digests = {reader: service.digest_to(reader) for reader in (STAYS, LEAVES, MOVES)}

    # One leaves on the page, and is told goodbye by one letter.
    out = way(digests[LEAVES].parsed(), "/u/")
    assert (await service.client.post(out, data={"from": "page"})).status_code == 200
    goodbye = (await service.mailbox.wait_for(to=LEAVES, after=digests[LEAVES].id)).parsed()
    assert goodbye["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in goodbye
    assert goodbye["Content-Language"] == "ckb"

    # One moves: the new address says yes, the old one is told.
    choices = way(digests[MOVES].parsed(), "/p/")
    assert (await service.client.post(f"{choices}/address", data={"email": "new@mail.example"})).status_code == 200
    question = await service.mailbox.wait_for(to="new@mail.example")
    asked = question.parsed()
    assert [name for name in LIST_HEADERS if name in asked] == ["List-Id", "List-Archive"]
    assert (await service.client.post(link_in(asked, "/move/"))).status_code == 200
    told = (await service.mailbox.wait_for(to=MOVES, after=digests[MOVES].id)).parsed()
    assert "new@mail.example" not in html(told), "whoever has the old mailbox need not know the new one"

    # The desk corrects the issue: who has it and still gets the edition is told, at the address of today.
    def order(session: Session) -> Correction | str:
        made = correct.order(session, issue_id, WORDS, wait=timedelta(0), by="editor", now=service.clock())
        return made if isinstance(made, Correction) else made.reason

    made = await service.write(order)
    assert isinstance(made, Correction), made
    await service.ask("put_right", WorkLane.UPKEEP)
    earlier = {STAYS: digests[STAYS].id, "new@mail.example": question.id}
    mails = {
        reader: (await service.mailbox.wait_for(to=reader, after=number)).parsed() for reader, number in earlier.items()
    }
    for reader, mail in mails.items():
        assert mail["Subject"] == WORDS.subject
        assert (str(mail["To"]), mail["List-Unsubscribe-Post"]) == (reader, "List-Unsubscribe=One-Click")
        assert [len(mail.get_all(name) or []) for name in LIST_HEADERS] == [1] * 5
        assert 'dir="rtl"' in html(mail)
        assert "ڕاستییەکەی دووشەممەیە." in html(mail)
    assert mails[STAYS]["Message-ID"] != digests[STAYS].parsed()["Message-ID"]
    await service.quiet_everywhere()
    for reader in (LEAVES, MOVES):
        assert WORDS.subject not in [str(mail.parsed()["Subject"]) for mail in service.mailbox.messages(reader)]
    page = await service.client.get(f"/archive/{setting.SLUG}/ckb/1")
    assert "ڕاستییەکەی دووشەممەیە." in page.text
    assert await service.read(ledger.verify) == []
    assert await service.read(lambda session: session.query(Subscriber).filter_by(address=MOVES).count()) == 0
    one_click = str(mails["new@mail.example"]["List-Unsubscribe"]).strip("<>")
    assert (await service.client.post(one_click, data={"List-Unsubscribe": "One-Click"})).status_code == 200
