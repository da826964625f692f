"""One source's page: what it brought, what the desk says about it, and what an editor does to it."""

from __future__ import annotations

import html
import re
from datetime import timedelta

from sqlalchemy import select

from articles import feeds
from articles.feeds import Feed, Said
from newsletters import draw, newsletters
from staff.members import AuditEntry, Role
from tests.web.conftest import House, SignedIn
from tests.web.sources.conftest import (
    PAGE,
    collected,
    edition_id,
    feed,
    seen,
    seen_in,
    take,
    words,
)


async def test_a_source_shows_what_it_brought_and_follows_its_collecting(desk: House, site: str) -> None:
    with desk.database.write() as session:
        feeds.add_feed(session, f"{site}/plain.xml", now=desk.now, said=Said(zone="Asia/Baghdad", section="Town"))
    editor = desk.sign_in()
    assert 'hx-trigger="every 2s"' in editor.get(f"{PAGE}/1/state").text  # it is due
    await collected(desk, 1, site)
    piece = editor.get(f"{PAGE}/1/state").text
    assert "every 2s" not in piece
    assert "<html" not in piece
    told = words(editor.get(f"{PAGE}/1").text)
    for said in ("Zeryan Town News", "The bridge is open again", "Town", "Asked every 15 min"):
        assert said in told


def test_a_source_is_changed_and_keeps_its_name_over_its_title(desk: House, editor: SignedIn, site: str) -> None:
    feed_id = take(editor, f"{site}/plain.xml", editions=[str(edition_id(desk))])
    answer = editor.post(
        f"{PAGE}/{feed_id}",
        {
            "name": "Zeryan",
            "language": "en",
            "zone": "Sulaymaniyah",
            "section": "",
            "editions": [edition_id(desk, "ar")],
            "seen": seen(editor, feed_id),
        },
    )
    assert answer.status_code == 303
    changed = feed(desk, feed_id)
    assert (feeds.shown_name(changed), changed.zone, changed.section) == ("Zeryan", "Asia/Baghdad", None)
    with desk.database.read() as session:
        assert draw.editions_drawing(session, [feed_id])[feed_id] == [edition_id(desk, "ar")]
        acts = [line.act for line in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
    assert acts == ["feed.add", "feed.change", "feed.draw"]
    wrong = editor.post(f"{PAGE}/{feed_id}", {"name": "Kept", "zone": "Asia/Arbil", "seen": seen(editor, feed_id)})
    assert wrong.status_code == 422
    assert 'value="Kept"' in wrong.text
    assert feed(desk, feed_id).name == "Zeryan"


def test_a_source_whose_stories_pages_are_left_alone_says_so_and_takes_them_up_again(
    desk: House, editor: SignedIn, site: str
) -> None:
    feed_id = take(editor, f"{site}/plain.xml", feed_only="1")
    assert not feed(desk, feed_id).reads_pages
    assert re.search('name="feed_only" value="1" checked', editor.get(f"{PAGE}/{feed_id}").text)
    said = {"zone": "UTC", "seen": seen(editor, feed_id)}
    assert editor.post(f"{PAGE}/{feed_id}", said).status_code == 303
    assert feed(desk, feed_id).reads_pages
    assert not re.search('name="feed_only" value="1" checked', editor.get(f"{PAGE}/{feed_id}").text)


def test_of_two_editors_of_a_source_the_second_is_told_and_keeps_what_they_typed(
    desk: House, editor: SignedIn, site: str
) -> None:
    feed_id = take(editor, f"{site}/plain.xml")
    other = desk.sign_in(Role.EDITOR, "karo@news.example.org")
    mine = theirs = {"zone": "UTC", "seen": seen(editor, feed_id)}
    assert other.post(f"{PAGE}/{feed_id}", {**theirs, "name": "Karo's name"}).status_code == 303
    answer = editor.post(f"{PAGE}/{feed_id}", {**mine, "name": "My name", "section": "Town"})
    assert answer.status_code == 409
    assert "karo@news.example.org changed this after you had opened it." in words(answer.text)
    assert "Karo’s name" in words(answer.text).replace("'", "’")
    assert 'value="My name"' in answer.text
    assert feed(desk, feed_id).name == "Karo's name"
    again = {"zone": "UTC", "name": "My name", "section": "Town", "seen": seen_in(answer.text)}
    assert editor.post(f"{PAGE}/{feed_id}", again).status_code == 303  # now knowing what they overwrite
    assert feed(desk, feed_id).name == "My name"


def test_a_form_of_a_source_that_does_not_say_what_was_seen_overwrites_nothing(
    desk: House, editor: SignedIn, site: str
) -> None:
    feed_id = take(editor, f"{site}/plain.xml")
    before = feed(desk, feed_id).name
    assert editor.post(f"{PAGE}/{feed_id}", {"zone": "UTC", "name": "Unseen"}).status_code == 409
    assert feed(desk, feed_id).name == before


def test_collecting_is_paused_and_taken_up_again(desk: House, editor: SignedIn, site: str) -> None:
    feed_id = take(editor, f"{site}/plain.xml")
    editor.post(f"{PAGE}/{feed_id}/pause")
    page = editor.get(f"{PAGE}/{feed_id}").text
    assert f'action="{PAGE}/{feed_id}/resume"' in page.split('class="toast"')[1].split("</form>")[0]
    assert not feed(desk, feed_id).enabled
    editor.post(f"{PAGE}/{feed_id}/collect")
    assert "Collecting this feed is paused. Resume it first." in words(editor.get(f"{PAGE}/{feed_id}").text)
    editor.post(f"{PAGE}/{feed_id}/resume")
    assert feed(desk, feed_id).enabled


def test_collect_now_asks_the_engine_but_not_twice_within_half_a_minute(
    desk: House, editor: SignedIn, site: str
) -> None:
    feed_id = take(editor, f"{site}/plain.xml")
    with desk.database.write() as session:
        feeds.succeeded(session.get_one(Feed, feed_id), now=desk.now, pause=timedelta(minutes=15))
    desk.engine.submitted.clear()
    editor.post(f"{PAGE}/{feed_id}/collect")
    assert desk.engine.submitted == []
    assert "not asked twice within half a minute" in words(editor.get(f"{PAGE}/{feed_id}").text)
    desk.now += timedelta(minutes=1)
    editor.post(f"{PAGE}/{feed_id}/collect")
    assert [task for task, _, _ in desk.engine.submitted] == ["collect"]
    assert feed(desk, feed_id).next_fetch_at == desk.now


async def test_a_source_is_removed_only_if_nothing_hangs_on_it(desk: House, site: str) -> None:
    editor = desk.sign_in()
    with desk.database.write() as session:
        for path in ("/plain.xml", "/other.xml"):
            feeds.add_feed(session, site + path, now=desk.now)
        newsletters.draw_from(session, edition_id(desk), [2])
    await collected(desk, 1, site)
    editor.post(f"{PAGE}/1/remove")
    assert "Articles were collected from this feed" in words(editor.get(f"{PAGE}/1").text)
    editor.post(f"{PAGE}/2/remove")
    assert "1 edition draws from this feed. Take it out there first, or pause it." in words(
        editor.get(f"{PAGE}/2").text
    )
    editor.post(f"{PAGE}/2", {"zone": "UTC", "seen": seen(editor, 2)})
    assert editor.post(f"{PAGE}/2/remove").headers["location"] == PAGE
    assert editor.get(f"{PAGE}/2").status_code == 404


def test_what_was_typed_about_a_source_that_somebody_removed_is_kept(desk: House, editor: SignedIn, site: str) -> None:
    feed_id = take(editor, f"{site}/plain.xml")
    assert editor.post(f"{PAGE}/{feed_id}/remove", {}).status_code == 303
    typed = {"url": f"{site}/plain.xml", "name": "My <b>name</b>", "zone": "Paris", "section": "Town", "seen": "x"}
    answer = editor.post(f"{PAGE}/{feed_id}", typed)
    assert answer.status_code == 409
    assert "What you typed is kept" in words(answer.text)
    assert all(f'value="{html.escape(text)}"' in answer.text for text in ("My <b>name</b>", "Paris", "Town"))
    again = editor.post(f"{PAGE}/new", {**typed, "act": "save"})
    assert again.status_code == 303
    with desk.database.read() as session:
        feed = session.scalars(select(Feed)).one()
        assert (feed.name, feed.zone) == ("My <b>name</b>", "Europe/Paris")
