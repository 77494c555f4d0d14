"""Estimates against exact ablation, and planted faults, in networks that the workflow has trained.

    python -m benchmarks.interventions results/bunny/nerv/seed0 results/collage/nerv/seed0

Of each network one frame. The region for which errors are estimated is the frame's worst quarter. A fault is one kernel
times three, or with its sign flipped, among those of its layer that matter most, if it costs the frame at least 0.2 dB.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

import xinc
from xinc.models.base import INR
from xinc.video.store import open_video

FACTORS = (3.0, -1.0)
#: Least loss in dB of what counts as a fault, and the share of a layer's neurons among which faults are planted.
LOSS, STRONGEST = 0.2, 0.1


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", nargs="+", type=Path, help="results/VIDEO/MODEL/seedN")
    parser.add_argument("--neurons", type=int, default=200, help="ablated exactly, of each layer")
    parser.add_argument("--faults", type=int, default=20, help="of each kind, over all layers")
    parser.add_argument("--probes", type=int, nargs="*", default=[32, 128], help="of xinc.effects")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    for folder in given.network:
        model, images = read(folder)
        found = measure(model, images, given.neurons, given.faults, given.probes)
        print(json.dumps({"network": str(folder)} | found), flush=True)


def read(folder: Path) -> tuple[INR, dict[int, np.ndarray]]:
    """The network, and frames (y, x, 3) of its video: the middle one first, then some others of a network of many."""
    model = xinc.load_model(folder / "model.pt")
    frame = model.frames[len(model.frames) // 2]
    others = [] if model.per_frame else [other for other in model.frames[:: len(model.frames) // 4] if other != frame]
    video = open_video(folder.parents[1] / "video.zarr")["frames"]
    return model, {at: video.sel(frame=at).values for at in (frame, *others)}


def measure(
    model: INR, images: Mapping[int, np.ndarray], neurons: int, faults: int, probes: Sequence[int]
) -> dict[str, Any]:
    """What `xinc.effects` costs, how well it ranks, and which faults `xinc.explain_error` names, in the first frame."""
    (frame, goal), *rest = images.items()
    region = worst_quarter(model, frame, goal)
    exact = {layer: ablated(model, frame, layer, goal, region, neurons) for layer in model.layer_names()}
    found: dict[str, Any] = {}
    for count in probes:
        start, cpu = time.monotonic(), time.process_time()
        masks = {"frame": np.ones_like(region), "region": region}
        estimated = xinc.effects(model, [frame], masks, goal[None], probes=count).isel(frame=0).load()
        seconds = {"wall": round(time.monotonic() - start, 1), "cpu": round(time.process_time() - cpu, 1)}
        ranks = {layer: rankings(estimated, layer, one) for layer, one in exact.items()}
        found[f"{count} probes"] = {"seconds_of_frame_and_region": seconds, "rank_correlation": ranks}
    return {
        "frame": frame,
        "neurons": estimated.sizes["neuron"],
        **found,
        **planted(model, frame, goal, dict(rest), estimated, faults),
    }


def worst_quarter(model: INR, frame: int, goal: np.ndarray) -> np.ndarray:
    """Mask (y, x) of the quarter of the frame with the largest squared error."""
    error = ((model.reconstruct(frame).permute(1, 2, 0).numpy() - goal) ** 2).sum(-1)
    height, width = (side // 2 for side in error.shape)
    sums = {(y, x): error[y:, x:][:height, :width].sum() for y in (0, height) for x in (0, width)}
    top, left = max(sums, key=lambda corner: sums[corner])
    mask = np.zeros(error.shape, bool)
    mask[top : top + height, left : left + width] = True
    return mask


def ablated(
    model: INR, frame: int, layer: str, goal: np.ndarray, region: np.ndarray, count: int
) -> tuple[np.ndarray, list[float], list[float]]:
    """Drawn neurons of a layer, and of each, exactly, the squared effect and what the region's error gains."""
    image, wanted = model.reconstruct(frame).numpy(), goal.transpose(2, 0, 1)
    total = xinc.dissect(model, [frame], [layer])[layer].sizes["neuron"]
    drawn = np.sort(np.random.default_rng(0).choice(total, min(count, total), replace=False))
    squares, errors = [], []
    for part in np.array_split(drawn, max(1, len(drawn) // 20)):
        lost = xinc.ablate(model, layer, part.tolist(), [frame]).isel(frame=0)
        without = image - lost["change"].values
        change = ((without - wanted) ** 2 - (image - wanted) ** 2).astype(float).sum(1)
        squares += lost["squared_effect"].values.tolist()
        errors += change[:, region].sum(-1).tolist()
    return drawn, squares, errors


def rankings(estimated: Any, layer: str, exact: tuple[np.ndarray, list[float], list[float]]) -> dict[str, float]:
    """Spearman's ρ of estimates with exact ablation, over the drawn neurons of a layer."""
    drawn, squares, errors = exact
    of_layer = estimated.isel(neuron=np.flatnonzero(estimated["layer"].values == layer)[drawn])
    return {
        "neurons": len(drawn),
        "squared_effect": rank(of_layer["squared_effect"].sel(region="frame"), squares),
        "error_change_of_region": rank(of_layer["error_change"].sel(region="region"), errors),
    }


def rank(estimates: Any, exact: list[float]) -> float:
    return round(float(spearmanr(estimates, exact).statistic), 4)


def planted(
    model: INR, frame: int, goal: np.ndarray, elsewhere: dict[int, np.ndarray], estimated: Any, count: int
) -> dict[str, Any]:
    """How many faults of each kind were planted, how often the culprit was ranked first, and how often named."""
    before = decibels(model, frame, goal)
    generator = np.random.default_rng(0)
    layers = model.layer_names()
    found: dict[str, Any] = {}
    for factor in FACTORS:
        by_layer = {layer: {"planted": 0, "first": 0, "named": 0} for layer in layers}
        for at in range(count):
            layer = layers[at % len(layers)]
            numbers = strongest(estimated, layer)
            for number in generator.permutation(numbers):
                faulty = with_factor(model, frame, layer, int(number), factor, estimated)
                if decibels(faulty, frame, goal) <= before - LOSS:
                    break
            else:
                continue  # no kernel of this layer costs so much
            said = xinc.explain_error(faulty, frame, goal, elsewhere=elsewhere or None)
            place = int(said["place"][0])
            first = str(said["layer"][place].values) == layer and int(said["number"][place]) == int(number)
            by_layer[layer]["planted"] += 1
            by_layer[layer]["first"] += first
            by_layer[layer]["named"] += first and bool(said["stands_out"][0])
        found[f"times {factor:g}"] = by_layer
    healthy = xinc.explain_error(model, frame, goal, elsewhere=elsewhere or None)
    return {"psnr": round(before, 2), "faults": found, "healthy": healthy.attrs["verdict"]}


def strongest(estimated: Any, layer: str) -> np.ndarray:
    """Numbers of the layer's neurons with the largest squared effects."""
    of_layer = estimated["squared_effect"].sel(region="frame").values[estimated["layer"].values == layer]
    return np.argsort(-of_layer)[: max(10, round(STRONGEST * len(of_layer)))]


def with_factor(model: INR, frame: int, layer: str, number: int, factor: float, estimated: Any) -> INR:
    """A copy of the network with one neuron's weights times a factor."""
    at = int(np.flatnonzero(estimated["layer"].values == layer)[number])
    into, out = int(estimated["in_channel"][at]), int(estimated["out_channel"][at])
    faulty = copy.deepcopy(model)
    if model.per_frame:
        weight = faulty.weights[int(layer.removeprefix("layer")) - 1].data[model.frames.index(frame)]
    else:
        weight = (faulty.head if layer == "head" else faulty.blocks[int(layer.removeprefix("block")) - 1]).weight.data
    weight[slice(None) if out < 0 else out, into] *= factor
    return faulty


def decibels(model: INR, frame: int, goal: np.ndarray) -> float:
    image = model.reconstruct(frame).permute(1, 2, 0).numpy().clip(0, 1)
    return float(-10 * np.log10(np.mean((image.astype(float) - goal) ** 2)))


if __name__ == "__main__":
    main(sys.argv[1:])
