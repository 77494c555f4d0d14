"""Two networks of one video compared: reconstructions, heatmaps, and neurons matched one to one."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.compare.layers import matched_layers
from xinc.analyses.compare.matching import BINS, LARGEST, Matching, Neurons, largest, match, share_interval
from xinc.analyses.compare.variables import describe
from xinc.analyses.few import few_of
from xinc.analyses.subject import Subject
from xinc.canvas.reductions import queries
from xinc.canvas.reductions.execute import reduce_frames
from xinc.errors import InputError
from xinc.frames import FrameChoice, ranges, select_frames
from xinc.runtime.progress import Progress
from xinc.statistics.shifts import correlations_of_shifts
from xinc.statistics.standing import NULL, standing_of

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.compare import Compare
    from xinc.models.base import INR

#: The two networks, the first and the second.
NETWORKS = ("a", "b")
#: Squared errors below this mean are none: 200 dB, as in the analysis `quality`.
_NONE = 1e-20


@dataclass(frozen=True)
class Side:
    """One of the two: layers of its canvas by name, in network order, and the network where it is at hand."""

    layers: Mapping[str, xr.Dataset]
    model: INR | None = None


def compute(settings: Compare.Settings, subjects: tuple[Subject, Subject]) -> xr.Dataset:
    """Two passes over the maps of a layer and frame of either network, then three assignments."""
    sides = [Side(subject.canvas, subject.model) for subject in subjects]
    pairs = matched_layers(list(sides[0].layers), list(sides[1].layers), settings.layers, strict=False)
    return comparison(sides, pairs, subjects[0].video["frames"], settings)


def comparison(
    sides: Sequence[Side], pairs: Sequence[tuple[str, str]], video: xr.DataArray | None, settings: Compare.Settings
) -> xr.Dataset:
    """What two networks have in common, see `xinc.compare`.

    Parameters
    ----------
    sides : the two networks.
    pairs : names of the layers to compare.
    video : frames (frame, y, x, channel) in [0, 1], as far as they are known.
    settings : of the analysis; its ``layers`` are not looked at.
    """
    some = functools.partial(few_of, seed=settings.seed, most=settings.max_neurons)
    layers = [(some(sides[0].layers[a]), some(sides[1].layers[b])) for a, b in pairs]
    _check(pairs, layers, settings.max_neurons)
    frames = _frames(layers, settings.frames)
    _check_video(video, {*frames, *_shared(sides)})
    parts = []
    with Progress(len(layers) * len(frames), "comparison") as progress:
        for names, both in zip(pairs, layers, strict=True):
            for frame in frames:
                parts.append(_part(names[0], both, frame, settings))
                progress.update()
    shape = (len(layers), len(frames))
    variables: dict[str, Any] = {}
    for name, dims in _OF_A_PART.items():
        stacked = np.stack([part[name] for part in parts])
        variables[name] = (("layer", "frame", *dims), stacked.reshape(*shape, *stacked.shape[1:]))
    for name in ("neuron", "partner", "similarity"):
        variables[name] = ("pair", np.concatenate([part[name] for part in parts]))
    variables["is_partner"] = (("pair", "network"), np.concatenate([part["is_partner"] for part in parts]))
    sizes = [len(part["neuron"]) for part in parts]
    where = np.array([name for name, _ in pairs for _ in frames], dtype=object)
    variables["pair_layer"] = ("pair", np.repeat(where, sizes))
    variables["pair_frame"] = ("pair", np.repeat(np.tile(np.asarray(frames, np.int64), len(layers)), sizes))
    coords = {
        "network": np.array(NETWORKS, dtype=object),
        "layer": np.array([name for name, _ in pairs], dtype=object),
        "other_layer": ("layer", np.array([name for _, name in pairs], dtype=object)),
        "frame": np.asarray(frames, np.int64),
        "null": np.array(NULL, dtype=object),
        "matches": np.array(["best", "worst"], dtype=object),
        "rank": np.arange(settings.shown),
        "of": np.array(["matches", "null of a", "null of b", "other pairs"], dtype=object),
        "bin": (BINS[:-1] + BINS[1:]) / 2,
    }
    result = xr.Dataset(variables, coords)
    counts = [[side.layers[both[at]].sizes["neuron"] for both in pairs] for at, side in enumerate(sides)]
    result["neurons"] = (("network", "layer"), counts)
    result = result.assign(_quality(sides, frames, video))
    result.attrs |= {"max_neurons": settings.max_neurons, "grid": list(settings.grid)}
    return describe(result)


def _check(pairs: Sequence[tuple[str, str]], layers: Sequence[tuple[xr.Dataset, xr.Dataset]], most: int) -> None:
    """`InputError` where maps cannot be compared, or are too many."""
    for names, both in zip(pairs, layers, strict=True):
        sizes = [f"{one.sizes['y']}x{one.sizes['x']}" for one in both]
        if sizes[0] != sizes[1]:
            raise InputError(
                f"The maps of the first network ({names[0]}) are {sizes[0]} pixels, those of the second ({names[1]}) "
                f"{sizes[1]}: compare networks of one video at one resolution."
            )
        gained = [one.attrs.get("xinc", {}).get("gain") == "applied" for one in both]
        if gained[0] != gained[1]:
            raise InputError(
                "One network has gained maps and the other the paper's: open or dissect both with gain=True, or "
                "neither."
            )
        count = largest(_phase(both[0]), _phase(both[1]), most)
        if count > LARGEST:
            raise InputError(
                f"Matching {names[0]} with {names[1]} takes {count} similarities at once, and at most {LARGEST} are "
                f"kept: give a max_neurons of at most {max(1, most * LARGEST // count)} in place of {most}."
            )


def _frames(layers: Sequence[tuple[xr.Dataset, xr.Dataset]], choice: FrameChoice) -> list[int]:
    """The frames to compare, of those that both networks have."""
    known = [layer["frame"].values.tolist() for both in layers for layer in both]
    shared = [frame for frame in known[0] if all(frame in one for one in known)]
    if not shared:
        raise InputError(
            f"The canvases share no frame: one has frames {ranges(known[0])}, the other {ranges(known[1])}; make both "
            "with a frame in common."
        )
    return select_frames(shared, choice, of="the pair of canvases")


def _shared(sides: Sequence[Side]) -> list[int]:
    """The frames that both networks represent; none where these are not at hand."""
    a, b = (side.model for side in sides)
    return [] if a is None or b is None else [frame for frame in a.frames if frame in b.frames]


def _check_video(video: xr.DataArray | None, frames: set[int]) -> None:
    """`InputError` where the video lacks frames."""
    known = frames if video is None else set(video["frame"].values.tolist())
    if frames - known:
        raise InputError(
            f"The video has frames {ranges(sorted(known))}, and the networks are compared on {ranges(sorted(frames))}: "
            "give all of its frames."
        )


_OF_A_PART: dict[str, tuple[str, ...]] = {
    "heatmap": ("network", "y", "x"),
    "heatmap_correlation": (),
    "heatmap_correlation_null": ("null",),
    "dead": ("network",),
    "constant": ("network",),
    "twins": ("network",),
    "compared": ("network",),
    "edge": ("network",),
    "share": ("network",),
    "share_low": ("network",),
    "share_high": ("network",),
    "contribution_share": ("network",),
    "pairs_by_similarity": ("of", "bin"),
    "map": ("matches", "rank", "network", "y", "x"),
    "map_neuron": ("matches", "rank", "network"),
    "map_similarity": ("matches", "rank"),
}


def _part(name: str, both: tuple[xr.Dataset, xr.Dataset], frame: int, settings: Compare.Settings) -> dict[str, Any]:
    """What is found for one layer and frame."""
    (heat, neurons), (other, others) = (summed(layer, frame, settings.grid) for layer in both)
    shifted = correlations_of_shifts(heat, other)[0]
    generator = np.random.default_rng([settings.seed, frame, *name.encode()])
    found = match(neurons, others, settings.max_neurons, generator)
    return {
        "heatmap": np.stack([heat, other]).astype(np.float32),
        "heatmap_correlation": shifted[0],
        "heatmap_correlation_null": standing_of(shifted),
        "dead": np.array([int(one.dead.sum()) for one in (neurons, others)]),
        "constant": np.array([int(one.constant.sum()) for one in (neurons, others)]),
        "twins": np.array([int(one.twin.sum()) for one in (neurons, others)]),
        "edge": found.edges,
        "pairs_by_similarity": found.counts,
        "neuron": _labels(both[0], found.neuron),
        "partner": _labels(both[1], found.partner),
        "similarity": found.similarity,
        "is_partner": found.beyond,
        **_shares(found, (neurons, others), generator),
        **_maps(found, neurons.source, both, frame, settings.shown),
    }


def summed(layer: xr.Dataset, frame: int, grid: tuple[int, int]) -> tuple[np.ndarray, Neurons]:
    """Σ|C| of a layer (y, x), and its neurons with the means of |C| over the cells of a grid (rows, columns).

    One pass over the maps.
    """
    height, width = layer.sizes["y"], layer.sizes["x"]
    rows, columns = min(grid[0], height), min(grid[1], width)
    cell = (np.arange(height) * rows // height)[:, None] * columns + np.arange(width) * columns // width
    asked = queries.Regions(layer, {"cell": cell}, 1).at(0)  # every cell has pixels: its sums are those of all cells
    (heat,), (sums,) = reduce_frames(layer, [frame], [queries.magnitudes(layer), *asked])
    source, fed = layer["in_channel"].values, layer["out_channel"].values
    source = np.where((source >= 0) & (fed >= 0), source, np.arange(len(source)))
    neurons = Neurons(sums / np.bincount(cell.ravel()), source, _phase(layer), sums.sum(1))
    return heat.reshape(height, width), neurons


def _labels(layer: xr.Dataset, places: np.ndarray) -> np.ndarray:
    """Numbers of the neurons at these places; -1 of none."""
    return np.where(places >= 0, layer["neuron"].values[places], -1)


def _phase(layer: xr.Dataset) -> np.ndarray:
    rows, columns = (layer[name].values for name in ("phase_y", "phase_x"))
    return np.asarray(rows * (1 + columns.max(initial=0)) + columns)


def _shares(found: Matching, both: tuple[Neurons, Neurons], generator: np.random.Generator) -> dict[str, np.ndarray]:
    """How many neurons of either network have a partner; of the second NaN where some of the first were drawn."""
    values = {name: np.full(2, np.nan) for name in ("share", "share_low", "share_high", "contribution_share")}
    usable = [np.flatnonzero(one.usable) for one in both]
    sides = [(found.neuron, found.similarity)]
    if len(found.neuron) == len(usable[0]):
        of_partners = np.full(len(both[1].total), -np.inf)
        matched = found.partner >= 0
        of_partners[found.partner[matched]] = found.similarity[matched]
        sides.append((usable[1], of_partners[usable[1]]))
    for at, (own, similarity) in enumerate(sides):
        if len(own) and np.isfinite(found.edges[at]):
            beyond, total = similarity > found.edges[at], both[at].total[own]
            values["share"][at] = beyond.mean()
            values["share_low"][at], values["share_high"][at] = share_interval(
                np.nan_to_num(similarity, nan=-np.inf), both[at].source[own], found.null_of(at), generator
            )
            values["contribution_share"][at] = total[beyond].sum() / total.sum()
    return values | {"compared": np.array([len(found.neuron), len(usable[1])])}


def _maps(
    found: Matching, source: np.ndarray, both: Sequence[xr.Dataset], frame: int, shown: int
) -> dict[str, np.ndarray]:
    """Maps of the best matches, each of another input of the first network as far as there are, and of the worst."""
    matched = np.flatnonzero(found.partner >= 0)
    order = matched[np.argsort(-found.similarity[matched], kind="stable")]
    _, first = np.unique(source[found.neuron[order]], return_index=True)
    best = order[np.sort(first)][:shown]
    best = np.concatenate([best, order[~np.isin(order, best)][: shown - len(best)]])
    worst = order[::-1][: min(shown, len(order) - len(best))]
    size = (both[0].sizes["y"], both[0].sizes["x"])
    maps = np.full((2, shown, 2, *size), np.nan, np.float32)
    numbers, similarity = np.full((2, shown, 2), -1), np.full((2, shown), np.nan)
    for kind, chosen in enumerate((best, worst)):
        similarity[kind, : len(chosen)] = found.similarity[chosen]
        for at, own in enumerate((found.neuron, found.partner)):
            numbers[kind, : len(chosen), at] = _labels(both[at], own[chosen])
            wanted = both[at]["contribution"].sel(frame=frame).isel(neuron=own[chosen])
            maps[kind, : len(chosen), at] = abs(wanted.transpose("neuron", "y", "x").values)
    return {"map": maps, "map_neuron": numbers, "map_similarity": similarity}


def _quality(sides: Sequence[Side], frames: Sequence[int], video: xr.DataArray | None) -> dict[str, Any]:
    """How well the two networks show the video, and each other's pictures; nothing of networks that are not at hand."""
    models = [side.model for side in sides if side.model is not None]
    found: dict[str, Any] = {}
    if len(models) == 2:
        images = np.stack([[_image(model, frame) for frame in frames] for model in models])
        found["reconstruction"] = (("network", "frame", "y", "x", "channel"), images)
        found["psnr_between"] = ("frame", [_psnr(*pair) for pair in zip(*images, strict=True)])
        found["parameters"] = ("network", [model.parameter_count() for model in models])
        nonzero = [sum(int((p != 0).sum()) for p in model.parameters() if p.requires_grad) for model in models]
        found["nonzero_parameters"] = ("network", nonzero)
    if video is None:
        return found
    source = video.transpose("frame", "y", "x", "channel")
    found["source"] = (("frame", "y", "x", "channel"), source.sel(frame=list(frames)).values.astype(np.float32))
    if len(models) == 2:
        every = {*_shared(sides), *frames}
        values = {f: [_psnr(_image(model, f), source.sel(frame=f).values) for model in models] for f in sorted(every)}
        found["psnr"] = (("frame", "network"), [values[frame] for frame in frames])
        found["mean_psnr"] = ("network", np.mean(list(values.values()), axis=0))
    return found


def _image(model: INR, frame: int) -> np.ndarray:
    """The frame as a network shows it, (y, x, 3) in [0, 1]."""
    return np.asarray(model.reconstruct(frame).clamp(0, 1).permute(1, 2, 0).cpu().numpy())


def _psnr(image: np.ndarray, target: np.ndarray) -> float:
    error = np.square(image.astype(np.float64) - target).mean()
    return float(-10 * np.log10(max(error, _NONE)))


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row a layer and frame: correlation of heatmaps, neurons of either network, and shares with a partner."""
    table = result[["heatmap_correlation"]].reset_coords("other_layer").to_dataframe().reset_index()
    table["heatmap_p_value"] = result["heatmap_correlation_null"].sel(null="p_value", drop=True).values.ravel()
    for name in _COLUMNS:
        for network in NETWORKS:
            values = result[name].sel(network=network, drop=True).broadcast_like(result["heatmap_correlation"])
            table[f"{name}_{network}"] = values.transpose("layer", "frame").values.ravel()
    return table


#: Of the table, for either network.
_COLUMNS = (
    *("neurons", "dead", "constant", "twins", "compared", "edge"),
    *("share", "share_low", "share_high", "contribution_share"),
)
