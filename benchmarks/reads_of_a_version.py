"""Reads of a canvas by whichever version of xinc is on the path, for `benchmarks.reads`; questions come as lines."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import Any

import numpy as np
import xarray as xr

import xinc
from xinc.canvas.reader import open_layer
from xinc.canvas.reductions import region_sums


def answer(question: str, place: str, opened: dict[str, Any]) -> float:
    """A sum over what was read, five digits of it."""
    if question in ("first", "open"):
        opened["canvas"] = xinc.open_canvas(place)
        if question == "open":
            return len(opened["canvas"].children)
    if question == "layer":
        return float(open_layer(f"{place}/block1").sizes["neuron"])
    layer = opened["canvas"]["head" if question == "dense neuron" else "block1"].to_dataset()
    maps = layer["contribution"]
    middle: dict[str, Any] = {axis: maps.sizes[axis] // 2 for axis in ("frame", "y", "x")}
    if question in ("neuron", "dense neuron"):
        found = maps.isel(neuron=maps.sizes["neuron"] // 2)
    elif question == "column":
        found = maps.isel(middle)
    elif question == "first":
        found = maps.isel(middle | {"neuron": slice(0, 1)})
    else:
        part = 1 if question == "box 1" else int(question.split("/")[1])
        labels = np.full((layer.sizes["y"], layer.sizes["x"]), -1)
        height, width = (max(1, size // part) for size in labels.shape)
        y, x = (labels.shape[0] - height) // 2, (labels.shape[1] - width) // 2
        labels[y : y + height, x : x + width] = 0
        found = region_sums(layer, {"box": labels}, [int(layer["frame"][middle["frame"]])])["box"]
    return float(f"{float(np.abs(found.values).sum(dtype=np.float64)):.4g}")


def main(place: str) -> None:
    opened: dict[str, Any] = {}
    with contextlib.redirect_stdout(sys.stderr):
        xr.Dataset({"x": 1})  # dask, which xarray imports late
        import numba  # noqa: F401
    for line in sys.stdin:
        start, spent = time.perf_counter(), time.process_time()
        check = answer(line.strip(), place, opened)
        found = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - spent, "check": check}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
