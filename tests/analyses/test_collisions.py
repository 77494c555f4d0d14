"""Collisions of a small hash grid, against loops over vertices and networks with zeros in their tables."""

from __future__ import annotations

import copy
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import xinc
from tests.helpers.figures import troubles
from tests.helpers.tiny import tiny
from xinc.analyses.few import few_of
from xinc.analyses.making import make_analysis
from xinc.analyses.plot import plot_all
from xinc.analyses.results import open_result
from xinc.analyses.run import run_analysis
from xinc.analyses.subject import Subject
from xinc.errors import InputError
from xinc.models.base import INR
from xinc.models.storage import build
from xinc.trace.layers import Lookup


@pytest.fixture(scope="module")
def model() -> INR:
    """Levels of 4², 6² and, hashed, 9² vertices in up to 64 entries."""
    settings = {"levels": 3, "log2_entries": 6, "base_resolution": 4, "hidden_width": 7, "layers": 2}
    found = build("hashgrid", settings, (12, 18), [0, 2], 3, seed=1)
    found.tables.data.mul_(5e3)  # type: ignore[operator, union-attr]
    return found


@pytest.fixture(scope="module")
def video() -> xr.Dataset:
    frames = np.random.default_rng(0).random((3, 12, 18, 3)).astype(np.float32)
    return xr.Dataset({"frames": (("frame", "y", "x", "channel"), frames)}, {"frame": range(3)})


@pytest.fixture(scope="module")
def subject(model: INR, video: xr.Dataset) -> Subject:
    found = Subject(Path("nowhere"))
    found.video, found.model = video, model
    return found


@pytest.fixture(scope="module")
def result(subject: Subject) -> xr.Dataset:
    found: xr.Dataset = make_analysis("collisions", {"frames": [2], "exchanges": 99}).compute(subject)
    return found


def vertices(grid: Lookup, number: int, v: torch.Tensor) -> dict[int, dict[tuple[int, int], dict[int, float]]]:
    """By entry and vertex, the pixels that read it and their shares, by loops."""
    found: dict[int, dict[tuple[int, int], dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    level = grid.levels[number]
    for p, (x, y) in enumerate(v.flatten(1).T.tolist()):
        place = [one * axis.scale + axis.shift for one, axis in zip((x, y), level.axes, strict=True)]
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            i, j = int(place[0]) + dx, int(place[1]) + dy
            n = (i ^ (j * 2654435761 % 2**32)) if level.hashed else i + j * level.axes[0].size
            share = (place[0] % 1 if dx else 1 - place[0] % 1) * (place[1] % 1 if dy else 1 - place[1] % 1)
            if share > 0:
                found[n % level.entries][i, j][p] = share
    return found


def test_places_are_those_of_a_loop(model: INR, result: xr.Dataset) -> None:
    trace = model.trace(2)
    for number in range(3):
        found = vertices(trace.layers[0], number, trace.input)  # type: ignore[arg-type]
        one = result.isel(frame=0, level=number)
        places = [len(each) for each in found.values()]
        assert int(one["entries"]) == len(found)
        assert int(one["places"]) == sum(places)
        assert float(one["places_of_entry"]) == pytest.approx(np.mean(places))
        assert int(one["most_places"]) == max(places)
        pixels = [len(set().union(*each.values())) for each in found.values()]
        assert float(one["pixels_of_entry"]) == pytest.approx(np.mean(pixels))
        several = sum(sum(spot.values()) for each in found.values() if len(each) > 1 for spot in each.values())
        assert float(one["colliding"]) == pytest.approx(several / 216, rel=1e-5)
    assert result["places_of_entry"][0, 2] > 1.5


def test_error_without_entries_is_that_of_the_network(model: INR, video: xr.Dataset, result: xr.Dataset) -> None:
    trace, goal = model.trace(2), video["frames"].values[2]
    grid = trace.layers[0]
    assert isinstance(grid, Lookup)

    def error(network: INR) -> np.ndarray:
        image = network.reconstruct(2).permute(1, 2, 0).numpy().astype(np.float64)
        return np.square(image - goal).mean(-1).ravel()

    whole = error(model)
    np.testing.assert_allclose(result["squared_error"][0].values.ravel(), whole, rtol=1e-4, atol=1e-6)
    for number, start in enumerate(grid.starts("weight")[:3]):
        harmed, cost = {True: [], False: []}, {True: [], False: []}  # type: ignore[var-annotated]
        for entry, places in vertices(grid, number, trace.input).items():
            other = copy.deepcopy(model)
            other.tables.data[1, start + 2 * entry : start + 2 * entry + 2] = 0  # type: ignore[index, operator, union-attr]
            change = error(other) - whole
            total: dict[int, float] = defaultdict(float)
            for pixels in places.values():
                for p, share in pixels.items():
                    total[p] += share
            each = [sum(change[p] * share / total[p] for p, share in pixels.items()) for pixels in places.values()]
            harmed[len(places) > 1] += [one < 0 for one in each]
            cost[len(places) > 1].append(sum(each))
        for at, kind in enumerate((False, True)):
            if harmed[kind]:
                one = result.isel(frame=0, level=number, kind=at)
                assert float(one["worse_off"]) == pytest.approx(np.mean(harmed[kind]), abs=1e-9)
                assert float(one["cost_of_zeros"]) == pytest.approx(np.mean(cost[kind]), rel=1e-3, abs=1e-6)


def test_errors_where_entries_collide(model: INR, result: xr.Dataset) -> None:
    """The ratio of weighted means; of an error without structure chance explains it."""
    trace, error = model.trace(2), result["squared_error"][0].values.ravel()
    collides = np.zeros(216)
    for places in vertices(trace.layers[0], 2, trace.input).values():  # type: ignore[arg-type]
        for pixels in places.values() if len(places) > 1 else ():
            collides[list(pixels)] += list(pixels.values())
    ratio = np.average(error, weights=collides) / np.average(error, weights=1 - collides)
    assert float(result["error_ratio"][0, 2]) == pytest.approx(ratio, rel=1e-4)
    null = result["error_ratio_null"][0, 2]
    assert 0.02 < float(null.sel(null="p_value")) < 0.98
    assert float(null.sel(null="mean")) == pytest.approx(1, abs=0.1)


def test_errors_made_of_collisions_are_found(subject: Subject) -> None:
    other = copy.copy(subject)
    first = make_analysis("collisions", {"frames": [2]}).compute(subject)
    image = subject.model.reconstruct(2).permute(1, 2, 0).numpy()
    frames = np.stack([image + first["collides"][0].values[..., None] ** 2] * 3)
    other.video = subject.video.assign(frames=(("frame", "y", "x", "channel"), frames.astype(np.float32)))
    found = make_analysis("collisions", {"frames": [2]}).compute(other)
    assert float(found["error_ratio"][0, 2]) > 1
    assert float(found["error_ratio_null"][0, 2].sel(null="p_value")) < 0.05


@pytest.mark.slow
def test_it_is_written_drawn_and_a_table(subject: Subject, tmp_path: Path) -> None:
    run_analysis("collisions", {"frames": "all"}, subject, tmp_path / "result", {"model": "hashgrid"})
    found = open_result(tmp_path / "result").load()
    assert found["frame"].values.tolist() == [0, 2]
    assert len(xinc.to_dataframe(tmp_path / "result")) == 6
    for size in ("page", "column", "slide"):
        for part, figure in plot_all(tmp_path / "result", size).items():
            assert troubles(figure) == [], part


def test_it_is_about_hash_grids(model: INR, video: xr.Dataset) -> None:
    with pytest.raises(
        InputError, match="'collisions' is about networks of the architecture hashgrid, and this one is"
    ):
        xinc.analyse("collisions", tiny("ffn"), video)
    assert "level" in xinc.analyse("collisions", model, video).dims


def test_fewer_neurons_of_tables() -> None:
    canvas: Any = {name: layer.to_dataset() for name, layer in xinc.dissect(tiny("hashgrid")).children.items()}
    some = few_of(canvas["grid"], 3, 20)
    assert some.sizes["neuron"] == 20
    assert some["neuron"].values.tolist() == few_of(canvas["grid"], 3, 20)["neuron"].values.tolist()
    assert few_of(canvas["grid"], 3, 64) is canvas["grid"]
    assert few_of(canvas["layer1"], 3, 2) is canvas["layer1"]
