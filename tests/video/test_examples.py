"""Tests of the collage: everything that it states about itself is re-derived pixel by pixel."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from xinc.errors import InputError
from xinc.video.clip import Motion, Window
from xinc.video.sources import examples

WHOLE = Window(0, 0, *examples.COLLAGE_SIZE)
PART = Window(17, 40, 150, 301)
PAIRS = [(0, 1), (7, 8), (12, 13), (4, 7), (30, 31)]


def points(index: int, window: Window) -> dict[tuple[int, int, int], tuple[int, int]]:
    """Where each visible surface point (layer, x, y on that layer) is seen in a frame: (y, x) in the window."""
    layers = window.of(examples.compose(index)[1])
    origins = [(0, 0), *(sprite.corner for sprite in examples.sprites())]
    velocities = [examples.BACKGROUND_VELOCITY, *(sprite.velocity for sprite in examples.sprites())]
    seen = {}
    for y, x in np.ndindex(layers.shape):
        layer = int(layers[y, x])
        (left, top), (dx, dy) = origins[layer], velocities[layer]
        seen[layer, x + window.left - left - index * dx, y + window.top - top - index * dy] = (y, x)
    return seen


@pytest.mark.parametrize(("earlier", "later"), PAIRS)
def test_flow_carries_a_frame_into_the_next(earlier: int, later: int) -> None:
    motion = examples.motion(earlier, later, WHOLE)
    before, after = examples.compose(earlier)[0], examples.compose(later)[0]
    height, width = examples.COLLAGE_SIZE
    warped = np.zeros_like(after)
    reached = np.zeros((height, width), bool)
    for y, x in np.argwhere(~motion.occluded):
        dx, dy = motion.flow[y, x].astype(int)
        warped[y + dy, x + dx] = before[y, x]
        assert not reached[y + dy, x + dx]
        reached[y + dy, x + dx] = True
    np.testing.assert_array_equal(reached, ~motion.revealed)
    np.testing.assert_array_equal(warped[reached], after[reached])


@pytest.mark.parametrize("window", [WHOLE, PART], ids=["whole", "part"])
@pytest.mark.parametrize(("earlier", "later"), [(7, 8), (4, 7)])
def test_revealed_and_occluded_are_exact(earlier: int, later: int, window: Window) -> None:
    before, after = points(earlier, window), points(later, window)
    expected = Motion(
        np.full((window.height, window.width, 2), np.nan, np.float32),
        np.zeros((window.height, window.width), bool),
        np.zeros((window.height, window.width), bool),
    )
    for point, place in after.items():
        expected.revealed[place] = point not in before
    for point, place in before.items():
        expected.occluded[place] = point not in after
    found = examples.motion(earlier, later, window)
    np.testing.assert_array_equal(found.revealed, expected.revealed)
    np.testing.assert_array_equal(found.occluded, expected.occluded)
    assert 0 < found.revealed.mean() < 0.3


def test_masks_are_painted_from_far_to_near() -> None:
    frame, layers = examples.compose(5)
    for number, sprite in enumerate(examples.sprites(), start=1):
        left, top = np.add(sprite.corner, np.multiply(5, sprite.velocity))
        for y, x in np.argwhere(layers == number):
            assert sprite.mask[y - top, x - left]
            assert (frame[y, x] == sprite.texture[y - top, x - left]).all()
    nearer = examples.sprites()[-1]
    assert (layers == len(examples.sprites())).sum() == nearer.mask.sum()


def visible(number: int) -> list[int]:
    return [int((examples.compose(index)[1] == number).sum()) for index in range(16)]


def test_the_story() -> None:
    """Within 16 frames one object leaves for good, and one passes behind another that is not moving with it."""
    areas = {number: visible(number) for number in range(1, len(examples.sprites()) + 1)}
    gone = [number for number, area in areas.items() if area[-1] == 0]
    assert len(gone) == 1
    assert areas[gone[0]][0] > 1000
    horse = next(n for n, s in enumerate(examples.sprites(), start=1) if s.category == "horse")
    whole = examples.sprites()[horse - 1].mask.sum()
    assert min(areas[horse]) < 0.9 * whole
    assert max(areas[horse]) > 0.95 * whole


def test_categories_and_velocities() -> None:
    categories = [sprite.category for sprite in examples.sprites()]
    assert len(categories) >= 5
    assert len(set(categories)) >= 3
    assert sum(categories.count(category) >= 2 for category in set(categories)) >= 2
    assert [segment.category for segment in examples.collage().segments] == categories
    velocities = [examples.BACKGROUND_VELOCITY, *(sprite.velocity for sprite in examples.sprites())]
    assert len(set(velocities)) == len(velocities)
    assert all(component % 4 == 0 for component in itertools.chain(*velocities))


def test_composing_again_gives_the_same() -> None:
    first = examples.compose(9)
    examples.sprites.cache_clear()
    examples.background.cache_clear()
    for one, other in zip(first, examples.compose(9), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_background_is_not_disturbed_by_painting() -> None:
    before = examples.background().copy()
    examples.compose(3)
    np.testing.assert_array_equal(examples.background(), before)


@pytest.mark.parametrize("index", [-1, 32])
def test_frames_beyond_the_last_are_refused(index: int) -> None:
    with pytest.raises(InputError, match=f"has 32 frames, frame {index} was asked for"):
        examples.compose(index)


def test_a_missing_photograph_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples.importlib.metadata, "files", lambda _: [])
    with pytest.raises(InputError, match=r"needs the photograph skimage/data/coffee\.png"):
        examples._photograph("coffee.png")
