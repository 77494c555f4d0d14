"""Chunks and codecs of dense maps: both ways of reading, bytes, files and time to write."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

import xinc
from benchmarks.process import Job, forget_cached, size_of
from benchmarks.tasks import network, task
from xinc.canvas.dense import block_shape
from xinc.canvas.lazy import expanded_maps
from xinc.contributions.expansion import expand_into

#: Frames and neurons of a chunk, and of a shard; the library's own choice is added.
SHAPES: tuple[tuple[tuple[int, int], tuple[int, int] | None], ...] = (
    ((1, 256), None),
    ((32, 1), None),
    ((4, 4), None),
    ((4, 8), None),
    ((4, 16), None),
    ((8, 8), None),
    ((16, 64), None),
    ((4, 4), (16, 256)),
    ((4, 4), (8, 256)),
    ((4, 4), (4, 256)),
    ((4, 8), (16, 256)),
    ((8, 2), (16, 256)),
    ((8, 8), (16, 256)),
    ((2, 16), (16, 256)),
    ((16, 16), (16, 256)),
)


def _zstd(shuffle: Any, level: int = 1) -> tuple[Any, ...]:
    return (BloscCodec(cname="zstd", clevel=level, shuffle=shuffle), Crc32cCodec())


CODECS: dict[str, tuple[Any, ...]] = {
    "zstd-1, byte shuffle": _zstd("shuffle"),
    "zstd-1, bit shuffle": _zstd("bitshuffle"),
    "zstd-5, byte shuffle": _zstd("shuffle", 5),
    "lz4, byte shuffle": (BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"), Crc32cCodec()),
    "zstd-1, no shuffle": (ZstdCodec(level=1), Crc32cCodec()),
    "none": (Crc32cCodec(),),
}

DEFAULT_CODEC = "zstd-1, byte shuffle"


@task
def chunks(job: Job) -> None:
    """Write the same maps in every shape with the default codec, and with every codec in the library's shape."""
    quick = job.arguments["network"] == "quick"
    frames, neurons, shape = (4, 24, (16, 32)) if quick else (32, 512, (64, 128))
    settings = {"fc_dim": 6, "strides": [2, 2]} if quick else {"fc_dim": 37, "strides": [4, 2, 2]}
    model = xinc.models.storage.build("nerv", settings, shape, range(frames), frames)
    name = "block2"
    lazy = xinc.dissect(model, layers=[name])[name]["contribution"]
    expanded = expanded_maps(lazy.variable)
    assert expanded is not None
    maps = np.empty((frames, neurons, *shape), np.float32)
    chosen = np.linspace(0, lazy.sizes["neuron"] - 1, neurons).astype(int)
    for at in range(frames):
        expand_into(expanded.at(at), chosen, maps[at])
    own, _ = block_shape((frames, neurons, *shape), memory_mb=512)
    known = [*SHAPES, *([] if (own, None) in SHAPES else [(own, None)])]
    rows = [(chunk, shard, DEFAULT_CODEC) for chunk, shard in known]
    rows += [(own, None, codec) for codec in CODECS if codec != DEFAULT_CODEC]
    repeats = job.arguments.get("repeats", 3)
    with job.measured():
        job.found["raw_bytes"] = maps.nbytes
        job.found["rows"] = [_row(job.folder / "chunks.zarr", maps, *row, repeats) for row in rows]


def _row(
    path: Path, maps: np.ndarray, chunk: tuple[int, int], shard: tuple[int, int] | None, codec: str, repeats: int
) -> dict[str, Any]:
    frames, neurons = maps.shape[:2]
    chunk = (min(chunk[0], frames), min(chunk[1], neurons))
    # A shard is a whole number of chunks.
    span = (
        None
        if shard is None
        else tuple(max(c, min(s, n) // c * c) for s, n, c in zip(shard, maps.shape[:2], chunk, strict=True))
    )
    array = zarr.create_array(
        path,
        shape=maps.shape,
        dtype=np.float32,
        chunks=(*chunk, *maps.shape[2:]),
        shards=None if span is None else (*span, *maps.shape[2:]),
        compressors=CODECS[codec],
        overwrite=True,
    )
    # As a canvas is written: a block of chunks at a time, or a shard.
    unit = span or (-(-16 // chunk[0]) * chunk[0], -(-256 // chunk[1]) * chunk[1])
    start = time.perf_counter()
    for f in range(0, frames, unit[0]):
        for n in range(0, neurons, unit[1]):
            array[f : f + unit[0], n : n + unit[1]] = maps[f : f + unit[0], n : n + unit[1]]
    wrote = time.perf_counter() - start
    stored, files = size_of(path)
    forget_cached(path)
    first = _timed(lambda: array[frames // 2])
    forget_cached(path)
    row = {
        "chunk": chunk,
        "shard": span,
        "codec": codec,
        "ratio": maps.nbytes / stored,
        "files": files,
        "write_mbps": maps.nbytes / 1e6 / wrote,
        "frame_cold": first,
        "neuron_cold": _timed(lambda: array[:30, neurons // 2]),
        "frame": _median(lambda at: array[(frames // 2 + at) % frames], repeats),
        "neuron": _median(lambda at: array[:30, (neurons // 3 + at) % neurons], repeats),
    }
    shutil.rmtree(path)
    return row


def _timed(read: Callable[[], Any]) -> float:
    start = time.perf_counter()
    read()
    return time.perf_counter() - start


def _median(read: Callable[[int], Any], repeats: int) -> float:
    return float(np.median([_timed(lambda at=at: read(at)) for at in range(repeats)]))


@task
def source(job: Job) -> None:
    """Source responses of all layers of a frame: computed, by two ways, against read from a store that holds them."""
    from xinc.contributions.kernels.compiled import ERF, _inputs, _source, activate
    from xinc.contributions.kernels.forms import packed
    from xinc.contributions.maps import LayerMaps
    from xinc.contributions.sources import source_responses
    from xinc.runtime.lanes import LANES, aligned

    model, repeats = network(job.arguments["network"], 2), job.arguments.get("repeats", 3)
    trace = model.trace(1)
    inputs = trace.inputs()
    root = job.folder / "source.zarr"

    def measure(one: Any) -> dict[str, float]:
        maps, v = LayerMaps.of(trace, one.name), inputs[one.name]
        select = torch.arange(len(maps.neurons))
        values = source_responses(one, v, maps.neurons, select).numpy()
        array = zarr.create_array(
            root / one.name,
            shape=(1, *values.shape),
            chunks=(1, min(256, len(values)), *values.shape[1:]),
            dtype=np.float32,
            compressors=CODECS[DEFAULT_CODEC],
        )
        array[0] = values
        k, (height, width) = one.kernel_size, values.shape[1:]
        padded = np.pad(v.numpy(), ((0, 0), (k // 2, k // 2), (k // 2, k // 2)))
        (code,), ((a, b),) = packed([one.activation])
        kernels, bias = one.weight.numpy(), np.zeros(LANES, np.float32)
        window = np.array([0, height, 0, width])
        wide = (height + k - 1) * (width + k - 1) * LANES
        taken, line, out = aligned((wide,)), aligned((wide,)), aligned((height * width * LANES,))

        def compiled(numbers: range) -> None:
            for start in numbers:
                n = np.minimum(np.arange(start, start + LANES), len(values) - 1)
                i, j = maps.neurons.in_channel[n], maps.neurons.out_channel[n]
                _inputs(padded, i, window, k, line, taken)
                weights = np.ascontiguousarray(kernels[j, i].reshape(LANES, k * k).T)
                _source(taken, weights.reshape(-1), bias, k, height, width, out)
                activate(code, a, b, out, ERF)

        few = range(0, len(values), max(LANES, len(values) // 50))
        compiled(few[:1])
        return {
            "raw_bytes": values.nbytes,
            "torch": _median(lambda _: source_responses(one, v, maps.neurons, select), repeats),
            "compiled_one_core": _median(lambda _: compiled(few), repeats) / len(few) * len(values) / LANES,
            "read": _median(lambda _: array[0], repeats),
        }

    with job.measured():
        rows = [measure(one) for one in trace.layers]
    job.found |= {key: sum(row[key] for row in rows) for key in rows[0]} | {"stored_bytes": size_of(root)[0]}
