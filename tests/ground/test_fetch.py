"""The guarded fetcher: what it refuses, what it bounds, and that one bad server holds up nobody else."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from ground.fetch import Fetched, Fetcher, FetchFailed, FetchLimits, NotModified, Reason
from ground.guard import is_public

QUICK = FetchLimits(deadline=timedelta(seconds=0.6), max_bytes=64 * 1024)

Handler = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """A raw HTTP server on loopback: `handler` gets the request head and writes what it likes. Yields the port."""

    async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            await handler(head, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(on_connect, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def answer(body: bytes = b"", /, *, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def saying(data: bytes) -> Handler:
    async def handler(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return handler


@asynccontextmanager
async def fetching(*ports: int, limits: FetchLimits = QUICK, **names: Sequence[str]) -> AsyncIterator[Fetcher]:
    async def resolver(host: str, _: int) -> Sequence[str]:
        if host == "127.0.0.1":
            return [host]
        if host.replace(".", "_") in names:
            return names[host.replace(".", "_")]
        raise OSError("no such name")

    allowed = frozenset(f"127.0.0.1:{port}" for port in ports)
    fetcher = Fetcher(limits, allowed_hosts=allowed, resolver=resolver)
    try:
        yield fetcher
    finally:
        await fetcher.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://2130706433/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:8.8.8.8]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b::10.0.0.1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fc00::1]/",
        "http://[ff02::1]/",
        "http://0.0.0.0/",
        "http://10.1.2.3/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://localhost/",
        "https://user:secret@courier.example/feed",
        "http://courier.example:22/",
        "http://courier.example:8080/",
        "ftp://courier.example/feed",
        "file:///etc/passwd",
        "gopher://courier.example/",
        "//courier.example/feed",
        "not an address",
        "http://",
        "",
    ],
)
async def test_an_address_that_is_not_a_public_web_address_is_refused(url: str) -> None:
    fetcher = Fetcher(QUICK)
    try:
        got = await fetcher.get(url)
    finally:
        await fetcher.close()
    assert isinstance(got, FetchFailed)
    assert got.reason is Reason.REFUSED, got
    assert got.detail.endswith(".") or ":" in got.detail
    assert "secret" not in got.detail


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "100.64.9.9",
    ],
)
async def test_a_name_with_one_private_address_among_its_addresses_is_refused(address: str) -> None:
    async with fetching(courier_example=["93.184.216.34", address]) as fetcher:
        got = await fetcher.get("http://courier.example/feed")
    assert isinstance(got, FetchFailed)
    assert got.reason is Reason.REFUSED
    assert "not a public address" in got.detail


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::8.8.8.8"])
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


async def test_a_redirect_to_loopback_is_refused_although_the_first_host_is_allowed() -> None:
    reached = []

    async def inside(head: str, writer: asyncio.StreamWriter) -> None:
        reached.append(head)
        writer.write(answer(b"secret"))

    async with serving(inside) as inner:
        redirect = answer(status="302 Found", Location=f"http://127.0.0.1:{inner}/admin")
        async with serving(saying(redirect)) as outer, fetching(outer) as fetcher:
            got = await fetcher.get(f"http://127.0.0.1:{outer}/feed")
    assert isinstance(got, FetchFailed)
    assert got.reason is Reason.REFUSED
    assert reached == []


async def test_an_allowed_host_is_allowed_on_its_own_port_only() -> None:
    async with (
        serving(saying(answer(b"feed"))) as port,
        serving(saying(answer(b"other"))) as other,
        fetching(port) as f,
    ):
        allowed = await f.get(f"http://127.0.0.1:{port}/")
        refused = await f.get(f"http://127.0.0.1:{other}/")
    assert isinstance(allowed, Fetched)
    assert allowed.body == b"feed"
    assert isinstance(refused, FetchFailed)
    assert refused.reason is Reason.REFUSED


async def test_a_redirect_is_followed_by_hand_and_a_loop_ends() -> None:
    async def handler(head: str, writer: asyncio.StreamWriter) -> None:
        path = head.split()[1]
        if path == "/old":
            writer.write(answer(status="301 Moved Permanently", Location="/new"))
        elif path == "/new":
            writer.write(answer(b"here", Content_Type="application/rss+xml; charset=windows-1256"))
        else:
            writer.write(answer(status="302 Found", Location=path + "x"))

    async with serving(handler) as port, fetching(port) as fetcher:
        moved = await fetcher.get(f"http://127.0.0.1:{port}/old")
        loop = await fetcher.get(f"http://127.0.0.1:{port}/loop")
    assert isinstance(moved, Fetched)
    assert (moved.url, moved.body) == (f"http://127.0.0.1:{port}/new", b"here")
    assert (moved.content_type, moved.charset) == ("application/rss+xml", "windows-1256")
    assert isinstance(loop, FetchFailed)
    assert loop.reason is Reason.REDIRECTS


async def test_an_unchanged_feed_costs_a_304() -> None:
    heads = []

    async def handler(head: str, writer: asyncio.StreamWriter) -> None:
        heads.append(head.lower())
        writer.write(answer(status="304 Not Modified", ETag='"v1"', Retry_After="120"))

    async with serving(handler) as port, fetching(port) as fetcher:
        got = await fetcher.get(
            f"http://127.0.0.1:{port}/", etag='"v1"', last_modified="Mon, 09 Mar 2026 04:00:00 GMT\r\nX-Evil: 1"
        )
    assert isinstance(got, NotModified)
    assert (got.etag, got.retry_after) == ('"v1"', timedelta(seconds=120))
    assert 'if-none-match: "v1"' in heads[0]
    assert "x-evil" not in heads[0]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry_After": "3600"}, timedelta(hours=1)),
        (
            {"Retry_After": "Mon, 09 Mar 2026 05:00:00 GMT", "Date": "Mon, 09 Mar 2026 04:00:00 GMT"},
            timedelta(hours=1),
        ),
        ({"Retry_After": "99999999999"}, timedelta(days=30)),
        ({"Retry_After": "soon"}, None),
        ({}, None),
    ],
)
async def test_a_busy_server_says_when_to_come_back(headers: dict[str, str], expected: timedelta | None) -> None:
    async with serving(saying(answer(status="503 Service Unavailable", **headers))) as port, fetching(port) as fetcher:
        got = await fetcher.get(f"http://127.0.0.1:{port}/")
    assert isinstance(got, FetchFailed)
    assert (got.reason, got.status, got.retry_after) == (Reason.STATUS, 503, expected)
    assert got.detail == "127.0.0.1 answered 503 Service Unavailable."


async def test_a_server_that_hangs_or_drips_meets_the_deadline_while_another_is_fetched() -> None:
    async def drip(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async def hang(_: str, writer: asyncio.StreamWriter) -> None:
        await writer.wait_closed()  # the other side gives up

    started = time.monotonic()
    async with (
        serving(drip) as dripping,
        serving(hang) as hanging,
        serving(saying(answer(b"ok"))) as well,
        fetching(dripping, hanging, well) as fetcher,
    ):
        slow = [asyncio.create_task(fetcher.get(f"http://127.0.0.1:{port}/")) for port in (dripping, hanging)]
        good = await fetcher.get(f"http://127.0.0.1:{well}/")
        assert isinstance(good, Fetched)
        assert not any(each.done() for each in slow)
        for got in await asyncio.gather(*slow):
            assert isinstance(got, FetchFailed)
            assert got.reason is Reason.TIMEOUT
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"x" * 70_000, ""),
        (gzip.compress(b"\0" * 50_000_000), "gzip"),
        (zlib.compress(b"\0" * 50_000_000), "deflate"),
    ],
    ids=["plain", "gzip bomb", "deflate bomb"],
)
async def test_a_body_over_the_cap_is_given_up(body: bytes, encoding: str) -> None:
    async with serving(saying(answer(body, Content_Encoding=encoding))) as port, fetching(port) as fetcher:
        got = await fetcher.get(f"http://127.0.0.1:{port}/")
    assert isinstance(got, FetchFailed)
    assert got.reason is Reason.TOO_LARGE


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(b"the feed", mtime=0), "gzip"),
        (gzip.compress(b"the ", mtime=0) + gzip.compress(b"feed", mtime=0), "gzip"),
        (zlib.compress(b"the feed"), "deflate"),
        (_raw_deflate(b"the feed"), "deflate"),
        (b"the feed", "identity"),
    ],
)
async def test_a_compressed_body_is_unpacked(body: bytes, encoding: str) -> None:
    async with serving(saying(answer(body, Content_Encoding=encoding))) as port, fetching(port) as fetcher:
        got = await fetcher.get(f"http://127.0.0.1:{port}/")
    assert isinstance(got, Fetched)
    assert got.body == b"the feed"


@pytest.mark.parametrize(
    "response",
    [
        answer(b"no gzip at all", Content_Encoding="gzip"),
        answer(gzip.compress(b"cut short", mtime=0)[:-6], Content_Encoding="gzip"),
        answer(b"?", Content_Encoding="br"),
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    ],
)
async def test_an_answer_that_cannot_be_read_is_a_value(response: bytes) -> None:
    async with serving(saying(response)) as port, fetching(port) as fetcher:
        got = await fetcher.get(f"http://127.0.0.1:{port}/")
    assert isinstance(got, FetchFailed)
    assert got.reason is Reason.GARBLED


async def test_nobody_listening_and_no_such_name_are_values() -> None:
    async with serving(saying(b"")) as port:
        pass
    async with fetching(port) as fetcher:
        closed = await fetcher.get(f"http://127.0.0.1:{port}/")
        unknown = await fetcher.get("http://nowhere.example/feed")
    assert isinstance(closed, FetchFailed)
    assert closed.reason is Reason.UNREACHABLE
    assert isinstance(unknown, FetchFailed)
    assert unknown.reason is Reason.UNREACHABLE
    assert "nowhere.example" in unknown.detail


async def test_a_look_needs_no_body_whatever_encoding_its_answer_names() -> None:
    page = answer(status="200 OK", Content_Encoding="gzip", Content_Type="text/html")
    async with serving(saying(page)) as port, fetching(port) as fetcher:
        looked = await fetcher.head(f"http://127.0.0.1:{port}/story")
    assert isinstance(looked, Fetched)
    assert (looked.status, looked.body) == (200, b"")
