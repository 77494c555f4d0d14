"""Digests of the user's files."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from xinc.errors import InputError
from xinc.experiment import input_digests as contents
from xinc.experiment.input_digests import Contents, check_readable


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    return [str(tmp_path / name) for name in ("b", "a")]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read."""
    seen: list[str] = []
    plain = contents._read
    monkeypatch.setattr(contents, "_read", lambda file: seen.append(file) or plain(file))  # type: ignore[func-returns-value]
    return seen


def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if all files had changed long ago."""
    now = time.time_ns()
    monkeypatch.setattr(contents.time, "time_ns", lambda: now + 10**11)


def test_digests_are_those_of_the_contents_in_order(files: list[str]) -> None:
    expected = [hashlib.sha256(name.encode()).hexdigest()[:16] for name in ("b", "a")]
    assert Contents().digests("x", files) == expected


def test_what_is_known_is_not_read_again(
    files: list[str], tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(monkeypatch)
    first = Contents(tmp_path / "kept").digests("x", files)
    assert Contents(tmp_path / "kept").digests("x", files) == first
    assert read == files
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["x.json"]


def test_a_file_of_the_same_size_and_time_is_another(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(monkeypatch)
    known = Contents(tmp_path / "kept")
    before = known.digests("x", files)
    state = os.stat(files[0])
    time.sleep(0.02)
    Path(files[0]).write_text("c")
    os.utime(files[0], ns=(state.st_atime_ns, state.st_mtime_ns))
    after = known.digests("x", files)
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_file_that_changed_just_now_is_read_again(files: list[str], tmp_path: Path, read: list[str]) -> None:
    """It may change again within the same tick of the clock."""
    for _ in range(2):
        Contents(tmp_path / "kept").digests("x", files)
    assert read == files * 2


@pytest.mark.parametrize("damage", ["", "{", "[]", json.dumps({"a": []})])
def test_what_is_kept_may_be_damaged(
    files: list[str], tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(monkeypatch)
    known = Contents(tmp_path)
    before = known.digests("x", files)
    (tmp_path / "x.json").write_text(damage)
    assert known.digests("x", files) == before


def test_a_file_of_several_videos_is_read_once(files: list[str], read: list[str]) -> None:
    known = Contents()
    assert known.digests("x", files) == known.digests("y", files[::-1])[::-1]
    assert read == files


def test_a_folder_that_cannot_be_written_costs_time_only(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Contents(tmp_path / "file" / "kept").digests("x", files) == Contents().digests("x", files)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing.png' cannot be read \(No such file or directory\): expected"):
        Contents().digests("x", [str(tmp_path / "nothing.png")])


def _link(path: Path) -> None:
    path.symlink_to("nowhere.png")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


#: What may be found in the place of a file, and what is said of it.
UNREADABLE: dict[str, tuple[Callable[[Path], None], str]] = {
    "nothing": (lambda path: None, "No such file or directory"),
    "broken link": (_link, "it is a link to 'nowhere.png', which does not exist"),
    "loop": (_loop, "Too many levels of symbolic links"),
    "folder": (lambda path: path.mkdir(), "it is a folder"),
    "pipe": (os.mkfifo, "it is not a regular file"),
}


@pytest.mark.parametrize(("put", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_found_without_reading(
    files: list[str], tmp_path: Path, read: list[str], put: Callable[[Path], None], why: str
) -> None:
    check_readable(files)
    path = tmp_path / "2.png"
    put(path)
    with pytest.raises(
        InputError, match=rf"^'{path}' cannot be read \({why}\): expected a file .* replace it, or remove it"
    ):
        check_readable([*files, str(path)])
    assert read == []


def test_a_file_of_somebody_else() -> None:
    """Root may read everything, and for a moment is nobody."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder) / "2.png"
        path.touch(0)
        me = os.geteuid()
        if me == 0:
            os.seteuid(65534)
        try:
            with pytest.raises(InputError, match=r"2.png' cannot be read \(its permissions do not allow it\)"):
                check_readable([str(path)])
        finally:
            os.seteuid(me)
