"""Dense copies of chosen parts of a canvas, for readers without this package or for smaller files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from xinc.canvas.dense import check_dense, create_group, describe_error, write_dense
from xinc.canvas.layer import as_layer, choose_layers
from xinc.canvas.lazy import expanded_maps
from xinc.canvas.reader import open_canvas, open_layer
from xinc.canvas.schema import GAINED, NO_ERROR, record_of
from xinc.canvas.settings import DenseSettings, MaterialiseSettings, NeuronChoice
from xinc.canvas.writer import coordinates
from xinc.contributions.expansion import Expander
from xinc.contributions.neurons import Neurons
from xinc.errors import InputError
from xinc.frames import FrameChoice, select_frames
from xinc.runtime.progress import Progress
from xinc.settings import validate
from xinc.storage.locations import Location, ensure_group, locate, whole_group
from xinc.trace.windows import Window


def materialise(
    canvas: xr.DataTree | xr.Dataset | str | Path,
    output: str | Path,
    layers: str | Sequence[str] | None = None,
    frames: FrameChoice | Sequence[int] = "all",
    neurons: NeuronChoice | Sequence[int] = "all",
    dtype: Literal["float32", "float16"] = "float32",
    keepbits: int | None = None,
    memory_mb: float = 512,
) -> xr.DataTree:
    """Write chosen maps of a canvas as dense arrays, readable by any Zarr reader, in bounded memory.

    Parameters
    ----------
    canvas : a canvas, the path of one, of any layout, or one layer.
    output : the new canvas, a directory ``….zarr`` or on object storage (``s3://…``); layers of the same name in it
        are replaced.
    layers : names of layers, or one name (default: all).
    frames, neurons : ``"all"``, a number of them evenly spread, or their labels.
    dtype : type on disk. float16 keeps 11 bits; contributions beyond 65504 are refused.
    keepbits : round the mantissa to this many bits, which compresses better.
    memory_mb : memory in MB for the maps being written.

    Returns
    -------
    The new canvas, opened. The entry ``error`` in the attribute ``xinc`` of each layer is the error of rounding.

    Raises
    ------
    InputError : a layer, frame or neuron that the canvas does not have, a contribution beyond float16, or a place that
        cannot be written.

    Examples
    --------
    >>> import xinc
    >>> xinc.materialise("results/bunny/nerv/seed0/canvas.zarr", "head.zarr", ["head"], keepbits=7)  # doctest: +SKIP
    """
    tree = _tree(canvas)
    values = {"frames": frames, "neurons": neurons, "dtype": dtype, "keepbits": keepbits, "memory_mb": memory_mb}
    names = choose_layers(list(tree.children), layers, "this canvas")
    settings = validate(MaterialiseSettings, {**values, "layers": names}, "materialise")
    for name in names:
        write_dense_layer(tree[name].to_dataset(), locate(output) / name, settings)
    return open_canvas(output)


def _tree(canvas: Any) -> xr.DataTree:
    """A canvas, opened; of a single layer one that has no other."""
    if isinstance(canvas, str | os.PathLike):
        return open_canvas(os.fspath(canvas))
    if isinstance(canvas, xr.DataTree) and canvas.children:
        return canvas
    layer = as_layer(canvas)
    return xr.DataTree.from_dict({record_of(layer).layer: layer})


def materialise_layer(source: str | Path, output: str | Path, settings: dict[str, Any]) -> None:
    """`materialise` of one stored layer, from group to group, settings as plain builtins of `MaterialiseSettings`."""
    write_dense_layer(open_layer(source), output, validate(MaterialiseSettings, settings, "materialise"))


def write_dense_layer(layer: xr.Dataset, output: str | Location, settings: MaterialiseSettings) -> None:
    """Write one layer densely as the group ``output``; see `materialise`."""
    record = record_of(layer)
    labels = layer["frame"].values.tolist()
    frames = select_frames(labels, settings.frames, of="the canvas")
    positions = _positions(layer, settings.neurons)
    if settings.neurons == "all":
        check_dense(record.layer_type, record.layer)
    shape = (len(frames), len(positions), *record.resolution)
    own = Neurons(
        record.granularity,
        layer["in_channel"].values,
        layer["out_channel"].values,
        layer["phase_y"].values * record.upscale + layer["phase_x"].values,
    )
    precision = DenseSettings(dtype=settings.dtype, keepbits=settings.keepbits)
    with whole_group(output) as store, Progress(len(frames), f"materialise {record.layer}") as progress:
        small = coordinates(record, frames, positions, own)
        small["neuron"] = (("neuron",), layer["neuron"].values[positions])
        group = create_group(store, {}, small)
        error = largest = 0.0

        def expander_at(at: int) -> Expander:
            return _reader(layer, labels.index(frames[at]))

        blocks = write_dense(group, expander_at, shape, positions, settings.memory_mb, record.layer, precision)
        for done, change, high in blocks:
            error, largest = max(error, change), max(largest, high)
            progress.update(done - progress.done)
        lost = describe_error(error, largest, precision)
        if record.error != NO_ERROR:  # the source was rounded before
            lost = record.error if precision == DenseSettings() else f"{record.error}; then {lost}"
        dense = record.model_copy(update={"layout": "dense", "error": lost, "dtype": settings.dtype})
        if record.gain == "applied":
            group["contribution"].attrs.update(GAINED)
        else:
            dense = dense.model_copy(update={"gain": "none", "probes": 0})
        group.attrs["xinc"] = dense.model_dump(mode="json")
    ensure_group(locate(output).parent)


def _positions(layer: xr.Dataset, choice: NeuronChoice) -> np.ndarray:
    """Positions on the neuron axis of the neurons chosen by number."""
    numbers = layer["neuron"].values
    if isinstance(choice, tuple):
        missing = sorted(set(choice) - set(numbers.tolist()))
        if missing or not choice:
            raise InputError(
                f"Neurons {missing[:5]} were asked for, but the layer has {len(numbers)}, numbered from 0."
            )
        return np.asarray([int(np.flatnonzero(numbers == n)[0]) for n in choice])
    count = len(numbers) if choice == "all" else min(choice, len(numbers))
    if count < 1:
        raise InputError(f"The number of neurons asked for is {choice}: ask for at least one.")
    return np.arange(count) * len(numbers) // count


def _reader(layer: xr.Dataset, position: int) -> Expander:
    """What gives maps of one frame: the layer's own expansion, or what is stored."""
    variable = layer["contribution"].variable
    source = expanded_maps(variable)
    if source is not None:
        return source.at(position)

    def read(select: np.ndarray, window: Window, out: np.ndarray | None = None) -> np.ndarray:
        y0, y1, x0, x1 = window
        maps = np.empty((len(select), y1 - y0, x1 - x0), variable.dtype) if out is None else out
        # Runs of neurons as slices: a list of them takes an index for every pixel.
        for run in np.split(np.arange(len(select)), np.flatnonzero(np.diff(select) != 1) + 1):
            neurons = slice(int(select[run[0]]), int(select[run[-1]]) + 1)
            maps[run[0] : run[-1] + 1] = variable.isel(
                frame=position, neuron=neurons, y=slice(y0, y1), x=slice(x0, x1)
            ).values
        return maps

    return read
