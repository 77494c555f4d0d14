"""How values of a program lie in memory: which axis is channels, which are pixels.

It is followed from the output, whose layout is known from its shape, backwards through the operations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

#: Axes of one value: channels, rows, columns, all pixels row by row, and those of size 1, whatever they are.
CHANNEL, ROW, COLUMN, PIXEL, ONE = "c", "y", "x", "p", "-"


@dataclass(frozen=True)
class Layout:
    """The axes of a value.

    Attributes
    ----------
    axes : what each axis is; one of size 1 is `ONE`.
    grid : (h, w), rows and columns of its pixels.
    """

    axes: tuple[str, ...]
    grid: tuple[int, int]

    def sizes(self, channels: int) -> tuple[int, ...]:
        """Shape of a value of so many channels, axes of size 1 included."""
        known = {CHANNEL: channels, ROW: self.grid[0], COLUMN: self.grid[1], PIXEL: math.prod(self.grid), ONE: 1}
        return tuple(known[axis] for axis in self.axes)

    def image(self, value: Tensor) -> Tensor:
        """(C, h, w) of a value."""
        order = [self.axes.index(axis) for axis in (CHANNEL, ROW, COLUMN, PIXEL) if axis in self.axes]
        rest = [at for at in range(value.ndim) if at not in order]
        return value.permute(*rest, *order).reshape(-1, *self.grid)

    def value(self, image: Tensor) -> Tensor:
        """The value of an image (C, h, w); the inverse of `image`."""
        sizes = dict(zip(self.axes, self.sizes(image.shape[0]), strict=True))
        order = [axis for axis in (CHANNEL, ROW, COLUMN, PIXEL) if axis in self.axes]
        moved = image.reshape([sizes[axis] for axis in order])
        return moved.permute([order.index(axis) for axis in self.axes if axis in order]).reshape(
            self.sizes(image.shape[0])
        )

    def fits(self, expected: Sequence[str]) -> bool:
        """Whether the axes are those expected, but for axes of size 1."""
        return len(expected) == len(self.axes) and all(
            found in (axis, ONE) for found, axis in zip(self.axes, expected, strict=True)
        )


def of_shape(shape: Sequence[int], axes: Sequence[str], grid: tuple[int, int]) -> Layout:
    """A layout with these axes, those of size 1 named so."""
    return Layout(tuple(ONE if size == 1 else axis for size, axis in zip(shape, axes, strict=True)), grid)


def of_output(shape: tuple[int, ...], resolution: tuple[int, int] | None) -> list[Layout]:
    """The layouts that an output may have: (C, H, W), (H, W, C), (H·W, C), (C, H·W), (H·W,), axes of size 1 anywhere.

    Without a resolution, that of an image (C, H, W), or (…, 1, C, H, W), which it must be then. None where it is no
    image of that resolution; two, channels first as PyTorch has them, where there are as many channels as pixels.
    """
    large = [(at, size) for at, size in enumerate(shape) if size > 1]
    if resolution is None:
        if len(shape) < 3 or math.prod(shape[:-3]) != 1:
            return []
        return [of_shape(shape, (*[ONE] * (len(shape) - 3), CHANNEL, ROW, COLUMN), (shape[-2], shape[-1]))]
    height, width = resolution
    pixels = [(axis, size) for axis, size in ((ROW, height), (COLUMN, width)) if size > 1]
    flat = [(PIXEL, height * width)] if len(pixels) == 2 else pixels
    sizes = [size for _, size in large]
    found: list[Layout] = []
    for places in (pixels, flat):
        count = math.prod(sizes) // max(math.prod(size for _, size in places), 1)
        options = [places] if count == 1 else [[(CHANNEL, count), *places], [*places, (CHANNEL, count)]]
        for option in options:
            if [size for _, size in option] == sizes:
                named = {at: axis for (at, _), (axis, _) in zip(large, option, strict=True)}
                found.append(Layout(tuple(named.get(at, ONE) for at in range(len(shape))), resolution))
    return list(dict.fromkeys(found))


def before_reshape(layout: Layout, after: Sequence[int], before: Sequence[int]) -> Layout | None:
    """The layout of a value before it was reshaped; None where that mixes channels with pixels."""
    outer = [(axis, size) for axis, size in zip(layout.axes, after, strict=True) if size > 1]
    inner = [(at, size) for at, size in enumerate(before) if size > 1]
    named: dict[int, str] = {}
    i = o = 0
    while i < len(inner) or o < len(outer):
        if i == len(inner) or o == len(outer):
            return None
        rows, columns = [inner[i]], [outer[o]]
        i, o = i + 1, o + 1
        while (a := math.prod(size for _, size in rows)) != (b := math.prod(size for _, size in columns)):
            if a < b and i < len(inner):
                rows.append(inner[i])
                i += 1
            elif a > b and o < len(outer):
                columns.append(outer[o])
                o += 1
            else:
                return None
        axes = [axis for axis, _ in columns]
        if len(rows) == len(axes) == 1:
            found = axes
        elif axes == [PIXEL] and [size for _, size in rows] == list(layout.grid):
            found = [ROW, COLUMN]
        elif axes == [ROW, COLUMN] and len(rows) == 1:
            found = [PIXEL]
        else:
            return None
        named |= {at: axis for (at, _), axis in zip(rows, found, strict=True)}
    return Layout(tuple(named.get(at, ONE) for at in range(len(before))), layout.grid)
