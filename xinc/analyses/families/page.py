"""The page of families of networks, as Markdown, from its result alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import numpy as np
import pandas as pd
import xarray as xr

from xinc.analyses.markdown import few, item, number, several, spread, table, wrapped

#: Name of the page and of what lies beside it.
NAME = "families"


class Families:
    """Tables of a result: of its ``networks`` that count, and of their ``layers``.

    Attributes
    ----------
    models : names, networks of a frame before those of a whole video, each in alphabetical order.
    """

    def __init__(self, result: xr.Dataset) -> None:
        names = [name for name in result.data_vars if result[name].dims == ("network",)]
        networks = result[names].to_dataframe().rename(columns={"seed_of": "seed"})
        networks[[f"lost_{name}" for name in map(str, result["criterion"].values)]] = result["lost"].values
        self.left_out = networks[~networks["counted"].astype(bool)]
        self.networks = networks[networks["counted"].astype(bool)]
        measured = pd.DataFrame(result["measured"].values, columns=list(map(str, result["measure"].values)))
        measured["layer"], measured["last"] = result["row_layer"].values, result["last"].values.astype(bool)
        measured.index = pd.Index(result["of_network"].values)
        self.layers = measured.join(self.networks[["video", "model", "seed"]], how="inner")
        self.share = float(result.attrs["share"])
        self.min_psnr = float(result.attrs["min_psnr"])
        self.least_ranked = int(result.attrs["least_ranked"])
        self.criteria = [str(name) for name in result["criterion"].values]
        order = self.networks.sort_values(["shared_weights", "model"])
        self.models = list(dict.fromkeys(order["model"]))

    @property
    def labels(self) -> list[str]:
        """Names of models, and of their architectures where they are others."""
        first = self.networks.groupby("model")["architecture"].first()
        return [name if first[name] == name else f"{name} ({first[name]})" for name in self.models]

    def networks_of(self, model: str) -> pd.DataFrame:
        return self.networks[self.networks["model"] == model]

    def layers_of(self, model: str, measure: str, last: bool | None = None) -> np.ndarray:
        """A number for each layer, median over networks; of the last layer or of all others if ``last`` says so."""
        own = self.layers[self.layers["model"] == model]
        if last is not None:
            own = own[own["last"] == last]
        values = own.groupby("layer", sort=False)[measure].median().to_numpy(float)
        return cast(np.ndarray, values[np.isfinite(values)])

    def pairs(self, one: str, other: str, below: bool = False) -> np.ndarray:
        """(n, 2) of two measures of all layers of all models, medians over networks; perhaps only below the last."""
        own = self.layers[~self.layers["last"]] if below else self.layers
        values = own.groupby(["model", "layer"], sort=False)[[one, other]].median().to_numpy(float)
        return cast(np.ndarray, values[np.isfinite(values).all(axis=1)])

    def lost_of(self, model: str, criterion: str) -> float:
        """Decibels lost, median over networks; NaN where that was not measured."""
        return float(self.networks_of(model)[f"lost_{criterion}"].median())


def page(result: xr.Dataset) -> str:
    """The whole page."""
    families = Families(result)
    parts = [
        "# Families of networks, compared",
        f"<!-- Written by the workflow from {NAME}.json, which holds the numbers: `make families`. -->",
        *_introduction(families),
        *(_body(families) if families.models else ["**No network has learned its video yet.**"]),
        "## How to reproduce it",
        "In a clone of the repository, one command trains the networks, analyses them and renews this page:",
        "    make families",
        wrapped(
            "It runs `config/families.yaml`, where a family is a few lines: change its budget, add your own, or take "
            f"another video. Page, picture and numbers are copied from `results/figures/{NAME}/project/`."
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _body(families: Families) -> Iterable[str]:
    yield f"![What families have in common, and where they differ]({NAME}.png)"
    yield wrapped(
        "*A dot is a network in the first two columns, and a layer in the others, grey for the one that makes the "
        "colours; rings are gained maps.*"
    )
    yield "## In short"
    yield "\n".join(item(line) for line in _in_short(families))
    yield "## Quality and time"
    yield wrapped(
        "Medians over videos and seeds, with the range in brackets. Size is at 8 bits a weight; of a family with a "
        "network for each frame, parameters are those of all frames. Times are CPU time, all threads together."
    )
    yield table(
        ["family", "networks for", "parameters", "bits a pixel", "PSNR, dB", "SSIM", "epochs", "CPU minutes"],
        [_quality(families, at) for at in range(len(families.models))],
    )
    yield "## What their canvases show"
    yield wrapped(
        "Median over the layers below the last, with their range; where there is one, its number is that of the last "
        "layer behind the stroke. Inequality is the Gini coefficient of |C| over neurons and pixels. Agreement is the "
        "correlation over pixels of a neuron's map with the effect of taking it out, median over neurons; *ranking* "
        f"the correlation over neurons of Σ|C|, or of the norm of weights, with the total effect, of layers with "
        f"{families.least_ranked} neurons or more."
    )
    yield table(
        [
            "family",
            "inequality",
            "without contribution",
            "agreement",
            "of gained maps",
            "ranking by Σ\\|C\\|",
            "by weights",
        ],
        [_canvas(families, at) for at in range(len(families.models))],
    ).replace("\\\\|", "\\|")
    yield "## What can be removed"
    yield wrapped(
        f"Decibels lost with {families.share:.0%} of the weights, ranked over all layers together, without training on."
    )
    yield table(
        ["family", *(f"by {name}" if name != "random" else "at random" for name in families.criteria)],
        [
            [label, *(_known(families.lost_of(model, name), ".1f") for name in families.criteria)]
            for model, label in zip(families.models, families.labels, strict=True)
        ],
    )
    if len(families.left_out):
        names = [f"{one.model} on {one.video}, seed {one.seed}" for one in families.left_out.itertuples()]
        yield wrapped(f"Left out, below {families.min_psnr:g} dB: {'; '.join(names)}.")


def _introduction(families: Families) -> Iterable[str]:
    if families.models:
        videos = several(sorted(families.networks["video"].unique()), "and")
        seeds = families.networks["seed"].nunique()
        bits = families.networks["bits_per_pixel"].to_numpy(float)
        yield wrapped(
            f"{len(families.models)} families of networks on {videos}, {few(seeds, 'seed')}, each with "
            f"{_span(bits, '.2g')} bits a pixel at 8 bits a weight. What differs is the architecture, and with it the "
            "schedule of the training, which is that of the family; so PSNR says how far each came in its time here, "
            "not how far it can come."
        )


def _quality(families: Families, at: int) -> list[str]:
    model, label = families.models[at], families.labels[at]
    own = families.networks_of(model)
    return [
        label,
        "the video" if own["shared_weights"].iloc[0] else "each frame",
        f"{own['parameters'].iloc[0]:,}",
        f"{own['bits_per_pixel'].iloc[0]:.1f}",
        spread(own["psnr"].to_numpy(float), ".1f"),
        spread(own["ssim"].to_numpy(float), ".3f"),
        spread(own["epochs"].to_numpy(float), ".0f"),
        spread(own["cpu_seconds"].to_numpy(float) / 60, ".1f"),
    ]


def _canvas(families: Families, at: int) -> list[str]:
    model, label = families.models[at], families.labels[at]

    def both(measure: str) -> str:
        inner, last = (spread(families.layers_of(model, measure, which), ".2f") for which in (False, True))
        return f"{inner} / {last}"

    measures = ("gini", "dead", "agreement", "gained_agreement", "ranking", "weights_ranking")
    return [label, *(both(measure) for measure in measures)]


def _in_short(families: Families) -> Iterable[str]:
    """What the numbers say, in sentences that hold whatever the numbers are."""
    psnr = _by_model(families, lambda model: float(families.networks_of(model)["psnr"].median()))
    if psnr:
        yield f"**Quality.** {_ends(psnr, '.1f', ' dB')}."
    gini = _by_model(families, lambda model: _median(families.layers_of(model, "gini", False)))
    if gini:
        yield f"**Inequality of contributions** below the last layer: {_ends(gini, '.2f')}."
    below = [families.layers_of(model, "below_mean") for model in families.models]
    values = np.concatenate(below) if below else np.zeros(0)
    if len(values):
        yield (
            f"**Most contributions are small** in {int((values > 0.5).sum())} of {few(len(values), 'layer')}: "
            f"{_span(values, '.2f')} of them lie below the mean."
        )
    dead = {model: share for model in families.models if (share := _most(families.layers_of(model, "dead"))) >= 0.01}
    yield (
        f"**Neurons without contribution**, 1 % of a layer or more: {_listed(dead, '.0%')}."
        if dead
        else "**Neurons without contribution**: no family has a layer in which they are 1 %."
    )
    own = _by_model(families, lambda model: _median(families.layers_of(model, "agreement", False)))
    if own:
        yield f"**How far maps agree with effects** below the last layer: {_ends(own, '.2f')}."
    pairs = families.pairs("gained_agreement", "agreement", below=True)
    if len(pairs):
        better = int((pairs[:, 0] > pairs[:, 1]).sum())
        yield f"**Gained maps agree better than plain ones** in {better} of {few(len(pairs), 'layer')} below the last."
    pairs = families.pairs("ranking", "weights_ranking")
    if len(pairs):
        better = int((pairs[:, 0] > pairs[:, 1]).sum())
        yield f"**Σ|C| ranks neurons better than the norm of their weights** in {better} of {few(len(pairs), 'layer')}."
    lost = {
        model: (families.lost_of(model, "contribution"), families.lost_of(model, "magnitude"))
        for model in families.models
        if np.isfinite([families.lost_of(model, name) for name in ("contribution", "magnitude")]).all()
    }
    if lost:
        cheaper = [model for model, (ours, theirs) in lost.items() if ours < theirs]
        yield (
            f"**Pruning {families.share:.0%} of weights by contribution costs less than by magnitude** in "
            f"{len(cheaper)} of {len(lost)} families" + (f": {several(cheaper, 'and')}." if cheaper else ".")
        )


def _by_model(families: Families, value: Callable[[str], float]) -> dict[str, float]:
    found = {model: value(model) for model in families.models}
    return {model: one for model, one in found.items() if np.isfinite(one)}


def _ends(values: dict[str, float], form: str, unit: str = "") -> str:
    """The lowest and the highest, with whose they are."""
    low, high = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    if low == high:
        return f"{number(values[low], form)}{unit} ({low})"
    return f"from {number(values[low], form)} ({low}) to {number(values[high], form)}{unit} ({high})"


def _listed(values: dict[str, float], form: str) -> str:
    return ", ".join(f"{model} up to {value:{form}}" for model, value in values.items())


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else np.nan


def _most(values: np.ndarray) -> float:
    return float(values.max()) if len(values) else 0.0


def _known(value: float, form: str) -> str:
    return number(value, form) if np.isfinite(value) else "–"


def _span(values: Sequence[float] | np.ndarray, form: str) -> str:
    low, high = number(float(np.min(values)), form), number(float(np.max(values)), form)
    return low if low == high else f"{low} to {high}"
