"""Propagation of a source response to the output resolution (paper sections 3.2.2 and 3.2.3).

    z = Z(source)                                              zero-insertion on the neuron's PixelShuffle phase
    for each later block b:  z = φ_b(upsample_{r_b}(box_{k_b}(z)))
    C = box_{k_head}(z)

The head is a later layer with r = 1 and φ the identity, so one rule serves all. Other steps of a route
(`xinc.trace.route`) are linear along each axis as well: an output pixel is a sum of few input pixels. So each of them
can be computed on a window of its output, from the window of its input that this takes. Where φ(0) is not 0, φ stands
for φ(z) − φ(0), so that nothing stays nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from xinc.trace.activations import respond
from xinc.trace.route import Route, Stage, Step, Sum, route_size
from xinc.trace.windows import Axis, Size, Window, pair


def insert_zeros(source: Tensor, phase: Tensor, upscale: int) -> Tensor:
    """Z: the value of source pixel (y, x) goes to (r·y + p//r, r·x + p%r), zeros elsewhere.

    Parameters
    ----------
    source : (n, h, w).
    phase : (n,) int64, sub-pixel p of each map.
    upscale : r.

    Returns
    -------
    (n, r·h, r·w).
    """
    if upscale == 1:
        return source
    n, h, w = source.shape
    out = source.new_zeros(n, h, upscale, w, upscale)
    rows = torch.arange(n, device=source.device)
    out[rows, :, phase // upscale, :, phase % upscale] = source
    return out.view(n, h * upscale, w * upscale)


def box(z: Tensor, kernel_size: int) -> Tensor:
    """The k×k mean of (n, h, w) with zero padding, divided by k² everywhere (section 3.2.3)."""
    return z if kernel_size == 1 else F.avg_pool2d(z, kernel_size, stride=1, padding=kernel_size // 2)


def upsample(z: Tensor, factor: int | tuple[int, int]) -> Tensor:
    """Nearest-neighbour upsampling of (n, h, w) by a factor, or by one for rows and one for columns."""
    rows, columns = pair(factor)
    return z if rows == columns == 1 else z.repeat_interleave(rows, dim=-2).repeat_interleave(columns, dim=-1)


def propagate(
    source: Tensor,
    phase: Tensor,
    upscale: int,
    later: Sequence[Step],
    window: Window | None = None,
    gained: bool = False,
) -> Tensor:
    """Contribution maps of neurons at output resolution.

    Parameters
    ----------
    source : (n, h, w) source responses, their block's activation applied.
    phase : (n,) int64 PixelShuffle phase of each neuron.
    upscale : PixelShuffle factor of the neurons' own layer.
    later : the steps that follow, in order.
    window : of the maps (default: all).
    gained : of gained maps: no activations, sums are means, and what each pixel holds is shared out among those that
        read it, times the square of the scale of later steps.

    Returns
    -------
    (n, H, W), or the window of it. Nearest-neighbour upsampling commutes with an activation, which is therefore applied
    before it, at the lower resolution.
    """
    z, route = insert_zeros(source, phase, upscale), tuple(later)
    size = (z.shape[-2], z.shape[-1])
    wanted = whole(route_size(route, size)) if window is None else window
    have = taken(route, wanted, size)
    return follow(route, cut(z, have), have, size, wanted, gained)


def whole(size: Size) -> Window:
    """The window that is all of an image."""
    return 0, size[0], 0, size[1]


def cut(z: Tensor, window: Window) -> Tensor:
    """The window of (…, h, w)."""
    y0, y1, x0, x1 = window
    return z[..., y0:y1, x0:x1]


def taken(route: Route, window: Window, size: Size) -> Window:
    """The window of maps of this size, at the start of a route, on which a window of those at its end depends."""
    for step, before in zip(route[::-1], _sizes(route, size)[-2::-1], strict=True):
        window = _taken(step, window, before)
    return window


def follow(route: Route, z: Tensor, have: Window, size: Size, wanted: Window, gained: bool = False) -> Tensor:
    """The window ``wanted`` at the end of a route, from the window ``have`` (n, h, w) of maps of this size."""
    sizes = _sizes(route, size)
    windows = [wanted]
    for step, before in zip(route[::-1], sizes[-2::-1], strict=True):
        windows.insert(0, _taken(step, windows[0], before))
    z = cut(z, _inside(windows[0], have))
    for step, before, window, after in zip(route, sizes, windows, windows[1:], strict=False):
        z = _step(step, z, window, before, after, gained)
    return z


def _sizes(route: Route, size: Size) -> list[Size]:
    """Of maps before each step, and at the end."""
    found = [size]
    for step in route:
        found.append(step.size(found[-1]))
    return found


def _inside(window: Window, outer: Window) -> Window:
    """A window in the coordinates of another one that holds it."""
    return window[0] - outer[0], window[1] - outer[0], window[2] - outer[2], window[3] - outer[2]


def _taken(step: Step, window: Window, size: Size) -> Window:
    """The window before a step, of maps of this size, that a window after it depends on."""
    if isinstance(step, Sum):
        found = [taken(route, window, size) for route in step.routes]
        y0, y1, x0, x1 = zip(*found, strict=True)
        return min(y0), max(y1), min(x0), max(x1)
    return step.kernel.taken(_before_upsampling(step, window, step.kernel.out(size)), size)


def _before_upsampling(step: Stage, window: Window, size: Size) -> Window:
    """The window of maps of this size that upsampling takes for a window of its result."""
    rows, columns = pair(step.upscale)
    if step.interpolation == "nearest":
        return window[0] // rows, -(-window[1] // rows), window[2] // columns, -(-window[3] // columns)
    ends = []
    for start, stop, length, r in ((*window[:2], size[0], rows), (*window[2:], size[1], columns)):
        low, high, _ = _bilinear(length, r, step.align_corners)
        ends += [int(low[start:stop].min()), int(high[start:stop].max()) + 1]
    return ends[0], ends[1], ends[2], ends[3]


def _step(step: Step, z: Tensor, have: Window, size: Size, wanted: Window, gained: bool) -> Tensor:
    """One step, from a window of maps of this size to a window of those after it."""
    if isinstance(step, Sum):
        total = sum(follow(route, z, have, size, wanted, gained) for route in step.routes)
        assert isinstance(total, Tensor)
        return total / len(step.routes) if gained else total
    between = step.kernel.out(size)
    middle = _before_upsampling(step, wanted, between)
    z = _averaged(step, z, have, size, middle, gained)
    if not gained:
        z = respond(step.activation, z)
    if step.interpolation == "nearest":
        rows, columns = pair(step.upscale)
        larger = (rows * middle[0], rows * middle[1], columns * middle[2], columns * middle[3])
        return cut(upsample(z, step.upscale), _inside(wanted, larger))
    return _interpolated(step, z, middle, between, wanted, gained)


def _averaged(step: Stage, z: Tensor, have: Window, size: Size, wanted: Window, gained: bool) -> Tensor:
    """The mean over a stage's kernel: a window of it, from a window of maps of this size."""
    kernel = step.kernel
    if kernel.plain and have == whole(size) and wanted == have:
        return box(z, kernel.size[0])
    if kernel.plain and kernel.size[0] > 1:
        y0, y1, x0, x1 = _inside(wanted, have)
        half, height, width = kernel.size[0] // 2, z.shape[-2], z.shape[-1]
        z = F.pad(z, (half - x0, half + x1 - width, half - y0, half + y1 - height))
        return F.avg_pool2d(z, kernel.size[0], stride=1)
    for axis, taps in zip((-2, -1), kernel.axes, strict=True):
        n = 2 * (axis + 2)
        start, stop, low, length = wanted[n], wanted[n + 1], have[n], size[axis]
        if gained and taps.stride > 1:
            share = _shares(taps, length)[low : have[n + 1]].to(z)
            z = z * (share[:, None] if axis == -2 else share)
        z = _mean(z, axis, taps, low, length, start, stop)
    return z


def _mean(z: Tensor, axis: int, taps: Axis, low: int, length: int, start: int, stop: int) -> Tensor:
    """Along one axis, output pixels from ``start`` to ``stop``, of maps of a length that are given from ``low`` on."""
    if taps.size == taps.stride == 1 and not (taps.low or taps.high):
        return z
    places = taps.actual(*taps.virtual(start, stop), length)
    index = torch.tensor(places, device=z.device)
    around = z.index_select(axis, (index - low).clamp(0, z.shape[axis] - 1))
    if min(places) < 0:
        inside = (index >= 0).to(z)
        around = around * (inside[:, None] if axis == -2 else inside)
    reach = (stop - start - 1) * taps.stride + 1
    parts = [around.narrow(axis, t * taps.dilation, reach) for t in range(taps.size)]
    if taps.stride > 1:
        every = torch.arange(0, reach, taps.stride, device=z.device)
        parts = [part.index_select(axis, every) for part in parts]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total / taps.size


def _shares(taps: Axis, length: int) -> Tensor:
    """(length,) by what a strided mean has to be multiplied so that no pixel that it reads counts more than another."""
    unit = torch.eye(length, dtype=torch.float64)[None]
    read = _mean(unit, -2, taps, 0, length, 0, taps.length(length))[0].sum(0)
    return torch.where(read > 0, 1 / (read * taps.stride).clamp(min=1e-300), torch.zeros_like(read))


@lru_cache(maxsize=64)
def _bilinear(length: int, factor: int, align_corners: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Of each pixel upsampled along an axis: the two pixels that it lies between, and its distance from the first."""
    out = length * factor
    if align_corners:
        place = torch.arange(out, dtype=torch.float64) * ((length - 1) / max(out - 1, 1))
    else:
        place = ((torch.arange(out, dtype=torch.float64) + 0.5) / factor - 0.5).clamp(min=0)
    low = place.floor().long().clamp(max=length - 1)
    return low, (low + 1).clamp(max=length - 1), place - low


def _interpolated(step: Stage, z: Tensor, have: Window, size: Size, wanted: Window, gained: bool) -> Tensor:
    """Bilinear upsampling: a window of it, from a window of maps of this size."""
    for axis, n, factor in zip((-2, -1), (0, 2), pair(step.upscale), strict=True):
        low, high, far = _bilinear(size[axis], factor, step.align_corners)
        if gained:
            read = torch.zeros(size[axis], dtype=torch.float64).index_add(0, low, 1 - far).index_add(0, high, far)
            share = (factor / read)[have[n] : have[n + 1]].to(z)
            z = z * (share[:, None] if axis == -2 else share)
        part = slice(wanted[n], wanted[n + 1])
        first, second = (z.index_select(axis, (of[part] - have[n]).to(z.device)) for of in (low, high))
        weight = far[part].to(z)
        weight = weight[:, None] if axis == -2 else weight
        z = first * (1 - weight) + second * weight
    return z
