"""Regions: the pixels that a question is about, in each frame the smallest window that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xinc.errors import InputError
from xinc.frames import ranges
from xinc.trace.windows import Window


@dataclass(frozen=True)
class Part:
    """A region in one frame.

    Attributes
    ----------
    frame : index of the frame.
    window : the smallest (y0, y1, x0, x1) that holds the region.
    inside : (y1 − y0, x1 − x0) bool, which pixels of the window belong to it.
    """

    frame: int
    window: Window
    inside: np.ndarray

    @property
    def area(self) -> int:
        return int(self.inside.sum())


@dataclass(frozen=True)
class Region:
    """A region of a canvas.

    Attributes
    ----------
    parts : of each frame in which it has pixels.
    size : (height, width) of a frame.
    text : what it is, in words.
    """

    parts: tuple[Part, ...]
    size: tuple[int, int]
    text: str

    @property
    def frames(self) -> list[int]:
        return [part.frame for part in self.parts]

    def masks(self) -> np.ndarray:
        """(frame, y, x) bool, of the frames in which it has pixels."""
        found = np.zeros((len(self.parts), *self.size), bool)
        for mask, part in zip(found, self.parts, strict=True):
            y0, y1, x0, x1 = part.window
            mask[y0:y1, x0:x1] = part.inside
        return found

    def shares(self) -> np.ndarray:
        """(frame,) its share of the pixels of each frame in which it has any."""
        return np.array([part.area for part in self.parts]) / (self.size[0] * self.size[1])

    def __str__(self) -> str:
        areas = sorted({part.area for part in self.parts})
        pixels = f"{areas[0]:,}" if len(areas) == 1 else f"{areas[0]:,} to {areas[-1]:,}"
        frames = f"frame{'s' * (len(self.parts) > 1)} {ranges(self.frames)}"
        return f"{self.text}: {pixels} of {self.size[0] * self.size[1]:,} pixels, {frames}"


def whole(size: tuple[int, int], frames: Sequence[int]) -> Region:
    """All pixels of a frame (height, width)."""
    return _rectangle((0, size[0], 0, size[1]), size, frames, "the whole frame")


def of_box(box: Any, size: tuple[int, int], frames: Sequence[int]) -> Region:
    """The rows y0 to y1 − 1 and columns x0 to x1 − 1 of ``box`` (y0, y1, x0, x1).

    Raises
    ------
    InputError : not four whole numbers, a box without pixels, or one that is not all in the frame.
    """
    numbers = _whole_numbers(box, 4)
    if numbers is None or not (0 <= numbers[0] < numbers[1] <= size[0] and 0 <= numbers[2] < numbers[3] <= size[1]):
        raise InputError(
            f"box is {_short(box)}: expected (y0, y1, x0, x1) in pixels with 0 <= y0 < y1 <= {size[0]} and 0 <= x0 < "
            f"x1 <= {size[1]}, for the frames are of {size[0]}x{size[1]}; rows y1 and columns x1 are not part of it."
        )
    y0, y1, x0, x1 = numbers
    return _rectangle((y0, y1, x0, x1), size, frames, f"rows {y0} to {y1 - 1}, columns {x0} to {x1 - 1}")


def of_pixel(pixel: Any, size: tuple[int, int], frames: Sequence[int]) -> Region:
    """The one pixel (y, x); `InputError` where it is not in the frame."""
    numbers = _whole_numbers(pixel, 2)
    if numbers is None or not (0 <= numbers[0] < size[0] and 0 <= numbers[1] < size[1]):
        raise InputError(
            f"pixel is {_short(pixel)}: expected (y, x) with 0 <= y < {size[0]} and 0 <= x < {size[1]}, for the frames "
            f"are of {size[0]}x{size[1]}."
        )
    y, x = numbers
    return _rectangle((y, y + 1, x, x + 1), size, frames, f"pixel ({y}, {x})")


def of_mask(mask: Any, size: tuple[int, int], frames: Sequence[int], text: str = "the mask") -> Region:
    """The pixels where a mask is True.

    Parameters
    ----------
    mask : (y, x) bool for all frames; or (frame, y, x), by the coordinate ``frame`` where it has one, otherwise in the
        order of ``frames``. A labelled one by its dimensions and, where it has them, coordinates.
    text : what it is, in words.

    Raises
    ------
    InputError : another type or size, frames that it lacks, other dimensions or pixels, or no pixels in any frame.
    """
    if isinstance(mask, xr.DataArray):
        mask = _labelled(mask, size, frames, text)
    values = np.asarray(mask)
    if values.dtype != bool:
        raise InputError(
            f"{text} is of type {values.dtype}: expected bool, True in the region; of a map of labels, compare with "
            "one of them, e.g. mask=labels == 3."
        )
    if values.shape not in (size, (len(frames), *size)):
        raise InputError(
            f"{text} has shape {values.shape}: expected {size}, the size of the maps, or {(len(frames), *size)}, one "
            "for each frame asked for."
        )
    parts = [
        _part(frame, one) for frame, one in zip(frames, np.broadcast_to(values, (len(frames), *size)), strict=True)
    ]
    found = tuple(part for part in parts if part is not None)
    if not found:
        raise InputError(f"{text} has no pixels in frames {ranges(frames)}: choose other frames, or another region.")
    return Region(found, size, text)


def _labelled(mask: xr.DataArray, size: tuple[int, int], frames: Sequence[int], text: str) -> xr.DataArray:
    """A labelled mask as (y, x) or (frame, y, x) in the order of ``frames``."""
    if {*map(str, mask.dims)} - {"frame"} != {"y", "x"}:
        raise InputError(
            f"{text} has the dimensions ({', '.join(map(str, mask.dims))}): (y, x) or (frame, y, x) were expected; "
            "rename them, or give its values."
        )
    for name, count in zip(("y", "x"), size, strict=True):
        if name in mask.coords and mask.sizes[name] == count and (mask[name].values != np.arange(count)).any():
            raise InputError(
                f"{text} has other pixels than the maps along {name}, from {mask[name].values[0]} to "
                f"{mask[name].values[-1]}: 0 to {count - 1} were expected, in this order; sort it, or give its values."
            )
    if "frame" in mask.coords and "frame" not in mask.dims and set(frames) != {int(mask["frame"])}:
        own = int(mask["frame"])
        raise InputError(
            f"{text} is of frame {own}, and frames {ranges(frames)} were asked for: ask for frames=[{own}], or give "
            "its values, which then count for each frame."
        )
    return of_frames(mask, frames, text).transpose(..., "y", "x")


def of_frames(values: xr.DataArray, frames: Sequence[int], text: str) -> xr.DataArray:
    """Those frames of a labelled array, in this order, as (frame, y, x); as it is where it has no frames by label."""
    if "frame" in values.dims:
        values = values.transpose("frame", ...)
        if "frame" in values.coords:
            missing = sorted(set(frames) - set(values["frame"].values.tolist()))
            if missing:
                known = [int(frame) for frame in values["frame"].values]
                raise InputError(
                    f"{text} lacks frames {ranges(missing)}: it has {ranges(known)}; choose frames among those."
                )
            return values.sel(frame=list(frames))
    return values


def _rectangle(window: Window, size: tuple[int, int], frames: Sequence[int], text: str) -> Region:
    inside = np.ones((window[1] - window[0], window[3] - window[2]), bool)
    return Region(tuple(Part(frame, window, inside) for frame in frames), size, text)


def _part(frame: int, mask: np.ndarray) -> Part | None:
    """The smallest window of a mask (y, x); None where it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return Part(frame, (y0, y1, x0, x1), mask[y0:y1, x0:x1].copy())


def _whole_numbers(values: Any, count: int) -> list[int] | None:
    """So many whole numbers, or None."""
    try:
        found = np.asarray(values)
    except ValueError:
        return None
    return [int(one) for one in found] if found.shape == (count,) and found.dtype.kind in "iu" else None


def _short(value: Any) -> str:
    shown = " ".join(repr(value).split())
    return shown if len(shown) <= 60 else shown[:57] + "..."
