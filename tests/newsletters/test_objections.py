"""What keeps an issue from going by itself: an unsound letter, an audience that fell. A person may let it go."""

from __future__ import annotations

from datetime import datetime

import pytest

from feedback import watch
from ground.database import Database
from mailer.letters import Letter, LetterState
from mailer.lint import Finding, NotRun, Report, Severity
from newsletters import launch, objections
from newsletters.act import Done
from newsletters.issues import Issue, IssueState
from newsletters.seal import NotPublished, Published
from tests.newsletters.press import Press


@pytest.fixture
def press(database: Database, now: datetime) -> Press:
    return Press(database, now)


def finding(words: str, *, blocks: bool = True, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(id="M03", subject="headers", severity=severity, words=words, where="", mend="Add it.", blocks=blocks)


async def test_an_issue_with_an_unsound_letter_is_held_with_the_reason(press: Press) -> None:
    press.readers("one@example.net")
    press.compiler.report = Report((finding("List-Unsubscribe is missing."), finding("It has <script>.")))
    outcome = await press.publisher.publish(press.issue_id)
    assert isinstance(outcome, NotPublished)
    issue = press.issue()
    assert (issue.state, issue.letter_id, issue.approved_by) == (IssueState.DRAFT, None, None)
    assert issue.reason == outcome.reason
    assert issue.reason.startswith("Held by the checks: List-Unsubscribe is missing. (M03) And 1 more.")
    assert press.engine.submitted == []


async def test_a_held_issue_is_not_tried_again_and_stands_on_the_board(press: Press) -> None:
    press.compiler.report = Report((finding("List-Unsubscribe is missing."),))
    await press.publisher.publish_due()
    asked = len(press.compiler.jobs)
    assert await press.publisher.publish_due() == []
    assert len(press.compiler.jobs) == asked
    with press.database.read() as session:
        told = watch.held_issues(session, now=press.now)
    assert [each.check for each in told] == ["issue_held"]
    assert "List-Unsubscribe is missing." in told[0].text
    assert not told[0].is_failing


async def test_what_a_person_approves_goes_whatever_the_checks_say(press: Press) -> None:
    press.readers("one@example.net")
    press.compiler.report = Report((finding("List-Unsubscribe is missing."),))
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        assert isinstance(launch.approve(session, press.issue_id, by="hanar", now=press.now), Done)
    assert isinstance(await press.publisher.publish(press.issue_id), Published)


async def test_errors_of_another_kind_and_tools_that_were_not_run_hold_nothing(press: Press) -> None:
    press.readers("one@example.net")
    press.compiler.report = Report(
        (finding("A picture has no alt.", blocks=False),), (NotRun("T07", "it is not installed"),)
    )
    assert isinstance(await press.publisher.publish(press.issue_id), Published)


def test_a_reason_fits_into_its_column_however_long_the_finding_is() -> None:
    reason = objections.of_letter(Report((finding("x" * 900), finding("y"))))
    assert reason is not None
    assert len(reason) == 300
    assert reason.endswith("mend it, then approve it.")


@pytest.fixture
def next_day(press: Press) -> Press:
    """An issue due now; the last one went to 40 readers."""
    with press.database.write() as session:
        now = session.get_one(Issue, press.issue_id)
        before = Issue(
            edition_id=now.edition_id,
            schedule_id=now.schedule_id,
            number=now.number + 100,
            layout=now.layout,
            state=IssueState.FINISHED,
            subject="Yesterday",
            preheader="",
            window_start=now.window_start,
            window_end=now.window_start,
            scheduled_for=now.window_start,
            created_at=now.window_start,
            sealed_at=now.window_start,
            recipient_count=40,
        )
        session.add(before)
    return press


async def test_an_audience_that_fell_by_over_a_half_holds_the_issue(next_day: Press) -> None:
    next_day.readers(*(f"r{number}@example.net" for number in range(19)))
    outcome = await next_day.publisher.publish(next_day.issue_id)
    assert isinstance(outcome, NotPublished)
    assert outcome.reason.startswith("Held by the checks: 19 readers would get it, 40 got the last one.")
    assert (next_day.issue().state, next_day.issue().letter_id) == (IssueState.DRAFT, None)
    assert next_day.engine.submitted == []
    with next_day.database.read() as session:
        assert [letter.state for letter in session.query(Letter)] == [LetterState.CANCELLED]


async def test_an_audience_that_fell_goes_once_a_person_has_said_so(next_day: Press) -> None:
    next_day.readers("one@example.net")
    await next_day.publisher.publish(next_day.issue_id)
    with next_day.database.write() as session:
        assert isinstance(launch.approve(session, next_day.issue_id, by="hanar", now=next_day.now), Done)
    outcome = await next_day.publisher.publish(next_day.issue_id)
    assert isinstance(outcome, Published)
    assert outcome.recipients == 1


async def test_half_of_the_last_audience_is_enough(next_day: Press) -> None:
    next_day.readers(*(f"r{number}@example.net" for number in range(20)))
    assert isinstance(await next_day.publisher.publish(next_day.issue_id), Published)
