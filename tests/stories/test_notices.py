"""Notices end to end: what a server receives, header by header, and what its links do."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy.orm import Session

from broadsheet.demo import setting
from broadsheet.demo.people import Person
from broadsheet.demo.visitor import link_in
from ground.engine import WorkLane
from mailer import breakers
from mailer.breakers import Scope, Trouble
from staff import appoint
from staff.appoint import NewMember
from staff.members import Member, Role
from tests.stories.service import Service
from tests.stories.test_double_opt_in import state_of

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

LIST_HEADERS = ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Archive", "List-Post")


async def appointed(service: Service, address: str, role: Role) -> None:
    def add(session: Session) -> None:
        new = NewMember(address=address, address_key=address, name="Hanar <b>Aziz", role=role)
        assert isinstance(appoint.appoint(session, new, by="test", now=service.clock()), Member)

    await service.write(add)


def assert_is_a_notice(message: EmailMessage, to: str) -> None:
    """RELIABILITY's list for every mail: each header once, nobody else in it, no answers of machines."""
    for name in ("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Feedback-ID", "Auto-Submitted"):
        assert len(message.get_all(name) or []) == 1, name
    assert str(message["To"]) == to
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert str(message["Message-ID"]).endswith("@news.zagroscourier.example>")
    assert not [name for name in ("Cc", "Bcc", "Precedence", "Return-Path") if name in message]
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert len(html.as_bytes()) < 40_000
    assert all(len(line) <= 998 for line in message.as_bytes().splitlines())


async def test_a_lost_password_is_chosen_anew_by_a_letter(service: Service) -> None:
    await appointed(service, "lost@newsroom.example", Role.OWNER)
    answer = await service.client.post("/sign-in/lost", data={"email": "lost@newsroom.example"})
    assert answer.status_code == 200
    mail = (await service.mailbox.wait_for(to="lost@newsroom.example")).parsed()
    assert_is_a_notice(mail, "lost@newsroom.example")
    assert [name for name in LIST_HEADERS if name in mail] == []
    assert mail["Subject"] == "Choose a new password"
    assert "Hello Hanar &lt;b&gt;Aziz," in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "Hello Hanar <b>Aziz," in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    link = link_in(mail, "/sign-in/")
    assert "Choose a password" in (await service.client.get(link)).text
    words = {"password": "four words in a row", "password_again": "four words in a row"}
    assert (await service.client.post(link, data=words)).status_code == 303
    assert (await service.client.get(link)).status_code == 410


async def test_ops_are_mailed_about_a_breaker_once(service: Service) -> None:
    await appointed(service, "ops@newsroom.example", Role.OPS)
    why = "550 5.7.1 <script>no</script>"
    scope = Scope(route="other", domain_group="gmail")
    await service.write(
        lambda session: breakers.trip(session, Trouble.GROUP_REFUSES, scope, why=why, now=service.clock())
    )
    await service.ask("tell", WorkLane.UPKEEP)
    mail = (await service.mailbox.wait_for(to="ops@newsroom.example")).parsed()
    assert_is_a_notice(mail, "ops@newsroom.example")
    assert mail["Subject"] == "Mail to gmail is refused by the route other"
    assert "&lt;script&gt;no" in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    await service.ask("tell", WorkLane.UPKEEP)
    await service.quiet_everywhere()
    assert len(service.mailbox.messages("ops@newsroom.example")) == 1


@pytest.mark.parametrize("language", ["en", "ar", "ckb"])
async def test_who_did_not_confirm_is_reminded_and_the_new_link_works(service: Service, language: str) -> None:
    person = Person(f"slow.{language}@readers.example", language)
    await service.visitor.sign_up(f"/n/{setting.SLUG}/{person.language}", person)
    first = await service.mailbox.wait_for(to=person.address)
    service.clock.put_forward(timedelta(days=3, minutes=1))
    assert (await service.client.post(link_in(first.parsed(), "/confirm/"))).status_code == 410
    await service.ask("remind", WorkLane.UPKEEP)
    mail = (await service.mailbox.wait_for(to=person.address, after=first.id)).parsed()
    assert_is_a_notice(mail, person.address)
    assert "List-Unsubscribe" not in mail
    assert mail["Content-Language"] == language
    await service.visitor.confirm(mail)
    assert await service.read(lambda session: state_of(session, person.address)) == "active"
