"""What is computed on a GPU is what is computed on the CPU, from training to pruning.

`XINC_TEST_DEVICE=cpu` runs the same lines without a GPU: it shows that they run, not that a GPU agrees.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import xinc
from tests.helpers import stepwise, zoo
from tests.helpers.ablated import NETWORKS, network
from tests.helpers.trainings import SMALL, make, targets, training, weights
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.training.loop import fit, fit_together

DEVICE: Any = os.environ.get("XINC_TEST_DEVICE", "cuda")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="PyTorch finds no CUDA GPU"),
]

#: Sums of float32 in another order.
CLOSE: dict[str, Any] = {"rtol": 2e-3, "atol": 1e-4}


#: Those of interventions' tests, and the rest of the families.
ALL = sorted({*NETWORKS, "hashgrid", "wire2d", *stepwise.SMALL})
TRAINED = sorted({*SMALL, *stepwise.SMALL})


def moved(name: str) -> tuple[Any, Any]:
    """A network on the CPU, and its copy on the GPU."""
    model = network(name) if name in NETWORKS else make(name, frames=(0, 2), seed=1).eval()
    return model, copy.deepcopy(model).to(DEVICE)


def same(
    found: xr.Dataset | xr.DataArray, expected: xr.Dataset | xr.DataArray, least: dict[str, float] | None = None
) -> None:
    """To the tolerance above, of the largest value of each variable, or of ``least`` where that is more.

    A sum of what colours lose has the rounding of colours, 1e-7 a pixel, however little they lose.
    """
    if isinstance(expected, xr.DataArray):
        found, expected = found.to_dataset(name="values"), expected.to_dataset(name="values")
    assert set(found) == set(expected)
    for name, one in expected.items():
        if one.dtype.kind not in "fiu":
            np.testing.assert_array_equal(found[name].values, one.values, str(name))
            continue
        scale = max(float(abs(one).max()), (least or {}).get(str(name), 0.0)) or 1.0
        np.testing.assert_allclose(found[name].values / scale, one.values / scale, err_msg=str(name), **CLOSE)


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training(name: str, precision: Any) -> None:
    """The same losses, epoch by epoch, as far as rounding lets them."""
    settings = {"epochs": 12, "precision": precision}
    found = fit(make(name), targets(), training(device=DEVICE, **settings))
    expected = fit(make(name), targets(), training(device="cpu", **settings))
    rel = 2e-2 if precision == "float32" else 1e-1
    assert [row["loss"] for row in found.rows] == pytest.approx([row["loss"] for row in expected.rows], rel=rel)


@pytest.mark.parametrize("name", TRAINED)
def test_several_networks_at_once(name: str) -> None:
    """Streams and graphs of several networks do not get into each other's way."""
    settings = training(epochs=10, device=DEVICE)
    models = [make(name, seed=seed) for seed in (0, 1, 2)]
    fit_together(models, [targets()] * 3, settings)
    for seed, model in enumerate(models):
        alone = make(name, seed=seed)
        fit(alone, targets(), settings)
        for one, other in zip(weights(model), weights(alone), strict=True):
            torch.testing.assert_close(one.cpu(), other.cpu(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_maps_and_gained_maps(name: str, tmp_path: Path) -> None:
    """In memory of a network on the GPU, and of both layouts of a store that it wrote."""
    model, there = moved(name)
    gained = CanvasSettings(device=DEVICE, gain=True)
    layouts = ("factored",) if name in ("hashgrid", "hinerv") else ("factored", "dense")  # grids are never dense
    for layout in layouts:
        for layer in model.layer_names():
            place = tmp_path / f"{layout}.zarr" / layer
            write_layer(copy.deepcopy(there), place, layer, None, gained.model_copy(update={"layout": layout}))
    for gain in (False, True):
        expected, found = xinc.dissect(model, gain=gain), xinc.dissect(there, gain=gain)
        stores = [xinc.open_canvas(tmp_path / f"{layout}.zarr", gain=gain) for layout in layouts]
        for layer in model.layer_names():
            for canvas in (found, *stores):
                same(canvas[layer]["contribution"], expected[layer]["contribution"])
                same(canvas[layer]["contribution"].isel(neuron=[0]), expected[layer]["contribution"].isel(neuron=[0]))


@pytest.mark.parametrize("name", ALL)
def test_summaries(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streaming reductions of a whole layer, in the blocks of a GPU and in those of the CPU."""
    model, there = moved(name)
    labels = {"halves": np.arange(np.prod(model.resolution)).reshape(model.resolution) % 3 - 1}
    for layer in model.layer_names():
        found = xinc.summarise(xinc.dissect(there)[layer], labels)
        with monkeypatch.context() as patch:
            patch.setattr("xinc.canvas.reductions.execute.has_gpu", lambda: False)
            expected = xinc.summarise(xinc.dissect(model)[layer], labels)
        counts = ["pixels_over_share", "neurons_over"]  # what lies at a threshold may fall on either side
        same(found.drop_vars(counts), expected.drop_vars(counts))
        for count in () if layer.endswith("_window") else counts:  # those of a few are all 1 where they close: ties
            assert abs(found[count].astype(int) - expected[count].astype(int)).mean() < 0.1


@pytest.mark.parametrize("name", ALL)
def test_interventions(name: str) -> None:
    """Exact effects of ablation; estimates of all neurons from the same probes."""
    model, there = moved(name)
    goal = np.random.default_rng(0).random((2, *model.resolution, 3), np.float32)
    for layer in model.layer_names():
        for mode in ("zero", "mean"):
            found, expected = (xinc.ablate(one, layer, mode=mode, target=goal) for one in (there, model))
            same(found, expected, {"absolute_effect": 1e-3 * np.prod(model.resolution)})
    mask = np.zeros(model.resolution, bool)
    mask[: model.resolution[0] // 2] = True
    same(*(xinc.effects(one, regions={"upper": mask}, target=goal, probes=4) for one in (there, model)))
    found, expected = (xinc.explain_error(one, 2, goal[1], mask) for one in (there, model))
    if name == "wire2d":  # some of its candidates gain the same, and may be ranked either way
        found, expected = (one.sortby("place") for one in (found, expected))
    same(found, expected)


@pytest.mark.parametrize("unit", ["kernel", "weight"])
@pytest.mark.parametrize("name", ["nerv", "hnerv"])
def test_pruning(name: str, unit: Any) -> None:
    """The same units go, and what is left trains where it is."""
    model, there = moved(name)
    goal = np.random.default_rng(0).random((2, *model.resolution, 3), np.float32)
    for criterion in ("contribution", "magnitude", "taylor_squared"):
        found, expected = (
            xinc.prune(one, 0.3, criterion, unit, target=goal, finetune_epochs=0) for one in (there, model)
        )
        for a, b in zip(found.state_dict().values(), expected.state_dict().values(), strict=True):
            torch.testing.assert_close(a.cpu(), b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", sorted(zoo.CASES))
def test_modules(name: str) -> None:
    """Through the front door, with module and inputs on the GPU."""
    case = zoo.CASES[name]
    module, inputs = zoo.made(name).eval(), case.inputs
    there = torch.utils._pytree.tree_map(lambda one: one.to(DEVICE) if isinstance(one, torch.Tensor) else one, inputs)
    expected = xinc.dissect(module, inputs=inputs, resolution=case.resolution)
    found = xinc.dissect(copy.deepcopy(module).to(DEVICE), inputs=there, resolution=case.resolution)
    assert list(found) == list(expected)
    for layer in expected:
        same(found[layer]["contribution"], expected[layer]["contribution"])
