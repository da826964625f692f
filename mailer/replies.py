"""Replies: what a server's answer means, by the stage it came at and its enhanced status code (RFC 3463).

    550 5.1.1 <r@example.org>: Recipient address rejected: User unknown      at RCPT: the mailbox does not exist
    550 5.7.1 Message blocked, see https://...                               they refuse us, the reader is innocent
    250 2.0.0 Ok: queued as 4XkZ1s3Nqbz2K                                    accepted, and its name over there

Only a sure "no such mailbox" is hard. Taking every 5xx for dead loses living readers: of 425 labelled bounces that were
not about a dead mailbox, that rule calls 275 dead.
"""

from __future__ import annotations

import enum
import re

from mailer.transports import Stage


class ReplyClass(enum.StrEnum):
    """What a refusal is about."""

    HARD = "hard"  # the mailbox does not exist: suppress the address
    SOFT = "soft"  # the mailbox or its server is in trouble: full, disabled, looping
    POLICY = "policy"  # they refuse us: never a reason to suppress a reader
    CONTENT = "content"  # they refuse this message: too large, malformed, looks like spam
    ROUTE = "route"  # our own way out is at fault: no recipient is touched


#: Longest text of a reply that is kept.
TEXT_LIMIT = 512

_LOCAL_PART = re.compile(r"[^\s<>()\[\]:;,@]{1,128}@")
_ENHANCED = re.compile(r"[#(\[]?([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_QUEUE_ID = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"queued as ([A-Za-z0-9_.-]{4,128})",  # Postfix, aiosmtpd's imitators
        r"\bid=([A-Za-z0-9_.-]{4,128})",  # Exim
        r"\[InternalId=(\d{4,128})",  # Exchange
        r"^(?:2\.0\.0 )?([A-Za-z0-9]{8,64}) Message accepted for delivery",  # Sendmail, OpenSMTPD
        r"^(?:2\.0\.0 )?OK +(\d{6,} [A-Za-z0-9_.-]{6,80}) - gsmtp",  # Gmail
        r"^(?:2\.0\.0 )?Ok:? ([A-Za-z0-9-]{20,128})$",  # SES
    )
)

_NO_SUCH_USER = re.compile(
    r"(user|recipient|mailbox|address|account|addressee)\b.{0,40}"
    r"(unknown|not found|not exist|doesn'?t exist|does not exist|not (?:a )?known|no longer (?:exists|valid)|is invalid)"
    r"|(unknown|no such|invalid|non-?existent) (local )?(user|recipient|mailbox|account|person|addressee)"
    r"|(does(?: not|n'?t) have|has no) (?:an? )?\w{0,20} ?(account|mailbox)"
    r"|no mailbox here",
    re.IGNORECASE | re.DOTALL,
)
_THEY_REFUSE_US = re.compile(
    r"block(ed|list)|black ?list|deny ?list|\blisted\b|reputation|spam|rate limit|too many|spf|dkim|dmarc|authenticat"
    r"|\brelay|policy|not authori[sz]ed|unsolicited",
    re.IGNORECASE,
)
_GREYLISTED = re.compile(r"gr[ae]y.?list", re.IGNORECASE)
_TOO_LARGE = re.compile(r"too (large|big)|exceeds? .{0,30}size|size limit|maximum (message )?size", re.IGNORECASE)

#: Codes that speak of our session, whenever they come (RFC 4954 6, RFC 5321 3.8).
_OF_THE_ROUTE = frozenset({421, 530, 534, 535, 538})
_BEFORE_MAIL = frozenset({Stage.CONNECT, Stage.TLS, Stage.AUTH})

_SURELY_HARD = frozenset({"5.1.1", "5.1.3", "5.1.6", "5.1.10"})
#: These say "no such user" only when their text does.
_HARD_BY_TEXT = frozenset({"5.0.0", "5.1.0", "5.4.1", "5.7.1"})
#: Soft for now: hard when they last (mailer.ailing).
DISABLED = "5.2.1"
HOST_UNKNOWN = frozenset({"5.1.2", "5.4.4"})
_BY_CODE = {
    "5.1.7": ReplyClass.POLICY,  # the sender's address is meant
    "5.1.8": ReplyClass.POLICY,
    "5.3.4": ReplyClass.CONTENT,  # longer than this system takes: the fault, for every reader of theirs
}
_BY_SUBJECT = {
    "1": ReplyClass.SOFT,
    "2": ReplyClass.SOFT,
    "3": ReplyClass.SOFT,
    "4": ReplyClass.SOFT,
    "5": ReplyClass.POLICY,
    "6": ReplyClass.SOFT,  # their system cannot take this kind of content
    "7": ReplyClass.POLICY,
}
#: After the dot the recipient was taken already: only these subjects (address, mailbox) are about them again.
_OF_THE_RECIPIENT = frozenset({"1", "2"})


def clean(text: str) -> str:
    """A server's words, fit to store and show: one line, no control characters, no half characters, at most 512."""
    if text.isascii() and text.isprintable() and "  " not in text:  # nearly all
        return text.strip()[:TEXT_LIMIT]
    whole = text.encode("utf-8", "replace").decode()
    return " ".join("".join(char if char.isprintable() else " " for char in whole).split())[:TEXT_LIMIT]


def masked(text: str) -> str:
    """Servers repeat the address they refuse; what is kept beyond its delivery, or logged, does not."""
    return _LOCAL_PART.sub("***@", clean(text))


def enhanced_code(text: str) -> str | None:
    """The enhanced status code a reply begins with (RFC 2034 4); some servers put a # or a bracket before it."""
    found = _ENHANCED.match(text.lstrip())
    return found.group(1) if found else None


def queue_id(text: str) -> str | None:
    """What the next server calls the message, read from its 250: hooks and its operators know it by that name."""
    first = text.strip()
    for pattern in _QUEUE_ID:
        if found := pattern.search(first):
            return found.group(1)
    return None


def classify(stage: Stage, code: int | None, enhanced: str | None, text: str) -> ReplyClass:
    """What a 4xx or 5xx is about. `code` None is a session that broke or never came about."""
    if code is None or code in _OF_THE_ROUTE or stage in _BEFORE_MAIL:
        return ReplyClass.ROUTE
    if code < 500:
        return ReplyClass.POLICY if enhanced and enhanced.startswith("4.7.") else ReplyClass.SOFT
    if stage is Stage.MAIL:  # the sender is refused, whoever the recipient is
        return ReplyClass.CONTENT if enhanced == "5.3.4" or _TOO_LARGE.search(text) else ReplyClass.POLICY
    if stage is Stage.DATA:  # the command alone: the address was already taken at RCPT
        return ReplyClass.CONTENT if enhanced and enhanced.startswith("5.6.") else ReplyClass.POLICY
    if enhanced and enhanced.startswith("5."):
        subject = enhanced.split(".")[1]
        if stage is Stage.DOT and subject not in _OF_THE_RECIPIENT:
            return ReplyClass.POLICY if subject in {"5", "7"} or _THEY_REFUSE_US.search(text) else ReplyClass.CONTENT
        return _by_enhanced(enhanced, text)
    return _by_words(stage, code, text)


def is_push_back(stage: Stage, code: int | None, enhanced: str | None, text: str) -> bool:
    """Whether they say "slower": 4.7.x, or a 421 in the middle of a session that does not speak of their own trouble.

    Greylisting wants a later second try, not fewer messages.
    """
    if code is None or not 400 <= code < 500 or stage in _BEFORE_MAIL or _GREYLISTED.search(text):
        return False
    if enhanced is not None and enhanced.startswith("4.7."):
        return True
    return code == 421 and (enhanced is None or not enhanced.startswith(("4.3.", "4.4.")))


def _by_enhanced(enhanced: str, text: str) -> ReplyClass:
    says_unknown = _NO_SUCH_USER.search(text) is not None
    if enhanced in _SURELY_HARD:
        # Some filters answer 5.1.1 to whom they have blocked; only their words tell.
        return ReplyClass.HARD if says_unknown or not _THEY_REFUSE_US.search(text) else ReplyClass.POLICY
    if enhanced in _HARD_BY_TEXT and says_unknown:
        return ReplyClass.HARD
    if enhanced == "5.0.0":
        return ReplyClass.POLICY if _THEY_REFUSE_US.search(text) else ReplyClass.SOFT
    return _BY_CODE.get(enhanced) or _BY_SUBJECT.get(enhanced.split(".")[1], ReplyClass.SOFT)


def _by_words(stage: Stage, code: int, text: str) -> ReplyClass:
    """A server that gives no enhanced code: its three digits and its words must do."""
    if stage is Stage.RCPT and code in {550, 551, 553} and _NO_SUCH_USER.search(text):
        return ReplyClass.HARD
    if _TOO_LARGE.search(text):
        return ReplyClass.CONTENT
    if code != 552 and _THEY_REFUSE_US.search(text):
        return ReplyClass.POLICY
    return ReplyClass.CONTENT if stage is Stage.DOT and code != 552 else ReplyClass.SOFT
