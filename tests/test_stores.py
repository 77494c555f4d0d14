"""Files and directories that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os

import pytest

from xinc.errors import InputError
from xinc.stores import whole_file


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
