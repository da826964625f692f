"""The words of mail servers: what a refusal says about the reader, by phrase.

One phrase a line, tried on small letters; the order of the reasons is the order in which they are believed.
To add a dialect, add its phrase and a sample in tests/corpus/bounces with what it should read as.
"""

from __future__ import annotations

import enum
import re


class Reason(enum.StrEnum):
    NO_SUCH_USER = "no_such_user"
    NO_SUCH_HOST = "no_such_host"  # the domain does not exist or takes no mail
    MOVED = "moved"
    DISABLED = "disabled"  # the account exists and is locked or asleep
    MAILBOX_FULL = "mailbox_full"
    TOO_BIG = "too_big"
    CONTENT = "content"  # what is in the message: spam, virus, form
    POLICY = "policy"  # who we are: reputation, authentication, listed
    RATE = "rate"  # too much at once
    EXPIRED = "expired"  # tried until the time was over
    NETWORK = "network"  # no connection, a loop
    SYSTEM = "system"  # their side is broken or not set up
    OTHER = "other"


PHRASES: dict[Reason, tuple[str, ...]] = {
    Reason.MAILBOX_FULL: (
        r"over ?quota",
        r"quota (?:is )?(?:exceeded|exceed|full)",
        r"exceed\w* (?:\S+ ){0,4}quota",
        r"(?:mail)?box (?:is |was )?(?:too )?(?:over)?full",
        r"mailbox (?:size )?(?:limit|exceed)",
        r"out of (?:disk |storage )?space",
        r"(?:enough|insufficient) (?:\w+ )?(?:space|storage)",
        r"out of storage",
        r"disk quota",
        r"storage (?:limit|allocation)",
        r"maximum (?:allowed )?mailbox",
    ),
    Reason.TOO_BIG: (
        r"(?:message|mail|size)\b.{0,40}(?:too (?:large|big|long)|exceeds?\b.{0,30}(?:limit|maximum|size))",
        r"maximum (?:message|fixed) size",
        r"size limit",
    ),
    Reason.RATE: (
        r"too many (?:connections|messages|recipients|mails|concurrent|sessions|emails)",
        r"rate.?limit",
        r"(?:sending|exceeded).{0,20}rate\b",
        r"try again later",
        r"grey-?list",
        r"temporarily deferred",
        r"too (?:fast|quickly)",
        r"throttl",
    ),
    Reason.CONTENT: (
        r"550 : user unknown",  # with no address: au/KDDI, when a reader's own filter refused the message
        r"550[ -]'?unknown user '?[^\s@]+@",  # docomo, the same
        r"\bvirus",
        r"malware",
        r"infected",
        r"\bspam(?:my)?\b",
        r"unsolicited",
        r"\bcontent\b",
        r"attachment",
        r"not rfc ?(?:2822|5322|822)",
    ),
    Reason.POLICY: (
        r"\bblocked\b",
        r"block ?list",
        r"black ?list",
        r"dnsbl",
        r"spamhaus",
        r"spamcop",
        r"barracuda",
        r"\blisted\b",
        r"reputation",
        r"dmarc",
        r"\bspf\b",
        r"\bdkim\b",
        r"\bptr\b",
        r"reverse (?:dns|lookup|hostname)",
        r"\bpolicy\b",
        r"access denied",
        r"not (?:authori[sz]ed|permitted|allowed)",
        r"relay(?:ing)?\b.{0,20}(?:denied|prohibited|not)",
        r"unable to relay",
        r"authenticat",
        r"sender (?:address |verify |domain )?(?:rejected|failed|refused|denied)",
        r"client host",
        r"banned",
        r"administrative prohibition",
        r"restricted",
        r"starttls",
        r"\btls\b",
    ),
    Reason.DISABLED: (
        r"(?:account|mailbox|user|recipient|address)\b.{0,40}(?:disabled|suspended|inactive|locked|deactivated|frozen)",
        r"(?:account|mailbox|user|recipient|address)\b.{0,40}(?:expired|not active|blocked)",
        r"discontinued",
    ),
    Reason.NO_SUCH_USER: (
        r"(?:user|recipient|addressee|mailbox|local.?part|account|address|alias)\b[^.;:]{0,24}\b(?:unknown|unlisted)",
        r"(?:user|recipient|addressee|mailbox|local.?part|account|address|alias)\b[^.;:]{0,24}\bnot found",
        r"(?:user|recipient|mailbox|account|address|alias)\b[^.;:]{0,24}\bno longer (?:exists|available|valid|in use)",
        r"unknown (?:user|recipient|address|mailbox|local.?part|account|alias)",
        r"no such (?:user|recipient|mailbox|address|account|person|local)",
        r"\bno (?:mailbox|account) (?:here|by that|with that|found)",
        r"(?:invalid|bad|undeliverable|non-?exist\w*) (?:recipient|user|mailbox|address|account)",
        r"(?:user|recipient|mailbox|account|address|addressee)\b[^;:]{0,60}(?:does(?:n't| not) exist|doesn't have|not exist)",
        r"(?:user|recipient|mailbox|account|address|addressee)\b[^;:]{0,60}(?:is invalid|isn't valid|not (?:a )?valid)",
        r"(?:user|recipient|mailbox|account|address|addressee)\b[^;:]{0,60}not (?:known|listed)",
        r"mailbox unavailable",
        r"not a (?:valid|known) (?:user|mailbox|recipient)",
        r"not our customer",
        r"user (?:not|isn't) (?:local|known|here)",
        r"no such a user",
        r"\bno user\b",
        r"recipientnotfound",
        r"#5\.1\.0 address rejected",
        r"mailbox not found",
        r"isn't a valid",
        r"undeliverable address",
        r"no one by that name",
    ),
    Reason.NO_SUCH_HOST: (
        r"(?:host|domain|name server|mx)\b.{0,40}(?:not found|unknown|does not exist|not exist|unresolvable|nxdomain|invalid)",
        r"(?:unknown|no such|illegal|invalid|bad) (?:host|domain)",
        r"domain is not reachable",
        r"null ?mx",
        r"does not accept (?:e-?)?mail",
        r"unrouteable",
        r"unroutable",
        r"host or domain name",
        r"name or service not known",
        r"no mx\b",
        r"no mail exchanger",
    ),
    Reason.NETWORK: (
        r"malformed or unexpected name server",
        r"server failure",
        r"connection (?:refused|reset|lost|dropped|closed)",
        r"lost connection",
        r"no route",
        r"unreachable",
        r"loop",
        r"too many hops",
        r"hop count",
        r"cannot connect",
        r"connect to",
    ),
    Reason.EXPIRED: (
        r"expired",
        r"retry time",
        r"timed? ?out",
        r"too (?:long|old)",
        r"in queue",
        r"for more than \d",
        r"maximum (?:time|retries)",
        r"could not be delivered (?:for|within)",
        r"gave up",
    ),
    Reason.SYSTEM: (
        r"local error",
        r"system error",
        r"configuration",
        r"command (?:died|failed)",
        r"mailer",
        r"disk",
        r"temporary failure",
        r"resources",
    ),
}

_PATTERNS = tuple((reason, re.compile("|".join(phrases))) for reason, phrases in PHRASES.items())

MAX_WORDS = 4000


def said(words: str) -> list[Reason]:
    """What the words say, the most believable first; nothing for words that nobody knows."""
    text = words[:MAX_WORDS].lower()
    return [reason for reason, pattern in _PATTERNS if pattern.search(text)]
