"""What a failure means for the reader: by enhanced status (RFC 3463) first, by the server's words where the code is vague.

The tables are data. The one error that must not happen is to call a living mailbox dead, so HARD needs a code that
says it and words that do not contradict, or a vague code and words that say it plainly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailer.bounces import phrases
from mailer.bounces.phrases import Reason
from mailer.events import BounceKind


@dataclass(frozen=True, slots=True)
class Verdict:
    bounce: BounceKind
    reason: Reason


_HARD, _SOFT, _POLICY = BounceKind.HARD, BounceKind.SOFT, BounceKind.POLICY

#: Codes that say what is meant. The subject and detail (`x.1.1`) are looked up for class 5.
CERTAIN: dict[str, tuple[BounceKind, Reason]] = {
    "1.1": (_HARD, Reason.NO_SUCH_USER),
    "1.2": (_HARD, Reason.NO_SUCH_HOST),
    "1.3": (_HARD, Reason.NO_SUCH_USER),
    "1.6": (_HARD, Reason.MOVED),
    "1.10": (_HARD, Reason.NO_SUCH_HOST),  # null MX (RFC 7505)
    "1.7": (_POLICY, Reason.POLICY),  # our sender address
    "1.8": (_POLICY, Reason.POLICY),
    "1.9": (_SOFT, Reason.SYSTEM),
    "2.1": (_SOFT, Reason.DISABLED),  # locked or asleep; `feedback.apply` counts how often
    "2.2": (_SOFT, Reason.MAILBOX_FULL),
    "2.3": (_SOFT, Reason.TOO_BIG),
    "2.4": (_SOFT, Reason.SYSTEM),
    "3.1": (_SOFT, Reason.SYSTEM),
    "3.4": (_SOFT, Reason.TOO_BIG),
    "4.4": (_HARD, Reason.NO_SUCH_HOST),
    "4.6": (_SOFT, Reason.NETWORK),
    "4.7": (_SOFT, Reason.EXPIRED),
}

#: Vague codes: plain words about the mailbox may make them HARD, any other words only colour the reason.
SUBJECTS: dict[str, tuple[BounceKind, Reason]] = {
    "0": (_SOFT, Reason.OTHER),
    "1": (_SOFT, Reason.OTHER),
    "2": (_SOFT, Reason.OTHER),
    "3": (_SOFT, Reason.SYSTEM),
    "4": (_SOFT, Reason.NETWORK),
    "5": (_SOFT, Reason.OTHER),
    "6": (_SOFT, Reason.CONTENT),
    "7": (_POLICY, Reason.POLICY),
}

#: Words that contradict a code which says that the mailbox or its host is gone.
_ALIVE = {
    Reason.NO_SUCH_USER: frozenset({Reason.MAILBOX_FULL, Reason.TOO_BIG, Reason.RATE, Reason.CONTENT, Reason.POLICY}),
    Reason.NO_SUCH_HOST: frozenset({Reason.NETWORK, Reason.POLICY}),
}
_GONE = frozenset({Reason.NO_SUCH_USER, Reason.NO_SUCH_HOST})
_POLICY_WORDS = frozenset({Reason.POLICY, Reason.RATE})

#: A refusal that came after the content was sent: a vague code then means the message, whatever words stand beside it
#: (filters at mobile carriers answer "unknown user" there for readers who are alive).
_AFTER_CONTENT = re.compile(r"in reply to (?:the )?end of data|>>> (?:data\b|\.\s)", re.IGNORECASE)


def judge(status: str, diagnostic: str, notice: str = "") -> Verdict:
    """The verdict on a failure with this enhanced status and diagnostic (both may be empty).

    `notice` is the report's part for people; it is asked only where the code is vague and no diagnostic stands.
    """
    said = phrases.said(diagnostic)
    class_, _, detail = status.partition(".")
    vague = SUBJECTS.get(detail.partition(".")[0], (_SOFT, Reason.OTHER))
    if class_ == "4":
        return _for_now(detail, vague, said)
    certain = CERTAIN.get(detail)
    if certain is not None and certain[0] is not _SOFT and not _contradicted(certain[1], said):
        return Verdict(*certain)
    if certain is not None and certain[0] is _SOFT and Reason.NO_SUCH_USER not in said[:1]:
        return Verdict(*certain)
    verdict = _by_words(vague, said or phrases.said(notice))
    if verdict.bounce is _HARD and _AFTER_CONTENT.search(notice[:8000]):
        return Verdict(_SOFT, Reason.CONTENT)
    return verdict


def _contradicted(reason: Reason, said: list[Reason]) -> bool:
    return reason not in said and bool(_ALIVE.get(reason, frozenset()).intersection(said))


def _for_now(detail: str, vague: tuple[BounceKind, Reason], said: list[Reason]) -> Verdict:
    # 4.x.x never kills, `Action: failed` or not: real Postfix writes failed with 4.7.1 for what expired in its queue.
    _, reason = CERTAIN.get(detail, vague)
    if said and reason in {Reason.OTHER, Reason.SYSTEM, Reason.NETWORK}:
        reason = said[0]
    return Verdict(_POLICY if vague[0] is _POLICY or reason is Reason.POLICY else _SOFT, reason)


def _by_words(vague: tuple[BounceKind, Reason], said: list[Reason]) -> Verdict:
    bounce, reason = vague
    if not said:
        return Verdict(bounce, reason)
    if said[0] in _GONE:
        return Verdict(_HARD, said[0])
    if bounce is _POLICY or said[0] in _POLICY_WORDS:
        return Verdict(
            _POLICY, said[0] if said[0] in {Reason.CONTENT, Reason.RATE, Reason.MAILBOX_FULL} else Reason.POLICY
        )
    return Verdict(_SOFT, said[0])
