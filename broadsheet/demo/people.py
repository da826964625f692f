"""The demo's readers. Invented people; `.example` is reserved and reaches nobody (RFC 2606)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    address: str
    language: str  # of the edition they sign up for


_ADDRESSES = {
    "en": "emma.clarke jonas.weber ines.martin paolo.ricci aoife.byrne tom.fisher dilan.aziz lana.jalal nian.faraj bryar.ahmed",
    "ar": "omar.haddad layla.mansour yusuf.karim maryam.said nour.khalil hadi.jabbar",
    "ckb": "hanar.botan rebaz.osman shilan.kader karwan.salih awin.rashid zana.hamid soran.mahmud chra.nuri",
}
_DOMAINS = ("readers.example", "mail.example", "post.example")

#: Both confirmed once; since then one mailbox was closed, and one provider takes mail first and sends it back later.
CLOSED = Person("rebin.qadir@closed.example", "en")
RETURNED = Person("sara.amin@late.example", "en")


def readers() -> list[Person]:
    """All who sign up, the two whose mail will bounce among them."""
    regular = [
        Person(f"{name}@{_DOMAINS[index % len(_DOMAINS)]}", language)
        for language, names in _ADDRESSES.items()
        for index, name in enumerate(names.split())
    ]
    return [*regular, CLOSED, RETURNED]
