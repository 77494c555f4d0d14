"""Measures of neurons in a region: their contributions, gained contributions, effects, and blame for errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from xinc.answers.beside import granularity_of, known_record, network_of, target_of
from xinc.answers.region import Region
from xinc.canvas.origin import place_of
from xinc.canvas.reductions import neuron_statistics, region_sums
from xinc.errors import InputError

#: Is told a measure of some layers, as `Measured` of each.
Tell: TypeAlias = "Callable[[list[Measured]], None]"


@dataclass(frozen=True)
class Measured:
    """A measure of the neurons of a layer.

    Attributes
    ----------
    layer : their layer.
    values : (N,) the measure in the region, summed over frames; of neurons that are no candidates, an estimate.
    candidates : (N,) bool, which neurons may be listed.
    expected : (N,) the measure if the neuron's total were spread evenly over each frame; None where it is computed for
        the neurons that are listed only (`spread_evenly`), or there is none.
    columns : by name, more columns of the table, each (N,).
    """

    layer: xr.Dataset
    values: np.ndarray
    candidates: np.ndarray
    expected: np.ndarray | None = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)


def summed(layers: Sequence[xr.Dataset], region: Region) -> list[Measured]:
    """Σ|C| of every neuron of each layer over a region: maps are expanded on the region's window alone."""
    found = [np.zeros(layer.sizes["neuron"]) for layer in layers]
    for part in region.parts:  # frames outside: what the maps of all layers are computed from is kept for few of them
        y0, y1, x0, x1 = part.window
        labels = {"region": np.where(part.inside, 0, -1)}
        for total, layer in zip(found, layers, strict=True):
            window = layer.isel(y=slice(y0, y1), x=slice(x0, x1))
            total += region_sums(window, labels, [part.frame])["region"].values[0, :, 0]
    for total, layer in zip(found, layers, strict=True):
        wrong = np.flatnonzero(~np.isfinite(total))
        if len(wrong):
            raise InputError(
                f"Maps hold NaN or infinities in the region, those of {len(wrong)} of {len(total)} neurons, neuron "
                f"{int(layer['neuron'].values[wrong[0]])} the first: finite maps were expected, as a canvas has them; "
                "fill them in, or leave these neurons out."
            )
    return [Measured(layer, total, np.ones(len(total), bool)) for layer, total in zip(layers, found, strict=True)]


def spread_evenly(layers: Sequence[xr.Dataset], region: Region, neurons: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Sums over a region if each map's total were spread evenly over the frame (E of section 4.2).

    Parameters
    ----------
    neurons : of each layer, positions (n,) of neurons. Whole maps are expanded, of these alone.
    """
    found = [np.zeros(len(picked)) for picked in neurons]
    for part, share in zip(region.parts, region.shares(), strict=True):
        for even, layer, picked in zip(found, layers, neurons, strict=True):
            if len(picked):
                even += share * neuron_statistics(layer.isel(neuron=picked), [part.frame])["total"].values[0]
    return found


def gained(layers: Sequence[xr.Dataset], region: Region, model: Any) -> list[xr.Dataset]:
    """Layers with gained maps: as given, of their canvas where it has gains, or of their network, dissected again."""
    from xinc.canvas.dissect import dissect
    from xinc.canvas.reader import open_layer

    records = [known_record(layer, "gained") for layer in layers]
    found: dict[str, xr.Dataset] = {}
    missing = []
    for layer, record in zip(layers, records, strict=True):
        place = place_of(layer)
        if record.gain == "applied":
            found[record.layer] = layer
        elif record.gain == "kept" and place is not None:
            found[record.layer] = open_layer(place, gain=True)
        else:
            missing.append(record)
    if missing:
        network = network_of(layers[0], model, "gained")
        size = missing[0].resolution
        tree = dissect(
            network,
            region.frames,
            [record.layer for record in missing],
            granularity_of(missing),
            None if size == network.resolution else size,
            gain=True,
        )
        found |= {name: node.to_dataset() for name, node in tree.children.items()}
    return [
        found[record.layer].sel(neuron=layer["neuron"].values)
        if found[record.layer].sizes["neuron"] != layer.sizes["neuron"]
        else found[record.layer]
        for layer, record in zip(layers, records, strict=True)
    ]


def effects_of(
    layers: Sequence[xr.Dataset],
    region: Region,
    model: Any,
    count: int | None,
    probes: int,
    seed: int,
    first: Tell | None = None,
) -> list[Measured]:
    """Σ‖Δ‖² over a region: estimated for all neurons, and of the best ones exactly, in the region and in the frames.

    ``first`` is told the estimates.
    """
    from xinc.answers.exact import Study

    study = Study(layers, region, network_of(layers[0], model, "effect"), "effect")
    estimate = study.estimate(None, probes, seed)
    _tell(first, layers, study.positions, estimate["squared_effect"])
    best = study.best(estimate["squared_effect"], count)
    inside, frame = study.effects(best)
    values = np.where(best, inside, estimate["squared_effect"])
    return [Measured(layer, values[at], best[at], frame[at]) for layer, at in zip(layers, study.positions, strict=True)]


def blame_of(
    layers: Sequence[xr.Dataset],
    region: Region,
    model: Any,
    video: Any,
    count: int | None,
    probes: int,
    seed: int,
    first: Tell | None = None,
) -> tuple[list[Measured], float, str]:
    """How much of the squared error ablation takes away: estimated for all neurons, and of the best ones exactly.

    ``first`` is told the estimates.

    Returns
    -------
    The measure of each layer, the region's sum of squared errors, and of one frame the verdict of `xinc.explain_error`.
    """
    from xinc.answers.exact import Study

    study = Study(layers, region, network_of(layers[0], model, "blame"), "blame")
    target = study.check_target(target_of(layers[0], video, region.frames))
    gone = -study.estimate(target, probes, seed)["error_change"]
    _tell(first, layers, study.positions, gone)
    best = study.best(gone, count)
    error, inside, rest = study.errors(best, target)
    values = np.where(best, inside, gone)
    measured = [
        Measured(layer, values[at], best[at], columns={"elsewhere": rest[at]})
        for layer, at in zip(layers, study.positions, strict=True)
    ]
    return measured, error, study.verdict(target, probes, seed) if len(region.parts) == 1 else ""


def _tell(
    first: Tell | None, layers: Sequence[xr.Dataset], positions: Sequence[np.ndarray], values: np.ndarray
) -> None:
    """Tell an estimate for all neurons, at these positions in each layer."""
    if first is not None:
        first(
            [Measured(layer, values[at], np.ones(len(at), bool)) for layer, at in zip(layers, positions, strict=True)]
        )
