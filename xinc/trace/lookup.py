"""Layers that look tables up: grids of features that a network interpolates, hashed or not.

A grid has levels, one after the other in the response. A level is told by its axes, one for each channel of the layer's
input, which holds coordinates. Of a coordinate x an axis makes the place ``scale · x + shift``, and reads one entry
there, or the two that it lies between:

- Instant-NGP's image grid: coordinates (x, y) in [0, 1], each level ``(Axis(n, scale, 0.5), Axis(n, scale, 0.5))``,
  hashed where n² exceeds its entries;
- a temporal grid of F features at each of h·w places: coordinates (column, row, frame), each level
  ``(Axis(w, read="entry"), Axis(h, read="entry"), Axis(t, t / frames, (t / frames - 1) / 2, beyond="clamp"))``, the
  latter being linear interpolation from t to all frames as PyTorch has it (``align_corners=False``); r×r places that
  repeat all over a frame have ``beyond="repeat"``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import accumulate, product
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

import numpy as np

from xinc.errors import InputError
from xinc.trace.layer import Array, Layer
from xinc.trace.windows import Size, Window

if TYPE_CHECKING:
    from torch import Tensor

#: What is read at a place: the two entries beside it, interpolated linearly or with f²(3 − 2f), or the one at or before
#: it.
Read = Literal["linear", "smoothstep", "entry"]

#: What is read beyond the last entry of an axis: what comes next in the table, the last one, or the first ones again.
Beyond = Literal["next", "clamp", "repeat"]

#: Factors of Instant-NGP's hash, one for each axis.
PRIMES = (1, 2654435761, 805459861)

_WORD = 2**32 - 1


@dataclass(frozen=True)
class Axis:
    """One axis of a level of a grid.

    Attributes
    ----------
    size : entries along it.
    scale, shift : a coordinate x lies at ``scale · x + shift``, entry k at k.
    read, beyond : see `Read` and `Beyond`.
    """

    size: int
    scale: float = 1.0
    shift: float = 0.0
    read: Read = "linear"
    beyond: Beyond = "next"

    def __post_init__(self) -> None:
        reads, ends = get_args(Read), get_args(Beyond)
        if self.read not in reads or self.beyond not in ends or self.size < 1:
            raise ValueError(f"{self}; expected a positive size, read one of {reads}, beyond one of {ends}")

    def at(self, coordinate: Array) -> list[tuple[Array, Array]]:
        """Numbers along the axis, int64, and their share, of each entry that is read at coordinates (P,)."""
        place = coordinate * self.scale + self.shift
        if self.beyond == "clamp":
            place = place.clip(0, self.size - 1)
        low = place // 1
        first = _whole(low)
        if self.read == "entry":
            return [(self._inside(first), low * 0 + 1)]
        share = place - low
        if self.read == "smoothstep":
            share = share * share * (3 - 2 * share)
        return [(self._inside(first), 1 - share), (self._inside(first + 1), share)]

    def _inside(self, numbers: Array) -> Array:
        if self.beyond == "clamp":
            return numbers.clip(0, self.size - 1)
        return numbers % self.size if self.beyond == "repeat" else numbers


@dataclass(frozen=True)
class Level:
    """One level of a grid: a table of entries with some features each.

    Attributes
    ----------
    axes : of the grid, the one that varies fastest in the table first.
    features : of an entry.
    entries : of the table; by default those of the grid. Numbers of entries are taken modulo this.
    hashed : whether the number of an entry is Instant-NGP's hash of its place.
    """

    axes: tuple[Axis, ...]
    features: int
    entries: int = 0
    hashed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(self.axes))
        if not self.entries:
            object.__setattr__(self, "entries", math.prod(axis.size for axis in self.axes))
        if self.hashed and len(self.axes) > len(PRIMES):
            raise ValueError(f"a hashed level of {len(self.axes)} axes; expected at most {len(PRIMES)}")

    def numbers(self, places: tuple[Array, ...]) -> Array:
        """Numbers of the entries at whole places (P,) along each axis."""
        found = places[0] * 0
        if self.hashed:
            for place, prime in zip(places, PRIMES, strict=False):
                found = found ^ (place * prime & _WORD)
        else:
            strides = accumulate((axis.size for axis in self.axes[:-1]), lambda a, b: a * b, initial=1)
            for place, stride in zip(places, strides, strict=True):
                found = found + place * stride
        return found % self.entries

    def corners(self, coordinates: Array) -> list[tuple[tuple[Array, ...], Array]]:
        """The corners that are read at coordinates (D, P): for each its place along the axes, and its share w_c."""
        read = [axis.at(coordinate) for axis, coordinate in zip(self.axes, coordinates, strict=True)]
        found = []
        for corner in product(*read):
            places, shares = zip(*corner, strict=True)
            found.append((places, math.prod(shares[1:], start=shares[0])))
        return found

    def at(self, coordinates: Array) -> list[tuple[Array, Array]]:
        """The same with the entry (P,) of each corner in the place of its own."""
        return [(self.numbers(places), share) for places, share in self.corners(coordinates)]


@dataclass(frozen=True)
class Lookup(Layer):
    """Tables of features, interpolated at coordinates: at every pixel Σ_c w_c θ[entry of corner c, feature].

    Linear in the tables, with a fixed sparse matrix, and without bias. A neuron is a number θ of the tables: its map is
    θ times the shares w_c of the corners that read it, zero at nearly all pixels. Its ``in_channel`` is the entry,
    numbered over all levels, its ``out_channel`` the feature, likewise. Maps are kept factored alone.

    Attributes
    ----------
    name : layer name, e.g. ``"grid"``.
    weight : (N,) all tables, one after the other, of an entry its features side by side.
    levels : the grid.
    activation : as `xinc.trace.activations.activation` takes it.
    """

    name: str
    weight: Array
    levels: tuple[Level, ...]
    activation: str = "identity"

    frequency = 1.0
    upscale = 1
    granularities: ClassVar[tuple[str, ...]] = ("kernel",)
    mixes: ClassVar[bool] = False
    sparse: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "levels", tuple(self.levels))
        expected = self.starts("weight")[-1]
        if self.weight.shape != (expected,):
            raise InputError(
                f"The tables of the layer '{self.name}' hold {tuple(self.weight.shape)} numbers: its levels have "
                f"{expected}, all in one row."
            )

    @property
    def channels(self) -> tuple[int, int]:
        """Coordinates, and features of all levels."""
        return len(self.levels[0].axes), self.starts("out")[-1]

    def starts(self, of: Literal["in", "out", "weight"]) -> list[int]:
        """Where each level begins, and the last ends: among entries, features or numbers of the tables."""
        sizes = {"in": lambda one: one.entries, "out": lambda one: one.features}
        size = sizes.get(of, lambda one: one.entries * one.features)
        return list(accumulate((size(level) for level in self.levels), initial=0))

    def tables(self) -> list[Array]:
        """Of each level (entries, features)."""
        starts = self.starts("weight")
        return [
            self.weight[start:stop].reshape(level.entries, level.features)
            for level, start, stop in zip(self.levels, starts, starts[1:], strict=False)
        ]

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        entries, features = [], []
        for level, first, channel in zip(self.levels, self.starts("in"), self.starts("out"), strict=False):
            entries.append(np.repeat(np.arange(level.entries) + first, level.features))
            features.append(np.tile(np.arange(level.features) + channel, level.entries))
        return np.concatenate(entries), np.concatenate(features)

    def reads(self) -> np.ndarray:
        return self.edges()[0]

    def preactivation(self, v: Tensor) -> Tensor:
        import torch

        from xinc.trace.reading import Reading

        found = [
            Reading.at(level, v.flatten(1)).read(table).T
            for level, table in zip(self.levels, self.tables(), strict=True)
        ]
        return torch.cat(found).unflatten(1, v.shape[1:])

    def edge_responses(self, v: Tensor, i: Tensor, j: Tensor, bias: bool = True) -> Tensor:
        import torch

        numbers = torch.zeros_like(i)
        starts = zip(self.levels, self.starts("in"), self.starts("out"), self.starts("weight"), strict=False)
        for level, first, channel, begin in starts:
            own = (j >= channel) & (j < channel + level.features)
            numbers = torch.where(own, begin + (i - first) * level.features + j - channel, numbers)
        return self.weight[numbers][:, None, None] * self.shares(v, i)

    def shares(self, v: Tensor, i: Tensor) -> Tensor:
        """v_i (n, h, w), what entries i (n,) are multiplied with: the shares of the corners that read them."""
        import torch

        used, local = torch.unique(i, return_inverse=True)
        found = v.new_zeros(len(used), v[0].numel())
        pixels = torch.arange(v[0].numel(), device=v.device)
        starts = self.starts("in")
        for level, first, end in zip(self.levels, starts, starts[1:], strict=False):
            if not bool(((used >= first) & (used < end)).any()):
                continue
            for entries, share in level.at(v.flatten(1)):
                at = torch.searchsorted(used, entries + first).clamp(max=len(used) - 1)
                read = (used[at] == entries + first).nonzero()[:, 0]
                found.index_put_((at[read], pixels[read]), share[read], accumulate=True)
        return found[local].unflatten(1, v.shape[1:])

    def energies(self, v: Tensor) -> Tensor:
        import torch

        found = []
        for level in self.levels:
            numbers, shares = (torch.stack(one) for one in zip(*level.at(v.flatten(1)), strict=True))
            pixels = torch.arange(numbers.shape[1], device=v.device)
            # A pixel may read an entry at several corners.
            keys, at = torch.unique(numbers * numbers.shape[1] + pixels, return_inverse=True)
            total = torch.zeros(len(keys), dtype=torch.float64, device=v.device)
            total.index_add_(0, at.flatten(), shares.flatten().double())
            own = torch.zeros(level.entries, dtype=torch.float64, device=v.device)
            found.append(own.index_add_(0, keys // numbers.shape[1], total.square()))
        return torch.cat(found)

    def neuron_sums(self, granularity: str, values: Mapping[str, Tensor]) -> Tensor:
        return values["weight"].flatten()

    def through(self, values: Tensor, window: Window, channel: Tensor | None, size: Size) -> tuple[Tensor, Window]:
        raise TypeError(f"the {self.layer_type} layer {self.name} looks up coordinates, which no layer before it makes")

    @classmethod
    def array_dims(cls, options: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        return {"weight": ("neuron",)}

    def options(self) -> dict[str, Any]:
        return {"levels": [asdict(level) for level in self.levels]}

    @classmethod
    def restore(cls, fields: Mapping[str, Any], options: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        levels = tuple(
            Level(**{**one, "axes": tuple(Axis(**axis) for axis in one["axes"])}) for one in options["levels"]
        )
        return cls(fields["name"], arrays["weight"], levels, fields["activation"])


def _whole(values: Array) -> Array:
    """Whole numbers as int64, of a tensor or an array of NumPy."""
    return values.astype(np.int64) if isinstance(values, np.ndarray) else values.long()
