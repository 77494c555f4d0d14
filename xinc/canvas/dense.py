"""Dense maps on disk: chunks, rounding, and writing in bounded memory.

Dense maps are read in two ways: all neurons of one frame, and one neuron over all frames. Chunks of a few frames by a
few neurons serve both; docs/explanation/performance.md has the measurement. There are no shards around them, in which
earlier versions stored chunks: xarray cannot copy these as it opens them, a chunk at a time (`to_zarr` refuses).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import zarr
from zarr.abc.store import Store
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from xinc.canvas.schema import ATTRIBUTES, NEURON_COORDINATES, NO_ERROR
from xinc.canvas.settings import DenseSettings
from xinc.contributions.expansion import Expander, expand_into
from xinc.errors import InputError
from xinc.storage.finite import require_finite
from xinc.storage.locations import put
from xinc.trace.layers import layer_type

#: Frames in a chunk and neurons, at least; neurons are doubled as long as the maps of a chunk take no more bytes.
CHUNK, CHUNK_BYTES = (4, 4), 2**20

#: Neurons that are expanded and written at a time, at most, and so in a chunk.
BLOCK = 256

#: What to do about contributions that are not finite.
REMEDY = "contributions are finite numbers; look for weights that are not, or that are very large, and train again"

#: How other xarray readers learn that these arrays are coordinates (CF conventions, section 5).
_LABELS = " ".join(NEURON_COORDINATES)


def create_array(
    group: zarr.Group,
    name: str,
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    dtype: Any,
    chunks: tuple[int, ...],
) -> Any:
    """A new array: zstd after byte shuffling, a checksum on every chunk; absent chunks of floats would read as NaN."""
    floating = np.issubdtype(np.dtype(dtype), np.inexact)
    labels: dict[str, Any] = {"coordinates": _LABELS} if name == "contribution" else {}
    return group.create_array(
        name,
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        fill_value=np.nan if floating else 0,
        compressors=(BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"), Crc32cCodec()),
        dimension_names=dims,
        # Chunks are files side by side: a directory for each axis took half the time of writing a canvas.
        chunk_key_encoding={"name": "default", "separator": "."},
        attributes=ATTRIBUTES.get(name, {}) | labels,
        config={"write_empty_chunks": True},
    )


def create_group(store: Store, attributes: dict[str, Any], small: dict[str, tuple[tuple[str, ...], Any]]) -> zarr.Group:
    """A new group in an empty store with these arrays, by name (dimensions, values), each of one chunk.

    They are put together in memory: a group's dozen small arrays would take three times as long one by one.
    """
    contents: dict[str, Buffer] = {}
    group = zarr.create_group(MemoryStore(contents), attributes=attributes, zarr_format=3)
    for name, (dims, values) in small.items():
        array = create_array(group, name, dims, values.shape, values.dtype, values.shape)
        array[...] = values
    put(store, contents)
    return zarr.open_group(store, mode="r+", zarr_format=3)


def check_dense(kind: str, layer: str) -> None:
    """`InputError` for a layer of a type whose maps are sparse, all of which are to be kept dense."""
    if layer_type(kind).sparse:
        raise InputError(
            f"The maps of the {kind} layer '{layer}' are zeros but for a few pixels each, and dense ones would take "
            "thousands of times the room: keep it factored (layout: factored, or auto), or materialise chosen neurons."
        )


def block_shape(shape: tuple[int, int, int, int], memory_mb: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Frames and neurons of a chunk of maps (frames, neurons, H, W), and of what is written at a time.

    The latter is a whole number of chunks, within half the memory: maps and their compressed form are there at once.
    """
    budget = memory_mb * 1e6 / 2 / (4 * shape[2] * shape[3])
    frames, chunk = min(CHUNK[0], shape[0]), min(CHUNK[1], shape[1])
    while (
        2 * chunk <= min(BLOCK, shape[1], budget / frames) and 8 * frames * chunk * shape[2] * shape[3] <= CHUNK_BYTES
    ):
        chunk *= 2
    chunks = max(1, int(min(BLOCK, budget / frames)) // chunk)
    return (frames, chunk), (frames, min(chunks * chunk, shape[1]))


def write_dense(
    group: zarr.Group,
    expander_at: Callable[[int], Expander],
    shape: tuple[int, int, int, int],
    neurons: np.ndarray,
    memory_mb: float,
    layer: str,
    precision: DenseSettings | None = None,
) -> Iterator[tuple[int, float, float]]:
    """Write ``contribution`` (frame, neuron, y, x), a block at a time; yields after every one.

    Parameters
    ----------
    group : where to create the array.
    expander_at : from a position on the frame axis to what expands that frame's maps.
    shape : (frames, neurons, H, W) of the array.
    neurons : (N,) numbers of the neurons to write.
    memory_mb : memory for one block and what writing it takes.
    layer : its name, for messages.
    precision : rounding, if any.

    Yields
    ------
    frames finished so far, and of this block the largest error that rounding made and the largest |C|.

    Raises
    ------
    InputError : a contribution that is not finite, or too large for float16.
    """
    precision = precision or DenseSettings()
    chunk, span = block_shape(shape, memory_mb)
    dims = ("frame", "neuron", "y", "x")
    array = create_array(group, "contribution", dims, shape, precision.dtype, (*chunk, *shape[2:]))
    buffer = np.empty((*span, *shape[2:]), np.float32)
    for first in range(0, shape[0], span[0]):
        frames = range(first, min(first + span[0], shape[0]))
        expanders = [expander_at(at) for at in frames]
        for start in range(0, shape[1], span[1]):
            chosen = neurons[start : start + span[1]]
            block = buffer[: len(frames), : len(chosen)]
            for at, expand in enumerate(expanders):
                expand_into(expand, chosen, block[at])
            largest = float(np.abs(block).max())
            if not np.isfinite(largest):
                where = f"frame {first} on" if len(frames) > 1 else f"frame {first}"
                require_finite(block, f"'contribution' of the layer '{layer}', from {where},", REMEDY)
            stored = rounded(block, precision)
            array[first : first + len(frames), start : start + len(chosen)] = stored
            last = start + len(chosen) == shape[1]
            error = 0.0 if stored is block else float(np.abs(stored.astype(np.float32) - block).max())
            yield first + len(frames) if last else first, error, largest


def rounded(maps: np.ndarray, precision: DenseSettings) -> np.ndarray:
    """Maps as they will be stored; the array itself where nothing is rounded.

    Raises
    ------
    InputError : a contribution too large for float16.
    """
    result = maps
    if precision.keepbits is not None:
        from numcodecs import BitRound

        codec = BitRound(precision.keepbits)
        result = codec.decode(codec.encode(np.ascontiguousarray(maps))).view(np.float32).reshape(maps.shape)
    if precision.dtype == "float16":
        largest = float(np.abs(result).max(initial=0.0))
        if largest > float(np.finfo(np.float16).max):
            raise InputError(f"A contribution of {largest:.3g} is beyond the range of float16: use dtype float32.")
        result = result.astype(np.float16)
    return result


def describe_error(error: float, largest: float, precision: DenseSettings) -> str:
    """What rounding lost, in words, for the store's attributes."""
    if precision == DenseSettings():
        return NO_ERROR
    kept = "" if precision.keepbits is None else f", {precision.keepbits} bits of the mantissa kept"
    relative = error / largest if largest else 0.0
    return (
        f"{precision.dtype}{kept}: largest absolute error {error:.3g}, which is {relative:.3g} of the largest "
        "contribution stored"
    )
