"""Numbers of every network, and of every layer, from the results of other analyses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.results import Project, Record
from xinc.analyses.trained import trained

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.families import Families

NAN = float("nan")
#: What is measured of a layer, mean over frames.
MEASURES: dict[str, str] = {
    "gini": "Gini coefficient of |C|",
    "below_mean": "share of the contributions below their mean",
    "dead": "share of the neurons without contribution",
    "median_pixels": "pixels that the median neuron represents, of those of a frame",
    "agreement": "correlation over pixels of |C| with the effect of ablation, median over neurons",
    "gained_agreement": "correlation over pixels of the gained map with the effect of ablation, median over neurons",
    "other_agreement": "the same of |C| of another neuron",
    "ranking": "Spearman correlation over neurons of Σ|C| with the effect of ablation",
    "weights_ranking": "the same of the norm of a neuron's weights",
}
#: Of the maps of `faithfulness`, those that are taken.
_MAPS = {"contribution": "agreement", "gained": "gained_agreement", "other": "other_agreement"}
#: Neurons of a layer from which on a correlation between two rankings of them is looked at: of two it is 1 or -1.
LEAST_RANKED = 10
#: By what weights are removed: the criteria of `pruning`, ranked together over all layers.
CRITERIA = ("contribution", "magnitude", "random")
_OF_NETWORK = {
    "architecture": ("architecture", "1"),
    "shared_weights": ("whether all frames share one network", "1"),
    "parameters": ("trained parameters, of all frames", "1"),
    "bits_per_pixel": ("size at 8 bits a weight", "bit/pixel"),
    "psnr": ("mean over frames of PSNR", "dB"),
    "ssim": ("mean over frames of SSIM", "1"),
    "explained": ("share of the variance of colours that the reconstruction explains", "1"),
    "epochs": ("epochs of the training", "1"),
    "cpu_seconds": ("CPU time of the training", "s"),
    "counted": ("whether the network has learned its video", "1"),
}


def compute(settings: Families.Settings, project: Project) -> xr.Dataset:
    """A row for each network, and for each of its layers."""
    by_network: dict[tuple[str, str, int], list[Record]] = {}
    for record in project.results:
        if record.seed is not None:
            by_network.setdefault((record.video, record.model, record.seed), []).append(record)
    networks: list[dict[str, Any]] = []
    rows: list[tuple[int, str, bool, dict[str, float]]] = []
    for at, (key, records) in enumerate(sorted(by_network.items())):
        results = {record.analysis: record.open() for record in records}
        networks.append(dict(zip(("video", "model", "seed_of"), key, strict=True)))
        networks[-1] |= _network(settings, records[0].path.parent, results)
        layers = _layers(results)
        rows += [(at, layer, n == len(layers) - 1, found) for n, (layer, found) in enumerate(layers.items())]
    result = xr.Dataset(
        {name: ("network", _column([one[name] for one in networks])) for name in ("video", "model", "seed_of")}
        | {name: ("network", _column([one[name] for one in networks])) for name in _OF_NETWORK}
        | {
            "lost": (("network", "criterion"), np.array([one["lost"] for one in networks], float).reshape(-1, 3)),
            "of_network": ("row", np.array([row[0] for row in rows], np.int64)),
            "row_layer": ("row", np.array([row[1] for row in rows], object)),
            "last": ("row", np.array([row[2] for row in rows], bool)),
            "measured": (
                ("row", "measure"),
                np.array([[row[3].get(name, NAN) for name in MEASURES] for row in rows], float).reshape(
                    -1, len(MEASURES)
                ),
            ),
        },
        {
            "criterion": np.array(CRITERIA, object),
            "measure": np.array(list(MEASURES), object),
            "meaning": ("measure", np.array(list(MEASURES.values()), object)),
        },
        {"share": settings.share, "min_psnr": settings.min_psnr, "least_ranked": LEAST_RANKED},
    )
    return _described(result)


def _column(values: list[Any]) -> np.ndarray:
    return np.array(values, object if values and isinstance(values[0], str) else None)


def _network(settings: Families.Settings, folder: Path, results: Mapping[str, xr.Dataset]) -> dict[str, Any]:
    of = next(iter(results.values())).attrs
    took = trained(folder)
    found: dict[str, Any] = {
        "architecture": str(of.get("architecture", "")),
        "shared_weights": bool(of.get("shared_weights", False)),
        "parameters": 0,
        **dict.fromkeys(("bits_per_pixel", "psnr", "ssim", "explained"), NAN),
        "epochs": took.epochs,
        "cpu_seconds": took.cpu_seconds,
        "counted": False,
        "lost": _lost(results.get("pruning"), settings.share),
    }
    if (quality := results.get("quality")) is not None:
        found |= {
            "parameters": int(quality.attrs["parameters"]),
            "bits_per_pixel": float(quality["bits_per_pixel"][0] * 8 / quality["bits"][0]),
            "psnr": float(quality["mean_psnr"]),
            "ssim": float(quality["mean_ssim"]),
            "explained": float(quality["explained"]),
            "counted": float(quality["mean_psnr"]) >= settings.min_psnr,
        }
    return found


def _lost(pruning: xr.Dataset | None, share: float) -> list[float]:
    """Decibels lost with this share of the single weights of all layers, by criterion."""
    if pruning is None:
        return [NAN] * len(CRITERIA)
    psnr = pruning["psnr"]
    if not np.isclose(psnr["share"].values, share).any() or not {"weight"} <= set(psnr["unit"].values):
        return [NAN] * len(CRITERIA)
    own = psnr.sel(unit="weight", budget="global").sel(share=share, method="nearest")
    known = set(own["criterion"].values)
    return [float(pruning["whole"] - own.sel(criterion=name)) if name in known else NAN for name in CRITERIA]


def _layers(results: Mapping[str, xr.Dataset]) -> dict[str, dict[str, float]]:
    """By layer, in network order, what is measured of it; means over frames."""
    found: dict[str, dict[str, float]] = {}

    def put(values: xr.DataArray, measure: str) -> None:
        for layer in values["layer"].values:
            of = values.sel(layer=layer)
            found.setdefault(str(layer), {})[measure] = float(of.mean("frame") if "frame" in of.dims else of)

    if (distribution := results.get("distribution")) is not None:
        put(distribution["gini"], "gini")
        put(distribution["below_mean"], "below_mean")
    if (pixels := results.get("pixels_per_neuron")) is not None:
        put(pixels["dead"] / pixels["neurons"], "dead")
        put(pixels["median"], "median_pixels")
    if (faithful := results.get("faithfulness")) is not None:
        for map_, measure in (
            ("contribution", "agreement"),
            ("gained", "gained_agreement"),
            ("other", "other_agreement"),
        ):
            put(faithful["median_agreement"].sel(map=map_, drop=True), measure)
        enough = (faithful["neuron"] >= 0).sum("sample") >= LEAST_RANKED
        ranking = faithful["ranking"].sel(effect="absolute", drop=True).where(enough)
        for total, measure in (("contribution", "ranking"), ("weights", "weights_ranking")):
            put(ranking.sel(total=total, drop=True), measure)
    return found


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row for each layer of each network."""
    import pandas as pd

    own = result["of_network"].values
    found = {name: result[name].values[own] for name in ("video", "model", "seed_of", "architecture", "psnr")}
    found |= {"layer": result["row_layer"].values}
    found |= {name: result["measured"].sel(measure=name).values for name in map(str, result["measure"].values)}
    return pd.DataFrame(found).rename(columns={"seed_of": "seed"})


def _described(result: xr.Dataset) -> xr.Dataset:
    texts = _OF_NETWORK | {
        "video": ("video", "1"),
        "model": ("model", "1"),
        "seed_of": ("seed", "1"),
        "lost": ("PSNR lost with a share of the weights of all layers", "dB"),
        "criterion": ("by what weights are removed", "1"),
        "of_network": ("number of the network that the layer is of", "1"),
        "row_layer": ("layer", "1"),
        "last": ("whether it is the layer that makes the colours", "1"),
        "measured": ("what is measured of a layer, mean over frames", "1"),
        "measure": ("what is measured of a layer", "1"),
        "meaning": ("the same in words", "1"),
    }
    for name, (text, units) in texts.items():
        result[name].attrs = {"long_name": text, "units": units}
    return result
