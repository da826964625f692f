"""Every text a reader sees is in every catalogue, with its placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

ROOT = Path(__file__).parent.parent
METHODS = [
    ("console/**", "ignore"),
    ("ops/**", "ignore"),
    ("**.html", "jinja2"),
    ("**.txt", "jinja2"),
    ("**.py", "python"),
]
OPTIONS = {"**.html": {"silent": "false"}, "**.txt": {"silent": "false"}}
#: The developer's mailbox speaks English only, as its users do; the console's texts are a domain of their own.
FOLDERS = ("templates/email", "templates/web/parts", "templates/web/readers", "subscribers", "web")


def texts() -> Iterator[str]:
    for folder in FOLDERS:
        for _, _, message, _, context in extract_from_dir(ROOT / folder, METHODS, OPTIONS):
            ids = [message] if isinstance(message, str) else [part for part in message if part]
            yield (f"{context}\x04" if context else "") + ids[0]


def catalogue(language: str) -> dict[str, Message]:
    found: dict[str, Message] = {}
    for path in (ROOT / "locales" / language / "LC_MESSAGES").glob("*.po"):
        with path.open("rb") as source:
            for message in read_po(source):
                if path.stem == "console" and not message.string:
                    continue  # the console's may be translated little by little
                key = message.id if isinstance(message.id, str) else message.id[0]
                found[(f"{message.context}\x04" if message.context else "") + key] = message
    return found


@pytest.mark.parametrize("language", ["ar", "ckb"])
def test_no_text_is_untranslated(language: str) -> None:
    known = catalogue(language)
    wanted = set(texts())
    assert len(wanted) > 40
    missing = sorted(text for text in wanted if text not in known or not known[text].string or known[text].fuzzy)
    assert missing == []


@pytest.mark.parametrize("language", ["ar", "ckb"])
def test_a_translation_keeps_its_placeholders(language: str) -> None:
    wrong = []
    for text, message in catalogue(language).items():
        if isinstance(message.id, str) and isinstance(message.string, str) and text.rpartition("\x04")[2]:
            ours, theirs = (set(re.findall(r"%\((\w+)\)s", part)) for part in (message.id, message.string))
            if ours != theirs:
                wrong.append(text)
    assert wrong == []


def domain(name: str) -> dict[str, set[str]]:
    """What a domain's file of methods finds, by file."""
    with (ROOT / name).open(encoding="utf-8") as source:
        methods, options = parse_mapping_cfg(source)  # type: ignore[no-untyped-call]
    found: dict[str, set[str]] = {}
    for file, _, message, *_ in extract_from_dir(ROOT, methods, options, directory_filter=_is_ours):
        found.setdefault(file, set()).add(message if isinstance(message, str) else message[0])
    return found


def _is_ours(path: str) -> bool:
    return not Path(path).name.startswith(".") and Path(path).name not in {"tests", "build", "var"}


def test_readers_texts_and_the_consoles_are_two_domains() -> None:
    readers, console = domain("babel.cfg"), domain("babel-console.cfg")
    assert {"templates/web/readers/front.html", "templates/web/parts/forms.html", "web/readers/asking.py"} <= set(
        readers
    )
    assert "Suppressions" in console["templates/web/console/frame.html"]
    assert not set(readers) & set(console)
    others = {file for file in console if not re.match(r"(templates/)?web/(console|ops)/", file)}
    assert others == {"mailer/plain_words.py"}  # what a reply means, said to ops
    assert {file for file in readers if re.match(r"(templates/)?web/(console|ops)/", file)} == set()


def test_kurdish_is_written_with_kurdish_letters() -> None:
    """ک ی ە, not the Arabic ك ي ه that keyboards offer: the wrong ones look right and are never found again."""
    wrong = [str(message.string) for message in catalogue("ckb").values() if re.search("[كي]", str(message.string))]
    assert wrong == []
