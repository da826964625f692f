"""Lead images: what a letter can carry, what it cannot, and where a copy is shown from."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image as Pillow
from sqlalchemy import select

from articles import feeds, images, resize
from articles.articles import Article
from articles.collect import collect
from articles.feeds import Feed
from articles.images import Image
from articles.resize import Resized, Unusable
from ground.database import Database
from ground.fetch import Fetcher
from tests.articles.test_collect import Site, a_site, item, rss
from tests.ground.test_fetch import answer


def picture(width: int, height: int, form: str = "JPEG", mode: str = "RGB", **options: object) -> bytes:
    held = io.BytesIO()
    Pillow.effect_noise((width, height), 60).convert(mode).save(held, form, **options)
    return held.getvalue()


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("body", "size", "suffix"),
    [
        (picture(2400, 1600), (1200, 800), "jpg"),
        (picture(800, 400, "PNG"), (800, 400), "jpg"),
        (picture(640, 640, "WEBP"), (640, 640), "jpg"),
        (picture(400, 300, "GIF", "P"), (400, 300), "jpg"),
        (picture(600, 600, "JPEG", "CMYK"), (600, 600), "jpg"),
    ],
)
def test_a_picture_is_made_to_fit_a_letter(body: bytes, size: tuple[int, int], suffix: str) -> None:
    made = resize.resize(body)
    assert isinstance(made, Resized)
    assert ((made.width, made.height), made.suffix) == (size, suffix)
    assert len(made.body) <= 300 * 1024
    with Pillow.open(io.BytesIO(made.body)) as opened:
        assert (opened.size, opened.mode) == (size, "RGB")


def test_transparency_stays_where_the_file_is_small_enough() -> None:
    held = io.BytesIO()
    Pillow.new("RGBA", (600, 300), (0, 80, 120, 0)).save(held, "PNG")
    made = resize.resize(held.getvalue())
    assert isinstance(made, Resized)
    assert made.suffix == "png"


def test_what_a_camera_wrote_beside_the_picture_is_gone_and_it_stands_upright() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "taken at home"
    body = picture(800, 400, exif=exif)
    assert b"taken at home" in body
    made = resize.resize(body)
    assert isinstance(made, Resized)
    assert (made.width, made.height) == (400, 800)
    assert b"taken at home" not in made.body


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no JPEG"),
        (b"GIF89a", "broken"),
        (picture(1200, 800)[:5000], "broken"),
        (picture(120, 120), "only 120 pixels"),
        (png_of(30_000, 30_000), "30000 × 30000"),
        (png_of(1200, 800), "broken"),
    ],
)
def test_what_a_letter_cannot_carry_is_told(body: bytes, says: str) -> None:
    made = resize.resize(body)
    assert isinstance(made, Unusable)
    assert says in made.reason or (says == "broken" and "no JPEG" in made.reason)


@pytest.fixture
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def files_in(folder: Path) -> int:
    return sum(place.is_file() for place in folder.rglob("*"))


async def run(database: Database, site: Site, threads: Executor, folder: Path, now: datetime) -> None:
    fetcher = Fetcher(allowed_hosts=frozenset({f"127.0.0.1:{site.port}"}))
    with database.write() as session:
        feed = feeds.add_feed(session, f"{site.url}/feed", now=now)
        assert isinstance(feed, Feed)
        ids = [feed.id]
    try:
        await collect(database, fetcher, threads, lambda: now, only=ids, images=folder)
    finally:
        await fetcher.close()


async def test_images_are_kept_once_and_bad_ones_are_left_out(
    database: Database, threads: Executor, tmp_path: Path, now: datetime
) -> None:
    folder = tmp_path / "images"
    async with a_site() as site:

        def story(name: str, image: str) -> str:
            more = f'<description>Words.</description><enclosure url="{site.url}{image}" type="image/jpeg" length="1"/>'
            return item(name, f"https://z.example/{name}", f"{more}<pubDate>Mon, 09 Mar 2026 05:00:00 +0300</pubDate>")

        shown = {
            "good": "/good.jpg",
            "same": "/good.jpg",
            "small": "/small.jpg",
            "gone": "/gone.jpg",
            "busy": "/busy.jpg",
        }
        site.answers["/feed"] = answer(rss(*(story(*each) for each in shown.items())).encode())
        site.answers["/good.jpg"] = answer(picture(2000, 1000))
        site.answers["/small.jpg"] = answer(picture(100, 100))
        site.answers["/busy.jpg"] = answer(status="503 Service Unavailable")
        await run(database, site, threads, folder, now)
        with database.read() as session:
            found = {one.title: one for one in session.scalars(select(Article))}
            names = {title: one.image_name for title, one in found.items() if one.image_name}
            assert set(names) == {"good", "same"}
            assert len(set(names.values())) == 1
            assert (found["good"].image_width, found["good"].image_height) == (1200, 600)
            assert {title for title, one in found.items() if one.image_url is None} == {"small", "gone"}
            assert set(images.own(session, [f"{site.url}/good.jpg", f"{site.url}/busy.jpg"])) == {
                f"{site.url}/good.jpg"
            }
        name = names["good"]
        place = images.file(folder, name or "")
        assert place is not None
        assert place.read_bytes().startswith(b"\xff\xd8")
        assert images.file(folder, "../../etc/passwd") is None
        assert files_in(folder) == 1
        asked = list(site.asked)
        await run(database, site, threads, folder, now + timedelta(minutes=15))
        assert site.asked == [*asked, "/feed"]
        site.answers["/busy.jpg"] = answer(picture(700, 500))
        await run(database, site, threads, folder, now + timedelta(hours=2))
        assert site.asked[-1] == "/busy.jpg"
        with database.read() as session:
            assert session.scalars(select(Article.image_name).where(Article.title == "busy")).one() is not None
            assert session.scalars(select(Image.problem).where(Image.url.endswith("busy.jpg"))).one() is None
