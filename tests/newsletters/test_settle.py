"""What becomes of an issue that is on its way: finished, paused, cancelled, shown in the archive."""

from __future__ import annotations

from sqlalchemy import select

from articles.articles import Article
from mailer import ledger, letters
from mailer.batches import Batch, BatchState
from mailer.deliveries import Attempt, Delivery, State
from mailer.letters import Letter, LetterState
from mailer.transports import Stage
from newsletters import archive, issues, launch, settle
from newsletters.act import Done, Refused
from newsletters.issues import Issue, IssueState
from newsletters.seal import NotPublished
from tests.newsletters.press import Press


async def test_an_issue_is_finished_when_none_of_its_deliveries_is_open(press: Press) -> None:
    press.readers("ava@example.org", "dilan@gmail.com")
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        assert settle.settle(session, now=press.now) == []
        for delivery in session.scalars(select(Delivery)):
            delivery.state = State.ACCEPTED
        for batch in session.scalars(select(Batch)):
            batch.state = BatchState.DONE
        doubtful = session.scalars(select(Delivery).limit(1)).one()
        doubtful.state, doubtful.uncertain_at = State.UNCERTAIN, press.now
        assert settle.settle(session, now=press.now) == []
        for delivery in session.scalars(select(Delivery)):
            delivery.state = State.FAILED
        assert settle.settle(session, now=press.now) == [press.issue_id]
    assert (press.issue().state, press.issue().finished_at) == (IssueState.FINISHED, press.now)


async def test_an_issue_that_does_not_add_up_is_not_called_finished(press: Press) -> None:
    press.readers("ava@example.org", "dilan@gmail.com")
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        session.delete(session.scalars(select(Delivery).limit(1)).one())
        session.flush()
        session.scalars(select(Delivery)).one().state = State.ACCEPTED
        for batch in session.scalars(select(Batch)):
            batch.state = BatchState.DONE
        session.flush()
        assert settle.settle(session, now=press.now) == []


async def test_cancelling_stops_the_letter_at_once(press: Press) -> None:
    press.readers("ava@example.org", "dilan@gmail.com")
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        done = launch.cancel(session, press.issue_id, reason="wrong lead", by="editor@example.org", now=press.now)
        assert isinstance(done, Done)
        issue = session.get_one(Issue, press.issue_id)
        assert (issue.state, issue.reason) == (IssueState.CANCELLED, "wrong lead")
        assert session.get_one(Letter, issue.letter_id).state is LetterState.CANCELLED
    assert await press.publisher.publish(press.issue_id) == NotPublished(issue_id=press.issue_id, reason="wrong lead")


async def test_a_paused_issue_goes_on_when_it_is_told_to(press: Press) -> None:
    press.readers("ava@example.org")
    await press.publisher.publish(press.issue_id)
    states = []
    with press.database.write() as session:
        issue = session.get_one(Issue, press.issue_id)
        launch.pause(session, issue.id, reason="a doubt", by="editor@example.org", now=press.now)
        states.append((issue.state, session.get_one(Letter, issue.letter_id).state))
        launch.resume(session, issue.id, by="editor@example.org", now=press.now)
        states.append((issue.state, session.get_one(Letter, issue.letter_id).state))
    assert states == [(IssueState.PAUSED, LetterState.PAUSED), (IssueState.SENDING, LetterState.SENDING)]


async def test_the_archive_shows_an_issue_from_its_seal_on(press: Press) -> None:
    press.readers("ava@example.org")
    with press.database.read() as session:
        assert archive.list_published(session, press.desk.edition) == []
    await press.publisher.publish(press.issue_id)
    with press.database.read() as session:
        assert [issue.id for issue in archive.list_published(session, press.desk.edition)] == [press.issue_id]
        found = archive.find_published(session, press.desk.edition, 1)
        assert found is not None
        assert archive.find_published(session, press.desk.edition, 2) is None


async def test_a_sealed_issue_remembers_what_was_really_sent(press: Press) -> None:
    press.readers("ava@example.org")
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        session.get_one(Article, press.articles[0]).title = "Changed the day after"
        sent = [item.title for item in issues.list_items(session, press.issue_id)]
    assert sent == ["Story 2", "Story 1", "Story 3", "Story 4", "Story 5"]


def hold(press: Press, refusal: str | None) -> None:
    """What the dispatcher does when a server refuses our sender address again and again."""
    with press.database.write() as session:
        letter_id = session.get_one(Issue, press.issue_id).letter_id
        assert letter_id is not None
        assert letters.pause(session, letter_id)
        if refusal is not None:
            refused = session.scalars(select(Delivery).limit(1)).one()
            said = Attempt(
                delivery_id=refused.id, number=1, at=press.now, outcome="failed", stage=Stage.MAIL, reply=refusal
            )
            session.add(said)


async def test_a_letter_that_the_mailer_holds_is_seen_at_the_desk(press: Press) -> None:
    press.readers("ava@example.org", "dilan@gmail.com")
    await press.publisher.publish(press.issue_id)
    hold(press, "5.7.1 Sender not allowed")
    with press.database.write() as session:
        assert settle.settle(session, now=press.now) == []
    issue = press.issue()
    assert issue.state is IssueState.PAUSED
    assert issue.reason == (
        "Held by the mailer: the mail server refuses our sender address (5.7.1 Sender not allowed). "
        "Put that right with whoever runs the server, then resume."
    )
    with press.database.write() as session:
        assert isinstance(launch.resume(session, press.issue_id, by="editor@example.org", now=press.now), Done)
        assert session.get_one(Letter, issue.letter_id).state is LetterState.SENDING
    assert (press.issue().state, press.issue().reason) == (IssueState.SENDING, None)


async def test_an_editor_may_pause_what_the_mailer_has_just_held(press: Press) -> None:
    press.readers("ava@example.org")
    await press.publisher.publish(press.issue_id)
    hold(press, None)
    with press.database.write() as session:
        paused = launch.pause(session, press.issue_id, reason="a doubt", by="editor@example.org", now=press.now)
        assert isinstance(paused, Done)
    assert (press.issue().state, press.issue().reason) == (IssueState.PAUSED, "a doubt")


async def test_an_issue_whose_last_mail_has_left_is_not_paused_but_finished(press: Press) -> None:
    press.readers("ava@example.org")
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        row = session.scalars(select(Delivery)).one()
        row.state, row.accepted_at = State.ACCEPTED, press.now
        session.scalars(select(Batch)).one().state = BatchState.DONE
        session.flush()
        assert ledger.finish_letters(session, now=press.now)  # as the last batch does, before the desk has looked
        refused = launch.pause(session, press.issue_id, reason="too late", by="editor@example.org", now=press.now)
        assert refused == Refused("The last mail of this issue has been handed over: there is nothing left to hold.")
        assert session.get_one(Letter, press.issue().letter_id).state is LetterState.FINISHED
        assert settle.settle(session, now=press.now) == [press.issue_id]
