"""The demo's readers. Invented people; `.example` is reserved and reaches nobody (RFC 2606)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    address: str


_NAMES = (
    "Hanar Botan", "Rebaz Osman", "Shilan Kader", "Dilan Aziz", "Karwan Salih", "Awin Rashid", "Zana Hamid", "Nian Faraj",
    "Soran Mahmud", "Lana Jalal", "Bryar Ahmed", "Chra Nuri", "Hêvî Demir", "Omar Haddad", "Layla Mansour", "Yusuf Karim",
    "Maryam Said", "Nour Khalil", "Emma Clarke", "Jonas Weber", "Inès Martin", "Paolo Ricci", "Aoife Byrne", "Tom Fisher",
)  # fmt: skip
_DOMAINS = ("readers.example", "mail.example", "post.example")

#: Both confirmed once; since then one mailbox was closed, and one provider takes mail first and sends it back later.
CLOSED = Person("Rêbîn Qadir", "rebin@closed.example")
RETURNED = Person("Sara Amin", "sara@late.example")


def readers() -> list[Person]:
    """All who sign up, the two whose mail will bounce among them."""
    regular = [
        Person(name, f"{name.split()[0].lower().translate(_PLAIN)}@{_DOMAINS[index % len(_DOMAINS)]}")
        for index, name in enumerate(_NAMES)
    ]
    return [*regular, CLOSED, RETURNED]


_PLAIN = str.maketrans("êîèü", "eieu")
