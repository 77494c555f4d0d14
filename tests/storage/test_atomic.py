"""Files and directories that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os

import pytest

from xinc.errors import InputError
from xinc.storage.atomic import remove_unfinished, whole_directory, whole_file


def test_a_file_takes_the_place_of_the_old_one_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "file"
    for text in ("one", "two"):
        with whole_file(path) as partial:
            partial.write_text(text)
            assert path.exists() == (text == "two")
        assert path.read_text() == text
        assert os.stat(path).st_mode & 0o777 == 0o644
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_a_file_that_fails_leaves_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with contextlib.suppress(KeyError), whole_file(path) as partial:
        partial.write_text("half")
        raise KeyError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_place_where_no_file_can_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        with whole_file(tmp_path / "file" / "inside"):
            pass


def test_what_a_killed_process_left_is_removed(tmp_path):
    """Of this target only, whatever is in its name."""
    writers = [whole_file(tmp_path / "a[1]"), whole_directory(tmp_path / "a[1]"), whole_file(tmp_path / "a1")]
    left = [writer.__enter__() for writer in writers]
    (left[1] / "chunk").write_text("half")
    (tmp_path / "a[1].txt").write_text("")
    remove_unfinished(tmp_path / "a[1]")
    assert {p.name for p in tmp_path.iterdir()} == {left[2].name, "a[1].txt"}
