"""What the browser is given besides pages: faces, scripts and style, all of them ours or vouched for."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.conftest import ROOT
from tests.web.conftest import House
from web.pages import STATIC

VENDOR = STATIC / "vendor"
TEMPLATES = sorted((ROOT / "templates/web").rglob("*.html"))
PHYSICAL = re.compile(
    r"(?<![-\w])(?:(?:margin|padding|border)-(?:left|right|top|bottom)|left|right|top|bottom|width|height|(?:min|max)-(?:width|height))\s*:"
)


def test_what_others_made_is_what_the_manifest_says_and_comes_with_its_licence() -> None:
    lines = (VENDOR / "MANIFEST").read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split() for line in lines if not line.startswith("#"))}
    files = {path.name: path for path in VENDOR.iterdir() if path.name != "MANIFEST"}
    assert listed == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    for name in files:
        product = re.split(r"-latin|\.", name)[0]
        assert f"{product}.LICENSE" in files, name


@pytest.mark.parametrize("name", ["broadsheet.css", "console.css"])
def test_a_file_named_in_the_style_is_there_and_its_address_changes_with_it(name: str) -> None:
    addresses = re.findall(r'url\("([^"]+)"\)', (STATIC / name).read_text(encoding="utf-8"))
    assert addresses
    for address in addresses:
        path, _, version = address.partition("?v=")
        content = (STATIC / path).read_bytes()
        if path.startswith("vendor/"):
            assert version == hashlib.sha256(content).hexdigest()[:10], path


def test_a_face_may_be_kept_for_a_year_and_is_not_waited_for(house: House) -> None:
    css = house.client.get("/static/broadsheet.css").text
    faces = re.findall(r"@font-face \{.*?\}", css, flags=re.DOTALL)
    assert len(faces) == 4
    for face in faces:
        assert "font-display: swap" in face
        answer = house.client.get("/static/" + re.findall(r'url\("([^"]+)"\)', face)[0])
        assert answer.headers["content-type"] == "font/woff2"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_arabic_faces_hold_the_letters_of_sorani() -> None:
    css = (STATIC / "broadsheet.css").read_text(encoding="utf-8")
    for family in ("Noto Naskh Arabic", "Vazirmatn"):
        face = re.findall(rf'font-family: "{family}".*?\}}', css, flags=re.DOTALL)[0]
        ranges = [(int(start, 16), int(end or start, 16)) for start, end in re.findall(r"U\+(\w+)(?:-(\w+))?", face)]
        for letter in "ڕڵێۆەگچپژڤیک":
            assert any(start <= ord(letter) <= end for start, end in ranges), (family, letter)


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.css")), ids=lambda path: path.name)
def test_styles_name_no_side_of_the_page_and_stand_in_layers(path: object) -> None:
    css = (STATIC / str(path)).read_text(encoding="utf-8")
    plain = re.sub(r"/\*.*?\*/|\([^()]*\)", "", css, flags=re.DOTALL)
    assert PHYSICAL.findall(plain) == []
    assert not re.search(r"text-align: (left|right)", plain.replace("direction: ltr; text-align: left", ""))
    assert "!important" not in plain.replace("[hidden] { display: none !important; }", "")
    assert re.search(r"@layer (\w+, )*pages", plain)


#: It is put into the page of a letter, which has no style sheet, and under that page's own rules.
IN_A_LETTER = "readers/correction_note.html"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates/web").as_posix())
def test_no_template_has_style_or_script_of_its_own(path: object) -> None:
    text = re.sub(r"\{#.*?#\}", "", (ROOT / str(path)).read_text(encoding="utf-8"), flags=re.DOTALL)
    own = r"<style|\son\w+=|javascript:|hx-on" + ("" if str(path).endswith(IN_A_LETTER) else r"|\sstyle=")
    assert not re.search(own, text)
    for script in re.findall(r"<script[^>]*>.*?</script>", text, flags=re.DOTALL):
        assert re.fullmatch(r"""<script src="\{\{ static\('[\w./-]+'\) \}\}" defer></script>""", script)
    assert "|safe" not in text.replace(" ", "")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates/web").as_posix())
def test_a_class_in_a_template_means_something_in_a_style_sheet(path: object) -> None:
    css = "".join(sheet.read_text(encoding="utf-8") for sheet in STATIC.glob("*.css"))
    styled = set(re.findall(r"\.([a-zA-Z][\w-]*)", css))
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}", " ", (ROOT / str(path)).read_text(encoding="utf-8"), flags=re.DOTALL)
    named = {
        name
        for value in re.findall(r'\sclass="((?:\{\{.*?\}\}|[^"])*)"', text)
        for name in re.sub(r"\{\{.*?\}\}", "?", value).split()
        if "?" not in name
    }
    assert named - styled - {"narrow"} == set()  # what a page is without another width


def test_readers_pages_have_no_script_and_the_consoles_only_files_of_ours(house: House) -> None:
    reader = house.client.get("/n/courier/en")
    assert "<script" not in reader.text
    assert "script-src" not in reader.headers["content-security-policy"]
    for path in ("/consoles", "/sign-in", "/static/console.js"):
        assert "script-src" not in house.client.get(path).headers["content-security-policy"], path
    for path in ("/console", "/console/nothing", "/ops", "/ops/nothing"):
        policy = house.client.get(path, follow_redirects=False).headers["content-security-policy"]
        assert "script-src 'self'; connect-src 'self'; frame-src 'self'" in policy
        assert "unsafe" not in policy
