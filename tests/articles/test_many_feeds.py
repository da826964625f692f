"""Two hundred feeds in one go, with the worst of them among them: the others are unaffected, and little memory is used.

The command runs in a process of its own, as it does for people; its memory and its children's are watched from outside.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from tests.articles.test_hostile_feeds import BOMB
from tests.ground.test_fetch import Handler, answer, saying, serving

pytestmark = pytest.mark.slow

GOOD, ENTRIES, HOSTS = 200, 100, 20
MEMORY = 300 * 1024**2
DEADLINE = 150  # seconds for all; one feed may hang for thirty
TEXT = "Weight limits remain in place for vehicles above 30 tonnes until the sensors have seen a full season. " * 12
PLACES = "Zeryan Kanispi Gulan Tavgah Sersal Helgan Hewraz Darbend Berdesur Rubar".split()  # noqa: SIM905
THINGS = "bridge school tram market river library clinic stadium reservoir orchard".split()  # noqa: SIM905


def feed(number: int) -> bytes:
    items = "".join(
        f"""<item><title>{PLACES[n % 10]} {number}: the {THINGS[n // 10]} of {PLACES[(n + number) % 10]} opens, {n} came</title>
        <link>https://h{number}.example/news/{n}</link><guid isPermaLink="false">g{number}-{n}</guid><category>News</category>
        <pubDate>Mon, 09 Mar 2026 06:{n % 60:02}:00 +0300</pubDate><description>Number {n} of {number}. {TEXT[:150]}</description>
        <content:encoded><![CDATA[<figure><img src="https://h{number}.example/{n}.png" width="1200" height="630"/></figure>
        <p>{TEXT}</p>]]></content:encoded></item>"""
        for n in range(ENTRIES)
    )
    head = '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
    return f"{head}<title>Paper {number}</title><link>https://h{number}.example/</link>{items}</channel></rss>".encode()


async def hang(_: str, writer: asyncio.StreamWriter) -> None:
    del writer
    await asyncio.sleep(90)


async def drip(_: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"<")
        await writer.drain()
        await asyncio.sleep(0.5)


async def flood(_: str, writer: asyncio.StreamWriter) -> None:
    """500 MB, if somebody takes them."""
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<rss>")
    for _piece in range(500):
        writer.write(b"x" * 1024**2)
        await writer.drain()


async def circle(head: str, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(status="302 Found", Location=f"/{len(head.split()[1])}{'x' * len(head.split()[1])}"))
    await writer.drain()


PACKED_BOMB = gzip.compress(b"<rss>" + b" " * 400 * 1024**2, 1)
BAD: dict[str, Handler] = {
    "hang": hang,
    "drip": drip,
    "flood": flood,
    "circle": circle,
    "entities": saying(answer(BOMB)),
    "gzip": saying(answer(PACKED_BOMB, Content_Encoding="gzip")),
    "million": saying(answer(b"<rss version='2.0'><channel>" + b"<item/>" * 700_000 + b"</channel></rss>")),
    "broken": saying(answer(feed(999)[:100_000])),
    "busy": saying(answer(status="429 Too Many Requests", Retry_After="3600")),
}


@asynccontextmanager
async def everybody() -> AsyncIterator[list[str]]:
    """The addresses of all feeds: the good ones on a few hosts, each bad one on its own."""
    async with AsyncExitStack() as stack:

        async def good(head: str, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(feed(int(head.split()[1].removeprefix("/"))), ETag='"1"'))
            await writer.drain()

        ports = [await stack.enter_async_context(serving(good)) for _ in range(HOSTS)]
        urls = [f"http://127.0.0.1:{ports[number % HOSTS]}/{number}" for number in range(GOOD)]
        for name, handler in BAD.items():
            port = await stack.enter_async_context(serving(handler))
            urls.insert(len(urls) // 2 if name == "entities" else 0, f"http://127.0.0.1:{port}/{name}")
        yield urls


@pytest.fixture
def urls() -> Iterator[list[str]]:
    """They are served by a thread, so that nothing of this process waits for them."""
    ready, found, ends = threading.Event(), [], asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with everybody() as served:
            found.extend(served)
            ready.set()
            await ends.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(20)
    yield found
    loop.call_soon_threadsafe(ends.set)
    thread.join(20)
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@dataclass
class Ran:
    output: str
    code: int | None
    seconds: float
    memory: int  # at its largest, children included


async def run(*command: str, env: dict[str, str]) -> Ran:
    started, memory = time.monotonic(), 0
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "broadsheet", *command), env=env, stdout=-1, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    reading = asyncio.create_task(process.stdout.read())
    while process.returncode is None:
        memory = max(memory, sum(_memory(pid) for pid in _family(process.pid)))
        try:
            await asyncio.wait_for(asyncio.shield(process.wait()), 0.2)
        except TimeoutError:
            continue
    return Ran((await reading).decode(), process.returncode, time.monotonic() - started, memory)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in _family(int(child)))]


def _memory(pid: int) -> int:
    """What a process has to itself, and its share of what it has with others."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


async def test_two_hundred_feeds_with_the_worst_among_them(urls: list[str], tmp_path: Path) -> None:
    hosts = {url.split("/")[2] for url in urls}
    root = str(Path(__file__).parent.parent.parent)
    env = {name: value for name, value in os.environ.items() if not name.startswith("BROADSHEET_")}  # noqa: TID251 - a test's own door
    env |= {"BROADSHEET_DATA_DIR": str(tmp_path), "BROADSHEET_FETCH_ALLOWED_HOSTS": ",".join(hosts), "PYTHONPATH": root}
    outlines = "".join(f"<outline xmlUrl={quoteattr(url)} text={quoteattr(url[-12:])}/>" for url in urls)
    (tmp_path / "list.opml").write_text(f"<opml version='2.0'><body>{outlines}</body></opml>", encoding="utf-8")
    assert (await run("feeds", "import-opml", str(tmp_path / "list.opml"), env=env)).code == 0

    ran = await run("feeds", "collect", "--json", env=env)

    reports = json.loads(ran.output)
    problems = {one["problem"] for one in reports if one["problem"]}
    print(f"{ran.seconds:.1f} s, {ran.memory / 1024**2:.0f} MB", *sorted(problems), sep="\n")  # noqa: T201 - for whoever measures
    good = [one for one in reports if str(one["title"]).startswith("Paper") and one["title"] != "Paper 999"]
    assert [(one["found"], one["new"], one["problem"]) for one in good] == [(ENTRIES, ENTRIES, None)] * GOOD
    assert len(reports) == GOOD + len(BAD)
    assert ran.code == 1
    for words in ("did not finish", "sent more than 5 MiB", "redirects more than 5 times", "429"):
        assert any(words in problem for problem in problems), words
    assert ran.seconds < DEADLINE
    assert ran.memory < MEMORY

    again = await run("feeds", "collect", "--json", env=env)  # nothing is due: each is left alone for its while
    assert json.loads(again.output) == []
