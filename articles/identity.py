"""When two addresses, or two readings of an entry, are the same.

http://Courier.example/sport/derby/?utm_source=rss&b=2&a=1#top
link   http://courier.example/sport/derby/?b=2&a=1        what a reader is sent to: no tracking, otherwise untouched
key    https://courier.example/sport/derby?a=1&b=2        what is compared: never fetched, never shown
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlsplit, urlunsplit

KEY_LENGTH = 500
LINK_LENGTH = 2000

#: Query parameters that only say where a click came from.
_TRACKING = frozenset(
    {
        "fbclid", "gclid", "gclsrc", "dclid", "wbraid", "gbraid", "msclkid", "yclid", "twclid", "ttclid", "igshid",
        "mc_cid", "mc_eid", "_hsenc", "_hsmi", "mkt_tok", "oly_anon_id", "oly_enc_id", "vero_id", "s_cid",
    }
)  # fmt: skip

#: Parameters that may matter to the page, but do not make it another story.
_SAME_STORY = frozenset({"ref", "amp", "outputtype", "cmp", "cmpid", "share", "from"})

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_TELLING_SLUG = 12  # shorter ones ("on-the-day") are used again and again
_EXTENSION = re.compile(r"\.(?:html?|php|aspx?)$")
_LANGUAGE_HOST = re.compile(r"^(?:www|m|[a-z]{2,3})\.(?=[^.]+\.)")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def clean_link(url: str) -> str | None:
    """The address to send a reader to: http(s), no tracking parameters, no credentials. None when it is none."""
    parts = _split(url)
    if parts is None:
        return None
    query = "&".join(pair for pair in parts.query.split("&") if not _is_tracking(pair))
    host = _host(parts, default_ports=(_DEFAULT_PORTS[parts.scheme],))
    link = urlunsplit((parts.scheme, host, _escape(parts.path) or "/", _escape(query), ""))
    return link if len(link) <= LINK_LENGTH else None


def url_key(url: str) -> str:
    """The same for every address of one story; at most 500 characters."""
    key = normalise(url)
    if len(key) <= KEY_LENGTH:
        return key
    return key[: KEY_LENGTH - 65] + "#" + hashlib.sha256(key.encode()).hexdigest()


def normalise(url: str) -> str:
    """The compared form of an address: https, no fragment, no tracking, sorted query, no trailing slash."""
    parts = _split(url)
    if parts is None:
        return url
    pairs = (_escape(pair) for pair in parts.query.split("&") if pair)
    kept = sorted(pair for pair in pairs if not _is_tracking(pair) and pair.split("=")[0].lower() not in _SAME_STORY)
    path = _escape(parts.path).rstrip("/")
    while path.endswith("/amp"):
        path = path[: -len("/amp")].rstrip("/")
    return urlunsplit(("https", _host(parts, default_ports=(80, 443)), path or "/", "&".join(kept), ""))


def translation_key(url: str, alternates: Sequence[str] = ()) -> str | None:
    """The same for one story in several languages, where its addresses show it; None where they say nothing.

    courier.example/infrastructure/rubar-bridge-reopens and courier.example/ar/news/rubar-bridge-reopens: the last part
    says enough. Else what the page names as its alternates (hreflang), itself among them.
    """
    parts = _split(url)
    if parts is None:
        return None
    slug = _escape(parts.path).rstrip("/").rpartition("/")[2].lower()
    slug = _EXTENSION.sub("", slug)
    if slug.count("-") >= 2 and len(slug) >= _TELLING_SLUG and re.search("[a-z]{3}", slug):
        return f"{_LANGUAGE_HOST.sub('', (parts.hostname or '').rstrip('.'))}/{slug}"[:300]
    if len(alternates) < 2:
        return None
    return hashlib.sha256(min(normalise(each) for each in (url, *alternates)).encode()).hexdigest()


def content_hash(title: str, summary: str | None, image_url: str | None) -> str:
    """Of what a reader sees. A feed that only moves an entry's date leaves it as it was."""
    seen = "\0".join((title, summary or "", image_url or ""))
    return hashlib.sha256(seen.encode()).hexdigest()


def short_guid(guid: str) -> str:
    """A feed's own id, cut to what the column holds without letting two ids fall together."""
    if len(guid) <= KEY_LENGTH:
        return guid
    return guid[: KEY_LENGTH - 65] + "#" + hashlib.sha256(guid.encode()).hexdigest()


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in _DEFAULT_PORTS or not host:
        return None
    if any(not character.isprintable() or character in ' "<>\\^`{|}@' for character in host):
        return None
    return parts


def _host(parts: SplitResult, *, default_ports: Sequence[int]) -> str:
    host = (parts.hostname or "").rstrip(".") or "."
    if ":" in host:
        host = f"[{host}]"
    if parts.port is None or parts.port in default_ports:
        return host
    return f"{host}:{parts.port}"


def _is_tracking(pair: str) -> bool:
    name = pair.split("=", maxsplit=1)[0].lower()
    return name.startswith("utm_") or name in _TRACKING


def _escape(text: str) -> str:
    """RFC 3986 6.2.2: percent-encoding in one form; what is not ASCII is encoded as UTF-8."""
    pieces = []
    head, *escaped = text.split("%")
    pieces.append(quote(head, safe="!$&'()*+,;=:@/?-._~"))
    for piece in escaped:
        code, rest = piece[:2], piece[2:]
        byte = unquote_to_bytes("%" + code)
        if len(byte) == 1 and len(code) == 2:
            pieces.append(chr(byte[0]) if byte[0] in _UNRESERVED else f"%{byte[0]:02X}")
            pieces.append(quote(rest, safe="!$&'()*+,;=:@/?-._~"))
        else:
            pieces.append("%25" + quote(piece, safe="!$&'()*+,;=:@/?-._~"))
    return "".join(pieces)
