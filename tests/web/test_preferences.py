"""The preference page: what a reader gets, chosen without a password or a script."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from ground.tokens import Purpose
from mailer import suppressions
from mailer.letters import Letter
from mailer.suppressions import Cause
from newsletters import newsletters, schedules
from newsletters.schedules import Schedule, Terms
from subscribers import topics
from subscribers.consents import Act, ConsentEvent
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState
from subscribers.topics import Topics
from tests.newsletters.builders import a_feed, an_article
from tests.web.conftest import House


def preferences(house: House, email: str = "rezan@example.org", language: str = "en") -> str:
    """A confirmed reader; the path of the preference page in their welcome letter."""
    house.join(email, language)
    return page_of(house, house.subscription(email).id)


def page_of(house: House, subscription_id: int) -> str:
    token = house.keys.sign(Purpose.PREFERENCES, str(subscription_id), expires_at=house.now + timedelta(days=180))
    return f"/p/{token}"


def taken(house: House) -> dict[int, Subscription]:
    with house.database.read() as session:
        return {row.edition_id: row for row in session.scalars(select(Subscription))}


def consents(house: House) -> list[tuple[Act, str, int | None]]:
    with house.database.read() as session:
        rows = session.scalars(select(ConsentEvent).order_by(ConsentEvent.id))
        return [(row.act, row.source, row.edition_id) for row in rows if row.source.startswith("preferences")]


def weekly(house: House) -> int:
    """The English edition, daily and weekly; the weekly schedule's id."""
    with house.database.write() as session:
        for rule, name in (("sun-thu 07:00 Asia/Baghdad", "daily"), ("fri 09:00 Asia/Baghdad", "weekly")):
            added = schedules.add(session, 1, rule, now=house.now, terms=Terms(name=name))
            assert isinstance(added, Schedule)
            newest = added.id
    return newest


def undo(page: str) -> dict[str, str]:
    """The fields of the one form that undoes."""
    form = next(form for form in page.split("<form")[1:] if 'name="undo"' in form)
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))


def test_the_page_shows_every_edition_of_the_publisher_and_which_is_on(house: House) -> None:
    page = house.client.get(preferences(house))
    assert page.status_code == 200
    for title in ("Morning briefing", "نشرة الصباح", "پوختەی بەیانی"):
        assert title in page.text
    assert page.text.count("Turn off: ") == 1
    assert page.text.count("Turn on: ") == 2
    assert page.text.count("<strong>Turn on</strong>") == 1  # this one's breaking news
    assert "rezan@" not in page.text
    assert "r***@example.org" in page.text
    assert "<script" not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"


def test_looking_changes_nothing(house: House) -> None:
    path = preferences(house)
    before = house.dump()
    for _ in range(2):
        house.client.get(path)
        house.client.head(path)
    assert house.dump() == before


def test_an_edition_never_had_is_turned_on_at_once_with_its_evidence(house: House) -> None:
    path = preferences(house)
    page = house.client.post(path, data={"set": "on", "edition": "3"})
    assert page.status_code == 200
    assert "Saved." in page.text
    assert taken(house)[3].state is SubscriptionState.ACTIVE
    assert consents(house) == [(Act.CONFIRMED, "preferences", 3)]
    with house.database.read() as session:
        event = session.scalars(select(ConsentEvent).where(ConsentEvent.edition_id == 3)).one()
    assert event.wording is not None
    assert event.wording in page.text


def test_the_same_press_twice_is_one_change(house: House) -> None:
    path, further = preferences(house), weekly(house)
    for data in (
        {"set": "on", "edition": "3"},
        {"set": "rhythm", "edition": "1", "rhythm": str(further)},
        {"set": "pause", "edition": "1", "until": "2026-03-23"},
        {"set": "language", "language": "ckb"},
        {"set": "off", "edition": "3"},
        {"set": "off-all"},
    ):
        assert house.client.post(path, data=data).status_code == 200
        once = house.dump()
        house.now += timedelta(seconds=7)
        assert house.client.post(path, data=data).status_code == 200
        assert house.dump() == once


def test_two_open_pages_do_not_overwrite_each_others_settings(house: House) -> None:
    path, further = preferences(house), weekly(house)
    house.client.post(path, data={"set": "rhythm", "edition": "1", "rhythm": str(further)})
    house.client.post(
        path, data={"set": "pause", "edition": "1", "until": "2026-03-16"}
    )  # from a page that shows "daily"
    house.client.post(path, data={"set": "language", "language": "ar"})
    one = taken(house)[1]
    assert (one.schedule_id, one.paused_until is not None) == (further, True)


def test_each_save_can_be_undone_and_is_then_as_before(house: House) -> None:
    path, further = preferences(house), weekly(house)
    house.client.post(path, data={"set": "pause", "edition": "1", "until": "2026-03-16"})

    def state() -> object:
        with house.database.read() as session:
            language = session.scalars(select(Subscriber.language)).one()
        return language, {
            row.edition_id: (row.schedule_id, row.paused_until)
            for row in taken(house).values()
            if row.state is SubscriptionState.ACTIVE
        }

    before = state()
    for data in (
        {"set": "on", "edition": "2"},
        {"set": "off", "edition": "1"},
        {"set": "rhythm", "edition": "1", "rhythm": str(further)},
        {"set": "pause", "edition": "1", "until": ""},
        {"set": "pause", "edition": "1", "until": "2026-04-06"},
        {"set": "language", "language": "ckb"},
        {"set": "off-all"},
    ):
        page = house.client.post(path, data=data)
        assert state() != before, data
        assert house.client.post(path, data=undo(page.text)).status_code == 200
        assert state() == before, data


def test_leaving_everything_ends_all_and_one_press_brings_all_back(house: House) -> None:
    path = preferences(house)
    house.client.post(path, data={"set": "on", "edition": "2"})
    page = house.client.post(path, data={"set": "off-all"})
    assert "Done. You will not get these emails." in page.text
    assert {row.state for row in taken(house).values()} == {SubscriptionState.ENDED}
    house.client.post(path, data=undo(page.text))
    assert {row.state for row in taken(house).values()} == {SubscriptionState.ACTIVE}
    assert consents(house)[-2:] == [
        (Act.RESUBSCRIBED, "preferences: undo", 1),
        (Act.RESUBSCRIBED, "preferences: undo", 2),
    ]


def test_a_pause_shows_its_day_and_ends_with_it(house: House) -> None:
    path = preferences(house)
    assert "until 23 March 2026" in house.client.get(path).text
    page = house.client.post(path, data={"set": "pause", "edition": "1", "until": "2026-03-23"}).text
    assert "comes again on 23 March 2026" in page
    assert "End the pause" in page
    # 23 March begins in Erbil, where the edition lives.
    assert taken(house)[1].paused_until == house.now.replace(day=22, hour=21)
    house.now += timedelta(days=14)
    assert "End the pause" not in house.client.get(path).text


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"set": "on"},
        {"set": "on", "edition": "99"},
        {"set": "on", "edition": "1,x"},
        {"set": "rhythm", "edition": "1", "rhythm": "99"},
        {"set": "rhythm", "edition": "1", "rhythm": "1' OR 1"},
        {"set": "rhythm", "edition": "2", "rhythm": "2"},
        {"set": "pause", "edition": "1", "until": "2026-03-09"},
        {"set": "pause", "edition": "1", "until": "2026-12-01"},
        {"set": "pause", "edition": "1", "until": "tomorrow"},
        {"set": "pause", "edition": "2", "until": "2026-03-16"},
        {"set": "pause", "edition": "1,2", "until": "2026-03-16"},
        {"set": "language", "language": "xx"},
        {"set": "on", "edition": "2", "rhythm": "2"},
        {"set": "on", "edition": "2", "until": "2020-01-01"},
        {"set": "everything", "edition": "9" * 400},
    ],
)
def test_what_is_not_on_offer_changes_nothing_and_says_so(house: House, data: dict[str, str]) -> None:
    path = preferences(house)
    weekly(house)
    before = house.dump()
    page = house.client.post(path, data=data)
    assert page.status_code == 409
    assert "Nothing was changed" in page.text
    assert house.dump() == before


def test_the_page_speaks_the_language_that_was_chosen(house: House) -> None:
    path = preferences(house)
    page = house.client.post(path, data={"set": "language", "language": "ar"})
    assert page.headers["content-language"] == "ar"
    assert '<html lang="ar" dir="rtl">' in house.client.get(path).text


def test_a_suppressed_address_is_told_what_to_do_and_turns_nothing_on(house: House) -> None:
    path = preferences(house)
    with house.database.write() as session:
        suppressions.suppress(session, "rezan@example.org", Cause.COMPLAINT, now=house.now)
    page = house.client.get(path).text
    assert "Turn on: " not in page
    assert "desk@news.example.org" in page
    refused = house.client.post(path, data={"set": "on", "edition": "2"})
    assert refused.status_code == 409
    assert 2 not in taken(house)


def test_who_was_forgotten_finds_a_plain_page(house: House) -> None:
    path = preferences(house)
    with house.database.write() as session:
        session.scalars(select(Subscriber)).one().erased_at = house.now
    before = house.dump()
    for answer in (
        house.client.get(path),
        house.client.post(path, data={"set": "on", "edition": "2"}),
        house.client.get(page_of(house, 4711)),
    ):
        assert answer.status_code == 200
        assert "There is nothing to choose here any more" in answer.text
    assert house.dump() == before


def test_an_old_link_chooses_nothing_and_still_shows_the_way_out(house: House) -> None:
    path = preferences(house)
    house.now += timedelta(days=180)
    before = house.dump()
    for answer in (house.client.get(path), house.client.post(path, data={"set": "off-all"})):
        assert answer.status_code == 410
        assert "This link is too old" in answer.text
    assert house.dump() == before
    way_out = answer.text.split('href="/u/')[1].split('"')[0]
    assert "Unsubscribe from" in house.client.get(f"/u/{way_out}").text


def test_a_link_for_another_purpose_opens_nothing(house: House) -> None:
    preferences(house)
    for token in (house.keys.sign(Purpose.UNSUBSCRIBE, "1"), house.keys.sign(Purpose.VIEW, "1"), "1", "a.1.x"):
        assert house.client.get(f"/p/{token}").status_code == 404
        assert house.client.post(f"/p/{token}", data={"set": "off-all"}).status_code == 404


def test_who_has_left_finds_weekly_and_a_pause_below_the_words_that_it_is_done(house: House) -> None:
    out, further = house.join("rezan@example.org"), weekly(house)
    page = house.client.post(out).text
    assert page.index("Done. You will not get") < page.index("instead") < page.index("Only pause for two weeks")
    path = page.split('class="options" action="')[1].split('"')[0]
    answer = house.client.post(path, data={"set": "on", "edition": "1", "rhythm": str(further)})
    assert "Saved." in answer.text
    one = taken(house)[1]
    assert (one.state, one.schedule_id) == (SubscriptionState.ACTIVE, further)
    house.client.post(out)
    answer = house.client.post(path, data={"set": "on", "edition": "1", "until": "2026-03-23"})
    assert "comes again on 23 March 2026" in answer.text
    assert taken(house)[1].state is SubscriptionState.ACTIVE


def test_an_edition_with_one_rhythm_offers_no_other(house: House) -> None:
    page = house.client.post(house.join("rezan@example.org")).text
    assert " instead<" not in page
    assert "Only pause for two weeks" in page


def test_who_followed_a_rhythm_that_was_stopped_may_go_back_to_the_editions_own(house: House) -> None:
    path, further = preferences(house), weekly(house)
    house.client.post(path, data={"set": "rhythm", "edition": "1", "rhythm": str(further)})
    with house.database.write() as session:
        schedules.set_enabled(session.get_one(Schedule, further), enabled=False, now=house.now)
    page = house.client.get(path).text
    assert 'name="rhythm" value="own"' in page
    assert "Weekly" not in page
    house.client.post(path, data={"set": "rhythm", "edition": "1", "rhythm": "own"})
    assert taken(house)[1].schedule_id is None
    assert 'name="rhythm"' not in house.client.get(path).text


def a_feed_with(house: House, *stories: tuple[str, str]) -> None:
    """The English edition draws from a feed with these stories: section and author."""
    with house.database.write() as session:
        feed = a_feed(session, house.now)
        newsletters.draw_from(session, 1, [feed])
        for number, (section, author) in enumerate(stories):
            an_article(
                session, feed, f"Story {number}", house.now - timedelta(hours=number), section=section, authors=[author]
            )


def wish(house: House) -> tuple[Topics | None, str | None]:
    with house.database.read() as session:
        one = session.scalars(select(Subscription).where(Subscription.edition_id == 1)).one()
        return topics.read(session, one.topics_id), one.own_hour


def test_a_reader_ticks_sections_and_authors_and_gets_everything_again(house: House) -> None:
    a_feed_with(house, ("Water", "Ava"), ("Sport", "<b>Soran</b>"), ("Sport", "Ava"), ("ئاو", "هانار"))
    path = preferences(house)
    page = house.client.get(path)
    assert "Sections and authors" in page.text
    assert "&lt;b&gt;Soran&lt;/b&gt;" in page.text
    assert page.text.index('value="Sport"') < page.text.index('value="Water"')  # used most
    ticked = {"set": "topics", "edition": "1", "section": ["Sport", "ئاو"], "author": ["Ava"]}
    page = house.client.post(path, data=ticked)
    assert "brings what you chose" in page.text
    assert wish(house)[0] == Topics(sections=("Sport", "ئاو"), authors=("Ava",))
    assert page.text.count(" checked") == 3
    assert consents(house)[-1] == (Act.CHANGED, "preferences: topics Sport, ئاو, Ava", 1)
    page = house.client.post(path, data={**ticked, "section": ["Water"], "author": []})
    assert wish(house)[0] == Topics(sections=("Water",))
    house.client.post(path, data=undo(page.text))
    assert wish(house)[0] == Topics(sections=("Sport", "ئاو"), authors=("Ava",))
    page = house.client.post(path, data={**ticked, "all": "1"})
    assert "brings everything" in page.text
    assert wish(house)[0] is None


def test_what_a_reader_chose_stays_on_the_page_when_no_story_has_it_any_more(house: House) -> None:
    a_feed_with(house, ("Water", "Ava"), ("Sport", "Ava"))
    path = preferences(house)
    house.client.post(path, data={"set": "topics", "edition": "1", "section": ["Sport"]})
    house.now += timedelta(days=60)
    page = house.client.get(path)
    assert page.text.count(" checked") == 1
    assert 'value="Water"' not in page.text


def test_an_edition_of_one_topic_offers_no_choice(house: House) -> None:
    path = preferences(house)
    assert "Sections and authors" not in house.client.get(path).text


def test_no_box_ticked_is_everything_and_too_many_are_nobodys_choice(house: House) -> None:
    path = preferences(house)
    house.client.post(path, data={"set": "topics", "edition": "1", "section": ["Sport"]})
    assert house.client.post(path, data={"set": "topics", "edition": "1"}).status_code == 200
    assert wish(house)[0] is None
    many = {"set": "topics", "edition": "1", "section": [f"Section {n}" for n in range(topics.MOST + 1)]}
    assert house.client.post(path, data=many).status_code == 409
    assert wish(house)[0] is None


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("Asia/Baghdad", "20 Asia/Baghdad"), ("berlin", "20 Europe/Berlin"), ("هەولێر", "20 Asia/Baghdad")],
)
def test_a_reader_names_an_hour_and_a_city(house: House, typed: str, stored: str) -> None:
    path = preferences(house)
    page = house.client.post(path, data={"set": "hour", "edition": "1", "hour": "20", "zone": typed})
    assert "comes to you at 20:00" in page.text
    assert wish(house)[1] == stored
    house.client.post(path, data=undo(page.text))
    assert wish(house)[1] is None


@pytest.mark.parametrize(("hour", "zone"), [("20", "Atlantis"), ("24", "Berlin"), ("x", "Berlin"), ("20", "")])
def test_an_hour_or_a_place_that_there_is_not_changes_nothing(house: House, hour: str, zone: str) -> None:
    path = preferences(house)
    page = house.client.post(path, data={"set": "hour", "edition": "1", "hour": hour, "zone": zone})
    assert page.status_code == 409
    assert "Nothing was changed" in page.text
    assert wish(house)[1] is None


def test_the_page_asks_the_database_as_often_for_many_editions(house: House) -> None:
    a_feed_with(house, ("Water", "Ava"), ("Sport", "Ava"))
    path = preferences(house)

    def asked() -> int:
        statements: list[str] = []

        def note(*args: object) -> None:
            statements.append(str(args[2]))

        event.listen(house.database.reader, "before_cursor_execute", note)
        house.client.get(path)
        event.remove(house.database.reader, "before_cursor_execute", note)
        return len(statements)

    few = asked()
    house.client.post(path, data={"set": "on", "edition": "2,3"})
    assert asked() == few


def test_breaking_news_is_turned_on_and_off_and_only_where_an_edition_has_any(house: House) -> None:
    path = preferences(house)
    page = house.client.get(path)
    assert "at most 2 emails a day" in page.text

    def alerted() -> bool:
        with house.database.read() as session:
            return session.scalars(select(Subscription.alerts).where(Subscription.edition_id == 1)).one()

    page = house.client.post(path, data={"set": "alerts", "edition": "1", "on": "1"})
    assert "Breaking news comes to you, too" in page.text
    assert alerted()
    assert consents(house)[-1] == (Act.CHANGED, "preferences: alerts on", 1)
    house.client.post(path, data=undo(page.text))
    assert not alerted()
    with house.database.write() as session:
        session.get_one(newsletters.Edition, 1).alerts_a_day = 0
    assert "Breaking news" not in house.client.get(path).text


def _letters(house: House) -> list[str]:
    with house.database.read() as session:
        return list(session.scalars(select(Letter.name).order_by(Letter.id)))


def test_a_reader_is_told_of_more_once_a_day_and_of_less_not_at_all(house: House) -> None:
    path, further = preferences(house), weekly(house)
    house.client.post(path, data={"set": "on", "edition": "3"})
    assert _letters(house) == ["confirm", "welcome"], "the welcome came today"
    house.now += timedelta(days=2)
    for data in (
        {"set": "pause", "edition": "1", "until": "2026-03-23"},
        {"set": "off", "edition": "3"},
        {"set": "language", "language": "ckb"},
        {"set": "rhythm", "edition": "1", "rhythm": "999"},
    ):
        house.client.post(path, data=data)
    assert _letters(house) == ["confirm", "welcome"]
    house.client.post(path, data={"set": "rhythm", "edition": "1", "rhythm": str(further)})
    house.client.post(path, data={"set": "on", "edition": "3"})
    assert _letters(house) == ["confirm", "welcome", "changed"]
    letter = house.letters()[-1]
    told = "Morning briefing (Weekly)"
    assert (letter.address, letter.fields) == ("rezan@example.org", {"unsubscribe_url": "1", "newsletters": told})
    house.now += timedelta(days=1, minutes=1)
    house.client.post(path, data={"set": "on", "edition": "2"})
    assert _letters(house)[-2:] == ["changed", "changed"]
