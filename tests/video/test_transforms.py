"""Tests of cropping and resizing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xinc.errors import InputError
from xinc.video.clip import Window
from xinc.video.transforms import crop_window, nearest_index, resize_flow, resize_frame, resize_labels

sizes = st.tuples(st.integers(1, 900), st.integers(1, 900))


@given(sizes, sizes)
def test_fit_is_the_largest_centred_window_of_the_right_shape(size: tuple[int, int], target: tuple[int, int]) -> None:
    window = crop_window(size, "fit", target)
    assert 1 <= window.height <= size[0]
    assert 1 <= window.width <= size[1]
    assert window.height == size[0] or window.width == size[1]
    # The free side is that of the exact ratio, to half a pixel (or one pixel where the ratio asks for less).
    if window.height == size[0] and window.width < size[1]:
        assert abs(window.width - size[0] * target[1] / target[0]) <= max(0.5, 1 - size[0] * target[1] / target[0])
    elif window.height < size[0]:
        assert abs(window.height - size[1] * target[0] / target[1]) <= max(0.5, 1 - size[1] * target[0] / target[1])
    assert 0 <= size[0] - window.height - 2 * window.top <= 1
    assert 0 <= size[1] - window.width - 2 * window.left <= 1


def test_crops() -> None:
    assert crop_window((720, 1280), "fit", (640, 1280)) == Window(40, 0, 640, 1280)
    assert crop_window((240, 432), "fit", (10, 10)) == Window(0, 96, 240, 240)
    assert crop_window((240, 432), "none", (10, 10)) == Window(0, 0, 240, 432)
    assert crop_window((240, 432), "100x50", (10, 10)) == Window(70, 191, 100, 50)
    image = np.arange(240 * 432).reshape(240, 432)
    assert crop_window((240, 432), "100x50", (1, 1)).of(image)[0, 0] == 70 * 432 + 191


def test_a_crop_larger_than_the_frame_is_refused() -> None:
    with pytest.raises(InputError, match="crop 300x50 is larger than the source frame of 240x432 pixels"):
        crop_window((240, 432), "300x50", (10, 10))


@given(st.integers(1, 300), st.integers(1, 300))
def test_nearest_is_the_pixel_under_the_centre(source: int, target: int) -> None:
    index = nearest_index(source, target)
    centre = (np.arange(target) + 0.5) * source / target
    assert index.min() >= 0
    assert index.max() < source
    assert (np.abs(index + 0.5 - centre) <= 0.5 + 1e-9).all()


@given(arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 70000)), sizes)
def test_labels_are_never_mixed(labels: np.ndarray, size: tuple[int, int]) -> None:
    size = (size[0] % 20 + 1, size[1] % 20 + 1)
    resized = resize_labels(labels, size)
    assert resized.shape == size
    assert resized.dtype == np.int32
    assert set(np.unique(resized)) <= set(np.unique(labels))


def test_enlarged_labels_are_blocks() -> None:
    labels = np.array([[1, 2], [3, 4]])
    np.testing.assert_array_equal(resize_labels(labels, (6, 4)), labels.repeat(3, 0).repeat(2, 1))


def test_flow_is_scaled_in_x_and_y_apart() -> None:
    flow = np.empty((8, 12, 2), np.float32)
    flow[..., 0], flow[..., 1] = 6, -4
    resized = resize_flow(flow, (2, 6))
    assert resized.shape == (2, 6, 2)
    assert resized.dtype == np.float32
    np.testing.assert_array_equal(resized[..., 0], 3)
    np.testing.assert_array_equal(resized[..., 1], -1)


def test_area_is_the_mean_of_each_block() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
    blocks = frame.reshape(3, 4, 5, 4, 3).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(resize_frame(frame, (3, 5), "area"), blocks, atol=1e-6)


@pytest.mark.parametrize("method", ["area", "bicubic"])
@given(size=st.tuples(st.integers(1, 40), st.integers(1, 40)), seed=st.integers(0, 9))
def test_frames_stay_in_range(method: str, size: tuple[int, int], seed: int) -> None:
    frame = np.random.default_rng(seed).choice(np.array([0, 255], np.uint8), (11, 17, 3))
    resized = resize_frame(frame, size, method)  # type: ignore[arg-type]
    assert resized.shape == (*size, 3)
    assert resized.dtype == np.float32
    assert resized.min() >= 0
    assert resized.max() <= 1


@pytest.mark.parametrize("method", ["area", "bicubic"])
def test_a_flat_frame_stays_flat_and_channels_apart(method: str) -> None:
    frame = np.empty((32, 48, 3), np.uint8)
    frame[:] = (255, 51, 0)
    resized = resize_frame(frame, (7, 9), method)  # type: ignore[arg-type]
    np.testing.assert_allclose(resized, np.broadcast_to([1, 0.2, 0], resized.shape), atol=1e-6)


def test_bicubic_is_antialiased() -> None:
    """Stripes finer than the analysis pixel average out rather than alias."""
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[:, ::2] = 255
    assert np.ptp(resize_frame(frame, (12, 12), "bicubic")[:, 1:-1]) < 0.05


def test_a_frame_of_the_right_size_is_only_scaled() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    np.testing.assert_array_equal(resize_frame(frame, (4, 6), "bicubic"), frame.astype(np.float32) / np.float32(255))
