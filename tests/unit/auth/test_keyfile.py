"""The key file: private, whole or absent, never overwritten, and errors an operator can act on."""

import json
import os
import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from typeplate_server.auth.keyfile import KeyFileError, carried_over, carry_over, create_key_file, load_key_file


def test_what_was_made_is_what_is_loaded(tmp_path: Path) -> None:
    """Pepper, sealing key and issuer come back."""
    made = create_key_file(tmp_path / "keys.json")
    loaded = load_key_file(tmp_path / "keys.json")
    assert (loaded.issuer, loaded.pepper, loaded.sealing_key) == (made.issuer, made.pepper, made.sealing_key)
    assert len(loaded.pepper) == 32
    assert loaded.issuer.startswith("urn:typeplate:")


def test_two_files_share_nothing(tmp_path: Path) -> None:
    """Each deployment has its own issuer, pepper and key."""
    one, two = create_key_file(tmp_path / "a"), create_key_file(tmp_path / "b")
    assert one.issuer != two.issuer
    assert one.pepper != two.pepper
    assert one.sealing_key != two.sealing_key


def test_the_fingerprint_is_that_of_every_part(tmp_path: Path) -> None:
    """The same for the same file, another for any other pepper, sealing key or issuer; no part shows in it."""
    made = create_key_file(tmp_path / "keys.json")
    assert load_key_file(tmp_path / "keys.json").fingerprint == made.fingerprint
    others = (
        replace(made, pepper=b"x" * 32), replace(made, sealing_key=b"x" * 32), replace(made, issuer="urn:typeplate:x")
    )  # fmt: skip
    assert len({made.fingerprint, *(other.fingerprint for other in others)}) == 4
    assert re.fullmatch("[0-9a-f]{64}", made.fingerprint)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_file_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    """Mode 0600, and nothing is left beside it."""
    before = os.umask(umask)
    try:
        create_key_file(tmp_path / "keys.json")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o666, 0o610, 0o777, 0o644])
def test_a_file_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    """The sentence says what is wrong and what to type."""
    path = tmp_path / "keys.json"
    create_key_file(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=rf"keys\.json: others .* \(mode {mode:04o}\).*chmod 600"):
        load_key_file(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_loaded(tmp_path: Path, mode: int) -> None:
    """Read-only for the owner will do."""
    path = tmp_path / "keys.json"
    create_key_file(path)
    path.chmod(mode)
    assert load_key_file(path).pepper


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    """Losing it would kill every secret and token."""
    path = tmp_path / "keys.json"
    create_key_file(path)
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="never overwritten"):
        create_key_file(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["keys.json"]


def test_a_missing_file_and_a_missing_directory_are_told(tmp_path: Path) -> None:
    """With the command that helps."""
    with pytest.raises(KeyFileError, match="typeplate-server init"):
        load_key_file(tmp_path / "keys.json")
    with pytest.raises(KeyFileError, match="cannot be made: No such file"):
        create_key_file(tmp_path / "absent" / "keys.json")


def test_a_directory_in_its_place_is_told(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_key_file(tmp_path)


def test_a_half_written_or_changed_file_is_refused_without_quoting_it(tmp_path: Path) -> None:
    """Any change that makes it another thing; the error repeats nothing of the content."""
    path = tmp_path / "keys.json"
    create_key_file(path)
    text = path.read_text()
    good = json.loads(text)
    broken = [
        "", "{", text[: len(text) // 2], "[]", "null", "{}", "\0" * 100,
        *(json.dumps({name: value for name, value in good.items() if name != gone}) for gone in good),
        json.dumps(good | {"version": 3}), json.dumps(good | {"pepper": good["pepper"][:-2]}),
        json.dumps(good | {"sealing_key": good["sealing_key"][:-2]}),
        json.dumps(good | {"pepper": None}), json.dumps(good | {"issuer": "https://x"}),
    ]  # fmt: skip
    for content in broken:
        path.write_text(content)
        with pytest.raises(KeyFileError, match="not a whole key file") as refused:
            load_key_file(path)
        assert refused.value.__suppress_context__
        assert good["pepper"] not in str(refused.value)


@pytest.mark.parametrize("first", [True, False], ids=["with signing keys", "with a sealing key"])
def test_a_file_of_version_1_is_carried_over(tmp_path: Path, first: bool) -> None:
    """It is named as such, and keeps issuer and pepper, and so every secret; the sealing key too, if it had one."""
    path = tmp_path / "keys.json"
    made = create_key_file(path)
    assert carried_over(path) is None
    content = json.loads(path.read_text()) | {"version": 1}
    if first:
        del content["sealing_key"]
        content["signing_keys"] = [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "eA", "d": "ZA"}]
    path.write_text(json.dumps(content))
    with pytest.raises(KeyFileError, match="of version 1: run `typeplate-server migrate`"):
        load_key_file(path)
    lifted = carried_over(path)
    assert lifted is not None
    carry_over(path, lifted)
    found = load_key_file(path)
    assert (found.issuer, found.pepper, found.sealing_key) == (made.issuer, made.pepper, lifted.sealing_key)
    assert (found.sealing_key == made.sealing_key) is not first
    assert [each.name for each in tmp_path.iterdir()] == ["keys.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_its_repr_shows_neither_pepper_nor_private_key(tmp_path: Path) -> None:
    """Nothing secret in a log of the settings."""
    keys = create_key_file(tmp_path / "keys.json")
    content = json.loads((tmp_path / "keys.json").read_text())
    for shown in (repr(keys), str(keys)):
        assert content["pepper"] not in shown
        assert content["sealing_key"] not in shown
        assert repr(keys.sealing_key) not in shown
        assert repr(keys.pepper) not in shown


def test_a_crash_while_writing_leaves_no_key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name appears only when the content is on the disk."""

    def crash(_: int) -> None:
        assert not (tmp_path / "keys.json").exists()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(KeyFileError, match="No space left on device"):
        create_key_file(tmp_path / "keys.json")
    assert list(tmp_path.iterdir()) == []
