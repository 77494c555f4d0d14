"""Measures of neurons in a region: their contributions, gained contributions, effects, and blame for errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from xinc.answers.beside import network_of, place_of, record_behind, target_of
from xinc.answers.region import Region
from xinc.canvas.reductions import neuron_statistics, region_sums
from xinc.canvas.schema import LayerRecord
from xinc.errors import InputError


@dataclass(frozen=True)
class Measured:
    """A measure of the neurons of a layer.

    Attributes
    ----------
    layer : their layer.
    values : (N,) the measure in the region, summed over frames.
    columns : by name, more columns of the table, each (N,).
    frame_total : (N,) the measure in the whole frames, as far as it came with the rest; None: `expected` computes it.
    """

    layer: xr.Dataset
    values: np.ndarray
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    expected: np.ndarray | None = None


def summed(layer: xr.Dataset, region: Region) -> np.ndarray:
    """Σ|C| of every neuron over a region, (N,): maps are expanded on the region's window alone."""
    found = np.zeros(layer.sizes["neuron"])
    for part in region.parts:
        y0, y1, x0, x1 = part.window
        labels = {"region": np.where(part.inside, 0, -1)}
        window = layer.isel(y=slice(y0, y1), x=slice(x0, x1))
        found += region_sums(window, labels, [part.frame])["region"].values[0, :, 0]
    return found


def spread_evenly(layer: xr.Dataset, region: Region, neurons: np.ndarray) -> np.ndarray:
    """What the sums of neurons (n,) over a region were, did their maps have the same total, but were even (section 4.2).

    Whole maps are expanded, of these neurons alone.
    """
    if not len(neurons):
        return np.zeros(0)
    totals = neuron_statistics(layer.isel(neuron=neurons), region.frames)["total"].values
    shares = np.array([part.area for part in region.parts]) / (region.size[0] * region.size[1])
    return np.asarray(shares @ totals)


def gained(layer: xr.Dataset, region: Region, model: Any) -> xr.Dataset:
    """A layer's gained maps: as given, of its canvas where it has gains, or of its network, dissected again."""
    from xinc.canvas.dissect import dissect
    from xinc.canvas.reader import open_layer

    record, place = _record(layer, "gained"), place_of(layer)
    if record.gain == "applied":
        return layer
    if record.gain == "kept" and place is not None:
        found = open_layer(place, gain=True)
    else:
        network = network_of(layer, model, "gained")
        same = record.resolution == network.resolution
        found = dissect(
            network,
            region.frames,
            record.layer,
            record.granularity,
            None if same else record.resolution,
            gain=True,
        )[record.layer].to_dataset()
    whole = found.sizes["neuron"] == layer.sizes["neuron"]
    return found if whole else found.sel(neuron=layer["neuron"].values)


def effects_of(layers: Sequence[xr.Dataset], region: Region, model: Any, probes: int, seed: int) -> list[Measured]:
    """Squared effects of ablation in a region, estimated by `xinc.effects`, and what they were if spread evenly."""
    regions = {"region": region.masks(), "frame": np.ones((len(region.parts), *region.size), bool)}
    found = _estimates(layers, region, model, "effect", regions, None, probes, seed)
    shares = np.array([part.area for part in region.parts]) / (region.size[0] * region.size[1])
    measured = []
    for layer, one in zip(layers, found, strict=True):
        inside, frame = one["squared_effect"].sel(region="region"), one["squared_effect"].sel(region="frame")
        columns = {"effect_error": _error(one)}
        measured.append(Measured(layer, inside.sum("frame").values, columns, shares @ frame.values))
    return measured


def blame_of(
    layers: Sequence[xr.Dataset], region: Region, model: Any, video: Any, probes: int, seed: int
) -> tuple[list[Measured], float, str]:
    """How much of the squared error each neuron's ablation takes away, by `xinc.effects`.

    Returns
    -------
    The measure of each layer, the region's sum of squared errors, and of one frame the verdict of `xinc.explain_error`.
    """
    import torch

    from xinc.interventions.explanation import explain_error

    masks = region.masks()
    target = target_of(layers[0], video, region.frames)
    regions = {"region": masks, "rest": ~masks}
    found = _estimates(layers, region, model, "blame", regions, target, probes, seed)
    measured = []
    for layer, one in zip(layers, found, strict=True):
        lost = -one["error_change"].sum("frame")
        columns = {"blame_error": _error(one), "elsewhere": lost.sel(region="rest").values}
        measured.append(Measured(layer, lost.sel(region="region").values, columns))
    network = network_of(layers[0], model, "blame")
    with torch.no_grad():
        shown = np.stack([network.reconstruct(frame).permute(1, 2, 0).cpu().numpy() for frame in region.frames])
    error = float(np.square(shown - target, dtype=np.float64)[masks].sum())
    verdict = ""
    if len(region.parts) == 1:
        granularity = _granularity([_record(layer, "blame") for layer in layers])
        explained = explain_error(
            network, region.frames[0], target[0], masks[0], probes=probes, granularity=granularity, seed=seed
        )
        verdict = str(explained.attrs["verdict"])
    return measured, error, verdict


def _estimates(
    layers: Sequence[xr.Dataset],
    region: Region,
    model: Any,
    by: str,
    regions: Mapping[str, np.ndarray],
    target: np.ndarray | None,
    probes: int,
    seed: int,
) -> list[xr.Dataset]:
    """`xinc.effects` of the neurons of each layer."""
    from xinc.interventions.effects import effects

    records = [_record(layer, by) for layer in layers]
    network = network_of(layers[0], model, by)
    if network.resolution != region.size:
        raise InputError(
            f"The maps are of {region.size[0]}x{region.size[1]}, but by={by!r} is computed at the network's own "
            f"{network.resolution[0]}x{network.resolution[1]}: dissect it at its own resolution."
        )
    found = effects(network, region.frames, regions, target, probes, _granularity(records), seed)
    result = []
    for layer, record in zip(layers, records, strict=True):
        at = np.flatnonzero(found["layer"].values == record.layer)
        result.append(found.isel(neuron=at[layer["neuron"].values]))
    return result


def _error(found: xr.Dataset) -> np.ndarray:
    """Standard error of a sum over frames, in the region."""
    each = found["squared_effect_error"].sel(region="region").values
    return np.sqrt(np.square(each).sum(0))


def _granularity(records: Sequence[LayerRecord]) -> str | None:
    """The granularity at which the layers were dissected; None where it is that of each type of layer."""
    linear = {record.granularity for record in records if record.layer_type == "Linear"}
    return linear.pop() if linear and len(linear) == len({record.granularity for record in records}) else None


def _record(layer: xr.Dataset, by: str) -> LayerRecord:
    found = record_behind(layer)
    if found is None:
        raise InputError(
            f"by={by!r} needs to know which layer of which network the maps are of, and they have lost the attribute "
            "xinc: give the canvas or a layer as it was opened or dissected."
        )
    return found
