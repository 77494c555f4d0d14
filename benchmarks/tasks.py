"""Measurements, a function each, run by `benchmarks.process.run` in a process of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import xinc
from benchmarks import dense_baseline
from benchmarks.process import Job, forget_cached, size_of
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.models.base import INR
from xinc.models.storage import build
from xinc.trace.layers import Trace

#: The paper's network, and one small enough for a test.
NETWORKS: dict[str, dict[str, Any]] = {
    "paper": {"settings": {"size": 1e6}, "resolution": (128, 256), "regions": 32},
    "quick": {"settings": {"fc_dim": 6, "strides": [2, 2]}, "resolution": (16, 32), "regions": 4},
}

PERCENTS = (10, 50)

TASKS: dict[str, Callable[[Job], None]] = {}


def task(function: Callable[[Job], None]) -> Callable[[Job], None]:
    TASKS[function.__name__] = function
    return function


def network(name: str, frames: int) -> INR:
    """A NeRV with random weights that represents the given number of frames."""
    chosen = NETWORKS[name]
    return build("nerv", chosen["settings"], chosen["resolution"], range(frames), frames)


def label_maps(name: str) -> dict[str, np.ndarray]:
    """Two label maps: a grid of rectangles, and the cells around random points."""
    (height, width), count = NETWORKS[name]["resolution"], NETWORKS[name]["regions"]
    y, x = np.mgrid[:height, :width]
    rows = int(np.sqrt(count / 2))
    grid = (y * rows // height) * (count // rows) + x * (count // rows) // width
    points = np.random.default_rng(0).random((count, 2)) * (height, width)
    cells = ((y[..., None] - points[:, 0]) ** 2 + (x[..., None] - points[:, 1]) ** 2).argmin(-1)
    return {"grid": grid, "cells": np.unique(cells, return_inverse=True)[1].reshape(height, width)}


def warm_network() -> INR:
    """A small network of the same kinds of layers: whoever has gone through it has loaded all compiled code."""
    return network("quick", 2)


def everything(layer: Any, frame: int, labels: dict[str, np.ndarray]) -> dict[str, Any]:
    """Every reduction of a layer and frame by the public functions."""
    from xinc.canvas import reductions

    quantiles = reductions.area_quantiles(layer, PERCENTS, [frame])
    return {
        "sum_abs": reductions.sum_abs(layer, [frame]),
        "statistics": reductions.neuron_statistics(layer, [frame]),
        "regions": reductions.region_sums(layer, labels, [frame]),
        "pixels_over_share": reductions.pixels_over_share(layer, [frame]),
        "area_quantiles": quantiles,
        "neurons_over": reductions.neurons_over(layer, quantiles, [frame]),
        "fluctuation": reductions.fluctuation(layer, [frame]),
    }


def summary(layer: Any, frame: int, labels: dict[str, np.ndarray]) -> dict[str, Any]:
    """The same in one call."""
    found = xinc.summarise(layer, labels, [frame], PERCENTS)
    return {str(name): found[name] for name in found} | {
        "statistics": found[["total", "minimum", "maximum"]],
        "regions": {name: found[f"{name}_sums"] for name in labels},
    }


def write_canvas(model: INR, root: Path, frames: Sequence[int] | None = None, layout: str = "auto") -> None:
    for name in model.layer_names():
        write_layer(model, root / name, name, frames, CanvasSettings(layout=layout, device="cpu"))


def stored_canvas(job: Job, name: str, frames: int, layout: str = "auto") -> Path:
    """A canvas of ``frames`` frames in the run's folder, written where it is not there yet."""
    root = job.folder / f"{name}-{frames}-{layout}.zarr"
    if not root.exists():
        write_canvas(network(name, frames), root, layout=layout)
    return root


def _clean(job: Job, root: Path) -> None:
    job.found["bytes"], job.found["files"] = size_of(root)
    shutil.rmtree(root)


@task
def imports(job: Job) -> None:
    """Nothing: what importing takes is in the memory before."""
    with job.measured():
        pass


@task
def dense_write(job: Job) -> None:
    """One frame of all layers by the baseline, computed and written."""
    streamed, name = job.arguments.get("streamed", False), job.arguments["network"]
    dense_baseline.write_canvas(warm_network().trace(1), job.folder / "warm.zarr", streamed)
    trace, root = network(name, 2).trace(1), job.folder / "dense.zarr"
    with job.measured():
        dense_baseline.write_canvas(trace, root, streamed)
    _clean(job, root)


@task
def xinc_write(job: Job) -> None:
    """The same by the library, in a layout."""
    name, layout = job.arguments["network"], job.arguments.get("layout", "auto")
    with job.timed("warm_up"):
        write_canvas(warm_network(), job.folder / "warm.zarr", [0, 1], layout)
    model, root = network(name, 2), job.folder / "canvas.zarr"
    with job.measured():
        write_canvas(model, root, [1], layout)
    _clean(job, root)


@task
def dense_sum(job: Job) -> None:
    """Sum over neurons of |C| of all layers by the baseline."""
    _sum_dense(warm_network().trace(1))
    trace = network(job.arguments["network"], 2).trace(1)
    with job.measured():
        total = _sum_dense(trace)
    job.found["check"] = total


def _sum_dense(trace: Trace) -> float:
    return sum(float(dense_baseline.sum_abs(trace, one.name).sum()) for one in trace.layers)


@task
def xinc_sum(job: Job) -> None:
    """The same by the library, from a store that it opens."""
    with job.timed("warm_up"):
        _sum_stored(stored_canvas(job, "quick", 2, "factored"))
    root = stored_canvas(job, job.arguments["network"], 2)
    with job.measured():
        total = _sum_stored(root)
    job.found["check"] = total


def _sum_stored(root: Path) -> float:
    from xinc.canvas import reductions

    canvas = xinc.open_canvas(root)
    return sum(float(reductions.sum_abs(canvas[name].to_dataset(), [1]).sum()) for name in canvas.children)


@task
def dense_reductions(job: Job) -> None:
    """All reductions of all layers by the baseline."""
    name = job.arguments["network"]
    small = warm_network()
    for one in small.trace(1).layers:
        dense_baseline.all_reductions(small.trace(1), one.name, label_maps("quick"), PERCENTS, small.trace(0))
    model, labels = network(name, 2), label_maps(name)
    with job.measured():
        trace, before = model.trace(1), model.trace(0)
        for one in trace.layers:
            with job.timed(one.name):
                dense_baseline.all_reductions(trace, one.name, labels, PERCENTS, before)


@task
def xinc_reductions(job: Job) -> None:
    """The same by the library's public functions, each with its own passes."""
    _measure_reductions(job, everything)


@task
def xinc_summary(job: Job) -> None:
    """The same by `xinc.summarise`, in which reductions share passes."""
    _measure_reductions(job, summary)


def _measure_reductions(job: Job, reduce: Callable[..., Any]) -> None:
    name = job.arguments["network"]
    with job.timed("warm_up"):
        for layer in xinc.open_canvas(stored_canvas(job, "quick", 2, "factored")).children.values():
            reduce(layer.to_dataset(), 1, label_maps("quick"))
    root, labels = stored_canvas(job, name, 2), label_maps(name)
    with job.measured():
        for layer_name, layer in xinc.open_canvas(root).children.items():
            with job.timed(layer_name):
                reduce(layer.to_dataset(), 1, labels)


@task
def frames(job: Job) -> None:
    """A canvas of some frames written, then reduced to the sum over neurons of |C|."""
    count, name = job.arguments["frames"], job.arguments["network"]
    root = job.folder / "frames.zarr"
    _sum_stored(stored_canvas(job, "quick", 2, "factored"))
    model = network(name, 60)
    with job.measured():
        with job.timed("write"):
            write_canvas(model, root, range(count))
        with job.timed("sum"):
            for layer in xinc.open_canvas(root).children.values():
                xinc.canvas.reductions.sum_abs(layer.to_dataset())
    _clean(job, root)


@task
def store(job: Job) -> None:
    """Write the store that `cold` reads, in a process of its own, so that nothing of it is in the reader's."""
    with job.measured():
        stored_canvas(job, job.arguments["network"], job.arguments["frames"])


@task
def cold(job: Job) -> None:
    """One read of a store that neither this process nor the system's cache has seen."""
    what, count = job.arguments["what"], job.arguments["frames"]
    root = stored_canvas(job, job.arguments["network"], count)
    if job.arguments.get("loaded", False):
        # What any first read in a process waits for: compiled code and the modules that xarray and Zarr load late.
        with job.timed("warm_up"):
            small = xinc.open_canvas(stored_canvas(job, "quick", 2, "factored"))["block1"]["contribution"]
            small.isel(neuron=0).load()
    forget_cached(root)
    with job.measured():
        maps = xinc.open_canvas(root)[job.arguments["layer"]]["contribution"]
        middle = {"y": maps.sizes["y"] // 2, "x": maps.sizes["x"] // 2}
        if what == "neuron":
            maps = maps.isel(neuron=maps.sizes["neuron"] // 2, frame=slice(0, 30))
        elif what == "pixel":
            maps = maps.isel(frame=count // 2, **middle)
        else:
            crop = {axis: slice(at, at + 16) for axis, at in middle.items()}
            maps = maps.isel(frame=count // 2, neuron=slice(0, 256), **crop)
        job.found["values"] = int(maps.load().size)
