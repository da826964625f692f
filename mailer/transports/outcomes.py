"""Outcomes: from a reply, or from none, to the value that tells what became of a message."""

from __future__ import annotations

from mailer import replies
from mailer.replies import ReplyClass
from mailer.transports import Outcome, Result, Stage


def outcome(result: Result, stage: Stage, code: int | None, text: str, route: str) -> Outcome:
    """An outcome in the server's words, or ours."""
    return Outcome(
        result=result,
        stage=stage,
        code=code,
        enhanced=replies.enhanced_code(text),
        reply=replies.clean(text),
        queue_id=replies.queue_id(text) if result is Result.ACCEPTED else None,
        route=route,
    )


def refused(stage: Stage, code: int, text: str, route: str) -> Outcome:
    """A reply that is no "go on"."""
    return outcome(_meaning(stage, code, text), stage, code, text, route)


def lost(route: str, why: str) -> Outcome:
    """The content had begun to leave, and no valid reply came."""
    return outcome(Result.UNCERTAIN, Stage.DOT, None, why, route)


def unsaid(route: str, stage: Stage, why: str) -> Outcome:
    """No valid reply came, and nothing of the content had left."""
    return outcome(Result.UNREACHABLE, stage, None, why, route)


def _meaning(stage: Stage, code: int, text: str) -> Result:
    if code // 100 not in {4, 5}:  # 2xx or 3xx where it makes no sense: we no longer understand each other
        return Result.UNCERTAIN if stage is Stage.DOT else Result.UNREACHABLE
    if replies.classify(stage, code, replies.enhanced_code(text), text) is ReplyClass.ROUTE:
        return Result.UNREACHABLE
    return Result.DEFERRED if code < 500 else Result.REFUSED
