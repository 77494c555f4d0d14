"""The canvas without any of xinc's shortcuts: all maps of a layer in memory, by ordinary tensor operations.

It is what `benchmarks.canvas` measures against, so it is written to be fast: a grouped convolution for the edge
responses, average pooling for the box filters, activations before the upsampling that they commute with, and blocks of
neurons small enough that what lies between two operations stays in cache. Reductions run on a block while it is there,
where they can. Nothing is shared with the library but the description of the network
(`xinc.trace.layers`), so results can serve as an oracle too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import zarr
from torch import Tensor
from zarr.codecs import BloscCodec

from xinc.trace.activations import activate
from xinc.trace.layers import Convolution, Trace

#: Bytes of full-resolution maps that are made at a time; measured, see docs/explanation/performance.md.
BLOCK_BYTES = 2**26

#: Neurons in a chunk of a dense store, all of one frame.
CHUNK_NEURONS = 256


def layer_of(trace: Trace, name: str) -> tuple[Convolution, list[Convolution], Tensor]:
    """A layer, those after it, and its input (C_in, h, w)."""
    at = trace.position(name)
    layer, *later = [one for one in trace.layers[at:] if isinstance(one, Convolution)]
    return layer, later, trace.inputs()[name]


def map_shape(layer: Convolution, later: Sequence[Convolution], v: Tensor) -> tuple[int, int, int]:
    """(neurons, H, W) of a layer's maps."""
    scale = math.prod(one.upscale for one in (layer, *later))
    return math.prod(layer.channels), v.shape[-2] * scale, v.shape[-1] * scale


def source_responses(layer: Convolution, v: Tensor, edges: slice) -> Tensor:
    """Activated edge responses (n, h, w) of consecutive edges i·C_out + j: one grouped convolution.

    The edges must be whole input channels, or lie within one.
    """
    c_in, c_out = layer.channels
    first, last = edges.start // c_out, (edges.stop - 1) // c_out
    weight = layer.weight.transpose(0, 1).reshape(c_in * c_out, 1, *layer.weight.shape[2:])[edges]
    bias = (layer.bias / c_in).repeat(c_in)[edges]
    pad = layer.kernel_size // 2
    response = F.conv2d(v[None, first : last + 1], weight, bias, padding=pad, groups=last - first + 1)[0]
    return activate(layer.activation, response)


def insert_zeros(source: Tensor, first: int, upscale: int) -> Tensor:
    """(n, h, w) -> (n, r·h, r·w): each map on the sub-pixel that PixelShuffle gives it; neurons from ``first`` on."""
    if upscale == 1:
        return source
    (n, h, w), phases = source.shape, upscale**2
    out = source.new_zeros(n, h, upscale, w, upscale)
    for k in range(min(phases, n)):
        row, column = divmod((first + k) % phases, upscale)
        out[k::phases, :, row, :, column] = source[k::phases]
    return out.view(n, h * upscale, w * upscale)


def expand(layer: Convolution, later: Sequence[Convolution], v: Tensor, edges: slice) -> Tensor:
    """Maps (n, H, W) of consecutive edges, signed."""
    z = insert_zeros(source_responses(layer, v, edges), edges.start % layer.channels[1], layer.upscale)
    for stage in later:
        size = stage.kernel_size
        if size > 1:
            z = F.avg_pool2d(z[None], size, stride=1, padding=size // 2)[0]
        z = activate(stage.activation, z)
        if stage.upscale > 1:
            z = F.interpolate(z[None], scale_factor=stage.upscale, mode="nearest")[0]
    return z


def blocks(layer: Convolution, shape: tuple[int, int, int], block_bytes: int = BLOCK_BYTES) -> Iterator[slice]:
    """Consecutive edges, whole input channels or parts of one, of about ``block_bytes`` of maps."""
    c_in, c_out = layer.channels
    count = max(1, block_bytes // (4 * shape[1] * shape[2]))
    if count >= c_out:
        step = count // c_out * c_out
        yield from (slice(k, min(k + step, c_in * c_out)) for k in range(0, c_in * c_out, step))
    else:
        parts = math.ceil(c_out / count)
        step = math.ceil(c_out / parts)
        for i in range(c_in):
            yield from (slice(i * c_out + k, i * c_out + min(k + step, c_out)) for k in range(0, c_out, step))


def dense_maps(trace: Trace, name: str, block_bytes: int = BLOCK_BYTES) -> Tensor:
    """All maps (neuron, H, W) of a layer."""
    layer, later, v = layer_of(trace, name)
    shape = map_shape(layer, later, v)
    out = torch.empty(shape)
    for edges in blocks(layer, shape, block_bytes):
        out[edges] = expand(layer, later, v, edges)
    return out


def create(path: Path, shape: tuple[int, int, int]) -> Any:
    """An array (frame, neuron, y, x) of one frame in a group of its own, chunks of neurons, zstd after byte shuffle."""
    return zarr.create_group(path, overwrite=True, zarr_format=3).create_array(
        "contribution",
        shape=(1, *shape),
        chunks=(1, min(CHUNK_NEURONS, shape[0]), *shape[1:]),
        dtype=np.float32,
        compressors=(BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"),),
        dimension_names=("frame", "neuron", "y", "x"),
    )


def write_canvas(trace: Trace, root: Path, streamed: bool = False) -> None:
    """Write all maps of one frame, a group per layer.

    ``streamed``: never more than a chunk of maps in memory, in place of a layer.
    """
    for one in trace.layers:
        layer, later, v = layer_of(trace, one.name)
        shape = map_shape(layer, later, v)
        array = create(root / one.name, shape)
        if not streamed:
            array[0] = dense_maps(trace, one.name).numpy()
            continue
        # Several chunks at a time, since Zarr compresses chunks in parallel.
        span = 4 * CHUNK_NEURONS
        buffer, start = torch.empty(min(span, shape[0]), *shape[1:]), 0
        for edges in blocks(layer, shape):
            maps, at = expand(layer, later, v, edges), edges.start
            while at < edges.stop:
                stop = min(edges.stop, start + span)
                buffer[at - start : stop - start] = maps[at - edges.start : stop - edges.start]
                at = stop
                if stop in (start + span, shape[0]):
                    array[0, start:stop] = buffer[: stop - start].numpy()
                    start = stop


def sum_abs(trace: Trace, name: str) -> Tensor:
    """Sum over neurons of |C| (H, W), each block summed while it is in cache."""
    layer, later, v = layer_of(trace, name)
    shape = map_shape(layer, later, v)
    total = torch.zeros(shape[1:], dtype=torch.float64)
    for edges in blocks(layer, shape):
        total += expand(layer, later, v, edges).abs_().sum(0)
    return total


def one_hot(labels: np.ndarray) -> Tensor:
    """(P, regions) float32 of a label map; a product with it sums over regions."""
    flat = torch.from_numpy(np.ascontiguousarray(labels)).ravel().long()
    return F.one_hot(flat).float()


def all_reductions(
    trace: Trace,
    name: str,
    labels: Mapping[str, np.ndarray],
    percents: Sequence[float] = (10, 50),
    before: Trace | None = None,
) -> dict[str, np.ndarray]:
    """Everything that `xinc.canvas.reductions` offers, for one layer and frame.

    Parameters
    ----------
    trace, before : the frame, and the one before it (for ``fluctuation``).
    labels : by name, label maps (H, W) with the labels 0 … n − 1.
    percents : area quantiles, which are the thresholds of ``neurons_over`` too.

    Returns
    -------
    By the names of the functions of `xinc.canvas.reductions`; sums over regions (neuron, region) by label map.
    """
    layer, later, v = layer_of(trace, name)
    shape = map_shape(layer, later, v)
    magnitudes = torch.empty(shape[0], shape[1] * shape[2])
    regions = torch.cat([one_hot(values) for values in labels.values()], dim=1)
    found: dict[str, Tensor] = {
        "sum_abs": torch.zeros(magnitudes.shape[1], dtype=torch.float64),
        "total": torch.empty(shape[0]),
        "minimum": torch.empty(shape[0]),
        "maximum": torch.empty(shape[0]),
        "regions": torch.empty(shape[0], regions.shape[1]),
        "fluctuation": torch.zeros(magnitudes.shape[1], dtype=torch.float64),
        "pixels_over_share": torch.empty(shape[0], dtype=torch.int64),
        "neurons_over": torch.zeros(len(percents), magnitudes.shape[1], dtype=torch.int32),
    }
    earlier = None if before is None else layer_of(before, name)
    parts = list(blocks(layer, shape))
    for edges in parts:
        block = torch.abs(expand(layer, later, v, edges).flatten(1), out=magnitudes[edges])
        found["sum_abs"] += block.sum(0)
        found["total"][edges] = block.sum(1)
        torch.aminmax(block, dim=1, out=(found["minimum"][edges], found["maximum"][edges]))
        torch.mm(block, regions, out=found["regions"][edges])
        if earlier is not None:
            change = expand(*earlier, edges).flatten(1).abs_().sub_(block).abs_()
            found["fluctuation"] += change.sum(0)
    quantiles = area_quantiles(magnitudes, percents)
    limit = (found["sum_abs"] / shape[0]).float()
    for edges in parts:
        block = magnitudes[edges]
        found["pixels_over_share"][edges] = torch.count_nonzero(block > limit, dim=1)
        for count, threshold in zip(found["neurons_over"], quantiles, strict=True):
            count += torch.count_nonzero(block > threshold, dim=0)
    result = {key: values.numpy() for key, values in found.items()} | {"area_quantiles": quantiles.numpy()}
    for key in ("sum_abs", "fluctuation"):
        result[key] = result[key].reshape(shape[1:])
    result["neurons_over"] = result["neurons_over"].reshape(-1, *shape[1:])
    split = np.split(result.pop("regions"), np.cumsum([int(m.max()) + 1 for m in labels.values()])[:-1], axis=1)
    return result | dict(zip(labels, split, strict=True))


def area_quantiles(magnitudes: Tensor, percents: Sequence[float]) -> Tensor:
    """The values left of which these percentages of the summed magnitudes lie: sort and cumulate.

    NumPy's sort is vectorised, PyTorch's is not and carries the order along; areas are cumulated in pieces, since a
    float64 copy of all would cost more than it gains.
    """
    values = magnitudes.flatten().numpy().copy()
    values.sort()
    pieces = np.array_split(values, max(1, len(values) // 2**18))
    ends = np.cumsum([piece.sum(dtype=np.float64) for piece in pieces])
    found = []
    for percent in percents:
        goal = percent / 100 * ends[-1]
        at = min(int(np.searchsorted(ends, goal)), len(pieces) - 1)
        area = (ends[at - 1] if at else 0.0) + np.cumsum(pieces[at], dtype=np.float64)
        found.append(pieces[at][min(int(np.searchsorted(area, goal)), len(area) - 1)])
    return torch.from_numpy(np.array(found))
