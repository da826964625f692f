"""Following, on the preference page: chosen like any rhythm, and it says when nothing comes because nothing is followed."""

from __future__ import annotations

from newsletters import schedules
from newsletters.schedules import FOLLOW, Schedule, Terms
from tests.web.conftest import House
from tests.web.test_preferences import a_feed_with, preferences, taken, weekly

NOTHING_YET = "You follow nothing yet"


def following(house: House) -> int:
    """The English edition, daily, weekly, and what its readers follow; the last schedule's id."""
    weekly(house)
    with house.database.write() as session:
        terms = Terms(name="following", layout=FOLLOW)
        added = schedules.add(session, 1, "daily 18:00 Asia/Baghdad", now=house.now, terms=terms)
        assert isinstance(added, Schedule)
        return added.id


def test_a_reader_chooses_to_get_only_what_they_follow_and_is_told_that_they_follow_nothing_yet(house: House) -> None:
    path, further = preferences(house), following(house)
    a_feed_with(house, ("Water", "Ava"), ("Sport", "Hana"))
    page = house.client.get(path).text
    assert "Only what you follow" in page
    assert "at most once a day" in page
    assert NOTHING_YET not in page
    page = house.client.post(path, data={"set": "rhythm", "edition": "1", "rhythm": str(further)}).text
    assert taken(house)[1].schedule_id == further
    assert NOTHING_YET in page
    assert '<details class="wish" open>' in page
    page = house.client.post(path, data={"set": "topics", "edition": "1", "author": "Ava"}).text
    assert NOTHING_YET not in page
    assert "Every new story of your choice comes once." in page
    assert "The lead story comes to everybody" not in page
    assert "Bring me everything" not in page


def test_one_topic_is_enough_to_follow(house: House) -> None:
    path, further = preferences(house), following(house)
    a_feed_with(house, ("Water", ""))
    page = house.client.post(path, data={"set": "rhythm", "edition": "1", "rhythm": str(further)}).text
    assert 'name="section" value="Water"' in page


def test_who_has_left_is_not_offered_a_letter_that_would_bring_them_nothing(house: House) -> None:
    out = house.join("rezan@example.org")
    following(house)
    page = house.client.post(out).text
    assert "Weekly</bdi> instead" in page
    assert "Only what you follow" not in page
