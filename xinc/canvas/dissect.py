"""A network's canvas in memory, computed where it is indexed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from xinc.canvas.layer import (
    choose_frames,
    choose_layers,
    make_record,
    map_resolution,
    trace_layer,
)
from xinc.canvas.lazy import expanded_maps, lazy_dataset
from xinc.canvas.network import as_network, check_resolution
from xinc.canvas.tree import Canvas
from xinc.contributions.gains import check_probes, gains
from xinc.contributions.maps import LayerMaps
from xinc.errors import InputError
from xinc.frames import frame_list
from xinc.models.base import INR, weights_state
from xinc.models.storage import identity
from xinc.modules import front
from xinc.runtime.devices import full_precision
from xinc.runtime.gpu_memory import Room
from xinc.runtime.kept import DEFAULT_MB, kept_mb
from xinc.trace.layers import BaseTrace


def dissect(
    model: INR | nn.Module,
    frames: Sequence[int] | np.ndarray | None = None,
    layers: str | Sequence[str] | None = None,
    granularity: str | None = None,
    resolution: tuple[int, int] | None = None,
    head_activation: bool = False,
    gain: bool = False,
    probes: int = 32,
    inputs: Any = None,
    output: int | None = None,
) -> Canvas:
    """The contribution maps of a network, computed where they are read (paper section 3).

    Any torch module is a network once its inputs are known: `xinc.network`.

    Once, for the last frame asked for, the network's trace, from which maps are computed, is compared with its
    `forward`: see `xinc.models.base.INR.check_trace`.

    Parameters
    ----------
    model : a network, e.g. from `xinc.load_model`, also within a wrapper of PyTorch (`DataParallel`, `torch.compile`);
        or any torch module, with ``inputs``. Maps are float32. Of a network in half precision they are computed in
        float32 from its weights as they are; of one in double precision they are the maps of ``model.float()``.
    frames : indices of the frames, a list (default: all that the network represents).
    layers : names of layers, or one name (default: all), e.g. ``["block3", "head"]``.
    granularity : what a neuron is: ``"kernel"`` (every edge from an input to an output channel; the default for
        convolutions, the only choice there), ``"input"`` (an input feature; the default for linear layers, as in the
        paper's figures) or ``"output"`` (an output feature, as in section 3.1's formula).
    resolution : (height, width) at which to evaluate a network of coordinates (default: that of its training).
    head_activation : pass the last layer's maps through its activation (tanh or sigmoid), which section 3.2.1 calls
        optional. Gained maps are not passed through it.
    gain : gained maps in place of the paper's. Each position of a neuron's response (`xinc.ablate` sets it to zero) is
        weighted by how strongly the colours answer to a change of the channel there, which the weights of all later
        layers decide. Gained maps are not negative, in colours, and an estimate of the effect of ablation.
    inputs, output : of a torch module that is no network of xinc: what it takes, e.g. the coordinates of all pixels, or
        a function from the index of a frame to that; and which of several outputs is the image. See `xinc.network`,
        also for its ``frames`` and ``resolution``; ``layers`` are those to dissect, and of a module that cannot be
        captured those to record.
    probes : backward passes a frame from which gains are estimated; their relative standard error is at most
        sqrt(2 / probes). Probes are the same whenever a frame is computed.

    Returns
    -------
    `xarray.DataTree` with a child per layer, each a dataset with the float32 variable ``contribution`` (frame, neuron,
    y, x) and the neurons' ``in_channel``, ``out_channel``, ``phase_y`` and ``phase_x`` (-1: not one channel) as
    coordinates. Indexing computes the neurons and frames asked for, and nothing else. It can be pickled, network
    included, and computed in other processes.

    Raises
    ------
    InputError : not a network; a frame, layer, granularity or resolution that it does not have; no probes; a trace that
        is not the network, or an output that is not finite.

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
    if inputs is not None:
        model = front.network(model, inputs, resolution, None if frames is None else frame_list(frames), layers, output)
        resolution = None
    network = as_network(model)
    chosen = choose_frames(network, frames)
    names = choose_layers(network.layer_names(), layers, f"this {network.name}")
    gained = _Gained(tuple(names), granularity, check_probes(probes)) if gain else None
    traces = _Traces(network, chosen, check_resolution(resolution), gained)
    network.check_trace(chosen[-1], traces.room)
    traces.check_resolution()
    digest, kept = identity(network), kept_mb(DEFAULT_MB)

    def dataset(name: str) -> Any:
        layer_at = _TracedLayer(traces, name, granularity, head_activation)
        maps, v = layer_at(0)
        how: Literal["none", "applied"] = "applied" if gain else "none"
        record = make_record(network, digest, maps, "factored", map_resolution(maps, v), how, probes)
        return lazy_dataset(record, chosen, maps.neurons, layer_at, kept)

    return Canvas.from_dict({name: dataset(name) for name in names}, name="canvas")


@dataclass(frozen=True)
class _Gained:
    """Of which layers gains are wanted, of what neurons, from how many probes."""

    layers: tuple[str, ...]
    granularity: str | None
    probes: int


class _Traces:
    """From a position on the frame axis to the network's trace and its layers' inputs; can be pickled, as all here."""

    def __init__(
        self, model: INR, frames: list[int], resolution: tuple[int, int] | None, gained: _Gained | None
    ) -> None:
        self.model, self.frames, self.resolution, self.gained = model, frames, resolution, gained
        self._state = weights_state(model)
        self.room = Room(f"a pass through this {model.name}")
        self.at = functools.lru_cache(maxsize=2)(self._trace)
        self.gains = functools.lru_cache(maxsize=2)(self._gains)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Traces, (self.model, self.frames, self.resolution, self.gained)

    def check(self) -> None:
        """`InputError` where the network's weights are not those that were dissected."""
        if weights_state(self.model) != self._state:
            raise InputError(
                f"The weights of this {self.model.name} have changed since it was dissected, and with them its maps: "
                "dissect it again."
            )

    def _gains(self, position: int) -> dict[str, Tensor]:
        """Gains of the layers that they are wanted of, if any."""
        wanted = self.gained
        if wanted is None:
            return {}
        frame = self.frames[position]

        def found(network: INR) -> dict[str, Tensor]:
            trace = network.trace(frame, self.resolution)
            return gains(trace, network.colours_of, wanted.layers, wanted.granularity, wanted.probes, (frame,))

        with full_precision():
            return self.room.run(self.model, found)

    def _trace(self, position: int) -> tuple[BaseTrace, Callable[[str], Tensor]]:
        """The trace of a frame, and the input of each of its layers."""

        def traced(network: INR) -> tuple[BaseTrace, Callable[[str], Tensor]]:
            trace = network.trace(self.frames[position], self.resolution)
            if trace.chain is None:  # wide, maybe: one after the other
                return trace, functools.lru_cache(maxsize=2)(lambda name: _input_of(trace, name))
            return trace, trace.inputs().__getitem__

        with torch.no_grad(), full_precision():
            return self.room.run(self.model, traced)

    def check_resolution(self) -> None:
        """`InputError` where maps at another resolution than the network's own are not of that resolution."""
        if self.resolution is None:
            return
        trace, input_of = self.at(0)
        last = trace.layers[-1]
        height, width = map_resolution(LayerMaps.of(trace, last.name), input_of(last.name))
        if (height, width) != self.resolution:
            raise InputError(
                f"The trace of this {self.model.name} at resolution {self.resolution[0]}x{self.resolution[1]} ends in "
                f"{height}x{width}: it must heed its argument resolution, or refuse another than the network's own."
            )


def _input_of(trace: BaseTrace, name: str) -> Tensor:
    with torch.no_grad(), full_precision():
        return trace.input_of(name)


def network_of(layer: xr.Dataset) -> tuple[INR, list[int], str | None, bool, int] | None:
    """Of a layer as `dissect` makes it: network, frames, granularity, head activation, and probes of gains, 0 without.

    None of any other layer, as one that was opened.
    """
    maps = expanded_maps(layer["contribution"].variable)
    at = None if maps is None else maps.layer_at
    if not isinstance(at, _TracedLayer):
        return None
    gained = at.traces.gained
    return at.traces.model, at.traces.frames, at.granularity, at.head_activation, 0 if gained is None else gained.probes


class _TracedLayer:
    """From a position on the frame axis to a layer's maps and its input."""

    def __init__(self, traces: _Traces, name: str, granularity: str | None, head_activation: bool) -> None:
        self.traces, self.name, self.granularity, self.head_activation = traces, name, granularity, head_activation

    def check(self) -> None:
        """`InputError` where its maps are not those that were dissected any more."""
        self.traces.check()

    def __call__(self, position: int) -> tuple[LayerMaps, Tensor]:
        self.check()
        trace, input_of = self.traces.at(position)
        maps = trace_layer(trace, self.name, self.granularity, self.head_activation, self.traces.model)
        return replace(maps, gain=self.traces.gains(position).get(self.name)), input_of(self.name)
