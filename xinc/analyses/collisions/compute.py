"""Places of entries, the error where they are read, and the error without each entry, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from xinc.analyses.subject import Subject
from xinc.errors import InputError
from xinc.frames import select_frames
from xinc.models.base import INR
from xinc.runtime.devices import full_precision
from xinc.statistics.shifts import all_shifts
from xinc.statistics.standing import labelled, standing_of
from xinc.trace.layers import BaseTrace, Lookup

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.collisions import Collisions

#: Pixels that go through the network without an entry at a time.
_AT_ONCE = 2**17
#: Entries by how many places they have.
KINDS = ("one place", "several")
_SAID = {
    "places": ("vertices that pixels of the frame read", "1"),
    "entries": ("entries that they are kept in", "1"),
    "pixels_of_entry": ("pixels that read an entry, mean over those that are read", "pixel"),
    "places_of_entry": ("places that an entry serves, mean over those that are read", "1"),
    "most_places": ("places that an entry serves at most", "1"),
    "colliding": ("share of what pixels read that is from entries of several places", "1"),
    "error_ratio": ("mean squared error where entries of several places are read, over that where others are", "1"),
    "error_ratio_null": ("how that stands among all toroidal shifts of the error", "1"),
    "worse_off": ("share of the places whose squared error is less with zeros in the place of their entry", "1"),
    "worse_off_null": ("how the difference between kinds stands among those of exchanged labels", "1"),
    "cost_of_zeros": ("squared error that zeros in the place of an entry add, mean over entries", "1"),
    "collides": ("share of what the pixel reads that is from entries of several places, mean over hashed levels", "1"),
    "squared_error": ("squared error, mean over colour channels", "1"),
    "source": ("source frame", "1"),
    "example": ("row and column of each place of an entry that one place needs and another is better without", "pixel"),
    "example_change": ("squared error that zeros in the place of that entry add at each of its places", "1"),
    "example_level": ("level of that entry", "1"),
}


def compute(settings: Collisions.Settings, subject: Subject) -> xr.Dataset:
    """Each pixel goes once through the MLP for each corner that it reads: 64 times with 16 levels."""
    model = subject.model
    frames = select_frames(list(model.frames), settings.frames)
    stored = subject.video["frames"].sel(frame=frames).transpose("frame", "channel", "y", "x")
    found = [_of_frame(model, frame, stored.sel(frame=frame).values, settings) for frame in frames]
    result = xr.concat(found, xr.Variable("frame", frames), join="outer")
    result["source"] = (("frame", "y", "x", "channel"), stored.transpose("frame", "y", "x", "channel").values)
    for name, (text, units) in _SAID.items():
        result[name].attrs = {"long_name": text, "units": units}
    result["level"].attrs = {"long_name": "level of the grid, from the coarsest, 0, on", "units": "1"}
    return result


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row a frame and level."""
    names = [name for name in _SAID if result[name].dims == ("frame", "level")]
    found: pd.DataFrame = result[names].to_dataframe().reset_index()
    for kind in KINDS:
        for name in ("worse_off", "cost_of_zeros"):
            found[f"{name}_{kind.replace(' ', '_')}"] = result[name].sel(kind=kind).values.ravel()
    for name in ("error_ratio_null", "worse_off_null"):
        found[name.replace("null", "p_value")] = result[name].sel(null="p_value").values.ravel()
    return found


@dataclass(frozen=True)
class _Read:
    """What pixels read of a level: a row for each pixel and corner whose share is not 0.

    Attributes
    ----------
    pixel, entry, place : (n,) numbers; a place is a vertex, numbered from 0 on.
    share : (n,) of the corner.
    whole : (n,) of all corners of the pixel with this entry.
    entry_of : (places,)
    at : (places, 2) where it lies on the axes of the grid.
    """

    pixel: Tensor
    entry: Tensor
    place: Tensor
    share: Tensor
    whole: Tensor
    entry_of: Tensor
    at: Tensor

    @property
    def several(self) -> Tensor:
        """(entries,) bool: whether an entry has more than one place; only of those that are read."""
        return torch.bincount(self.entry_of) > 1


def _of_frame(model: INR, frame: int, target: np.ndarray, settings: Collisions.Settings) -> xr.Dataset:
    trace = model.trace(frame)
    grid = trace.layers[0]
    if trace.chain is None or not isinstance(grid, Lookup):
        raise InputError(f"This {model.name} has no grid that it looks up first: give a hashgrid.")
    with full_precision(), torch.no_grad():
        v = trace.inputs()[grid.name].cpu()
        z = grid.preactivation(trace.inputs()[grid.name]).cpu().flatten(1)
        goal = torch.from_numpy(np.ascontiguousarray(target, np.float32)).flatten(1)
        error = (_colours(model, trace, z) - goal).square().mean(0)
        parts, shown, examples = [], [], []
        for number, level in enumerate(grid.levels):
            read = _reading(grid, number, v.flatten(1))
            change = _without(model, trace, number, read, (z, goal, error))
            generator = np.random.default_rng([settings.seed, frame, number])
            part, example = _of_level(read, change, error.view(v.shape[1:]), settings.exchanges, generator)
            parts.append(part)
            if level.hashed:
                shown.append(_colliding(read, error.numel()).view(v.shape[1:]))
                examples.append((*example, number))
    result = xr.concat(parts, xr.Variable("level", np.arange(len(parts))))
    result["squared_error"] = (("y", "x"), error.view(v.shape[1:]).numpy())
    result["collides"] = (("y", "x"), torch.stack(shown).mean(0).numpy() if shown else np.zeros(v.shape[1:]))
    nothing = (0.0, np.zeros((0, 2)), np.zeros(0), -1)
    _, at, changes, number = max(examples, key=lambda one: one[0], default=nothing)
    result["example"] = (("spot", "axis"), _pixels_of(at, grid, number, v))
    result["example_change"], result["example_level"] = ("spot", changes), number
    return result.assign_coords(kind=list(KINDS), axis=["y", "x"], spot=np.arange(len(changes)))


def _reading(grid: Lookup, number: int, coordinates: Tensor) -> _Read:
    """What pixels at coordinates (2, P) read of a level."""
    level = grid.levels[number]
    corners = level.corners(coordinates)
    entries = torch.stack([level.numbers(places) for places, _ in corners])
    shares = torch.stack([share for _, share in corners])
    same = entries[:, None] == entries[None]
    whole = (same * shares[None]).sum(1)
    across = torch.stack([places[0] for places, _ in corners])
    down = torch.stack([places[1] for places, _ in corners])
    used = shares > 0
    pixel = torch.arange(coordinates.shape[1]).expand_as(entries)[used]
    keys, place = torch.unique(down[used] * 2**31 + across[used], return_inverse=True)
    entry_of = torch.zeros_like(keys).scatter_(0, place, entries[used])
    at = torch.stack([keys // 2**31, keys % 2**31], 1)
    return _Read(pixel, entries[used], place, shares[used], whole[used], entry_of, at)


def _colours(model: INR, trace: BaseTrace, z: Tensor) -> Tensor:
    """Colours (3, n) from responses of the grid (C, n)."""
    device = trace.layers[-1].arrays()["weight"].device
    v = trace.layers[0].activated(z[:, :, None].to(device))
    for layer in trace.layers[1:]:
        v = layer.forward(v)
    return model.colours_of(v)[:, :, 0].cpu()


def _without(model: INR, trace: BaseTrace, number: int, read: _Read, known: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """(n,) what zeros in the place of an entry add to the squared error of a pixel that reads it, a row a corner.

    Of a pixel that reads an entry at several corners each has its part.
    """
    grid, (z, goal, error) = trace.layers[0], known
    assert isinstance(grid, Lookup)
    table, first = grid.tables()[number].cpu(), grid.starts("out")[number]
    own, found = slice(first, first + table.shape[1]), []
    for part in torch.arange(len(read.pixel)).split(_AT_ONCE):
        pixel = read.pixel[part]
        changed = z[:, pixel]
        changed[own] -= table[read.entry[part]].T * read.whole[part]
        after = (_colours(model, trace, changed) - goal[:, pixel]).square().mean(0)
        found.append((after - error[pixel]) * read.share[part] / read.whole[part])
    return torch.cat(found)


def _colliding(read: _Read, pixels: int) -> Tensor:
    """(P,) share of what a pixel reads that is from entries of several places."""
    return torch.zeros(pixels).index_add_(0, read.pixel, read.share * read.several[read.entry])


def _of_level(
    read: _Read, change: Tensor, error: Tensor, exchanges: int, generator: np.random.Generator
) -> tuple[xr.Dataset, tuple[float, np.ndarray, np.ndarray]]:
    """The numbers of one level; and its entry whose places differ most in what they need, with these."""
    places = torch.bincount(read.entry_of)
    touched = places > 0
    pairs = torch.unique(read.entry * error.numel() + read.pixel)
    of_place = torch.zeros(len(read.entry_of), dtype=torch.float64).index_add_(0, read.place, change.double())
    of_entry = torch.zeros(len(places), dtype=torch.float64).index_add_(0, read.entry_of, of_place)
    several = (places > 1)[touched].numpy()
    count = places[touched].numpy()
    harmed = torch.bincount(read.entry_of, (of_place < 0).double())[touched].numpy()
    colliding = _colliding(read, error.numel()).view(error.shape).double().numpy()
    ratios = _error_ratios(error.double().numpy(), colliding)
    found: dict[str, Any] = {
        "places": len(read.entry_of),
        "entries": int(touched.sum()),
        "pixels_of_entry": len(pairs) / int(touched.sum()),
        "places_of_entry": count.mean(),
        "most_places": count.max(),
        "colliding": colliding.mean(),
        "error_ratio": ratios[0],
        "worse_off": ("kind", [_share(harmed, count, kind) for kind in (~several, several)]),
        "cost_of_zeros": ("kind", [_mean(of_entry[touched].numpy()[kind]) for kind in (~several, several)]),
    }
    found["error_ratio_null"] = labelled(standing_of(ratios), ())
    found["worse_off_null"] = labelled(standing_of(_differences(harmed, count, several, exchanges, generator)), ())
    return xr.Dataset(found), _example(read, of_place)


def _error_ratios(error: np.ndarray, colliding: np.ndarray) -> np.ndarray:
    """Mean error where entries collide over that where not, under every shift of the error, (y · x,)."""
    much, total = colliding.sum(), error.sum()
    rest = colliding.size - much
    if min(much, rest) < 1e-6 * colliding.size or not total > 0:
        return np.full(error.size, np.nan)
    with_collisions = all_shifts(colliding, error).ravel().clip(0, total)
    with np.errstate(divide="ignore"):
        return np.asarray(with_collisions / much / ((total - with_collisions) / rest))


def _differences(
    harmed: np.ndarray, count: np.ndarray, several: np.ndarray, exchanges: int, generator: np.random.Generator
) -> np.ndarray:
    """Share of harmed places, of entries with several less of those with one, then with exchanged labels."""
    labels = [several, *(generator.permutation(several) for _ in range(exchanges))]
    return np.array([_share(harmed, count, one) - _share(harmed, count, ~one) for one in labels])


def _share(harmed: np.ndarray, count: np.ndarray, kind: np.ndarray) -> float:
    return float(harmed[kind].sum() / count[kind].sum()) if kind.any() else np.nan


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0


def _example(read: _Read, of_place: Tensor) -> tuple[float, np.ndarray, np.ndarray]:
    """The entry that helps a place most where it harms another: by how much, and its places (places, 2) and changes."""
    count = int(read.entry_of.max()) + 1
    most = torch.zeros(count, dtype=torch.float64).scatter_reduce_(0, read.entry_of, of_place, "amax")
    least = torch.zeros(count, dtype=torch.float64).scatter_reduce_(0, read.entry_of, of_place, "amin")
    clash = torch.minimum(most, -least)
    mine = (read.entry_of == clash.argmax()).nonzero()[:, 0]
    return float(clash.max()), read.at[mine].numpy(), of_place[mine].numpy()


def _pixels_of(at: np.ndarray, grid: Lookup, number: int, v: Tensor) -> np.ndarray:
    """Rows and columns of the pixels at vertices (places, 2), given as (row, column) of the level's grid."""
    if not len(at):
        return np.zeros((0, 2))
    found = []
    for one, (axis, line) in enumerate(((1, v[1, :, 0]), (0, v[0, 0, :]))):
        own = grid.levels[number].axes[axis]
        coordinates = (at[:, one] - own.shift) / own.scale
        found.append(np.interp(coordinates, line.numpy(), np.arange(len(line))))
    return np.stack(found, 1)
