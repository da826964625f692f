"""Signing up: the page, the form, and answers that tell nobody anything."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from httpx2 import Response
from sqlalchemy import select
from starlette.testclient import TestClient

from ground.engine import WorkLane
from ground.tokens import Purpose
from mailer import suppressions
from mailer.deliveries import Delivery, State
from mailer.letters import Letter
from mailer.suppressions import Cause
from subscribers.consents import ConsentEvent
from subscribers.subscriptions import SubscriptionState
from tests.web.conftest import BASE, House
from web.app import create_app
from web.limits import Limits, SignUpLimits
from web.parts import FormRules


def test_the_page_carries_the_customers_words_and_a_form_that_phones_understand(house: House) -> None:
    page = house.client.get("/n/courier/en").text
    assert ">NEWSLETTER<" in page
    assert ">Get the latest updates delivered to your inbox.<" in page
    field = re.search(r"<input class=\"input\"[^>]*>", page)
    assert field
    for attribute in ('type="email"', 'inputmode="email"', 'autocomplete="email"', 'dir="ltr"'):
        assert attribute in field.group()
    assert '<label for="email">Email address</label>' in page
    assert "one email, Sunday to Thursday" in page
    assert "<script" not in page
    assert "style=" not in page


def test_a_request_waits_for_its_confirmation_and_sends_one_letter(house: House) -> None:
    answer = house.sign_up("Rezan@Example.org")
    assert "Check your inbox" in answer
    assert "R***@example.org" in answer
    shown = re.sub(r'<input type="hidden"[^>]*>', "", answer)
    assert "Rezan@" not in shown
    assert house.subscription("rezan@example.org").state is SubscriptionState.PENDING
    [letter] = house.letters()
    assert letter.address == "Rezan@example.org"
    assert house.engine.submitted == [("send_batch", {"batch": 1}, WorkLane.TX)]


def test_the_consent_keeps_the_words_that_were_shown(house: House) -> None:
    house.sign_up("rezan@example.org", **{"User-Agent": "a browser"})
    with house.database.read() as session:
        [event] = session.scalars(select(ConsentEvent)).all()
    page = house.client.get("/n/courier/en").text
    assert event.wording is not None
    assert event.wording in page
    assert "one email, Sunday to Thursday" in event.wording
    assert (event.source, event.user_agent, event.generation) == ("form:page", "a browser", 1)


def test_new_pending_active_and_suppressed_addresses_get_the_same_answer(house: House) -> None:
    house.sign_up("p@example.org")
    house.join("a@example.org")
    with house.database.write() as session:
        suppressions.suppress(session, "s@example.org", Cause.COMPLAINT, now=house.now)
        suppressions.suppress(session, "b@example.org", Cause.HARD_BOUNCE, now=house.now)
    answers = {
        name: re.sub(f"{name}(@|[*]{{3}}@)example", "", house.sign_up(f"{name}@example.org")) for name in "npasb"
    }
    assert len(set(answers.values())) == 1
    assert "s@example.org" not in {letter.address for letter in house.letters()}


def test_an_active_reader_is_told_by_letter_that_they_are_in(house: House) -> None:
    house.join("a@example.org")
    house.sign_up("a@example.org")
    with house.database.read() as session:
        names = list(session.scalars(select(Letter.name).order_by(Letter.id)))
    assert names == ["confirm", "welcome", "already"]
    assert house.letters()[-1].fields == {"unsubscribe_url": str(house.subscription("a@example.org").id)}


@pytest.mark.parametrize("active", [True, False])
def test_an_address_gets_one_notice_a_day_however_often_it_is_typed(house: House, *, active: bool) -> None:
    if active:
        house.join("a@example.org")
    before = len(house.letters())
    for _ in range(3):
        house.sign_up("a@example.org")
    assert len(house.letters()) == before + 1
    house.now += timedelta(hours=24)
    house.sign_up("A@EXAMPLE.ORG")
    assert len(house.letters()) == before + 2


def test_asking_again_within_the_day_leaves_the_first_link_good(house: House) -> None:
    house.sign_up("a@example.org")
    link = house.link(Purpose.CONFIRM)
    house.sign_up("a@example.org")
    assert "You are in" in house.client.post(link).text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Type your email address here"),
        ("   ", "Type your email address here"),
        ("rezan.example.org", "An @ is missing"),
        ("rezan @example.org", "There is a space inside"),
        (f"{'a' * 65}@example.org", "longer than any address"),
        ("rezan@example", "does not look like an address"),
        ("a@x.org\r\nBcc: b@y.org", "does not look like an address"),
        ("a@x.org>\nRCPT TO:<b@y.org", "does not look like an address"),
    ],
)
def test_what_is_no_address_is_answered_with_kind_words_and_the_form(house: House, typed: str, words: str) -> None:
    answer = house.client.post("/n/courier/en", data={"email": typed, "token": "x"})
    assert answer.status_code == 422
    assert words in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert house.letters() == []


def test_what_was_typed_comes_back_escaped(house: House) -> None:
    answer = house.client.post("/n/courier/en", data={"email": '"><script>x</script>'})
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_a_form_from_another_site_is_answered_by_one_button_and_sends_nothing_before(house: House) -> None:
    step = house.client.post("/n/courier/en", data={"email": "a@example.org"})
    assert step.status_code == 200
    assert "Is this your address?" in step.text
    assert house.letters() == []
    fields = dict(re.findall(r'name="(email|token|via)" value="([^"]*)"', step.text))
    assert "Check your inbox" in house.client.post("/n/courier/en", data=fields).text
    assert len(house.letters()) == 1


@pytest.mark.parametrize(("seconds", "passes"), [(0, False), (1, False), (2, True), (86_399, True), (86_400, False)])
def test_a_form_comes_back_neither_faster_than_a_person_nor_after_a_day(
    house: House, *, seconds: int, passes: bool
) -> None:
    client = TestClient(create_app(replace(house.parts, form=FormRules())), base_url=BASE)
    page = client.get("/n/courier/en").text
    token = page.split('name="token" value="')[1].split('"')[0]
    house.now += timedelta(seconds=seconds)
    answer = client.post("/n/courier/en", data={"email": "a@example.org", "token": token})
    assert ("Check your inbox" in answer.text) is passes
    assert bool(house.letters()) is passes


def test_a_token_of_another_edition_is_none(house: House) -> None:
    page = house.client.get("/n/courier/ar").text
    token = page.split('name="token" value="')[1].split('"')[0]
    answer = house.client.post("/n/courier/en", data={"email": "a@example.org", "token": token})
    assert "Is this your address?" in answer.text


def test_a_machine_that_fills_every_field_is_thanked_and_nothing_happens(house: House) -> None:
    before = house.dump()
    page = house.client.get("/n/courier/en").text
    token = page.split('name="token" value="')[1].split('"')[0]
    data = {"email": "a@example.org", "token": token, "subject": "buy"}
    assert "Check your inbox" in house.client.post("/n/courier/en", data=data).text
    assert house.dump() == before


def test_every_sign_up_takes_at_least_the_floor(house: House) -> None:
    import time

    client = TestClient(create_app(replace(house.parts, answer_floor=timedelta(milliseconds=120))), base_url=BASE)
    page = client.get("/n/courier/en").text
    token = page.split('name="token" value="')[1].split('"')[0]
    begun = time.perf_counter()
    client.post("/n/courier/en", data={"email": "a@example.org", "token": token})
    assert time.perf_counter() - begun >= 0.12


def test_the_snippet_for_other_sites_is_a_plain_form_that_posts_to_us(house: House) -> None:
    page = house.client.get("/n/courier/en/embed").text
    assert "&lt;form action=&#34;https://news.example.org/n/courier/en&#34; method=&#34;post&#34;" in page
    assert "&lt;script" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/n/courier/fr",
        "/n/other/en",
        "/n/COURIER/en",
        "/n/..%2f/en",
        "/n/%00/en",
        "/n/courier/en'--",
        "/n/courier/%D9%83",
    ],
)
def test_a_path_that_names_no_edition_is_a_page_that_says_so(house: House, path: str) -> None:
    for answer in (house.client.get(path), house.client.post(path, data={"email": "a@example.org"})):
        assert answer.status_code in {404, 405}
        assert "Nothing was changed" in answer.text


def test_the_front_page_lists_every_edition_in_its_own_language(house: House) -> None:
    page = house.client.get("/").text
    for language, title in (("en", "Morning briefing"), ("ar", "نشرة الصباح"), ("ckb", "پوختەی بەیانی")):
        assert f'href="/n/courier/{language}"' in page
        assert title in page
    assert '<li lang="ckb" dir="rtl">' in page


def _limited(house: House, **most: int) -> TestClient:
    limits = SignUpLimits.of(**{"address": 5, "network": 60, "everyone": 2000} | most)
    parts = replace(house.parts, sign_ups=limits, limits=Limits())
    return TestClient(create_app(parts), base_url=BASE, client=("203.0.113.9", 50_000))


def _press(client: TestClient, email: str) -> Response:
    token = client.get("/n/courier/en").text.split('name="token" value="')[1].split('"')[0]
    return client.post("/n/courier/en", data={"email": email, "token": token})


def test_an_inbox_that_was_asked_for_too_often_gets_the_same_page_and_nothing_else(house: House) -> None:
    client = _limited(house, address=1)
    first = _press(client, "reader@gmail.com")
    before = house.dump()
    for email in ("reader@gmail.com", "r.eader@gmail.com", "reader+2@gmail.com"):
        further = _press(client, email)
        assert (further.status_code, "Check your inbox" in further.text) == (200, True)
        house.now += timedelta(hours=25)  # not the room's own patience: the door's
    assert house.dump() == before
    assert "Retry-After" not in first.headers


def test_a_limited_inbox_takes_as_long_to_answer(house: House) -> None:
    import time

    parts = replace(
        house.parts,
        answer_floor=timedelta(milliseconds=120),
        limits=Limits(),
        sign_ups=SignUpLimits.of(address=1, network=60, everyone=60),
    )
    client = TestClient(create_app(parts), base_url=BASE)
    _press(client, "a@example.org")
    begun = time.perf_counter()
    _press(client, "a@example.org")
    assert time.perf_counter() - begun >= 0.12


@pytest.mark.parametrize(("most", "words"), [("network", "from your network"), ("everyone", "than this server takes")])
def test_too_many_from_a_network_or_from_everywhere_are_told_when_to_come_back(
    house: House, most: str, words: str
) -> None:
    client = _limited(house, **{most: 2})
    for name in "ab":
        assert _press(client, f"{name}@example.org").status_code == 200
    before = house.dump()
    page = _press(client, "c@example.org")
    assert page.status_code == 429
    assert words in page.text
    assert "desk@news.example.org" in page.text
    assert 0 < int(page.headers["retry-after"]) <= 3600
    assert house.dump() == before
    other = TestClient(client.app, base_url=BASE, client=("198.51.100.7", 50_000))
    assert _press(other, "d@example.org").status_code == (200 if most == "network" else 429)


def test_confirming_and_leaving_are_never_limited(house: House) -> None:
    client = _limited(house, network=1, everyone=1, address=1)
    _press(client, "a@example.org")
    assert _press(client, "b@example.org").status_code == 429
    link = house.link(Purpose.CONFIRM)
    assert {client.post(link).status_code for _ in range(5)} == {200}
    out = house.link(Purpose.UNSUBSCRIBE)
    assert {client.post(out).status_code for _ in range(5)} == {200}


def _again(page: str) -> dict[str, str] | None:
    """The fields of the form that asks for the letter again."""
    form = page.split('/again" method="post">')
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[1].split("</form>")[0])) if len(form) > 1 else None


def _fails(house: House) -> None:
    """The newest letter could not be handed over."""
    with house.database.write() as session:
        session.get_one(Delivery, house.letters()[-1].id).state = State.FAILED


def test_a_letter_that_could_not_be_handed_over_is_sent_again_three_times_at_most(house: House) -> None:
    fields = _again(house.sign_up("a@example.org"))
    assert fields is not None
    _fails(house)
    house.now += timedelta(seconds=59)
    house.client.post("/n/courier/en/again", data=fields)
    assert len(house.letters()) == 1
    for n in (2, 3, 4):
        house.now += timedelta(seconds=61)
        assert fields is not None
        page = house.client.post("/n/courier/en/again", data=fields).text
        assert "Check your inbox" in page
        assert len(house.letters()) == n
        _fails(house)
        earlier, fields = fields, _again(page)
    assert fields is None
    assert "If it still does not come" in page
    house.now += timedelta(seconds=61)
    house.client.post("/n/courier/en/again", data=earlier)
    assert len(house.letters()) == 4
    assert {letter.fields["confirm_url"] for letter in house.letters()} == {"1-1"}


@pytest.mark.parametrize("state", [State.READY, State.DEFERRED, State.SENDING, State.ACCEPTED, State.UNCERTAIN])
def test_a_letter_that_is_out_is_not_sent_twice_in_a_day(house: House, state: State) -> None:
    """Whoever knows an address must not be able to fill its inbox."""
    fields = _again(house.sign_up("a@example.org"))
    assert fields is not None
    with house.database.write() as session:
        session.get_one(Delivery, house.letters()[0].id).state = state
    house.now += timedelta(hours=23)
    assert "Check your inbox" in house.client.post("/n/courier/en/again", data=fields).text
    assert len(house.letters()) == 1


def test_asking_again_tells_nothing_about_an_address(house: House) -> None:
    house.join("a@example.org")
    with house.database.write() as session:
        suppressions.suppress(session, "s@example.org", Cause.COMPLAINT, now=house.now)
    fields = {name: _again(house.sign_up(f"{name}@example.org")) for name in "nas"}
    house.now += timedelta(seconds=61)
    answers = {
        re.sub(f"{name}(@|[*]{{3}}@)example", "", house.client.post("/n/courier/en/again", data=each).text)
        for name, each in fields.items()
    }
    assert len(answers) == 1
    assert "s@example.org" not in {letter.address for letter in house.letters()}


@pytest.mark.parametrize("email", ["", "nobody", "a@example.org"])
def test_asking_again_without_our_token_leads_back_to_the_form(house: House, email: str) -> None:
    token = house.client.get("/n/courier/en").text.split('name="token" value="')[1].split('"')[0]
    before = house.dump()
    for data in ({"email": email}, {"email": email, "token": token}):
        answer = house.client.post("/n/courier/en/again", data=data, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/n/courier/en")
    assert house.dump() == before


def test_a_likely_slip_is_asked_about_and_never_refused(house: House) -> None:
    token = house.client.get("/n/courier/en").text.split('name="token" value="')[1].split('"')[0]
    page = house.client.post("/n/courier/en", data={"email": "rezan@gmial.com", "token": token}).text
    assert "Did you mean another address?" in page
    assert house.letters() == []
    forms = [dict(re.findall(r'name="(\w+)" value="([^"]*)"', form)) for form in page.split("<form")[1:]]
    assert [form["email"] for form in forms] == ["rezan@gmial.com", "rezan@gmail.com"]
    for form in forms:
        assert "Check your inbox" in house.client.post("/n/courier/en", data=form).text
    assert [letter.address for letter in house.letters()] == ["rezan@gmial.com", "rezan@gmail.com"]


@pytest.mark.parametrize(
    ("typed", "words", "meant"),
    [
        ("rezan٧@gmail.com", "The digits in it", "rezan7@gmail.com"),
        ("rezan@gmail،com", "a comma where a dot belongs", "rezan@gmail.com"),
        ("rezan @gmail.com", "There is a space inside", "rezan@gmail.com"),
        ("رێزان@gmail.com", "letters that our emails cannot be sent to", None),
    ],
)
def test_what_another_keyboard_typed_is_explained_and_offered_mended(
    house: House, typed: str, words: str, meant: str | None
) -> None:
    page = house.client.post("/n/courier/en", data={"email": typed})
    assert page.status_code == 422
    assert words in page.text
    if meant is None:
        assert "Perhaps you meant" not in page.text
        return
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text.split('<form id="meant"')[1].split("</form>")[0]))
    assert form["email"] == meant
    assert "Check your inbox" in house.client.post("/n/courier/en", data=form).text
    assert [letter.address for letter in house.letters()] == [meant]
