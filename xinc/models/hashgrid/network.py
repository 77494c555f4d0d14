"""The network of tables: one grid and one MLP for each of its frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from xinc.models.base import OUTPUT_ACTIVATIONS
from xinc.models.hashgrid import HashGrid, grid_levels
from xinc.models.mlp.network import MLP, generator_of, pixel_coordinates, uniform
from xinc.trace.layers import Linear, Lookup, Trace
from xinc.trace.reading import Reading

#: Readings of so many sets of coordinates are kept: pixels of a frame, or the parts of them that memory has room for.
_KEPT = 4


class Network(HashGrid, MLP):
    """The network of `xinc.models.hashgrid.HashGrid`."""

    #: As in tiny-cuda-nn's configuration: an entry that few pixels read has small gradients, and none in most networks.
    adam: ClassVar[dict[str, Any]] = {"betas": (0.9, 0.99), "eps": 1e-15}

    def __init__(
        self,
        settings: HashGrid.Settings,
        resolution: tuple[int, int],
        frames: Sequence[int],
        num_frames: int,
        seed: int = 0,
    ) -> None:
        self.levels = grid_levels(settings)
        super().__init__(settings, resolution, frames, num_frames, seed)
        self.biases = nn.ParameterList()
        self.ends = [0]
        for level in self.levels:
            self.ends.append(self.ends[-1] + level.entries * level.features)
        drawn = [uniform((self.ends[-1],), 1e-4, generator_of(seed, frame, 1)) for frame in self.frames]
        self.tables = nn.Parameter(torch.stack(drawn))
        self._readings: list[tuple[Tensor, list[Reading]]] = []

    def widths(self) -> list[int]:
        s = self.settings
        return [s.levels * s.features, *[s.hidden_width] * (s.layers - 1), 3]

    def initial(self, at: int, c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return uniform((c_out, c_in), math.sqrt(6 / (c_in + c_out)), generator), torch.zeros(c_out)

    def grid(self, resolution: tuple[int, int], device: torch.device | str = "cpu") -> Tensor:
        return pixel_coordinates(
            resolution, device, coordinates="stretched", order="column_row", ends=(0.0, 1.0), pixels="centres"
        )

    def hidden_activation(self) -> tuple[str, float]:
        return self.settings.activation, 1.0

    def colours(self, encoded: Tensor, at: Tensor | None = None) -> Tensor:
        chosen = range(len(self.frames)) if at is None else at.tolist()
        return torch.stack([self._colours_of(encoded, k) for k in chosen])

    def _colours_of(self, coordinates: Tensor, at: int) -> Tensor:
        """(P, 2) -> (P, 3), of one network."""
        sizes = zip(self.ends, self.ends[1:], self.levels, strict=False)
        tables = [self.tables[at, a:b].view(level.entries, -1) for a, b, level in sizes]
        x = torch.cat([one.read(table) for one, table in zip(self.readings(coordinates), tables, strict=True)], 1)
        for k, weight in enumerate(self.weights):
            x = x @ weight[at].T
            if k < len(self.weights) - 1:
                x = self.activation(k)(x)
        return OUTPUT_ACTIVATIONS[self.output_activation](x)

    def readings(self, coordinates: Tensor) -> list[Reading]:
        """What each level reads at coordinates (P, 2); kept, because training reads the same in every step."""
        for known, found in self._readings:
            if _same(known, coordinates):
                return found
        found = [Reading.at(level, coordinates.T) for level in self.levels]
        self._readings = [(coordinates, found), *self._readings][:_KEPT]
        return found

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_readings": []}

    @torch.no_grad()
    def trace(self, frame: int, resolution: tuple[int, int] | None = None) -> Trace:
        at = self.frames.index(self.check_frame(frame))
        height, width = resolution or self.resolution
        coordinates = self.grid((height, width), self.tables.device).T.reshape(2, height, width).contiguous()
        last = len(self.weights) - 1
        layers = (
            Linear(
                f"layer{k + 1}",
                weight[at].detach(),
                weight.new_zeros(weight.shape[1]),
                "identity" if k == last else str(self.activation(k)),
            )
            for k, weight in enumerate(self.weights)
        )
        return Trace(coordinates, (Lookup("grid", self.tables[at].detach(), self.levels), *layers))


def _same(known: Tensor, coordinates: Tensor) -> bool:
    """Whether coordinates are those known, which are held; on a GPU, for whose values nothing should wait, in place."""
    if known.shape != coordinates.shape or known.device != coordinates.device:
        return False
    in_place = known.data_ptr() == coordinates.data_ptr() and known.stride() == coordinates.stride()
    return in_place or (known.device.type == "cpu" and torch.equal(known, coordinates))
