"""The null: sampled neurons, and layers, among toroidal shifts of the label maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xinc.analyses.grouping.numbers import RATE
from xinc.runtime.devices import cpu_threads
from xinc.runtime.task import in_threads
from xinc.statistics.false_discoveries import significant
from xinc.statistics.label_shifts import Shifts
from xinc.statistics.region_deltas import ROUNDING
from xinc.statistics.standing import NULL, labelled, percentile_and_p_value, standing_of

#: Quantile of the variances above which a neuron is in the top quarter.
TOP = 0.75
#: Shifts kept, under which networks of one video are compared.
COMPARED = 999


@dataclass(frozen=True)
class Null:
    """The label maps under shifts.

    Attributes
    ----------
    shifts : by grouping, those of the label map of every frame.
    places : (1 + shifts,) which of them, the first of which is none.
    """

    shifts: Mapping[str, Sequence[Shifts]]
    places: np.ndarray

    def standings(self, at: int, maps: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """How maps |C| (sample, y, x) of the frame at a position stand among the shifts: `_standings` by grouping."""
        high = maps.max((1, 2))
        live = np.flatnonzero(high - maps.min((1, 2)) > ROUNDING * high)
        variances = {g: np.empty((len(live), len(self.places))) for g in self.shifts}

        def of_neuron(row: int, check: Callable[[], None]) -> None:
            for g, of_frames in self.shifts.items():
                check()
                variances[g][row] = of_frames[at].variances(maps[live[row]])[self.places]

        in_threads(of_neuron, range(len(live)), cpu_threads())
        space = variances["grid"][:, 0]
        found = [_standings(values, space, live, len(maps)) for values in variances.values()]
        return tuple({key: np.stack([one[k][key] for one in found]) for key in found[0][k]} for k in (0, 1))  # type: ignore[return-value]


def sampled_maps(data: xr.Dataset, frame: int, drawn: np.ndarray) -> np.ndarray:
    """|C| (sample, y, x) float32 of the neurons drawn, in one frame."""
    one_frame = data["contribution"].sel(frame=frame).transpose("neuron", "y", "x")
    maps = np.empty((len(drawn), *one_frame.shape[1:]), np.float32)
    for at, neuron in enumerate(drawn.tolist()):
        # One by one: of a list, Zarr makes an index for each pixel, gigabytes for a large frame.
        maps[at] = one_frame.isel(neuron=neuron).values
    return np.abs(maps, out=maps)


def _standings(
    variances: np.ndarray, space: np.ndarray, live: np.ndarray, drawn: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What one grouping's variances (live neuron, observed and shifts) say; ``space``: those observed over the grid.

    Returns
    -------
    Per sampled neuron, (drawn,), NaN where it is dead or constant: ``z``, ``percentile``, ``p_value``, ``significant``;
    of the layer, (): ``median_z``, ``share_significant``, ``layer_p_value``, ``over_grid_p_value``.
    Statistics of the layer as observed and for each shift, (1 + shifts,): ``median_z``, ``over_grid`` and ``top``.
    """
    out: dict[str, np.ndarray] = {name: np.full(drawn, np.nan) for name in ("z", "percentile", "p_value")}
    out["significant"] = np.zeros(drawn, bool)
    layer = dict.fromkeys(("median_z", "share_significant", "layer_p_value", "over_grid_p_value"), np.array(np.nan))
    statistics = {name: np.full(variances.shape[1], np.nan) for name in ("median_z", "over_grid", "top")}
    observed, null = variances[:, 0], variances[:, 1:]
    if not len(live) or not null.size or np.isnan(observed).any():
        return out | layer, statistics
    spread = null.std(1, ddof=1) if null.shape[1] > 1 else np.zeros(len(null))
    # A null that is constant but for rounding has no scale.
    spread = np.where(spread > 1e-9 * abs(null).max(1) + 1e-14, spread, np.nan)[:, None]
    z = (variances - null.mean(1, keepdims=True)) / spread
    out["z"][live] = z[:, 0]
    out["percentile"][live], out["p_value"][live] = percentile_and_p_value(observed, null)
    out["significant"] = significant(out["p_value"], RATE)
    layer["share_significant"] = np.array(out["significant"][live].mean())
    scaled = z[~np.isnan(z).any(1)]
    if len(scaled):
        statistics["median_z"] = np.median(scaled, axis=0)
        layer["median_z"], layer["layer_p_value"] = _layer_standing(statistics["median_z"])
    above = (space > 0) & (variances > 0).all(1)
    if above.any():
        statistics["over_grid"] = np.median(np.sqrt(variances[above] / space[above, None]), axis=0)
        layer["over_grid_p_value"] = _layer_standing(statistics["over_grid"])[1]
    top = variances >= np.quantile(variances, TOP, axis=0)
    statistics["top"] = (top & (variances > space.max())).sum(0) / top.sum(0)
    return out | layer, statistics


def joint_standings(
    result: xr.Dataset, nulls: list[dict[str, np.ndarray]], groupings: list[str]
) -> dict[str, xr.DataArray]:
    """How statistics of layers, means over frames under the same shifts, stand; and the last layer less the first."""
    coords: dict[str, Any] = {"layer": result["layer"].values, "grouping": groupings}
    dims = ("layer", "grouping")
    out = {
        f"{key}_null": labelled([[standing_of(one) for one in null[key]] for null in nulls], dims).assign_coords(coords)
        for key in nulls[0]
    }
    out |= {key: xr.DataArray([null[key][:, 0] for null in nulls], coords, dims) for key in ("over_grid", "top")}
    few = np.unique(np.linspace(0, nulls[0]["over_grid"].shape[1] - 1, 1 + COMPARED).astype(int))
    kept = np.stack([null["over_grid"][:, few] for null in nulls])
    out["over_grid_shifted"] = xr.DataArray(kept.astype(np.float32), coords, (*dims, "shift"))
    progress, standings = np.full(len(nulls), np.nan), np.full((len(nulls), len(NULL)), np.nan)
    if len(nulls) > 1:
        of_colours = [null["median_z"][groupings.index("rgb")] for null in (nulls[0], nulls[-1])]
        difference = of_colours[1] - of_colours[0]
        progress[-1], standings[-1] = difference[0], standing_of(difference)
    names = {"layer": coords["layer"]}
    out["progress"] = xr.DataArray(progress, names, ("layer",))
    out["progress_null"] = labelled(standings, ("layer",)).assign_coords(names)
    return out


def _layer_standing(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first value, observed, and its p-value among the others."""
    _, p_value = percentile_and_p_value(values[:1], values[None, 1:])
    return values[0], p_value[0]
