"""What neurons contribute to objects, and how that changes over time (paper sections 4.5 and 7.4, figures 8 and 19)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses._annotated import annotated_attributes, annotated_of
from xinc.analyses.base import Analysis, Claim, Subject
from xinc.frames import FrameChoice, select_frames
from xinc.settings import StrictModel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: Relabellings of the instances in a test of ranks or categories: all, where there are no more.
RELABELLINGS = 5040
_PER_PAIR = ("instance", "other")


def _measured(name: str) -> Callable[[xr.Dataset], xr.DataArray]:
    """A variable of the result; NaN for a video without masks."""

    def of(result: xr.Dataset) -> xr.DataArray:
        if name in result:
            return result[name]
        return xr.full_like(result["neurons"], np.nan, dtype=float)

    return of


def _less_even(result: xr.Dataset) -> xr.DataArray:
    """Evenness of a layer's shares minus the highest of the other layers."""
    evenness = _measured("evenness")(result)
    if evenness.sizes["layer"] < 2:
        return xr.full_like(evenness, np.nan)
    values = evenness.values
    others = [np.delete(values, at) for at in range(len(values))]
    highest = np.array([np.nan if np.isnan(rest).all() else np.nanmax(rest) for rest in others])
    return evenness - highest


@analyses.register("objects")
class Objects(Analysis):
    """Contribution of sampled neurons to each instance over time: mean |C| over its pixels, as a share.

    A share is of the neuron's mean contributions to all instances, in all frames together where the frames share one
    network, else in the frame. An absent instance has none. Colours are categories, markers the instances of one. The
    numbers: how far shares lie apart within a category and between categories; how much a share changes over time and
    how much shares differ between instances; whether instances that move change more. Where only some frames have
    masks, time is counted in these: a step leads from one to the next.
    """

    question = "What do neurons contribute to objects?"
    section = "4.5"
    annotated_only = True
    claims = (
        Claim(
            "categories_not_grouped",
            "4.5",
            "Contributions to instances of the same category are not grouped together.",
            "Mean distance of a neuron's shares of two instances of the same category / of different categories; 0 "
            "where categories are grouped, 1 where they say nothing; above 0.5: nearer to the latter. NaN where no "
            "two instances share a category.",
            _measured("category_ratio"),
            threshold=0.5,
        ),
        Claim(
            "constant_over_time",
            "4.5",
            "A neuron's contribution to an instance stays relatively constant over time.",
            "Median over live neurons of the standard deviation of shares between instances (of their means over time) "
            "/ that over time (root mean square over instances); above 1: it changes less over time than between "
            "instances.",
            _measured("constancy"),
            threshold=1.0,
            architectures=("nerv",),
        ),
        Claim(
            "moving_instances_fluctuate",
            "4.5",
            "Contributions fluctuate more for instances that move.",
            "Spearman correlation over instances of the mean displacement of the centroid between frames with the mean "
            "change of the shares, relative to the shares; above 0: those that move faster fluctuate more. p: over "
            "permutations of the instances.",
            _measured("motion_correlation"),
            architectures=("nerv",),
            p_value=_measured("motion_p_value"),
        ),
        Claim(
            "bright_instances_get_more",
            "4.5",
            "Contributions to bright instances are higher.",
            "Spearman correlation over instances of the mean intensity with the mean share; above 0: brighter ones get "
            "more. p: over permutations of the instances.",
            _measured("intensity_correlation"),
            p_value=_measured("intensity_p_value"),
        ),
        Claim(
            "first_block_even_over_objects",
            "7.4",
            "The first block spreads its contributions more evenly over the objects than the other layers.",
            "Median over live neurons of the entropy of the shares of a frame's instances / its highest possible "
            "value, minus the highest such median of the other layers; above 0: the most even layer.",
            _less_even,
            architectures=("nerv",),
            layers=("block1",),
        ),
    )

    class Settings(StrictModel):
        frames: FrameChoice = Field(
            "all", description="Annotated frames: how many evenly spread, a list, or all that the canvas holds."
        )
        neurons: int = Field(3, ge=1, description="Live neurons drawn from each layer for the figure.")
        seed: int = Field(0, ge=0, description="Seed of the draw.")

    def compute(self, subject: Subject) -> xr.Dataset:
        """Shares of sampled neurons, and numbers of all neurons.

        One pass over a layer's maps for each frame (`xinc.canvas.reductions.region_sums`); memory: a number for each
        neuron, frame and instance of a layer, and a block of maps.
        """
        layers = subject.canvas
        instances = _instances(subject)
        if instances is None:
            return _without_masks(layers)
        held = [int(f) for f in next(iter(layers.values()))["frame"].values]
        attributes = annotated_attributes(subject.video, held)
        labelled = instances["label"]
        annotated = [f for f in annotated_of(subject.video, held) if bool((labelled.sel(frame=f) >= 0).any())]
        if not annotated:
            return _without_masks(layers).assign_attrs(attributes)
        frames = select_frames(annotated, self.settings.frames, "the annotated part of the canvas")
        instances = instances.sel(frame=frames)
        video = subject.video["frames"].sel(frame=frames).transpose("frame", "y", "x", "channel").values
        seen = _look(instances["label"].values, instances.sizes["region"], video)
        parts = [self._layer(name, data, frames, instances, seen) for name, data in layers.items()]
        result = xr.concat(parts, xr.Variable("layer", list(layers)), data_vars="all")
        for name in ("category", "isthing"):
            result[name] = ("instance", instances[name].values)
        for name in ("area", "displacement", "intensity"):
            result[name] = (("frame", "instance"), seen[name])
        return _describe(result.assign_attrs(attributes))

    def _layer(
        self, name: str, data: xr.Dataset, frames: list[int], instances: xr.Dataset, seen: dict[str, np.ndarray]
    ) -> xr.Dataset:
        """The result of one layer, without the dimension ``layer``."""
        means = _means(data, frames, instances["label"].values, seen["area"])
        shared = bool(data.attrs.get("xinc", {}).get("shared_weights", True))
        shares = _shares(means, over_frames=shared)
        live = np.flatnonzero(~np.isnan(shares).all((0, 2)))
        generator = np.random.default_rng([self.settings.seed, *name.encode()])
        drawn = np.sort(generator.choice(live, min(self.settings.neurons, len(live)), replace=False))
        pad = self.settings.neurons - len(drawn)
        distance = _distances(shares)
        categories = instances["category"].values.tolist()
        ratio, grouped = _category_ratio(distance, categories)
        fluctuation = _fluctuation(shares) if shared else np.full(shares.shape[2], np.nan)
        motion = _mean(seen["displacement"], 0)
        mean_share = _mean(_mean(shares, 1), 0)
        variables: dict[str, Any] = {
            "share": (("frame", "sample", "instance"), np.pad(
                shares[:, drawn], ((0, 0), (0, pad), (0, 0)), constant_values=np.nan)),
            "sampled_neuron": (("sample",), np.pad(data["neuron"].values[drawn], (0, pad), constant_values=-1)),
            "neurons": ((), data.sizes["neuron"]),
            "dead": (("frame",), (np.isnan(shares).all(2)).sum(1)),
            "shared_weights": ((), shared),
            "mean_share": (("instance",), mean_share),
            "distance": (_PER_PAIR, distance),
            "category_ratio": ((), ratio),
            "category_p_value": ((), grouped),
            "fluctuation": (("instance",), fluctuation),
            "constancy": ((), _constancy(shares) if shared else np.nan),
            "evenness": ((), _evenness(shares)),
        }  # fmt: skip
        for key, a, b in (("motion", motion, fluctuation), ("intensity", _mean(seen["intensity"], 0), mean_share)):
            correlation, p_value = _rank_correlation(a, b)
            variables |= {f"{key}_correlation": ((), correlation), f"{key}_p_value": ((), p_value)}
        names = instances["name"].values
        return xr.Dataset(variables, {"frame": frames, "instance": names, "other": names})

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        """A row for each layer; none of them measured where the video has no masks."""
        names = ["neurons"]
        names += [name for name in _NUMBERS if name in result]
        return result[names].to_dataframe().reset_index()

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        from xinc.analyses._objects_figure import no_objects, numbers_figure, shares_figure

        if "share" not in result:
            return {"all": no_objects(self.question)}
        return {
            "neurons": shares_figure(result, self.question),
            "numbers": numbers_figure(result, _pair_means(result), self.question),
        }


_NUMBERS = {
    "category_ratio": "distance of shares within a category / between categories",
    "category_p_value": "share of relabellings of the instances with a ratio at most that of the categories",
    "constancy": "standard deviation of shares between instances / that over time, median over neurons",
    "evenness": "entropy of the shares of a frame's instances / its highest possible value, median over neurons",
    "motion_correlation": "rank correlation over instances of displacement with relative change of shares",
    "motion_p_value": "share of permutations of the instances with a correlation at least as large",
    "intensity_correlation": "rank correlation over instances of intensity with mean share",
    "intensity_p_value": "share of permutations of the instances with a correlation at least as large",
}


def _instances(subject: Subject) -> xr.Dataset | None:
    """The annotated segments, without the pixels that the masks leave out; None without masks or segments."""
    from xinc.video.regions import UNLABELLED, instance_regions

    video = subject.video
    if "instances" not in video:
        return None
    found = instance_regions(video)
    # The rest is the last region, so that the others keep their labels.
    segments = int((found["name"] != UNLABELLED).sum())
    if not segments:
        return None
    found["label"] = found["label"].where(found["label"] < segments, -1)
    return found.isel(region=slice(segments))


def _without_masks(layers: dict[str, xr.Dataset]) -> xr.Dataset:
    counts = [data.sizes["neuron"] for data in layers.values()]
    result = xr.Dataset({"neurons": ("layer", counts)}, {"layer": list(layers)}, {"masks": "none"})
    result["neurons"].attrs = {"long_name": "neurons of the layer", "units": "1"}
    return result


def _look(labels: np.ndarray, count: int, video: np.ndarray) -> dict[str, np.ndarray]:
    """Area, mean intensity and displacement since the frame before of each instance, (frame, instance); NaN if absent.

    Parameters
    ----------
    labels : (frame, y, x), negative: no instance.
    count : number of instances.
    video : (frame, y, x, channel) in [0, 1].
    """
    y, x = np.indices(labels.shape[1:])
    sums = np.zeros((4, len(labels), count))
    for at, label in enumerate(labels):
        there = label >= 0
        for k, values in enumerate((np.ones(label.shape), y, x, video[at].mean(-1))):
            sums[k, at] = np.bincount(label[there], values[there], count)
    area = sums[0]
    with np.errstate(invalid="ignore"):
        centre_y, centre_x, intensity = sums[1:] / area
    displacement = np.full(area.shape, np.nan)
    displacement[1:] = np.hypot(np.diff(centre_y, axis=0), np.diff(centre_x, axis=0))
    return {"area": area, "intensity": intensity, "displacement": displacement}


def _means(data: xr.Dataset, frames: list[int], labels: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Mean |C| of every neuron over the pixels of every instance, (frame, neuron, instance); NaN where it is absent."""
    from xinc.canvas.reductions import region_sums

    sums = region_sums(data, {"instances": labels}, frames)["instances"]
    every = sums.reindex(region=np.arange(area.shape[1]), fill_value=0).values
    out: np.ndarray = every / np.where(area > 0, area, np.nan)[:, None]
    return out


def _shares(means: np.ndarray, over_frames: bool) -> np.ndarray:
    """Means divided by their sum over instances and, where frames share a network, over frames; NaN of dead neurons."""
    total = np.nansum(means, axis=(0, 2) if over_frames else 2, keepdims=True)
    out: np.ndarray = means / np.where(total > 0, total, np.nan)
    return out


def _mean(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Mean of what is not NaN; NaN, without a warning, of nothing."""
    there = ~np.isnan(values)
    count = there.sum(axis)
    out: np.ndarray = np.where(there, values, 0).sum(axis) / np.where(count > 0, count, np.nan)
    return out


def _spread(values: np.ndarray, axis: int) -> np.ndarray:
    """Variance (ddof 1) of what is not NaN; NaN of fewer than two values."""
    there = ~np.isnan(values)
    count = there.sum(axis)
    from_mean = np.where(there, values - np.expand_dims(_mean(values, axis), axis), 0)
    out: np.ndarray = (from_mean**2).sum(axis) / np.where(count > 1, count - 1, np.nan)
    return out


def _median(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else float("nan")


def _distances(shares: np.ndarray) -> np.ndarray:
    """Mean over frames and neurons of the difference of the shares of two instances, (instance, instance)."""
    count = shares.shape[2]
    out = np.full((count, count), np.nan)
    for a, b in itertools.combinations(range(count), 2):
        out[a, b] = out[b, a] = float(_mean(abs(shares[..., a] - shares[..., b]), (0, 1)))
    return out


def _category_ratio(distance: np.ndarray, categories: list[str]) -> tuple[float, float]:
    """Mean distance within a category / between categories, and the share of relabellings with one as small."""
    numbers = np.unique(np.array(categories, dtype=str), return_inverse=True)[1]
    pairs = np.triu(~np.isnan(distance), 1)

    def ratio(labels: np.ndarray) -> float:
        same = labels[:, None] == labels
        within, between = distance[pairs & same], distance[pairs & ~same]
        if not within.size or not between.size or not between.mean() > 0:
            return float("nan")
        return float(within.mean() / between.mean())

    observed = ratio(numbers)
    if np.isnan(observed):
        return observed, observed
    others = np.array([ratio(numbers[order]) for order in _orders(len(numbers))])
    return observed, float((others <= observed * (1 + 1e-12)).mean())


def _orders(count: int) -> np.ndarray:
    """All permutations of so many things, or a fixed draw of them, with the identity first."""
    if np.prod(np.arange(1, min(count, 20) + 1), dtype=float) <= RELABELLINGS:
        return np.array(list(itertools.permutations(range(count))))
    generator = np.random.default_rng(0)
    drawn = [generator.permutation(count) for _ in range(RELABELLINGS - 1)]
    return np.array([np.arange(count), *drawn])


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Spearman correlation of what both know and its one-sided p-value over permutations; NaN of fewer than three."""
    from scipy.stats import rankdata

    both = ~(np.isnan(a) | np.isnan(b))
    ranks = [rankdata(values[both]) - (both.sum() + 1) / 2 for values in (a, b)]
    scale = np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum())
    if both.sum() < 3 or scale == 0:
        return float("nan"), float("nan")
    found = ranks[0][_orders(int(both.sum()))] @ ranks[1] / scale
    return float(found[0]), float((found >= found[0] - 1e-12).mean())


def _fluctuation(shares: np.ndarray) -> np.ndarray:
    """Mean change of shares from frame to frame, over neurons and frames, relative to the mean share: (instance,)."""
    change = _mean(_mean(abs(np.diff(shares, axis=0)), 1), 0)
    level = _mean(_mean(shares, 1), 0)
    out: np.ndarray = change / np.where(level > 0, level, np.nan)
    return out


def _constancy(shares: np.ndarray) -> float:
    """Median over neurons of the deviation between instances, of means over time, / over time; see the claim."""
    between = np.sqrt(_spread(_mean(shares, 0), 1))
    over_time = np.sqrt(_mean(_spread(shares, 0), 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return _median(between / over_time)


def _evenness(shares: np.ndarray) -> float:
    """Median over neurons, of means over frames, of the entropy of a frame's shares / the log of how many there are."""
    there = ~np.isnan(shares)
    count = there.sum(2)
    part = np.where(there, shares, 0)
    total = part.sum(2, keepdims=True)
    part = part / np.where(total > 0, total, np.nan)
    logs = np.log(np.where(part > 0, part, 1))
    entropy = np.where(count > 1, -(part * logs).sum(2) / np.log(np.where(count > 1, count, 2)), np.nan)
    return _median(_mean(entropy, 0))


def _pair_means(result: xr.Dataset) -> dict[str, np.ndarray]:
    """Mean distance (layer,) of pairs of instances of the same and of different categories."""
    categories = result["category"].values
    same = categories[:, None] == categories
    upper = np.triu(np.ones(same.shape, bool), 1)
    distance = result["distance"].transpose("layer", *_PER_PAIR).values
    return {
        "same category": _mean(distance[:, upper & same], 1),
        "different": _mean(distance[:, upper & ~same], 1),
    }


def _describe(result: xr.Dataset) -> xr.Dataset:
    names = {
        "share": "share of the neuron's mean contributions to all instances",
        "sampled_neuron": "neuron drawn for the figure; -1: the layer has no more live ones",
        "neurons": "neurons of the layer",
        "dead": "neurons that contribute nothing to any instance of the frame",
        "shared_weights": "whether all frames share one network",
        "mean_share": "mean over neurons and frames of the share",
        "distance": "mean over neurons and frames of the difference of the shares of two instances",
        "fluctuation": "mean change of the share from frame to frame, relative to the mean share",
        "category": "category of the instance",
        "isthing": "whether the instance is a thing, and not stuff",
        "area": "pixels of the instance",
        "displacement": "displacement of the instance's centroid since the annotated frame before",
        "intensity": "mean intensity of the instance",
    }
    for name, text in (names | _NUMBERS).items():
        result[name].attrs = {"long_name": text, "units": {"area": "pixel", "displacement": "pixel"}.get(name, "1")}
    result["share"].attrs["description"] = "NaN where the instance is absent, and past the last sampled neuron"
    return result
