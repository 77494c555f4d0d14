"""Numbers of one network, by the paper's words and as released."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from xinc.analyses.released.numbers import GROUPINGS, variants_of

NAN = float("nan")
#: Silhouette up to which there is no substantial structure (Kaufman and Rousseeuw 1990).
STRUCTURE = 0.25
#: Of the definitions of `released`, the number by either.
Pair = tuple[float, float]
#: The threshold of figure 7's second row: half of the total contribution lies below it.
HALF = 50


@dataclass(frozen=True)
class Number:
    """A number of a layer, mean over frames, and what it is compared with.

    Attributes
    ----------
    name : see `xinc.analyses.paper_claims.statements`.
    written, released : by the paper's words, and by the definition of its released notebooks; NaN where there is none.
    written_bound, released_bound : what each is compared with, where that differs from network to network.
    """

    name: str
    layer: str
    written: float
    released: float
    written_bound: float = NAN
    released_bound: float = NAN


def numbers_of(results: Mapping[str, xr.Dataset]) -> Iterator[Number]:
    """All numbers of a network, from its results by analysis; those of analyses that are not there are left out."""
    for analysis, measure in _MEASURES.items():
        if analysis in results:
            yield from measure(results[analysis])


def _same(name: str, layer: str, value: float) -> Number:
    """A number of which words and code say the same."""
    return Number(name, layer, value, value)


def variances(result: xr.Dataset, grouping: str) -> xr.DataArray | None:
    """Variances (definition, layer, frame, neuron) over a grouping of figure 4; None if the video does not have it."""
    chosen = variants_of(grouping, str(result["lattice"].values[0]))
    if any(regions not in result["regions"].values for regions, _ in chosen.values()):
        return None
    parts = [
        result["variance"].sel(regions=regions, delta=delta, drop=True).assign_coords(definition=definition)
        for definition, (regions, delta) in chosen.items()
    ]
    return xr.concat(parts, "definition")


def _released(result: xr.Dataset) -> Iterator[Number]:
    medians = {
        grouping: values.median("neuron").mean("frame")
        for grouping in GROUPINGS
        if (values := variances(result, grouping)) is not None
    }
    others = xr.concat([values for name, values in medians.items() if name != "grid"], "grouping").min("grouping")
    ratios = {"space_least": medians["grid"] / others}
    ratios |= {f"{name}_over_space": medians[name] / medians["grid"] for name in GROUPINGS[:-1] if name in medians}
    layers = [str(layer) for layer in result["layer"].values]
    for name, values in ({f"variance_{name}": values for name, values in medians.items()} | ratios).items():
        for layer in layers:
            yield Number(name, layer, *_pair(values.sel(layer=layer)))
    yield from _block3(medians["grid"], result["constant_kernel"].isel(lattice=0))
    if (share := result["other_share"]).notnull().any():
        for layer in layers:
            yield Number("other_share", layer, *_pair(share.sel(layer=layer).mean("frame")))
    clusters = result["silhouette"].mean("frame")
    for layer in layers:
        own = clusters.sel(layer=layer)
        vectors, plane, normal = (float(own.sel(measure=m)) for m in ("vectors", "plane", "gaussian_plane"))
        if np.isfinite(plane):
            yield Number("silhouette", layer, vectors, plane, STRUCTURE, normal)


def _pair(values: xr.DataArray) -> Pair:
    return float(values.sel(definition="written")), float(values.sel(definition="released"))


def _block3(grid: xr.DataArray, constant: xr.DataArray) -> Iterator[Number]:
    """The layer that has a closed form, against the highest of the others."""
    layers = [str(layer) for layer in grid["layer"].values]
    for layer in layers:
        if np.isfinite(float(constant.sel(layer=layer))) and len(layers) > 1:
            others = grid.sel(layer=[name for name in layers if name != layer]).max("layer")
            yield Number("last_block_space", layer, *_pair(grid.sel(layer=layer) / others))
            yield Number("last_block_variance", layer, *_pair(grid.sel(layer=layer)))


def _grouping(result: xr.Dataset) -> Iterator[Number]:
    """Instances against a grid of as many rectangles, as a ratio of variances; the result has that of deviations."""
    if "instances" in result["grouping"].values:
        for layer in result["layer"].values:
            ratio = result["over_same_count"].sel(grouping="instances", layer=layer).mean("frame")
            yield Number("instances_over_same_count", str(layer), float(ratio) ** 2, NAN)


def _intensity(result: xr.Dataset) -> Iterator[Number]:
    for layer in result["layer"].values:
        own = result["pearson"].sel(layer=layer).mean("frame")
        for name, image in (("intensity", "intensity"), ("mid_grey", "mid_grey_distance")):
            yield _same(name, str(layer), float(own.sel({"with": image})))


def _pixels_per_neuron(result: xr.Dataset) -> Iterator[Number]:
    layers = [str(layer) for layer in result["layer"].values]
    if len(layers) > 1:
        # The area below a curve of figure 6 is the mean over neurons.
        value, drawn = (_over_earlier(result[name].mean("position")) for name in ("curve", "null_curve"))
        yield _same("outermost_over_earlier", layers[-1], value)
        yield Number("outermost_beyond_structure", layers[-1], value, value, drawn, drawn)
        yield _same("outermost_median", layers[-1], _over_earlier(result["median"]))
    if result.attrs.get("architecture") == "ffn" and {"layer2", "layer3"} <= set(layers):
        counts = result.sel(layer="layer2").mean("frame")
        outputs = float(result["neurons"].sel(layer="layer3"))  # inputs of the next layer
        yield Number(
            "layer2_silent",
            "layer2",
            float(counts["output_dead"]) / outputs,
            float(counts["dead"] / counts["neurons"]),
        )
        if float(counts["dead"]) > 0:
            yield _same("layer2_idle", "layer2", float(counts["dead_no_effect"] / counts["dead"]))


def _over_earlier(pixels: xr.DataArray) -> float:
    """What the last layer's neurons represent over the most of the earlier layers; NaN where that is nothing."""
    middle = pixels if "frame" not in pixels.dims else pixels.mean("frame")
    earlier = float(middle.isel(layer=slice(-1)).max())
    return float(middle.isel(layer=-1)) / earlier if earlier > 0 else NAN


def _neurons_per_pixel(result: xr.Dataset) -> Iterator[Number]:
    if HALF in result["percent"].values:
        for layer in result["layer"].values:
            value = float(result["variation"].sel(layer=layer, percent=HALF).mean("frame"))
            yield _same("density_variation", str(layer), value)


def _layer3(result: xr.Dataset) -> Iterator[Number]:
    own = result["layer3_variation"].sel(percent=HALF).mean("frame")
    if own.notnull().all():
        yield Number("layer3_variation", "layer3", *_pair(own))


def _motion(result: xr.Dataset) -> Iterator[Number]:
    for layer in result["layer"].values:
        yield _same("motion", str(layer), float(result["pearson"].sel(layer=layer, motion="relative").mean("frame")))
        yield _same("flow", str(layer), float(result["pearson"].sel(layer=layer, motion="flow").mean("frame")))


def _distribution(result: xr.Dataset) -> Iterator[Number]:
    for layer in result["layer"].values:
        yield _same("gini", str(layer), float(result["gini"].sel(layer=layer).mean("frame")))


def _of_released(result: xr.Dataset) -> Iterator[Number]:
    yield from _released(result)
    yield from _layer3(result)


_MEASURES: dict[str, Callable[[xr.Dataset], Iterator[Number]]] = {
    "released": _of_released,
    "grouping": _grouping,
    "intensity": _intensity,
    "pixels_per_neuron": _pixels_per_neuron,
    "neurons_per_pixel": _neurons_per_pixel,
    "motion": _motion,
    "distribution": _distribution,
}
