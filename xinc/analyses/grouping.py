"""Which grouping of pixels a neuron's contributions respect (paper sections 4.2 and 7.2, figures 4 and 16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses._grouping_numbers import GROUPINGS, TOP, quantiles_of_neurons
from xinc.analyses.annotated import annotated_attributes, annotated_of
from xinc.analyses.base import Analysis
from xinc.analyses.claim import Claim
from xinc.analyses.subject import Subject
from xinc.frames import FrameChoice, select_frames
from xinc.settings import StrictModel
from xinc.statistics.false_discoveries import significant
from xinc.statistics.label_shifts import Shifts, spacing_for
from xinc.statistics.nan_reductions import mean_over_frames, nan_variance
from xinc.statistics.shifts import drawn_shifts
from xinc.statistics.standing import NULL, labelled, percentile_and_p_value, standing_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: Rate of false discoveries among the neurons called significant.
RATE = 0.05
#: Label maps are summed over together as long as their joint regions need no more bytes than this.
_TOGETHER = 128e6
#: Relative differences of less than this are rounding of maps in float32.
ROUNDING = 1e-6
#: Shifts kept, under which networks of one video are compared.
COMPARED = 999
_PER_NEURON = ("grouping", "frame", "neuron")


def _claims() -> tuple[Claim, ...]:
    from xinc.analyses._grouping_claims import claims

    return claims()


@analyses.register("grouping")
class Grouping(Analysis):
    """For each neuron, how much its contribution to regions differs from what their areas make one expect.

    δ = (expected − actual) / expected, where expected is the neuron's total times the region's share of the pixels. Its
    standard deviation over the regions is high where a neuron contributes to some regions and not to others. Live
    neurons are sorted by it, separately for each grouping; it is 0, below the axis, of a constant neuron, which
    contributes the same everywhere. Below, the null: the same label maps shifted around the
    frame keep areas and shapes and lose the correspondence; shown is the variance of sampled neurons in standard
    deviations of that null, with the share of neurons significantly above it. Shifted grid cells are grid cells again,
    so for the grid this null says only whether the borders happen to lie well. Instances are grouped in frames with
    masks only; the title says where a frame has none.
    """

    question = "Which grouping of pixels do contributions respect?"
    section = "4.2"
    needs = frozenset({"canvas", "regions"})
    claims = _claims()

    class Settings(StrictModel):
        frames: FrameChoice = Field(
            2, description="Frames: how many evenly spread (over those with masks, if there are any), a list, or all."
        )
        neurons: int = Field(
            64, ge=1, description="Neurons, neither dead nor constant, drawn from each layer for the null."
        )
        shifts: int | Literal["all"] = Field(
            8192,
            description="Toroidal shifts of the label maps in the null: how many drawn at random, or all. Of a large "
            "frame they are drawn among shifts by multiples of a few pixels, at least four times as many.",
        )
        seed: int = Field(0, ge=0, description="Seed of the draws.")

    def compute(self, subject: Subject) -> xr.Dataset:
        """Variances of all neurons, and for sampled ones where they lie among those of shifted label maps.

        One or a few passes over the layer's maps a frame (`xinc.canvas.reductions.region_sums`), and one inverse
        Fourier transform of the frame for each sampled neuron and region: for 64 x 128 pixels and 100 regions about
        12 ms a neuron. Memory: the sums, a block of maps, and the sampled neurons' maps of one frame.
        """
        layers = subject.canvas
        frames = self._frames(subject)
        regions = subject.regions.sel(frame=frames)
        labels = {g: regions[g].transpose("frame", "y", "x").values for g in GROUPINGS if g in regions}
        pixels = labels["grid"][0].size
        spacing = self._spacing(labels["grid"][0].shape)
        shifts = {g: [Shifts(label, spacing) for label in stack] for g, stack in labels.items()}
        places = drawn_shifts(pixels // spacing**2, self._shifts(pixels), self.settings.seed)
        found = [self._layer(name, data, frames, labels, shifts, places) for name, data in layers.items()]
        parts = [part for part, _ in found]
        joined = xr.concat(parts, xr.Variable("layer", list(layers)), join="outer", fill_value={"significant": False})
        joined = joined.assign(_joint(joined, [null for _, null in found], list(labels)))
        areas = np.stack([[len(one.areas) for one in each] for each in shifts.values()])
        joined["regions"] = (("grouping", "frame"), areas)
        joined.attrs = {"shifts": self._shifts(pixels), "false_discovery_rate": RATE}
        joined.attrs |= annotated_attributes(subject.video, _held(subject))
        return _describe(joined)

    def _frames(self, subject: Subject) -> list[int]:
        held = _held(subject)
        if isinstance(self.settings.frames, int):
            held = annotated_of(subject.video, held) or held
        return select_frames(held, self.settings.frames)

    def _spacing(self, shape: tuple[int, int]) -> int:
        """Of the shifts among which those of the null are drawn."""
        return 1 if self.settings.shifts == "all" else spacing_for(shape, self.settings.shifts)

    def _shifts(self, pixels: int) -> int:
        """How many shifts the null is made of; the labels as they are do not count."""
        wanted = self.settings.shifts
        return pixels - 1 if wanted == "all" else min(wanted, pixels - 1)

    def _layer(
        self,
        name: str,
        data: xr.Dataset,
        frames: list[int],
        labels: dict[str, np.ndarray],
        shifts: dict[str, list[Shifts]],
        places: np.ndarray,
    ) -> tuple[xr.Dataset, dict[str, np.ndarray]]:
        """The result of one layer, without ``layer``, and its statistics (grouping, 1 + shifts), means over frames."""
        variance, total = _variances(data, labels, frames)
        generator = np.random.default_rng([self.settings.seed, *name.encode()])
        constant = (total > 0) & (np.nan_to_num(variance) == 0).all(0)
        live = np.flatnonzero(((total > 0) & ~constant).any(0))
        drawn = np.sort(generator.choice(live, min(self.settings.neurons, len(live)), replace=False))
        found, nulls = zip(
            *(_null(data, frame, drawn, {g: shifts[g][at] for g in labels}, places) for at, frame in enumerate(frames)),
            strict=True,
        )
        size = self.settings.neurons - len(drawn)
        variables: dict[str, Any] = {
            "variance": (_PER_NEURON, variance),
            "std": (_PER_NEURON, np.sqrt(variance)),
            "neurons": ((), data.sizes["neuron"]),
            "dead": (("frame",), (total == 0).sum(1)),
            "constant": (("frame",), constant.sum(1)),
            "sampled_neuron": (("sample",), np.pad(data["neuron"].values[drawn], (0, size), constant_values=-1)),
        }
        for key, one in found[0].items():
            values = np.stack([each[key] for each in found], axis=1)
            if one.ndim == 2:
                empty = False if one.dtype == bool else np.nan
                values = np.pad(values, ((0, 0), (0, 0), (0, size)), constant_values=empty)
            variables[key] = (("grouping", "frame", "sample")[: values.ndim], values)
        coordinates = {"grouping": list(labels), "frame": frames, "neuron": data["neuron"].values}
        joint = {key: mean_over_frames(each[key] for each in nulls) for key in nulls[0]}
        return xr.Dataset(variables, coordinates), joint

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        """A row for each grouping, layer and frame."""
        quartiles = quantiles_of_neurons(result["std"], [0.25, 0.5, 0.75])
        names = ("std_lower_quartile", "std_median", "std_upper_quartile")
        tidy = xr.Dataset({name: quartiles.isel(quantile=at, drop=True) for at, name in enumerate(names)})
        tidy["variance_median"] = result["variance"].median("neuron")
        for name in ("neurons", "dead", "constant", "regions", "median_z", "share_significant", "layer_p_value"):
            tidy[name] = result[name]
        tidy["over_grid_p_value"] = result["over_grid_p_value"]
        return tidy.to_dataframe(dim_order=["grouping", "layer", "frame"]).reset_index()

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        from xinc.analyses._grouping_figure import frame_figure

        return {f"frame{int(f)}": frame_figure(result.sel(frame=f), self.question) for f in result["frame"].values}


def _held(subject: Subject) -> list[int]:
    """Frames of the canvas."""
    return [int(f) for f in next(iter(subject.canvas.values()))["frame"].values]


def _variances(data: xr.Dataset, labels: Mapping[str, np.ndarray], frames: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Variance (grouping, frame, neuron) of the normalised deltas over regions, and total |C| (frame, neuron)."""
    from xinc.canvas.reductions import region_sums

    sums: dict[str, xr.DataArray] = {}
    for names in _batches(labels, data.sizes["neuron"]):
        sums |= region_sums(data, {name: labels[name] for name in names}, frames)
    total = sums["grid"].sum("region").values
    out = []
    for name, stack in labels.items():
        regions = sums[name]["region"].values
        areas = (stack.reshape(len(frames), -1, 1) == regions).sum(1)[:, None]
        expected = areas / stack[0].size * total[..., None]
        there = (expected > 0) & (areas > 0)
        delta = (expected - sums[name].values) / np.where(there, expected, np.nan)
        variance = nan_variance(delta, -1)
        # What remains of a constant map is the rounding of its sums.
        out.append(np.where(variance < ROUNDING**2, 0, variance))
    return np.stack(out), total


def _batches(labels: Mapping[str, np.ndarray], neurons: int) -> list[list[str]]:
    """Names of the label maps to sum over together: one pass over the maps for each batch, its sums within bounds."""
    batches: list[tuple[list[str], np.ndarray]] = []
    for name, stack in labels.items():
        own = stack.astype(np.int64) - stack.min()
        for at, (names, codes) in enumerate(batches):
            _, joint = np.unique(codes * (own.max() + 1) + own, return_inverse=True)
            joint = joint.reshape(own.shape)
            most = max(len(np.unique(one)) for one in joint)
            if most * neurons * 8 <= _TOGETHER:
                batches[at] = ([*names, name], joint)
                break
        else:
            batches.append(([name], own))
    return [names for names, _ in batches]


def _null(
    data: xr.Dataset, frame: int, drawn: np.ndarray, shifts: Mapping[str, Shifts], places: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Of one frame: how it stands among these shifts, (grouping, sample) and (grouping,), and the statistics."""
    one_frame = data["contribution"].sel(frame=frame).transpose("neuron", "y", "x")
    maps = np.empty((len(drawn), *one_frame.shape[1:]), np.float32)
    for at, neuron in enumerate(drawn.tolist()):
        # One by one: of a list, Zarr makes an index for each pixel, gigabytes for a large frame.
        maps[at] = one_frame.isel(neuron=neuron).values
    maps = np.abs(maps, out=maps)
    high = maps.max((1, 2))
    live = np.flatnonzero(high - maps.min((1, 2)) > ROUNDING * high)
    variances = {g: np.empty((len(live), len(places))) for g in shifts}
    for at, neuron in enumerate(live):
        for g, one in shifts.items():
            variances[g][at] = one.variances(maps[neuron])[places]
    space = variances["grid"][:, 0]
    found = [_standings(values, space, live, len(drawn)) for values in variances.values()]
    return tuple({key: np.stack([one[k][key] for one in found]) for key in found[0][k]} for k in (0, 1))  # type: ignore[return-value]


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


def _joint(result: xr.Dataset, nulls: list[dict[str, np.ndarray]], groupings: list[str]) -> dict[str, xr.DataArray]:
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


def _describe(result: xr.Dataset) -> xr.Dataset:
    null = "over toroidal shifts of the label map"
    names = {
        "variance": "variance over regions of the normalised delta of contribution",
        "std": "standard deviation over regions of the normalised delta of contribution",
        "neurons": "neurons of the layer",
        "dead": "neurons that contribute nothing to the frame",
        "constant": "neurons that contribute the same to all pixels of the frame, but not nothing",
        "regions": "regions that are not empty",
        "sampled_neuron": "neuron drawn for the null; -1: the layer has no more live ones",
        "z": f"variance minus its mean, in standard deviations, {null}",
        "percentile": f"share of the variances {null} that are below the observed one",
        "p_value": f"share of the variances {null} that reach the observed one, which counts too",
        "significant": "whether Benjamini and Hochberg's procedure over the layer's sampled neurons rejects the null",
        "median_z": "median of z over the sampled neurons",
        "share_significant": "share of the sampled neurons, but those dead or constant, that are significant",
        "layer_p_value": f"p-value of the median of z {null}",
        "over_grid_p_value": f"p-value {null} of the median over sampled neurons of deviation / that over the grid",
        "median_z_null": f"how the mean over frames of median_z stands {null}",
        "over_grid": "median over the sampled neurons of deviation / that over the grid, mean over frames",
        "over_grid_null": f"how over_grid stands {null}",
        "over_grid_shifted": f"that median, first as it is, then {null}, the same shifts in all networks of a video",
        "top": "share of the sampled neurons' top quarter above the highest of the grid, mean over frames",
        "top_null": f"how top stands {null}",
        "progress": "median_z of colours in the last layer minus that in the first, mean over frames",
        "progress_null": f"how that difference stands {null}, the same for both layers",
    }
    for name, text in names.items():
        result[name].attrs = {"long_name": text, "units": "percent" if name == "percentile" else "1"}
    result["variance"].attrs["description"] = "NaN of dead neurons, and past the last neuron of a layer"
    return result
