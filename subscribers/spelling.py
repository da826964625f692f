"""Spelling: what a reader most likely meant by an address as they typed it. A suggestion, never a rule.

gmial.com           -> gmail.com
rezan٧@gmail.com    -> rezan7@gmail.com     Arabic digits, from the keyboard that was on
rezan@gmail،com     -> rezan@gmail.com      an Arabic comma where the dot is on other keyboards
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from mailer import address
from mailer.address import BadAddress, EmailAddress

#: Where readers have their mail. Neighbours of the large ones stand here too, so that they are not "corrected" away.
DOMAINS = (
    *(
        "gmail.com",
        "googlemail.com",
        "yahoo.com",
        "ymail.com",
        "rocketmail.com",
        "hotmail.com",
        "outlook.com",
        "live.com",
    ),
    *("msn.com", "icloud.com", "me.com", "mac.com", "proton.me", "protonmail.com", "pm.me", "aol.com", "mail.com"),
    *("email.com", "zoho.com", "fastmail.com", "yandex.com", "yandex.ru", "mail.ru", "gmx.com", "gmx.net", "gmx.de"),
    *("web.de", "t-online.de", "freenet.de", "hotmail.de", "yahoo.de", "live.se", "hotmail.se", "telia.com"),
    *(
        "yahoo.co.uk",
        "hotmail.co.uk",
        "live.co.uk",
        "btinternet.com",
        "live.nl",
        "hotmail.nl",
        "ziggo.nl",
        "kpnmail.nl",
    ),
    *("hotmail.fr", "yahoo.fr", "live.fr", "orange.fr", "wanadoo.fr", "free.fr", "laposte.net", "libero.it"),
    # Iraq and the Kurdistan Region
    *("earthlink.iq", "newroztelecom.com", "korektel.com", "asiacell.com", "iq.zain.com", "gov.iq", "gov.krd"),
    *("su.edu.krd", "univsul.edu.iq", "uod.ac", "koyauniversity.org", "uobaghdad.edu.iq", "uomosul.edu.iq"),
)
_KNOWN = frozenset(DOMAINS)
#: Two letters that are an ending in their own right, and yet mostly a .com that lost one.
_SHORT_ENDINGS = frozenset({"co", "cm", "om"})

_DOTS = dict.fromkeys(map(ord, "،,;؛٫۔。"), ".")
_LONGEST = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a letter cannot be sent to what was typed: a word the page has a sentence for, and what was meant, perhaps.

    Beside the words of `mailer.address`: comma, digits (not 0 to 9), letters (before the @, that mail cannot carry yet).
    """

    reason: str
    meant: EmailAddress | None


def read(typed: str) -> EmailAddress | Trouble:
    """The address, or what is wrong with it."""
    found = address.parse(typed)
    if isinstance(found, EmailAddress) and not found.needs_smtputf8:
        return found
    return Trouble(reason=_reason(typed, found), meant=meant(typed))


def meant(typed: str) -> EmailAddress | None:
    """The address that was most likely meant; None when that is what was typed, or nobody can tell."""
    found = address.parse(typed)
    mended = address.parse(_mended(typed[:320]))
    if isinstance(mended, BadAddress) or mended.needs_smtputf8:
        return None
    near = near_domain(mended.domain)
    if near is not None:
        mended = EmailAddress(mended.local, near)
    return None if isinstance(found, EmailAddress) and mended.key == found.key else mended


def near_domain(domain: str) -> str | None:
    """The known domain that this one is a slip of the finger away from; None for a known one and for all others."""
    if domain in _KNOWN or len(domain) > _LONGEST:
        return None
    name, _, ending = domain.partition(".")
    closest: tuple[int, str] | None = None
    for known in DOMAINS:
        if name == known.partition(".")[0] and len(ending) == 2 and ending not in _SHORT_ENDINGS:
            return None  # hotmail.no is another country's, not a slip
        allowed = 2 if len(known) >= 9 else 1 if len(known) >= 7 else 0
        found = _distance(domain, known, allowed)
        if found is not None and (closest is None or found < closest[0]):
            closest = found, known
    return closest[1] if closest else None


def _reason(typed: str, found: EmailAddress | BadAddress) -> str:
    if isinstance(found, BadAddress) and found.reason not in {"malformed", "no_at"}:
        return found.reason
    if any(char.isdecimal() and not char.isascii() for char in typed):
        return "digits"
    if any(ord(char) in _DOTS for char in typed):
        return "comma"
    return found.reason if isinstance(found, BadAddress) else "letters"


def _mended(typed: str) -> str:
    text = "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() else char
        for char in unicodedata.normalize("NFKC", typed).translate(_DOTS)
        if not char.isspace() and unicodedata.category(char) not in {"Cc", "Cf"}
    )
    text = text.removeprefix("mailto:").strip(".<>\"'()")
    if "@" in text:
        return text
    known = next((domain for domain in DOMAINS if text.endswith(domain)), None)
    return f"{text.removesuffix(known).rstrip('.')}@{known}" if known else text


def _distance(one: str, other: str, most: int) -> int | None:
    """How many letters were dropped, added, changed or swapped with their neighbour; None for more than `most`."""
    if abs(len(one) - len(other)) > most:
        return None
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        row, before, earlier = [i], row, before
        for j, right in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return None
    return row[-1] if row[-1] <= most else None
