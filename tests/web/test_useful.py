"""Whether an issue was useful: the letter's links ask, a press counts, once a reader."""

from __future__ import annotations

import re
from html import unescape

from ground.tokens import Purpose, Valid
from mailer import message, render
from mailer.compiled import Compiled
from mailer.compiler import compiled_bytes
from mailer.render import Page
from newsletters import besides, digest, opinions
from newsletters.besides import Beside
from newsletters.issues import Issue, IssueState
from newsletters.opinions import Counted
from staff.members import Role
from tests.golden.letters import DIGEST, MINT, part, row
from tests.mailer.letters_at_hand import FOLDERS
from tests.web.conftest import BASE, House
from tests.web.test_desk import EN, an_issue


def sent(house: House) -> tuple[int, str]:
    """An issue that went, and the link of a reader who had it."""
    issue_id = an_issue(house)
    with house.database.write() as session:
        issue = session.get_one(Issue, issue_id)
        issue.state, issue.sealed_at = IssueState.FINISHED, house.now
    house.join("rezan@example.org")
    subscription_id = house.subscription("rezan@example.org").id
    return issue_id, f"/f/{house.keys.sign(Purpose.FEEDBACK, str(subscription_id))}"


def counted(house: House, issue_id: int) -> Counted:
    with house.database.read() as session:
        return opinions.count(session, issue_id)


def test_a_look_counts_nothing_and_a_press_counts_once_and_can_be_changed(house: House) -> None:
    issue_id, link = sent(house)
    page = house.client.get(f"{link}?issue=1&answer=no")
    assert "Was this issue useful to you?" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert counted(house, issue_id) == Counted()
    for answer in ("yes", "yes", "no"):
        assert house.client.post(link, data={"issue": "1", "answer": answer}).status_code == 200
    assert counted(house, issue_id) == Counted(useful=0, not_useful=1)
    desk = house.sign_in(Role.EDITOR).get(f"/console/issues/{issue_id}").text
    assert "These are answers, one a reader" in desk


def test_what_is_no_answer_of_ours_counts_nothing(house: House) -> None:
    issue_id, link = sent(house)
    for data in (
        {"issue": "2", "answer": "yes"},
        {"issue": "x", "answer": "yes"},
        {"issue": "1", "answer": "maybe"},
        {},
    ):
        assert "Thank you" not in house.client.post(link, data=data).text
    for purpose in (Purpose.UNSUBSCRIBE, Purpose.PREFERENCES):
        assert house.client.post(f"/f/{house.keys.sign(purpose, '1')}", data={"issue": "1"}).status_code == 404
    assert house.client.get(f"/f/{house.keys.sign(Purpose.FEEDBACK, '0')}?issue=1").status_code == 200
    assert counted(house, issue_id) == Counted()


def test_the_letter_holds_both_links_and_the_public_page_none(house: House) -> None:
    issue_id = an_issue(house)
    with house.database.write() as session:
        besides.choose(session, EN, [Beside.FEEDBACK, Beside.FORWARD], by="desk", now=house.now)
        job = digest.job(session, session.get_one(Issue, issue_id), base_url=BASE)
    compiled = Compiled.from_bytes(compiled_bytes(job, DIGEST, FOLDERS))
    raw = message.build(compiled, row(compiled), MINT)
    for subtype in ("html", "plain"):
        links = re.findall(r"https://[^\s\"]+/f/[^\s\"]+", unescape(part(raw, subtype)))
        assert [link.partition("?")[2] for link in links] == ["issue=1&answer=yes", "issue=1&answer=no"]
        assert house.keys.read(Purpose.FEEDBACK, links[0].split("/f/")[1].partition("?")[0], now=house.now) == Valid(
            "7-1"
        )
        assert f"{BASE}/n/" in part(raw, subtype)
    public = render.render(
        Page(template=job.template, language="en", sender=job.sender, context=job.context, marker=""), FOLDERS
    )
    assert "Was this issue useful" not in public.html + public.text
