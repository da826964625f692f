"""The same morning with the books on PostgreSQL, from the first sign-up to the last report."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from broadsheet.demo.people import Person
from broadsheet.mailbox.rules import Action, Rule
from feedback.figures import issue_figures
from mailer.deliveries import State
from mailer.suppressions import Suppression
from tests.stories.service import Service, a_service
from tests.stories.test_a_morning_digest import READERS, a_morning

pytestmark = pytest.mark.slow


async def test_a_morning(fresh_postgres_url: str, tmp_path: Path) -> None:
    async with a_service(tmp_path, database_url=fresh_postgres_url) as service:
        assert not service.house.database.is_sqlite
        newcomer = await confirmed(service)
        service.mailbox.tell(Rule(action=Action.BOUNCE, address="emma.clarke@readers.example", status="5.1.1"))
        morning = await a_morning(service)
        await service.visitor.unsubscribe_with_one_click(service.digest_to(newcomer.address).parsed())
        await service.read_bounces(reports=1)

        def told(session: Session) -> list[tuple[int, int, int, bool]]:
            found = [issue_figures(session, issue_id) for issue_id in morning.issues.values()]
            return [
                (each.recipients, each.deliveries[State.ACCEPTED], each.unsubscribed, each.sums_match)
                for each in found
                if each is not None
            ]

        wanted = [
            (len(addresses) + (language == "en"), len(addresses) + (language == "en"), int(language == "en"), True)
            for language, addresses in READERS.items()
        ]
        assert sorted(await service.read(told)) == sorted(wanted)
        keys = await service.read(lambda session: list(session.scalars(select(Suppression.address_key))))
        assert keys == ["emma.clarke@readers.example"]


async def confirmed(service: Service) -> Person:
    newcomer = Person("ines.martin@mail.example", "en")
    await service.visitor.sign_up("/n/morning/en", newcomer)
    mail = await service.mailbox.wait_for(to=newcomer.address)
    await service.visitor.confirm(mail.parsed())
    await service.mailbox.wait_for(to=newcomer.address, after=mail.id)
    return newcomer
