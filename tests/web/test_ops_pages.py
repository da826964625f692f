"""The ops pages: every number leads to what it counts, and nothing from outside acts."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select
from starlette.testclient import TestClient

from feedback import heartbeats
from feedback.heartbeats import Beat
from mailer import holds, suppressions
from mailer.deliveries import Delivery, State
from mailer.letters import Lane
from mailer.suppressions import Cause
from staff.members import AuditEntry, Role
from tests.web.conftest import BASE, House, SignedIn
from tests.web.opsroom import a_morning

PAGES = ["/ops", "/ops/now", "/ops/issues/1", "/ops/issues/1/left-out", "/ops/deliveries", "/ops/bounces"]
PAGES += ["/ops/suppressions", "/ops/queue"]


@pytest.fixture
def ops(house: House) -> SignedIn:
    return house.sign_in(Role.OPS)


def test_whoever_is_not_signed_in_sees_nothing(house: House) -> None:
    a_morning(house)
    house.sign_in()
    stranger = TestClient(house.client.app, base_url=BASE, follow_redirects=False)
    for path in [*PAGES, "/ops/deliveries/3"]:
        answer = stranger.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=/ops")


def test_a_new_house_has_pages_too(ops: SignedIn) -> None:
    assert {ops.get(path).status_code for path in PAGES if path.count("/") < 3} == {200}


def test_what_comes_from_outside_is_text(house: House, ops: SignedIn) -> None:
    a_morning(house)
    for path in [*PAGES, *(f"/ops/deliveries/{number}" for number in range(1, 8))]:
        page = ops.get(path)
        assert page.status_code == 200
        _is_tame(page.text)


def _is_tame(page: str) -> None:
    assert "<script>alert" not in page
    assert "<b>bold" not in page
    assert not re.search("[\u202a-\u202e\x00-\x08\x0b\x0c\x0e-\x1f]", page)


def test_looking_changes_nothing(house: House, ops: SignedIn) -> None:
    a_morning(house)
    before = house.dump()
    for path in [*PAGES, "/ops/deliveries/3", "/readyz", "/metrics"]:
        ops.get(path)
    assert house.dump() == before


def test_the_funnels_numbers_lead_to_what_they_count(house: House, ops: SignedIn) -> None:
    ids = a_morning(house)
    page = ops.get("/ops/issues/1").text
    assert page.count("matches</span>") == 4
    assert "does not match" not in page
    wanted = {"accepted": 3, "deferred": 1, "failed": 1, "uncertain": 1, "ready": 1, "bounced": 2, "came_back": 1}
    for show, count in (wanted | {"complained": 1}).items():
        path = f"/ops/deliveries?issue=1&show={show}"
        assert re.search(rf'href="{re.escape(path).replace("&", "&amp;")}">{count}<', page), (show, count)
        listed = set(re.findall(r'href="/ops/deliveries/(\d+)"', ops.get(path).text))
        assert len(listed) == count, show
        assert listed <= {str(each) for each in ids}
    left_out = ops.get("/ops/issues/1/left-out?reason=paused").text
    assert "paused@example.org" in left_out
    assert "paused@example.org" not in ops.get("/ops/issues/1/left-out?reason=other").text


def test_books_that_do_not_add_up_say_which_sum(house: House, ops: SignedIn) -> None:
    a_morning(house)
    with house.database.write() as session:
        session.execute(delete(Delivery).where(Delivery.state == State.READY))
    page = ops.get("/ops/issues/1").text
    assert "do not add up" in page
    assert page.count("does not match") == 3


def test_ops_find_a_refused_reader_and_the_raw_reply(house: House, ops: SignedIn) -> None:
    ids = a_morning(house)
    found = ops.get("/ops/deliveries?address=READER-2@example.org").text
    assert f'href="/ops/deliveries/{ids[2]}"' in found
    page = ops.get(f"/ops/deliveries/{ids[2]}").text
    assert "550 User unknown &lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;⟨U+202E⟩txt.exe␇ &lt;b&gt;bold" in page
    assert "No such address" in page
    assert "The address was suppressed" in page
    assert "this address" in page


def test_each_state_says_what_comes_next(house: House, ops: SignedIn) -> None:
    ids = a_morning(house)
    assert "in 12 min" in ops.get(f"/ops/deliveries/{ids[1]}").text
    assert "We wait for evidence" in ops.get(f"/ops/deliveries/{ids[3]}").text
    assert "queued as 4XkZ1s" in ops.get(f"/ops/deliveries/{ids[0]}").text
    came_back = ops.get(f"/ops/deliveries/{ids[5]}").text
    assert "A report came back: Mailbox full" in came_back
    assert "Their words" in came_back


def test_a_flood_of_words_is_cut_and_can_be_shown(house: House, ops: SignedIn) -> None:
    ids = a_morning(house)
    if not house.database.is_sqlite:
        return  # PostgreSQL holds no more than the column says
    with house.database.write() as session:
        suppressions.suppress(session, "long@example.org", Cause.MANUAL, now=house.now, note="n" * 100_000)
        delivery = session.get_one(Delivery, ids[2])
        delivery.reason = "r" * 100_000
    page = ops.get("/ops/suppressions").text
    assert "n" * 600 + "…" in page
    assert "80,000 more characters" in page
    assert len(page) < 60_000
    assert len(ops.get(f"/ops/deliveries/{ids[2]}").text) < 60_000


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("address=nobody", "is no email address"),
        ("address=%3Cscript%3E", "is no email address"),
        ("issue=99", "no such issue"),
        ("issue=x", "no such issue"),
    ],
)
def test_a_search_for_nonsense_is_answered_in_words(ops: SignedIn, query: str, words: str) -> None:
    answer = ops.get(f"/ops/deliveries?{query}")
    assert answer.status_code == 422
    assert words in answer.text


@pytest.mark.parametrize(
    "path", ["/ops/deliveries/99", f"/ops/deliveries/{9**40}", "/ops/issues/99", "/ops/issues/0/left-out"]
)
def test_what_is_not_there_is_not_found(ops: SignedIn, path: str) -> None:
    assert ops.get(path).status_code == 404


def test_bounces_are_told_by_class(house: House, ops: SignedIn) -> None:
    a_morning(house)
    page = ops.get("/ops/bounces").text
    assert "No such address" in page
    assert "Mailbox full" in page
    assert "reports that name no delivery of ours" in page
    assert "forged&lt;script&gt;" in page
    assert "Nothing in this list" in ops.get("/ops/bounces?group=gmail").text


def test_an_address_is_suppressed_and_lifted_with_a_reason(house: House, ops: SignedIn) -> None:
    answer = ops.post("/ops/suppressions", {"address": "Ines@Example.org", "note": "asked by phone", "until": ""})
    assert answer.headers["location"] == "/ops/suppressions?address=Ines%40example.org"
    page = ops.get("/ops/suppressions?address=ines@example.org").text
    assert "asked by phone" in page
    assert "Lift the suppression" in page
    lift = "/ops/suppressions/lift"
    assert ops.post(lift, {"address": "ines@example.org", "reason": " "}).status_code == 422
    assert ops.post(lift, {"address": "ines@example.org", "reason": "she called again"}).status_code == 303
    with house.database.read() as session:
        assert suppressions.standing(session, "ines@example.org", now=house.now) is None
        lines = session.execute(select(AuditEntry.act, AuditEntry.actor, AuditEntry.detail)).all()
    assert [(line.act, line.actor) for line in lines] == [
        ("suppression.add", "ops@news.example.org"),
        ("suppression.lift", "ops@news.example.org"),
    ]
    assert lines[1].detail == {"reason": "she called again"}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"address": "nobody", "note": "x"}, "is no email address"),
        ({"address": "r@example.org", "note": ""}, "Say why"),
        ({"address": "r@example.org", "note": "x", "until": "tomorrow"}, "This is no day"),
        ({"address": "r@example.org", "note": "x", "until": "2020-01-01"}, "This day is over"),
        ({"address": "r@example.org", "note": "x", "until": "9999-12-31"}, ""),
        ({"address": "r@example.org", "note": "x" * 501}, "Say it more briefly"),
    ],
)
def test_a_suppression_that_cannot_be_is_refused_with_what_was_typed(
    ops: SignedIn, typed: dict[str, str], words: str
) -> None:
    answer = ops.post("/ops/suppressions", typed)
    if words:
        assert answer.status_code == 422
        assert words in answer.text
        assert f'value="{typed["address"]}"' in answer.text
    else:
        assert answer.status_code == 303


def test_all_sending_is_paused_with_a_reason_and_goes_on(house: House, ops: SignedIn) -> None:
    a_morning(house)
    assert ops.post("/ops/hold", {"reason": ""}).status_code == 422
    assert ops.post("/ops/hold", {"reason": "Gmail blocks us"}).status_code == 303
    assert "Gmail blocks us" in ops.get("/ops").text
    assert "paused by hand" in ops.get("/ops/queue").text
    assert house.client.get("/readyz").status_code == 200
    assert ops.post("/ops/free").status_code == 303
    with house.database.read() as session:
        assert holds.standing(session) == {}
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == 2


@pytest.mark.parametrize("path", ["/ops/hold", "/ops/free", "/ops/suppressions", "/ops/suppressions/lift"])
def test_only_ops_and_owners_act(house: House, path: str) -> None:
    assert house.sign_in(Role.EDITOR).post(path, {"reason": "x"}).status_code == 403
    page = house.sign_in(Role.EDITOR).get("/ops").text
    assert "Pause all sending" not in page
    with house.database.read() as session:
        assert holds.standing(session) == {}


def test_the_queue_says_when_each_round_last_ran(house: House, ops: SignedIn) -> None:
    a_morning(house)
    began = house.now - timedelta(minutes=3)
    beat = Beat(
        name="poll_bounces",
        process="host:1",
        pace=timedelta(minutes=1),
        began_at=began,
        ended_at=house.now,
        problem="the Maildir <b>is gone",
    )
    with house.database.write() as session:
        heartbeats.note(session, beat)
        heartbeats.note_worker(session, "host:1:ab", now=house.now)
    page = ops.get("/ops/queue").text
    assert "the Maildir &lt;b&gt;is gone" in page
    assert "180,000 ms" in page
    assert "host:1:ab" in page


def test_the_board_tells_how_an_issue_gets_on(house: House, ops: SignedIn) -> None:
    a_morning(house)
    page = ops.get("/ops").text
    assert "6 of 7" in page
    assert "3 of 7 accepted" in page
    ops.post("/ops/hold", {"reason": "wait"})
    with house.database.read() as session:
        assert list(holds.standing(session)) == [Lane.BULK]


def test_ops_send_a_test_that_must_bounce_and_the_board_tells_of_it(house: House, ops: SignedIn) -> None:
    assert "The last test" not in ops.get("/ops").text
    assert ops.post("/ops/probe", {"address": "no address"}).headers["location"] == "/ops"
    assert house.letters() == []
    assert ops.post("/ops/probe", {"address": ""}).status_code == 303
    (letter,) = house.letters()
    assert letter.address.startswith("no-such-reader-")
    page = ops.get("/ops").text
    assert "on its way out" in page
    assert letter.address in page
    assert house.sign_in(Role.EDITOR).post("/ops/probe", {"address": ""}).status_code == 403
