"""Numbers of all networks of a study by both definitions, figure 4's median curves, and what it all took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.paper_claims.costs import bytes_below, job_seconds
from xinc.analyses.paper_claims.measured import Number, numbers_of, variances
from xinc.analyses.released.numbers import DEFINITIONS, GROUPINGS
from xinc.analyses.results import Project, Record
from xinc.analyses.trained import trained

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.paper_claims import PaperClaims

NAN = float("nan")


@dataclass(frozen=True)
class Network:
    """A network of the study. ``counted``: it is of the paper's kind of size and quality, see the settings."""

    video: str
    model: str
    seed: int
    architecture: str
    output_activation: str
    parameters: int
    bits_per_pixel: float
    psnr: float
    ssim: float
    epochs: float
    epochs_within: float
    seconds: float
    canvas_bytes: int
    counted: bool


def compute(settings: PaperClaims.Settings, project: Project) -> xr.Dataset:
    """Results are opened network by network, and their images are not read."""
    by_network: dict[tuple[str, str, int], list[Record]] = {}
    for record in project.results:
        if record.seed is not None:
            by_network.setdefault((record.video, record.model, record.seed), []).append(record)
    networks, rows, curves = [], [], []
    for key, records in sorted(by_network.items()):
        results = {record.analysis: record.open() for record in records}
        network = _network(settings, key, records[0].path.parent, results)
        networks.append(network)
        rows += [(key, number) for number in _by_activation(network, numbers_of(results))]
        if network.counted and "released" in results:
            curves.append((network, _curves(results["released"], settings.points)))
    rows = list(_beside_nerv({(n.video, n.model, n.seed): n for n in networks}, rows))
    result = xr.Dataset(_of_rows(rows) | _of_networks(networks))
    result = result.merge(_median_curves(curves, settings.points))
    seconds = job_seconds(_folder(project))
    result["job_seconds"] = ("kind", list(seconds.values()))
    result = result.assign_coords(kind=np.array(list(seconds), object))
    result["results_bytes"] = sum(bytes_below(record.path) for record in project.results)
    result["videos_bytes"] = sum(bytes_below(path) for path in project.videos.values())
    result.attrs = {f"least_{name}": value for name, value in zip(("bits", "psnr"), _least(settings), strict=True)} | {
        "most_bits": settings.bits_per_pixel[1],
        "within": settings.within,
    }
    return _describe(result)


def _least(settings: PaperClaims.Settings) -> tuple[float, float]:
    return settings.bits_per_pixel[0], settings.min_psnr


def _folder(project: Project) -> Path:
    """The folder ``results``."""
    some = next(iter(project.videos.values()))
    return some.parents[1]


def _network(
    settings: PaperClaims.Settings, key: tuple[str, str, int], folder: Path, results: Mapping[str, xr.Dataset]
) -> Network:
    quality = results.get("quality")
    of = next(iter(results.values())).attrs
    size = bytes_below(folder / "canvas.zarr")
    if quality is None:
        nothing = (NAN,) * 6
        about = (str(of.get("architecture", "")), "", 0)
        return Network(*key, *about, *nothing, canvas_bytes=size, counted=False)
    bits = float(quality["bits_per_pixel"][0] * 8 / quality["bits"][0])
    psnr, ssim = float(quality["mean_psnr"]), float(quality["mean_ssim"])
    low, high = settings.bits_per_pixel
    epochs, epochs_within = _trained(quality, settings.within)
    return Network(
        *key,
        architecture=str(quality.attrs["architecture"]),
        output_activation=str(quality.attrs["output_activation"]),
        parameters=int(quality.attrs["parameters"]),
        bits_per_pixel=bits,
        psnr=psnr,
        ssim=ssim,
        canvas_bytes=size,
        epochs=epochs,
        epochs_within=epochs_within,
        seconds=trained(folder).seconds,
        counted=low <= bits <= high and psnr >= settings.min_psnr,
    )


def _trained(quality: xr.Dataset, within: float) -> tuple[float, float]:
    """Epochs of a training, and the epoch from which its PSNR stays within some dB of its last."""
    if "training_psnr" not in quality:
        return NAN, NAN
    psnr, epochs = quality["training_psnr"].values, quality["epoch"].values
    below = np.flatnonzero(~(psnr >= psnr[-1] - within))
    first = min(below[-1] + 1, len(psnr) - 1) if len(below) else 0
    return float(epochs[-1]), float(epochs[first])


def _by_activation(network: Network, numbers: Iterator[Number]) -> Iterator[Number]:
    """Of NeRV, what follows intensity: with an identity at the output as released, with others as the words have it."""
    for number in numbers:
        if network.architecture == "nerv" and number.name in ("intensity", "mid_grey"):
            number = replace(number, name=f"nerv_{number.name}")
            released = network.output_activation == "identity"
            yield replace(number, written=NAN) if released else replace(number, released=NAN)
        else:
            yield number


def _beside_nerv(
    networks: Mapping[tuple[str, str, int], Network], rows: list[tuple[tuple[str, str, int], Number]]
) -> Iterator[tuple[tuple[str, str, int], Number]]:
    """The evenness of the FFN's last layer beside the median of that of the heads of NeRV on the same video."""
    heads: dict[str, list[float]] = {}
    for key, number in rows:
        if number.name == "density_variation" and number.layer == "head" and networks[key].architecture == "nerv":
            heads.setdefault(key[0], []).append(number.written)
    for key, number in rows:
        if number.name == "layer3_variation" and key[0] in heads:
            bound = float(np.median(heads[key[0]]))
            yield key, replace(number, written_bound=bound, released_bound=bound)
        else:
            yield key, number


def _of_rows(rows: list[tuple[tuple[str, str, int], Number]]) -> dict[str, Any]:
    table: dict[str, list[Any]] = {"number_video": [], "number_model": [], "number_seed": []}
    table |= {field.name: [] for field in fields(Number)}
    for key, number in rows:
        for name, value in zip(table, (*key, *astuple(number)), strict=True):
            table[name].append(value)
    return {
        name: ("number", np.array(values, float if name in _FLOATS else int if name == "number_seed" else object))
        for name, values in table.items()
    }


_FLOATS = ("written", "released", "written_bound", "released_bound")


def _of_networks(networks: list[Network]) -> dict[str, Any]:
    return {
        field.name if field.name not in ("seed",) else "seed_of": (
            "network",
            np.array(
                [getattr(one, field.name) for one in networks],
                object if field.type == "str" else {"int": np.int64, "float": float, "bool": bool}[str(field.type)],
            ),
        )
        for field in fields(Network)
    }


def _curves(result: xr.Dataset, points: int) -> dict[tuple[str, str, str], np.ndarray]:
    """By layer, definition and grouping, sorted variances (frame, point) of the live neurons, and the constant kernel.

    The constant kernel is under the grouping ``constant``, (1, 1).
    """
    found: dict[tuple[str, str, str], np.ndarray] = {}
    grid = np.linspace(0, 1, points)
    for layer in map(str, result["layer"].values):
        constant = float(result["constant_kernel"].isel(lattice=0).sel(layer=layer))
        found[layer, "released", "constant"] = np.array([[constant]])
        for grouping in GROUPINGS:
            if (values := variances(result, grouping)) is None:
                continue
            for definition in DEFINITIONS:
                own = values.sel(definition=definition, layer=layer).transpose("frame", "neuron").values
                live = [np.sort(one[np.isfinite(one)]) for one in own]
                curves = [np.interp(grid, np.linspace(0, 1, len(one)), one) for one in live if len(one)]
                if curves:
                    found[layer, definition, grouping] = np.array(curves)
    return found


def _median_curves(curves: list[tuple[Network, dict[tuple[str, str, str], np.ndarray]]], points: int) -> xr.Dataset:
    """Medians over networks and frames, of the first model of each architecture; a panel is a model and a layer."""
    first: dict[str, str] = {}
    for network, _ in curves:
        first[network.architecture] = min(first.get(network.architecture, network.model), network.model)
    panels: dict[tuple[str, str], None] = {}
    gathered: dict[tuple[str, ...], list[np.ndarray]] = {}
    for network, own in curves:
        if first[network.architecture] == network.model:
            for (layer, definition, grouping), values in own.items():
                panels[network.model, layer] = None
                gathered.setdefault((network.model, layer, definition, grouping), []).append(values)
    shape = (len(panels), len(DEFINITIONS), len(GROUPINGS), points)
    curve, constant = np.full(shape, np.nan), np.full(len(panels), np.nan)
    for at, panel in enumerate(panels):
        for d, definition in enumerate(DEFINITIONS):
            for g, grouping in enumerate(GROUPINGS):
                if (*panel, definition, grouping) in gathered:
                    curve[at, d, g] = np.median(np.concatenate(gathered[*panel, definition, grouping]), axis=0)
        constant[at] = gathered[*panel, "released", "constant"][0][0, 0]
    names = np.array(list(panels), object).reshape(-1, 2)
    return xr.Dataset(
        {
            "curve": (("panel", "definition", "grouping", "position"), curve),
            "constant_kernel": ("panel", constant),
            "panel_model": ("panel", names[:, 0]),
            "panel_layer": ("panel", names[:, 1]),
        },
        {
            "definition": np.array(DEFINITIONS, object),
            "grouping": np.array(GROUPINGS, object),
            "position": np.linspace(0, 100, points),
        },
    )


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row for each number and network, by both definitions."""
    names = ["name", "number_video", "number_model", "number_seed", "layer", *_FLOATS]
    found = result[names].to_dataframe()[names]
    return found.rename(columns={"name": "number"} | {f"number_{name}": name for name in ("video", "model", "seed")})


_DESCRIPTIONS = {
    "name": ("what is measured", "1"),
    "layer": ("layer", "1"),
    "number_video": ("video that the number is of", "1"),
    "number_model": ("model that the number is of", "1"),
    "number_seed": ("seed that the number is of", "1"),
    "written": ("the number by the paper's words, mean over frames", "1"),
    "released": ("the number by the definitions of the released notebooks, mean over frames", "1"),
    "written_bound": ("what the number by the paper's words is compared with", "1"),
    "released_bound": ("what the number as released is compared with", "1"),
    "video": ("video", "1"),
    "model": ("model", "1"),
    "seed_of": ("seed", "1"),
    "architecture": ("architecture", "1"),
    "output_activation": ("activation at the output", "1"),
    "parameters": ("trained parameters", "1"),
    "bits_per_pixel": ("size at 8 bits a weight", "bit/pixel"),
    "psnr": ("mean over frames of PSNR", "dB"),
    "ssim": ("mean over frames of SSIM", "1"),
    "epochs": ("epochs of the training", "1"),
    "epochs_within": ("epoch from which the training's PSNR stays near its last", "1"),
    "seconds": ("time of the training", "s"),
    "canvas_bytes": ("size of the canvas", "byte"),
    "counted": ("whether the network is of the paper's kind of size and quality", "1"),
    "curve": ("variance over regions, of sorted live neurons, median over networks and frames", "1"),
    "constant_kernel": ("variance over the lattice of a kernel that contributes the same everywhere", "1"),
    "panel_model": ("model of the curves", "1"),
    "panel_layer": ("layer of the curves", "1"),
    "job_seconds": ("time of all jobs of a kind", "s"),
    "results_bytes": ("size of the results that this one is made from", "byte"),
    "videos_bytes": ("size of the prepared videos", "byte"),
    "definition": ("whose definition: of the paper's words, or as released", "1"),
    "position": ("place among the sorted live neurons", "%"),
    "kind": ("kind of job", "1"),
}


def _describe(result: xr.Dataset) -> xr.Dataset:
    for name, (text, units) in _DESCRIPTIONS.items():
        result[name].attrs = {"long_name": text, "units": units}
    return result
