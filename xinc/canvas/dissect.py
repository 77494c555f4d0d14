"""A network's canvas in memory, computed where it is indexed."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import xarray as xr
from torch import Tensor

from xinc.canvas.layer import (
    choose_frames,
    choose_layers,
    make_record,
    map_resolution,
    trace_layer,
)
from xinc.canvas.lazy import lazy_dataset
from xinc.contributions.maps import LayerMaps
from xinc.models.base import INR
from xinc.models.storage import identity
from xinc.runtime.devices import full_precision
from xinc.runtime.gpu_memory import Room
from xinc.trace.layers import Trace


def dissect(
    model: INR,
    frames: Sequence[int] | None = None,
    layers: Sequence[str] | None = None,
    granularity: str | None = None,
    resolution: tuple[int, int] | None = None,
    head_activation: bool = False,
) -> xr.DataTree:
    """The contribution maps of a network, computed where they are read (paper section 3).

    Parameters
    ----------
    model : a network, e.g. from `xinc.load_model`.
    frames : indices of the frames (default: all that the network represents).
    layers : names of layers (default: all), e.g. ``["block3", "head"]``.
    granularity : what a neuron is: ``"kernel"`` (every edge from an input to an output channel; the default for
        convolutions, the only choice there), ``"input"`` (an input feature; the default for linear layers, as in the
        paper's figures) or ``"output"`` (an output feature, as in section 3.1's formula).
    resolution : (height, width) at which to evaluate a network of coordinates (default: that of its training).
    head_activation : pass the last layer's maps through its activation (tanh or sigmoid), which section 3.2.1 calls
        optional.

    Returns
    -------
    DataTree with a child per layer, each a dataset with the float32 variable ``contribution`` (frame, neuron, y, x) and
    the neurons' ``in_channel``, ``out_channel``, ``phase_y`` and ``phase_x`` (-1: not one channel) as coordinates.
    Indexing computes the neurons and frames asked for, and nothing else.

    Raises
    ------
    InputError : a frame, layer, granularity or resolution that the network does not have.

    Examples
    --------
    >>> import xinc
    >>> from xinc.models.storage import build
    >>> model = build("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 32), range(8), 8)
    >>> canvas = xinc.dissect(model, frames=[0, 3], layers=["block2", "head"])
    >>> canvas["head"]["contribution"].sizes["neuron"]
    18
    >>> float(abs(canvas["head"]["contribution"].sel(frame=3)).sum("neuron").max()) > 0
    True
    """
    chosen = choose_frames(model, frames)
    network = identity(model)
    room = Room(f"a pass through this {model.name}")

    @functools.lru_cache(maxsize=2)
    def trace_at(position: int) -> tuple[Trace, dict[str, Tensor]]:
        def traced(network: INR) -> tuple[Trace, dict[str, Tensor]]:
            trace = network.trace(chosen[position], resolution)
            return trace, trace.inputs()

        with full_precision():
            return room.run(model, traced)

    def dataset(name: str) -> xr.Dataset:
        def layer_at(position: int) -> tuple[LayerMaps, Tensor]:
            trace, inputs = trace_at(position)
            return trace_layer(trace, name, granularity, head_activation, model), inputs[name]

        maps, v = layer_at(0)
        record = make_record(model, network, maps, "factored", map_resolution(maps, v))
        return lazy_dataset(record, chosen, maps.neurons, layer_at)

    return xr.DataTree.from_dict({name: dataset(name) for name in choose_layers(model, layers)}, name="canvas")
