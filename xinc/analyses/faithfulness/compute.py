"""Maps and totals of drawn neurons against exact ablation, with controls, intervals and nulls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.faithfulness.intervals import (
    effect_of_idle,
    median_with_interval,
    paired_difference,
    ranked_better,
    ranking_of_chance,
    ranking_with_interval,
)
from xinc.analyses.faithfulness.measured import Frame, Measured
from xinc.analyses.faithfulness.names import EFFECTS, MAPS, TOTALS
from xinc.analyses.subject import Subject
from xinc.frames import select_frames
from xinc.interventions.effects import effects
from xinc.runtime.freed import give_freed_memory_back
from xinc.statistics.standing import NULL, labelled

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.faithfulness import Faithfulness

_PICTURES = ("contribution", "gained", "effect")


def compute(settings: Faithfulness.Settings, subject: Subject) -> xr.Dataset:
    model, layers = subject.model, subject.canvas
    first = next(iter(layers.values()))
    frames = select_frames(first["frame"].values.tolist(), settings.frames)
    granularity = {name: str(layer.attrs["xinc"]["granularity"]) for name, layer in layers.items()}
    drawn = {name: _draw(name, layer.sizes["neuron"], settings) for name, layer in layers.items()}
    estimated = _estimated(subject, frames, granularity, drawn, settings)
    give_freed_memory_back()
    found: dict[str, list[Measured]] = {name: [] for name in layers}
    for frame in frames:
        one = Frame(model, frame, granularity, settings.probes, settings.seed)
        for name, layer in layers.items():
            generator = np.random.default_rng([settings.seed, frame, *name.encode()])
            measured = one.measure(layer, name, drawn[name], generator)
            measured.totals |= {key: values[len(found[name])] for key, values in estimated[name].items()}
            found[name].append(measured)
            give_freed_memory_back()
    parts = [_summary(found[name], settings, np.random.default_rng([settings.seed, *name.encode()])) for name in layers]
    result = xr.concat([part.drop_vars("sample") for part in parts], xr.Variable("layer", list(layers)), join="outer")
    for name, values in drawn.items():
        result["neuron"].loc[{"layer": name}] = np.pad(values, (0, settings.neurons - len(values)), constant_values=-1)
    return _described(result.assign_attrs(frames=frames, probes=settings.probes))


def table(result: xr.Dataset) -> pd.DataFrame:
    """Agreement over pixels and over neurons: a row a layer and map, or a layer, total and effect."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for layer in result["layer"].values:
        one = result.sel(layer=layer)
        for name in one["map"].values:
            values = [float(one[key].sel(map=name)) for key in ("median_agreement", "agreement_low", "agreement_high")]
            rows.append(_row(layer, "pixels", MAPS[str(name)], "effect", values))
        for name in one["total"].values:
            for effect in one["effect"].values:
                at = {"total": name, "effect": effect}
                values = [float(one[key].sel(at)) for key in ("ranking", "ranking_low", "ranking_high")]
                rows.append(_row(layer, "neurons", TOTALS[str(name)], EFFECTS[str(effect)], values))
    return pd.DataFrame(rows)


def _row(layer: Any, over: str, compared: str, against: str, values: list[float]) -> dict[str, Any]:
    about = {"layer": str(layer), "over": over, "compared": compared, "against": against}
    return about | dict(zip(("correlation", "low", "high"), values, strict=True))


def _draw(name: str, count: int, settings: Faithfulness.Settings) -> np.ndarray:
    """Numbers of the neurons to look at, ascending; a layer's draw does not depend on the other layers."""
    generator = np.random.default_rng([settings.seed, *name.encode()])
    return np.sort(generator.choice(count, min(settings.neurons, count), replace=False))


def _estimated(
    subject: Subject,
    frames: list[int],
    granularity: dict[str, str],
    drawn: dict[str, np.ndarray],
    settings: Faithfulness.Settings,
) -> dict[str, dict[str, np.ndarray]]:
    """Estimates from gradients, (frame, n) by layer and total, of the neurons drawn; of all at once they are made."""
    target = subject.video["frames"].sel(frame=frames).transpose("frame", "y", "x", "channel").values
    # A canvas has one granularity, or each layer the default of its type.
    chosen = set(granularity.values())
    of = chosen.pop() if len(chosen) == 1 else None
    every = effects(subject.model, frames, target=target, probes=settings.probes, granularity=of, seed=settings.seed)
    found = {}
    for name, neurons in drawn.items():
        own = every.isel(region=0, neuron=np.flatnonzero(every["layer"].values == name)[neurons])
        found[name] = {"taylor": np.abs(own["alignment"].values), "gauss_newton": own["squared_effect"].values}
    return found


def _summary(frames: list[Measured], settings: Faithfulness.Settings, generator: np.random.Generator) -> xr.Dataset:
    """The numbers of one layer, from all of its frames."""
    agreement = np.stack([_mean([one.agreement[kind] for one in frames]) for kind in MAPS])
    medians = np.stack([median_with_interval(values, settings.resamples, generator) for values in agreement])
    of_frames = {key: np.stack([one.totals[key] for one in frames]) for key in TOTALS if key != "random"}
    effect = {key: np.stack([one.effects[key] for one in frames]) for key in EFFECTS}
    rankings = np.array(
        [
            [ranking_with_interval(values, effect[e], settings.resamples, generator) for e in EFFECTS]
            for values in of_frames.values()
        ]
        + [[ranking_of_chance(effect[e], settings.resamples, generator) for e in EFFECTS]]
    )
    kinds = list(MAPS)
    own, own_null = paired_difference(
        agreement[kinds.index("contribution")], agreement[kinds.index("other")], settings.resamples, generator
    )
    better, better_null = ranked_better(
        of_frames["contribution"], of_frames["weights"], effect["absolute"], settings.resamples, generator
    )
    idle, idle_null = effect_of_idle(*_idle(frames), settings.resamples, generator)
    padded = np.full((len(kinds), settings.neurons), np.nan)
    padded[:, : agreement.shape[1]] = agreement
    number, pictures = frames[0].example
    return xr.Dataset(
        {
            "agreement": (("map", "sample"), padded),
            "neuron": ("sample", np.full(settings.neurons, -1)),
            "median_agreement": ("map", medians[:, 0]),
            "agreement_low": ("map", medians[:, 1]),
            "agreement_high": ("map", medians[:, 2]),
            "ranking": (("total", "effect"), rankings[..., 0]),
            "ranking_low": (("total", "effect"), rankings[..., 1]),
            "ranking_high": (("total", "effect"), rankings[..., 2]),
            "own_over_other": own,
            "own_over_other_null": labelled(own_null, ()),
            "over_magnitude": better,
            "over_magnitude_null": labelled(better_null, ()),
            "idle_effect": idle,
            "idle_effect_null": labelled(idle_null, ()),
            "idle_neurons": float(np.mean([one.idle_neurons for one in frames])),
            "example": (("picture", "y", "x"), pictures),
            "example_neuron": number,
        },
        {
            "map": kinds,
            "total": [*of_frames, "random"],
            "effect": list(EFFECTS),
            "picture": list(_PICTURES),
            "null": list(NULL),
            "sample": np.arange(settings.neurons),
            "y": np.arange(pictures.shape[1]),
            "x": np.arange(pictures.shape[2]),
        },
    )


def _mean(values: list[np.ndarray]) -> np.ndarray:
    """Mean over frames of those that are numbers; NaN where none is."""
    stacked = np.stack(values)
    known = np.isfinite(stacked)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, stacked, 0).sum(0) / known.sum(0))


def _idle(frames: list[Measured]) -> tuple[np.ndarray, np.ndarray]:
    """Total effects of idle neurons and of those that contribute, in the median of the latter in each frame."""
    idle, others = [], []
    for one in frames:
        active = one.effects["absolute"][one.totals["contribution"] > 0]
        scale = float(np.median(active)) if active.size else 0.0
        if scale > 0:
            idle.append(one.idle / scale)
            others.append(active / scale)
    return (np.concatenate(idle), np.concatenate(others)) if idle else (np.empty(0), np.empty(0))


def _described(result: xr.Dataset) -> xr.Dataset:
    names = {
        "agreement": "Pearson correlation over pixels of a map with the effect of ablation, mean over frames",
        "neuron": "number of the neuron drawn, -1 where there is none",
        "median_agreement": "median over neurons of the correlation over pixels",
        "agreement_low": "lower end of its 95 % bootstrap interval",
        "agreement_high": "upper end of its 95 % bootstrap interval",
        "ranking": "Spearman correlation over neurons of a total with the total effect, mean over frames",
        "ranking_low": "lower end of its 95 % bootstrap interval",
        "ranking_high": "upper end of its 95 % bootstrap interval",
        "own_over_other": "mean over neurons of r of a neuron's map less r of another's of the same phase",
        "own_over_other_null": "how that stands where the two change places at random",
        "over_magnitude": "ρ of Σ|C| less ρ of ‖w‖, with the total effect",
        "over_magnitude_null": "how that stands where the two ranks of each neuron change places at random",
        "idle_effect": "median total effect of neurons without contribution / of neurons with some",
        "idle_effect_null": "how that stands where who is without contribution is drawn by lot",
        "idle_neurons": "neurons of the layer that contribute nothing to a frame, mean over frames",
        "example": "maps of one neuron: |C|, gained map, effect of its ablation",
        "example_neuron": "number of that neuron",
    }
    for name, text in names.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    for name, text in {
        "map": "map that is compared with the effect over pixels",
        "total": "total that is compared with the total effect over neurons",
        "effect": "total effect of ablation",
        "picture": "map of the example",
    }.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    return result
