"""Compilation of everything that expands and reduces maps, ahead of its first use."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from xinc.errors import InputError

#: Small networks whose layers are of every kind that there is compiled code for: architecture, settings, size, frames
#: and what a neuron is.
_NETWORKS: tuple[tuple[str, dict[str, Any], tuple[int, int], int, tuple[str, ...]], ...] = (
    ("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 24), 2, ("kernel",)),
    ("siren", {"hidden_width": 6, "layers": 2}, (16, 24), 1, ("input", "output", "kernel")),
    ("hashgrid", {"levels": 2, "log2_entries": 4, "base_resolution": 4, "layers": 1}, (16, 24), 2, ("kernel",)),
)


def warm() -> Iterator[str]:
    """Compile for this machine whatever reads of canvases use, and keep it for other processes.

    Yields
    ------
    What was done, in words.

    Raises
    ------
    InputError : there is no place where compiled code can be kept.
    """
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        use_everything(Path(folder))
    places, compiled, loaded = kept_code()
    if not places:
        raise InputError(
            "Compiled code cannot be kept, because neither the folder of xinc nor the home can be written: set "
            "NUMBA_CACHE_DIR to a folder that can be, here and wherever xinc runs."
        )
    seconds = time.perf_counter() - start
    yield (
        f"{compiled} functions were compiled for this machine and {loaded} had been before ({seconds:.0f} s): "
        f"{', '.join(sorted(places))}"
    )


def use_everything(folder: Path) -> None:
    """Maps, windows of maps and reductions of small networks, in memory and on disk, with gains and without."""
    import xinc
    from xinc.canvas.settings import CanvasSettings
    from xinc.canvas.writer import write_layer
    from xinc.models.storage import build

    for name, settings, resolution, frames, granularities in _NETWORKS:
        model = build(name, settings, resolution, range(frames), frames)
        for granularity in granularities:
            root = folder / f"{name}-{granularity}.zarr"
            for layer in model.layer_names():
                write_layer(
                    model,
                    root / layer,
                    layer,
                    settings=CanvasSettings(
                        layout="factored", granularity=granularity, gain=True, probes=1, device="cpu"
                    ),
                )
            for gain in (False, True):
                _read(xinc.dissect(model, granularity=granularity, gain=gain, probes=1))
                _read(xinc.open_canvas(root, gain=gain))


def _read(canvas: Any) -> None:
    import xinc
    from xinc.canvas.reductions import magnitude_histogram, region_sums

    for node in canvas.children.values():
        layer = node.to_dataset()
        maps, size = layer["contribution"], (layer.sizes["y"], layer.sizes["x"])
        for part in ({"neuron": [0]}, {"frame": 0, "y": 3, "x": 4}, {"y": slice(2, 7), "x": slice(1, 9)}):
            maps.isel(part).load()
        labels = np.arange(size[0] * size[1]).reshape(size) // 40
        xinc.summarise(layer, {"labels": labels})
        region_sums(layer, {"box": np.where(labels == 3, 0, -1)})
        magnitude_histogram(layer)
        xinc.summarise(layer.load(), {"labels": labels})


def kept_code() -> tuple[set[str], int, int]:
    """Folders in which compiled code is kept, and how many functions this process compiled and found there."""
    places, compiled, loaded = set(), 0, 0
    for function in compiled_functions():
        place = function._cache.cache_path
        if place is not None:
            places.add(str(place))
        compiled += sum(function.stats.cache_misses.values())
        loaded += sum(function.stats.cache_hits.values())
    return places, compiled, loaded


def compiled_functions() -> list[Any]:
    """Every function of xinc that Numba compiles, of the modules that are imported."""
    from numba.core.registry import CPUDispatcher

    modules = [module for name, module in sorted(sys.modules.items()) if name.partition(".")[0] == "xinc"]
    found = (value for module in modules for value in vars(module).values() if isinstance(value, CPUDispatcher))
    return list({id(one): one for one in found if one.py_func.__module__.startswith("xinc.")}.values())
