"""Chains of complex layers, as of WIRE, with the weights that a network's training begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from xinc.canvas.schema import LayerRecord
from xinc.trace.layers import layer_type
from xinc.trace.windows import Size

#: Behind the name of a layer of wavelets, what the layer of their windows is called; see `xinc.models.wire2d`.
_WINDOW = "_window"
#: Channels of coordinates, and of colours.
_PLACES, _COLOURS = 2, 3


class Link(NamedTuple):
    """A layer of a chain, and its channels."""

    record: LayerRecord
    c_in: int
    c_out: int


@dataclass(frozen=True)
class Chain:
    """A complex layer and those before it.

    Attributes
    ----------
    before : what is multiplied to make each input: the layers of wavelets, with their windows where they have some.
    last : the layer.
    """

    before: tuple[tuple[Link, ...], ...]
    last: Link

    @property
    def real(self) -> bool:
        """Whether it has real weights, as a first layer does."""
        return not self.before

    def inputs(self, generator: np.random.Generator, size: Size) -> np.ndarray:
        """What enters the last layer (C_in, h, w) at as many places U(±1), independent of each other."""
        import torch

        from xinc.trace.activations import activate

        count = self.before[0][0].c_in if self.before else self.last.c_in
        v = torch.from_numpy(generator.uniform(-1, 1, (count, size[0] * size[1])).astype(np.float32))
        for number, links in enumerate(self.before):
            parts = []
            for link in links:
                weight, bias = (torch.from_numpy(a) for a in initial(number == 0, link.c_in, link.c_out, generator))
                z = link.record.frequency * (weight @ v + bias[:, None])
                parts.append(activate(link.record.activation, z))
            v = torch.stack(parts).prod(0)
        return np.ascontiguousarray(v.numpy()).reshape(-1, *size)


def initial(real: bool, c_in: int, c_out: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Weight (C_out, C_in) and bias (C_out,), U(±1/√C_in) in both parts, float32 or complex64: PyTorch's."""

    def part(*shape: int) -> np.ndarray:
        return generator.uniform(-1, 1, shape).astype(np.float32) / np.float32(np.sqrt(c_in))

    if real:
        return part(c_out, c_in), part(c_out)
    return part(c_out, c_in) + 1j * part(c_out, c_in), part(c_out) + 1j * part(c_out)


def complex_chains(records: Mapping[str, LayerRecord], layers: Mapping[str, xr.Dataset]) -> dict[str, Chain]:
    """The chains that end with each complex layer of a canvas, as far as it has all layers before.

    Layers are taken to follow each other, but for windows, which have the inputs of their wavelets.
    """
    groups: list[list[str]] = []
    for number, (name, record) in enumerate(records.items()):
        if record.order != number or not layer_type(record.layer_type).complex_valued:
            break
        if groups and name == groups[-1][0] + _WINDOW:
            groups[-1].append(name)
        else:
            groups.append([name])
    enter = [_entering(layers[group[0]], records[group[0]]) for group in groups]
    found: dict[str, Chain] = {}
    before: list[tuple[Link, ...]] = []
    for at, group in enumerate(groups):
        c_in = enter[at] or (before[-1][0].c_out if before else _PLACES)
        c_out = next((n for n in enter[at + 1 : at + 2] if n), 0) or _leaving(layers[group[0]], records[group[0]])
        links = tuple(Link(records[name], c_in, c_out) for name in group)
        found |= {link.record.layer: Chain(tuple(before), link) for link in links}
        before.append(links)
    return found


def _entering(layer: xr.Dataset, record: LayerRecord) -> int:
    """Channels that enter a layer; 0 where its neurons are its outputs and do not tell."""
    return 0 if record.granularity == "output" else int(layer["in_channel"].max()) + 1


def _leaving(layer: xr.Dataset, record: LayerRecord) -> int:
    """Channels that leave a layer behind which there is none in the canvas: colours where its neurons do not tell."""
    return _COLOURS if record.granularity == "input" else int(layer["out_channel"].max()) + 1
