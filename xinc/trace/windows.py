"""Kernels on a grid of pixels: which part of their input a part of their output takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from xinc.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

#: Rows from, to; columns from, to.
Window: TypeAlias = tuple[int, int, int, int]

#: Height and width.
Size: TypeAlias = tuple[int, int]

#: What lies beyond the edges of an image: zeros, its reflection without the edge itself, the edge, its other end, or
#: nothing (the kernel stays inside, and the output is smaller).
Padding = Literal["zeros", "reflect", "replicate", "circular", "valid"]

_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def pair(value: Any) -> tuple[int, int]:
    """One number for both axes, or one for rows and one for columns."""
    if isinstance(value, int):
        return value, value
    rows, columns = value
    return int(rows), int(columns)


@dataclass(frozen=True)
class Axis:
    """One axis of a `Kernel`: ``size`` taps, ``dilation`` apart, every ``stride`` pixels, the first ``low`` before."""

    size: int
    stride: int
    dilation: int
    low: int
    high: int
    padding: Padding

    @property
    def span(self) -> int:
        """Pixels from the first tap to the last one, inclusive."""
        return self.dilation * (self.size - 1) + 1

    def length(self, length: int) -> int:
        """Output pixels of so many input pixels; `InputError` where there are none, or nothing to reflect."""
        found = (length + self.low + self.high - self.span) // self.stride + 1
        if found < 1 or (self.padding == "reflect" and max(self.low, self.high) >= length):
            raise InputError(
                f"A kernel that spans {self.span} pixels does not fit on an axis of {length} with {self.low} and "
                f"{self.high} pixels of padding ({self.padding}): use a larger image, or less of a kernel or padding."
            )
        return found

    def virtual(self, start: int, stop: int) -> tuple[int, int]:
        """The input pixels, those beyond the edges included, that output pixels from ``start`` to ``stop`` take."""
        return start * self.stride - self.low, (stop - 1) * self.stride - self.low + self.span

    def actual(self, start: int, stop: int, length: int) -> list[int]:
        """The pixel that is found at each place from ``start`` to ``stop``; -1 for a zero."""
        places = range(start, stop)
        if self.padding == "replicate":
            return [min(max(p, 0), length - 1) for p in places]
        if self.padding == "circular":
            return [p % length for p in places]
        if self.padding == "reflect":
            return [min(abs(p), 2 * (length - 1) - abs(p)) for p in places]
        return [p if 0 <= p < length else -1 for p in places]

    def taken(self, start: int, stop: int, length: int) -> tuple[int, int]:
        """The pixels of the image, from and to, that output pixels from ``start`` to ``stop`` depend on."""
        found = [p for p in self.actual(*self.virtual(start, stop), length) if p >= 0]
        return (min(found), max(found) + 1) if found else (0, 1)


@dataclass(frozen=True)
class Kernel:
    """Where a kernel is placed on an image.

    Attributes
    ----------
    size, stride, dilation : of (rows, columns).
    padding : what lies beyond the edges.
    margins : how many pixels of that at the (top, bottom, left, right); None for as many as keep the size of an image
        at stride 1, the odd one of an even kernel at the bottom and the right.
    """

    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = "zeros"
    margins: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        if self.padding not in get_args(Padding):
            raise ValueError(f"padding is {self.padding!r}; expected one of {', '.join(get_args(Padding))}")

    @property
    def around(self) -> tuple[int, int, int, int]:
        """Pixels beyond the edges at the (top, bottom, left, right)."""
        if self.padding == "valid":
            return 0, 0, 0, 0
        if self.margins is not None:
            return self.margins
        rows, columns = (d * (k - 1) for k, d in zip(self.size, self.dilation, strict=True))
        return rows // 2, rows - rows // 2, columns // 2, columns - columns // 2

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Rows and columns."""
        around = self.around
        rows, columns = (
            Axis(self.size[n], self.stride[n], self.dilation[n], around[2 * n], around[2 * n + 1], self.padding)
            for n in (0, 1)
        )
        return rows, columns

    @property
    def reach(self) -> tuple[int, int]:
        """How many rows and columns away from its own place a response looks at most."""
        rows, columns = (max(axis.low, axis.span - 1 - axis.low) for axis in self.axes)
        return rows, columns

    @property
    def centred(self) -> bool:
        """Whether a response at a pixel takes as much from one side of it as from the other, zeros beyond the edges."""
        same = all(axis.low == axis.high == axis.span // 2 and axis.span % 2 for axis in self.axes)
        return self.stride == (1, 1) and self.padding in ("zeros", "valid") and bool(same)

    @property
    def plain(self) -> bool:
        """Whether it is square, odd and centred: what today's compiled code knows."""
        return self.centred and self.dilation == (1, 1) and self.size[0] == self.size[1]

    def out(self, size: Size) -> Size:
        """Height and width of the output for an image of this height and width."""
        height, width = (axis.length(length) for axis, length in zip(self.axes, size, strict=True))
        return height, width

    def taken(self, window: Window, size: Size) -> Window:
        """The window of an image of this size that a window of the output depends on."""
        rows, columns = self.axes
        return *rows.taken(*window[:2], size[0]), *columns.taken(*window[2:], size[1])

    def padded(self, v: Tensor) -> Tensor:
        """(n, h, w) or (n, c, h, w) with what lies beyond its edges."""
        import torch.nn.functional as F

        top, bottom, left, right = self.around
        if not (top or bottom or left or right):
            return v
        return F.pad(v, (left, right, top, bottom), _MODES[self.padding])
