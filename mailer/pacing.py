"""Who receives for a domain: pacing, batches and figures go by these groups."""

from __future__ import annotations

_GROUPS = {
    "gmail": ("gmail.com", "googlemail.com"),
    "microsoft": ("outlook.com", "hotmail.com", "live.com", "msn.com"),
    "yahoo": ("yahoo.com", "aol.com"),
    "apple": ("icloud.com", "me.com", "mac.com"),
}
_GROUP_OF = {domain: group for group, domains in _GROUPS.items() for domain in domains}


def domain_group(domain: str) -> str:
    """The group of a receiving domain: gmail, microsoft, yahoo, apple, or other."""
    return _GROUP_OF.get(domain.lower(), "other")
