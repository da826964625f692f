"""Time zones as editors name them: by IANA's name, by its city, or by a place that IANA does not list.

Asia/Baghdad   Baghdad   Erbil   Erbil time   هەولێر        all of them are Asia/Baghdad
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from zoneinfo import available_timezones

#: Cities that go by the clock of another one.
_PLACES = {
    **dict.fromkeys(
        ("erbil", "arbil", "irbil", "hewler", "hewlêr", "sulaymaniyah", "sulaimaniya", "sulaimani", "slemani", "duhok"),
        "Asia/Baghdad",
    ),
    **dict.fromkeys(("dohuk", "halabja", "kirkuk", "mosul", "basra", "basrah", "najaf", "karbala"), "Asia/Baghdad"),
    **dict.fromkeys(("بغداد", "بەغدا", "أربيل", "اربيل", "هەولێر", "السليمانية", "سلێمانی", "دهوك", "دهۆک"), "Asia/Baghdad"),
    **dict.fromkeys(("qamishli", "kobani", "aleppo"), "Asia/Damascus"),
    **dict.fromkeys(("ankara", "diyarbakir", "diyarbakır", "amed", "izmir"), "Europe/Istanbul"),
    **dict.fromkeys(("mahabad", "sanandaj", "kermanshah"), "Asia/Tehran"),
}  # fmt: skip

#: The system's own choice, and a file that says "nobody has chosen": neither means the same on another machine.
_NO_PLACE = frozenset({"localtime", "Factory"})


def find(name: str) -> str | None:
    """The zone that a person means, as IANA writes it; None where no zone, or more than one, bears the name."""
    wanted = _key(name)
    exact = _zones().get(wanted) or _PLACES.get(wanted)
    if exact is not None:
        return exact
    cities = _cities().get(wanted, ())
    return cities[0] if len(cities) == 1 else None


def near(name: str) -> list[str]:
    """At most three zones that may have been meant by a name that is none, the likeliest first."""
    wanted = _key(name)
    city = wanted.rpartition("/")[2]
    if city in _PLACES:
        return [_PLACES[city]]
    found = [*_cities().get(city, ())]
    for word in get_close_matches(city, [*_PLACES, *_cities()], n=3, cutoff=0.75):
        found += [_PLACES[word]] if word in _PLACES else _cities().get(word, ())
    found += [_zones()[key] for key in get_close_matches(wanted, _zones(), n=3, cutoff=0.75)]
    return list(dict.fromkeys(found))[:3]


def is_zone(name: str) -> bool:
    """Whether this is an IANA zone that is known here, written as IANA writes it."""
    return _zones().get(name.lower()) == name


def place(zone: str) -> str:
    """The zone's city, for sentences: `Baghdad`, `New York`, `UTC`."""
    return zone.rpartition("/")[2].replace("_", " ")


def names() -> list[str]:
    """Every zone that is known here, for a field that suggests."""
    return sorted(name for name in _zones().values() if "/" in name or name == "UTC")


def _key(name: str) -> str:
    text = " ".join(name.lower().split())
    return text.removesuffix(" time").strip().replace(" ", "_")


@cache
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in sorted(available_timezones() - _NO_PLACE)}


@cache
def _cities() -> dict[str, tuple[str, ...]]:
    cities: dict[str, tuple[str, ...]] = {}
    for key, name in _zones().items():
        if "/" in key and not key.startswith("etc/"):
            city = key.rpartition("/")[2]
            cities[city] = (*cities.get(city, ()), name)
    return cities
