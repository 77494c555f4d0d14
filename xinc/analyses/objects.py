"""What neurons contribute to objects, and how that changes over time (paper sections 4.5 and 7.4, figures 8 and 19)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.annotated import annotated_attributes, annotated_of
from xinc.analyses.base import Analysis
from xinc.analyses.claim import Claim
from xinc.analyses.subject import Subject
from xinc.frames import FrameChoice, select_frames
from xinc.settings import StrictModel
from xinc.statistics.ranks import average_ranks
from xinc.statistics.standing import NULL, standing_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: Relabellings of the instances in a test of ranks or categories: all, where there are no more.
RELABELLINGS = 5040
#: Draws of the test of constancy, and neurons that it looks at, at most.
DRAWS, SAMPLED = 99, 256
_PER_PAIR = ("instance", "other")


def _claims() -> tuple[Claim, ...]:
    from xinc.analyses._objects_claims import claims

    return claims()


@analyses.register("objects")
class Objects(Analysis):
    """Contribution of sampled neurons to each instance over time: mean |C| over its pixels, as a share.

    A share is of the neuron's mean contributions to all instances, in all frames together where the frames share one
    network, else in the frame. An absent instance has none. Colours are instances, as in the video's figures, markers
    categories, and stuff is dashed; pixels that no mask covers are left out. The numbers: how far shares lie apart
    within a category and between categories; how much a share changes over time and how much shares differ between
    instances; whether instances that move change more. Where only some frames have masks, time is counted in these: a
    step leads from one to the next.
    """

    question = "What do neurons contribute to objects?"
    section = "4.5"
    annotated_only = True
    claims = _claims()

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
        steady, reordered = _constancy_standing(shares, generator) if shared else (np.nan, np.full(len(NULL), np.nan))
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
            "category_null": (("null",), grouped),
            "fluctuation": (("instance",), fluctuation),
            "constancy": ((), steady),
            "constancy_null": (("null",), reordered),
            "evenness": ((), _evenness(shares)),
        }  # fmt: skip
        for key, a, b in (("motion", motion, fluctuation), ("intensity", _mean(seen["intensity"], 0), mean_share)):
            correlation, standing = _rank_correlation(a, b)
            variables |= {f"{key}_correlation": ((), correlation), f"{key}_null": (("null",), standing)}
        names = instances["name"].values
        return xr.Dataset(variables, {"frame": frames, "instance": names, "other": names, "null": list(NULL)})

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        """A row for each layer; none of them measured where the video has no masks."""
        chosen = result[["neurons", *(name for name in _NUMBERS if name in result)]]
        for name in _NULLS:
            if name in result:
                chosen[name.replace("_null", "_p_value")] = result[name].sel(null="p_value", drop=True)
        return chosen.drop_vars("null", errors="ignore").to_dataframe().reset_index()

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        from xinc.analyses._objects_figure import no_objects, numbers_figure, shares_figure

        if "share" not in result:
            return {"all": no_objects(result, self.question)}
        return {
            "neurons": shares_figure(result, self.question),
            "numbers": numbers_figure(result, _pair_means(result), self.question),
        }


_NUMBERS = {
    "category_ratio": "distance of shares within a category / between categories",
    "constancy": "standard deviation of shares between instances / that over time, median over neurons",
    "evenness": "entropy of the shares of a frame's instances / its highest possible value, median over neurons",
    "motion_correlation": "rank correlation over instances of displacement with relative change of shares",
    "intensity_correlation": "rank correlation over instances of intensity with mean share",
}
_NULLS = {
    "category_null": "how the ratio stands among relabellings of the instances, p for one as small",
    "constancy_null": "how the constancy stands among orders of the instances drawn for every frame",
    "motion_null": "how the correlation with displacement stands among permutations of the instances",
    "intensity_null": "how the correlation with intensity stands among permutations of the instances",
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


def _category_ratio(distance: np.ndarray, categories: list[str]) -> tuple[float, np.ndarray]:
    """Mean distance within a category / between categories, and how it stands among relabellings, below."""
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
        return observed, np.full(len(NULL), np.nan)
    return observed, standing_of(np.array([ratio(numbers[order]) for order in _orders(len(numbers))]), below=True)


def _orders(count: int) -> np.ndarray:
    """All permutations of so many things, or a fixed draw of them, with the identity first."""
    if np.prod(np.arange(1, min(count, 20) + 1), dtype=float) <= RELABELLINGS:
        return np.array(list(itertools.permutations(range(count))))
    generator = np.random.default_rng(0)
    drawn = [generator.permutation(count) for _ in range(RELABELLINGS - 1)]
    return np.array([np.arange(count), *drawn])


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray]:
    """Spearman correlation of what both know and how it stands among permutations; NaN of fewer than three."""
    both = ~(np.isnan(a) | np.isnan(b))
    ranks = [average_ranks(values[both]) - (both.sum() + 1) / 2 for values in (a, b)]
    scale = np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum())
    if both.sum() < 3 or scale == 0:
        return float("nan"), np.full(len(NULL), np.nan)
    found = ranks[0][_orders(int(both.sum()))] @ ranks[1] / scale
    return float(found[0]), standing_of(found)


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


def _constancy_standing(shares: np.ndarray, generator: np.random.Generator) -> tuple[float, np.ndarray]:
    """Constancy of all neurons, and how that of some stands where every frame has an order of instances of its own."""
    live = np.flatnonzero(~np.isnan(shares).all((0, 2)))
    some = shares[:, np.sort(generator.choice(live, min(SAMPLED, len(live)), replace=False))]
    found = [_constancy(some)]
    if len(shares) > 1 and np.isfinite(found[0]):
        for _ in range(DRAWS):
            order = generator.permuted(np.tile(np.arange(shares.shape[2]), (len(shares), 1)), axis=1)
            found.append(_constancy(np.take_along_axis(some, order[:, None], axis=2)))
    return _constancy(shares), standing_of(np.array(found))


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
    for name, text in (names | _NUMBERS | _NULLS).items():
        result[name].attrs = {"long_name": text, "units": {"area": "pixel", "displacement": "pixel"}.get(name, "1")}
    result["share"].attrs["description"] = "NaN where the instance is absent, and past the last sampled neuron"
    return result
