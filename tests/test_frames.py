"""Choosing frames."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinc.errors import InputError
from xinc.frames import ranges, select_frames

available = st.lists(st.integers(0, 500), min_size=1, max_size=40, unique=True).map(sorted)


@given(available, st.integers(1, 60))
def test_a_number_is_evenly_spread(frames: list[int], count: int) -> None:
    found = select_frames(frames, count)
    assert len(found) == min(count, len(frames))
    assert found == sorted(set(found))
    assert found[0] == frames[0]
    places = [frames.index(f) for f in found] + [len(frames)]
    gaps = {b - a for a, b in itertools.pairwise(places)}
    assert max(gaps) - min(gaps) <= 1


@given(available)
def test_all(frames: list[int]) -> None:
    assert select_frames(frames, "all") == frames
    assert select_frames(frames, len(frames)) == frames
    assert select_frames(frames, tuple(frames)) == frames


def test_a_list_keeps_its_order_and_may_come_from_yaml() -> None:
    assert select_frames(range(9), (8, 0)) == [8, 0]
    assert select_frames(range(9), [8, 0]) == [8, 0]
    assert select_frames((0, 8), 1) == [0]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ((0, 9, 10), "Frames 9-10 were asked for, but the model has frames 0-3, 8: choose among those."),
        ((-1,), "Frames -1 were asked for"),
        ((1, 3, 1), "Frames 1 were asked for more than once: list each frame once."),
        ((), "No frames were asked for: choose among frames 0-3, 8, or 'all'."),
        (0, "The number of frames asked for is 0: ask for at least one."),
        (-2, "The number of frames asked for is -2"),
    ],
)
def test_what_is_refused(choice: int | tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        select_frames([0, 1, 2, 3, 8], choice, of="the model")


def test_ranges() -> None:
    assert ranges([]) == ""
    assert ranges([5]) == "5"
    assert ranges([3, 1, 2, 7, 9, 8]) == "1-3, 7-9"
