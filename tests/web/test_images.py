"""Copies of lead images are shown to everybody, from addresses that never change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fastapi.testclient import TestClient

from articles import images
from articles.images import Fetched
from articles.resize import Resized
from tests.web.conftest import House
from web.app import create_app


def test_an_image_of_ours_is_shown_and_nothing_else_of_the_folder(house: House, tmp_path: Path) -> None:
    made = Resized(body=b"\xff\xd8 an image", suffix="jpg", width=1200, height=600)
    names = images.store(tmp_path / "images", [Fetched(url="https://z.example/a.jpg", made=made)])
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    with TestClient(create_app(replace(house.parts, data_dir=tmp_path)), base_url=house.parts.base_url) as client:
        shown = client.get(f"/images/{names['https://z.example/a.jpg']}")
        assert (shown.status_code, shown.content) == (200, made.body)
        assert shown.headers["content-type"] == "image/jpeg"
        assert "immutable" in shown.headers["cache-control"]
        assert shown.headers["x-content-type-options"] == "nosniff"
        for name in ("0" * 32 + ".jpg", "..%2Fsecret.jpg", "secret.jpg", "%2e%2e/secret.jpg"):
            assert client.get(f"/images/{name}").status_code == 404
