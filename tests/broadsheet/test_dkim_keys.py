"""The keys' folder: what stands in it is a key or is told, and no interruption loses one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from broadsheet import dkim_keys, durable, rotation
from broadsheet.dkim_keys import KeyFolder, KeyState, StoredKey
from broadsheet.rotation import Refused, Rotated
from broadsheet.settings import ConfigurationError
from mailer.dkim import Algorithm, KeyName

DOMAIN = "news.example.org"


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "dkim")


def pair(folder: KeyFolder, now: datetime, domain: str = DOMAIN) -> list[StoredKey]:
    made = rotation.new_pair(folder, domain, now=now)
    assert not isinstance(made, Refused)
    return made


def rotated(folder: KeyFolder, now: datetime) -> Rotated:
    done = rotation.rotate(folder, DOMAIN, found=(), now=now)
    assert not isinstance(done, Refused)
    return done


def states(folder: KeyFolder) -> dict[str, KeyState]:
    keys = folder.read()
    return {key.selector: dkim_keys.state(key, keys)[0] for key in keys}


def signing(folder: KeyFolder) -> list[str]:
    return [key.selector for key in dkim_keys.active(folder.read()).get(DOMAIN, [])]


def test_what_is_written_is_read_again_and_only_its_owner_reads_it(folder: KeyFolder, now: datetime) -> None:
    made = pair(folder, now)
    assert sorted(folder.read(), key=lambda key: key.selector) == sorted(made, key=lambda key: key.selector)
    assert [key.algorithm for key in made] == [Algorithm.RSA, Algorithm.ED25519]
    for path in folder.path.rglob("*.json"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in (folder.path, folder.path / DOMAIN)} == {0o700}


def test_a_key_does_not_show_its_private_half(folder: KeyFolder, now: datetime) -> None:
    assert "PRIVATE" not in repr(pair(folder, now))


def test_new_keys_sign_nothing_until_they_are_rotated_in(folder: KeyFolder, now: datetime) -> None:
    pair(folder, now)
    assert signing(folder) == []
    rotated(folder, now)
    assert signing(folder) == ["b202603a-rsa", "b202603a-ed"]


def test_the_younger_pair_signs_and_the_older_rests_until_it_is_retired(folder: KeyFolder, now: datetime) -> None:
    pair(folder, now)
    rotated(folder, now)
    later = now + timedelta(hours=1)
    pair(folder, later)
    assert signing(folder) == ["b202603a-rsa", "b202603a-ed"]
    assert [key.selector for key in rotated(folder, later).resting] == ["b202603a-rsa", "b202603a-ed"]
    assert signing(folder) == ["b202603b-rsa", "b202603b-ed"]

    early = rotation.retire(folder, DOMAIN, at_once=False, now=later + timedelta(days=6))
    assert isinstance(early, Refused)
    assert "2026-03-16 05:00" in early.words
    done = rotation.retire(folder, DOMAIN, at_once=False, now=later + timedelta(days=7))
    assert not isinstance(done, Refused)
    assert {(key.selector, since) for key, since in done} == {("b202603a-rsa", later), ("b202603a-ed", later)}
    for key in folder.read():
        assert (key.private is None) == key.selector.startswith("b202603a")
    assert list(states(folder).values()).count(KeyState.RETIRED) == 2


def test_what_signs_is_not_retired(folder: KeyFolder, now: datetime) -> None:
    pair(folder, now)
    rotated(folder, now)
    assert isinstance(rotation.retire(folder, DOMAIN, at_once=True, now=now + timedelta(days=99)), Refused)


def test_an_older_pair_that_never_signed_does_not_come_in_later(folder: KeyFolder, now: datetime) -> None:
    pair(folder, now)
    pair(folder, now + timedelta(minutes=1))
    rotated(folder, now + timedelta(minutes=2))
    assert signing(folder) == ["b202603b-rsa", "b202603b-ed"]
    assert isinstance(rotation.rotate(folder, DOMAIN, found=(), now=now + timedelta(minutes=3)), Refused)
    assert signing(folder) == ["b202603b-rsa", "b202603b-ed"]


def test_a_clock_that_was_put_back_does_not_leave_the_older_keys_in_place(folder: KeyFolder, now: datetime) -> None:
    pair(folder, now)
    rotated(folder, now)
    pair(folder, now + timedelta(hours=1))
    rotated(folder, now - timedelta(hours=1))
    assert signing(folder) == ["b202603b-rsa", "b202603b-ed"]


def test_domains_do_not_mix(folder: KeyFolder, now: datetime) -> None:
    pair(folder, now)
    pair(folder, now, "example.net")
    rotated(folder, now)
    assert list(dkim_keys.active(folder.read())) == [DOMAIN]


@pytest.mark.parametrize("domain", ["exämple.org", "../../etc", "", "a b", "example.org/x"])
def test_a_name_that_cannot_stand_in_dns_makes_no_file(folder: KeyFolder, now: datetime, domain: str) -> None:
    assert isinstance(rotation.new_pair(folder, domain, now=now), Refused)
    assert list(folder.path.rglob("*.json")) == []


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def other_key(path: Path) -> None:
    stored = json.loads(path.read_text())
    name = KeyName(domain=DOMAIN, selector=path.stem, algorithm=Algorithm(stored["algorithm"]))
    stored["private"] = dkim_keys.make(name, now=datetime.fromisoformat(stored["made_at"])).private
    path.write_text(json.dumps(stored))


def renamed(path: Path) -> None:
    path.rename(path.with_name("other.json"))


@pytest.mark.parametrize("harm", [cut_off, other_key, renamed])
def test_a_damaged_key_is_told_with_its_file(folder: KeyFolder, now: datetime, harm: Callable[[Path], None]) -> None:
    pair(folder, now)
    harm(folder.path / DOMAIN / "b202603a-ed.json")
    with pytest.raises(ConfigurationError, match="damaged"):
        folder.read()


def test_a_key_that_others_may_read_is_not_used(folder: KeyFolder, now: datetime) -> None:
    pair(folder, now)
    (folder.path / DOMAIN / "b202603a-rsa.json").chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        folder.read()


def test_an_interrupted_writing_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    durable.write(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        durable.write(path, "new")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("file", "old")]


def test_an_interrupted_rotation_leaves_somebody_signing(
    folder: KeyFolder, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair(folder, now)
    rotated(folder, now)
    pair(folder, now + timedelta(hours=1))
    whole = durable.write

    def second_fails(path: Path, text: str) -> None:
        if path.stem.endswith("-ed"):
            raise OSError(28, "No space left on device")
        whole(path, text)

    monkeypatch.setattr(durable, "write", second_fails)
    with pytest.raises(OSError, match="No space"):
        rotated(folder, now + timedelta(hours=2))
    assert signing(folder) == ["b202603b-rsa", "b202603a-ed"]
    monkeypatch.undo()
    rotated(folder, now + timedelta(hours=3))
    assert signing(folder) == ["b202603b-rsa", "b202603b-ed"]


def test_every_change_changes_the_mark(folder: KeyFolder, now: datetime) -> None:
    marks = [folder.mark()]
    pair(folder, now)
    marks.append(folder.mark())
    rotated(folder, now)
    marks.append(folder.mark())
    assert len(set(marks)) == 3
    assert folder.mark() == marks[-1]
