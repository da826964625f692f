"""The console's readers' pages: finding, looking, ending, handing over, forgetting; lists in and out."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import timedelta

import pytest
from httpx2 import Response
from sqlalchemy import select

from ground.tokens import Purpose
from mailer import notices
from mailer.deliveries import Delivery, State
from mailer.suppressions import Cause, Suppression
from staff.members import AuditEntry, Role
from subscribers.consents import Act, ConsentEvent
from subscribers.imports import Import, ImportState
from subscribers.subscribers import Subscriber
from tests.web.conftest import House, SignedIn
from web.security import LARGER

LIST = "email,name,status\nann@example.org,Ann,active\nbob@example.org,Bob,unsubscribed\nno address,Eve,\n"
FORM = "/console/readers/import"


def hand_in(staff: SignedIn, raw: str | bytes = LIST, name: str = "readers.csv", **fields: str) -> Response:
    filled = {"form": staff.form(FORM), "edition": "1", "mode": "confirmed", "source": "the old site's form"} | fields
    return staff.client.post(FORM, data=filled, files={"file": (name, raw, "text/csv")})


def carry_on(house: House) -> None:
    """What the engine would do with what it was handed."""
    for task, payload, _ in house.engine.submitted:
        if task == "carry_import":
            asyncio.run(house.parts.arrivals.carry_on(int(payload["import"])))


def newest(house: House) -> Import:
    with house.database.read() as session:
        return session.scalars(select(Import).order_by(Import.id.desc())).first()  # type: ignore[return-value]


def reader(house: House, address: str) -> int:
    with house.database.read() as session:
        return session.scalars(select(Subscriber.id).where(Subscriber.address_key == address)).one()


def test_a_list_comes_in_from_upload_to_errors(house: House) -> None:
    staff = house.sign_in(Role.OPS)
    page = staff.get(FORM).text
    assert 'enctype="multipart/form-data"' in page
    answer = hand_in(staff)
    assert answer.status_code == 303
    place = answer.headers["location"]
    assert "being read" in staff.get(place).text
    assert 'hx-trigger="every 2s"' in staff.get(place).text
    carry_on(house)
    checked = staff.get(place).text
    assert "3 rows. This is what would become of them" in checked
    assert "Take one reader in" in checked
    assert "the state: active, pending, ended, blocked" in checked
    with house.database.read() as session:
        assert session.scalars(select(Subscriber)).all() == []
    assert staff.post(f"{place}/start").status_code == 303
    carry_on(house)
    done = staff.get(place).text
    assert "finished" in done
    assert "The 1 row that is not taken" in done
    errors = staff.get(f"{place}/errors.csv")
    assert errors.headers["content-disposition"].startswith("attachment")
    assert list(csv.reader(io.StringIO(errors.text.removeprefix("\ufeff"))))[1] == [
        "4",
        "the address has no @",
        "no address",
        "Eve",
        "",
    ]
    assert house.subscription("ann@example.org").state.value == "active"
    assert house.subscription("bob@example.org").state.value == "ended"
    assert list(house.parts.arrivals.folder.glob("*/upload.csv")) == []
    with house.database.read() as session:
        acts = [each.act for each in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
    assert acts == ["import.check", "import.start"]


def test_a_piece_of_the_page_is_only_that(house: House) -> None:
    staff = house.sign_in(Role.OWNER)
    place = hand_in(staff).headers["location"]
    piece = staff.get(place, **{"HX-Request": "true"}).text
    assert "<html" not in piece
    assert 'id="now"' in piece


@pytest.mark.parametrize(
    ("raw", "name", "said"),
    [
        (b"PK\x03\x04" + b"x" * 400, "readers.xlsx", "save the sheet as"),
        ("Vorname;Stadt\nJo;Graz\n", "x.csv", "“Vorname”, “Stadt”"),
        ("", "x.csv", "The file is empty"),
    ],
)
def test_a_file_of_a_wrong_kind_is_refused_with_what_to_do_and_nothing_is_kept(
    house: House, raw: str | bytes, name: str, said: str
) -> None:
    staff = house.sign_in(Role.OPS)
    before = house.dump()
    answer = hand_in(staff, raw, name, source="typed with <care>")
    assert answer.status_code == 422
    assert said in answer.text
    assert "typed with &lt;care&gt;" in answer.text
    assert house.dump() == before
    assert list(house.parts.arrivals.folder.iterdir()) == []


def test_what_is_missing_is_said_at_its_field(house: House) -> None:
    staff = house.sign_in(Role.OPS)
    answer = hand_in(staff, edition="9", mode="", source="")
    assert answer.status_code == 422
    for text in ("Say which edition", "Say whether they agreed", "Write where these people agreed"):
        assert answer.text.count(text) == 2  # above the form and at the field
    bare = staff.post(FORM, {"edition": "1", "mode": "confirmed", "source": "the old site"})
    assert "Choose the file" in bare.text


def test_only_the_door_for_lists_takes_more_than_a_form(house: House) -> None:
    staff = house.sign_in(Role.OPS)
    big = "email\n" + "".join(f"r{n}@example.org\n" for n in range(9_000))
    assert len(big) > 64 * 1024
    assert hand_in(staff, big).status_code == 303
    other = staff.client.post("/console/readers/1/erase", content=b"x" * 100_000)
    assert other.status_code == 413
    too_long = staff.client.post(FORM, headers={"Content-Length": str(LARGER[FORM] + 1)}, content=b"x")
    assert too_long.status_code == 413


def test_a_list_is_thrown_away_and_nobody_hears_of_it(house: House) -> None:
    staff = house.sign_in(Role.OPS)
    place = hand_in(staff).headers["location"]
    carry_on(house)
    assert staff.post(f"{place}/discard").headers["location"] == "/console/readers"
    assert newest(house).state is ImportState.DISCARDED
    assert list(house.parts.arrivals.folder.iterdir()) == []
    staff.post(f"{place}/start")
    assert newest(house).state is ImportState.DISCARDED
    assert "thrown away" in staff.get(place).text


def test_editors_see_readers_and_touch_nobody(house: House) -> None:
    house.join("ann@example.org")
    editor = house.sign_in(Role.EDITOR)
    number = reader(house, "ann@example.org")
    page = editor.get(f"/console/readers/{number}").text
    assert "ann@example.org" in page
    assert "Forget this reader" not in page
    assert "record.json" not in page
    assert "/console/readers/import" not in editor.get("/console/readers").text
    for path in (FORM, "/console/readers/export", f"/console/readers/{number}/record.json"):
        assert editor.get(path).status_code == 403
    assert editor.post(f"/console/readers/{number}/erase").status_code == 403
    ops = house.sign_in(Role.OPS)
    assert ops.post(f"/console/readers/{number}/erase").status_code == 403


def test_a_reader_is_found_by_the_whole_address_only(house: House) -> None:
    house.join("Ann.Lee@example.org")
    editor = house.sign_in(Role.EDITOR)
    number = reader(house, "ann.lee@example.org")
    found = editor.client.get("/console/readers", params={"address": " ANN.lee@Example.org "})
    assert found.headers["location"] == f"/console/readers/{number}"
    for sought, said in (("ann", "no whole email address"), ("x@example.org", "No reader has this address")):
        missing = editor.client.get("/console/readers", params={"address": sought})
        assert missing.status_code == 404
        assert said in missing.text
    assert ">1<" in editor.get("/console/readers").text


def test_a_reader_s_page_tells_their_whole_story(house: House) -> None:
    house.join("ann@example.org")
    with house.database.write() as session:
        delivery = session.scalars(select(Delivery).order_by(Delivery.id)).first()
        assert delivery is not None
        delivery.state, delivery.code, delivery.reply = State.FAILED, 550, "5.1.1 <script>no such user"
        session.add(
            Suppression(address_key="ann@example.org", cause=Cause.HARD_BOUNCE, note="550 gone", created_at=house.now)
        )
    page = house.sign_in(Role.OPS).get(f"/console/readers/{reader(house, 'ann@example.org')}").text
    for told in ("Asked to subscribe", "Confirmed", "By signing up you agree", "form:page", "550 gone"):
        assert told in page
    assert f'href="/ops/deliveries/{delivery.id}"' in page
    assert "5.1.1 &lt;script&gt;no such user" in page


def test_old_messages_are_on_further_pages(house: House) -> None:
    house.join("ann@example.org")
    with house.database.write() as session:
        person = session.scalars(select(Subscriber)).one()
        for _ in range(60):
            notice = notices.Notice(
                variant_id=1,
                recipient_id=person.id,
                address=person.address,
                address_key=person.address_key,
                domain_group="other",
                fields={},
            )
            notices.enqueue(session, "daily", notice, now=house.now)
    staff = house.sign_in(Role.OPS)
    place = f"/console/readers/{person.id}"
    seen: list[str] = []
    path: str | None = place
    while path:
        page = staff.get(path).text
        seen += [part.split('"')[0] for part in page.split('href="/ops/deliveries/')[1:] if part[0].isdigit()]
        path = page.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0] if 'rel="next"' in page else None
    assert len(seen) == len(set(seen)) == 62


def test_ending_a_subscription_for_somebody_is_their_leaving(house: House) -> None:
    house.join("ann@example.org")
    number, subscription = reader(house, "ann@example.org"), house.subscription("ann@example.org")
    staff = house.sign_in(Role.OPS)
    wrong = staff.post(f"/console/readers/{number + 1}/subscriptions/{subscription.id}/end")
    assert wrong.status_code == 404
    assert staff.post(f"/console/readers/{number}/subscriptions/{subscription.id}/end").status_code == 303
    assert house.subscription("ann@example.org").end_reason == "left"
    with house.database.read() as session:
        event = session.scalars(select(ConsentEvent).order_by(ConsentEvent.id.desc())).first()
        assert event is not None
        assert (event.act, event.source) == (Act.LEFT, "staff")


def test_a_person_is_handed_over_whole_and_then_forgotten_whole(house: House) -> None:
    unsubscribe = house.join("ann@example.org")
    number = reader(house, "ann@example.org")
    owner = house.sign_in(Role.OWNER)
    record = owner.get(f"/console/readers/{number}/record.json")
    assert record.headers["content-disposition"] == f'attachment; filename="reader-{number}.json"'
    held = record.json()
    assert held["subscriber"]["address"] == "ann@example.org"
    assert [each["act"] for each in held["consents"]] == ["requested", "confirmed"]
    assert [each["letter"] for each in held["messages"]] == ["welcome", "confirm"]
    assert held["subscriptions"][0]["edition"] == "courier/en"
    for _ in range(2):
        assert owner.post(f"/console/readers/{number}/erase").status_code == 303
    assert "ann@example.org" not in repr(house.dump())
    assert "A forgotten reader" in owner.get(f"/console/readers/{number}").text
    # The link in an old mail still answers, and neither it nor the form brings anybody back.
    assert house.client.get(unsubscribe).status_code == 200
    assert house.client.post(unsubscribe, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    letters = len(house.letters())
    house.now += timedelta(days=2)
    house.sign_up("ann@example.org")
    assert len(house.letters()) == letters
    assert "ann@example.org" not in repr(house.dump())


def test_nothing_is_forgotten_while_a_mail_is_being_handed_over(house: House) -> None:
    house.join("ann@example.org")
    number = reader(house, "ann@example.org")
    with house.database.write() as session:
        delivery = session.scalars(select(Delivery).order_by(Delivery.id)).first()
        assert delivery is not None
        delivery.state = State.SENDING
    answer = house.sign_in(Role.OWNER).post(f"/console/readers/{number}/erase")
    assert answer.status_code == 409
    assert "nothing was erased yet" in answer.text
    assert reader(house, "ann@example.org") == number


def test_everybody_goes_into_a_file_that_comes_back(house: House) -> None:
    house.join("ann@example.org")
    house.join("bob@example.org", "ckb")
    house.client.post(house.link(Purpose.UNSUBSCRIBE), data={"List-Unsubscribe": "One-Click"})
    owner = house.sign_in(Role.OWNER)
    everybody = owner.get("/console/readers/export")
    assert everybody.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(everybody.text.removeprefix("\ufeff"))))
    assert [(row["address"], row["edition"], row["state"]) for row in rows] == [
        ("ann@example.org", "courier/en", "active"),
        ("bob@example.org", "courier/ckb", "ended"),
    ]
    active = owner.get("/console/readers/export?edition=1&state=active").text
    assert active.count("\r\n") == 2
    assert owner.get("/console/readers/export?state=nonsense").status_code == 404
    place = hand_in(owner, everybody.text, edition="rows").headers["location"]
    carry_on(house)
    assert "Active before, unchanged" in owner.get(place).text


def test_looking_changes_nothing(house: House) -> None:
    house.join("ann@example.org")
    owner = house.sign_in(Role.OWNER)
    place = hand_in(owner).headers["location"]
    carry_on(house)
    number = reader(house, "ann@example.org")
    before = house.dump()
    for path in (
        *("/console/readers", FORM, place, f"{place}/errors.csv", "/console/readers/export"),
        *(f"/console/readers/{number}", f"/console/readers/{number}/record.json"),
    ):
        for _ in range(2):
            assert owner.get(path).status_code == 200, path
            assert owner.client.head(path).status_code == 200
    assert house.dump() == before


@pytest.mark.parametrize("path", ["0", "999", "x", "-1", "99999999999999999999", "1/record.json", "import/999"])
def test_what_is_not_there_is_said(house: House, path: str) -> None:
    assert house.sign_in(Role.OWNER).get(f"/console/readers/{path}").status_code in {400, 404}
