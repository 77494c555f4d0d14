"""Estimated effects against exact ablation, and against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import xinc
from tests.helpers.ablated import NETWORKS, network
from xinc.errors import InputError


def target_of(seed: int, frames: int, resolution: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(seed).random((frames, *resolution, 3)).astype(np.float32)


def layer(found: xr.Dataset, name: str) -> xr.Dataset:
    return found.sel(neuron=found["layer"].values == name)


@pytest.mark.parametrize(
    ("name", "granularity"),
    [
        ("nerv", None),
        ("hnerv", None),
        ("ffn", "kernel"),
        ("siren", "input"),
        ("siren", "output"),
        ("wire", "kernel"),
        ("wire", "input"),
    ],
)
def test_the_last_layer_against_exact_ablation(name: str, granularity: str | None) -> None:
    """The output is linear in the last layer's weights but for its activation: there, none."""
    architecture, settings, resolution = NETWORKS[name]
    from xinc.models.storage import build

    model = build(architecture, settings | {"output_activation": "identity"}, resolution, [0, 2], 3, seed=1).eval()
    last, goal = model.layer_names()[-1], target_of(0, 1, resolution)
    found = layer(xinc.effects(model, [2], target=goal, probes=400, granularity=granularity), last).isel(region=0)
    exact = xinc.ablate(model, last, frames=[2], target=goal, maps=False, granularity=granularity)
    error = found["squared_effect_error"].values + 1e-12
    for estimate, truth in (("squared_effect", "squared_effect"), ("error_change", "error_change")):
        apart = abs(found[estimate].values - exact[truth].values) / error
        assert apart.max() < 6
        assert np.median(apart) < 1.5


@pytest.mark.parametrize("name", ["nerv", "ffn", "siren", "gauss"])
def test_ranks_of_every_layer(name: str) -> None:
    model = network(name)
    found = xinc.effects(model, [2], probes=200, granularity="kernel")
    for one in model.layer_names():
        exact = xinc.ablate(model, one, frames=[2], maps=False, granularity="kernel")["squared_effect"].isel(frame=0)
        estimate = layer(found, one)["squared_effect"].isel(frame=0, region=0)
        assert stats.spearmanr(estimate, exact).statistic > 0.9


def test_regions_add_up_and_masks_are_label_maps() -> None:
    model, goal = network("nerv"), target_of(1, 2, (16, 24))
    labels = np.zeros((16, 24), int)
    labels[:, 12:] = 1
    labels[:2] = -1
    by_label = xinc.effects(model, [0, 2], regions=labels, target=goal, probes=3)
    masks = {"left": labels == 0, "right": labels == 1, "both": labels >= 0}
    by_name = xinc.effects(model, [0, 2], regions=masks, target=goal, probes=3)
    assert by_label["region"].values.tolist() == ["0", "1"]
    np.testing.assert_allclose(
        by_label["alignment"].sel(region="1"), by_name["alignment"].sel(region="right"), rtol=1e-6
    )
    both = by_name["alignment"].sel(region="left") + by_name["alignment"].sel(region="right")
    np.testing.assert_allclose(by_name["alignment"].sel(region="both"), both, rtol=1e-4, atol=1e-5)


def test_probes_are_those_of_the_seed() -> None:
    model = network("ffn")
    same = [xinc.effects(model, [0], probes=4, seed=seed)["squared_effect"].values for seed in (1, 1, 2)]
    np.testing.assert_array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"probes": 1}, "probes is 1; expected an integer of at least 2"),
        ({"frames": [1]}, "Frame 1 is not represented"),
        ({"frames": [0.5]}, "a list of frame indices was expected"),
        (
            {"regions": np.zeros((4, 4), int)},
            r"Region '0' is of type bool and shape \(4, 4\); expected bool and \(16, 24\)",
        ),
        ({"regions": {"box": np.zeros((16, 24))}}, "Region 'box' is of type float64"),
        ({"regions": np.zeros((16, 24))}, "Label maps are of type float64; expected integers"),
        ({"regions": np.full((16, 24), -1)}, "There are no regions"),
        ({"target": np.zeros((1, 16, 24, 3))}, r"The target has shape \(1, 16, 24, 3\); expected \(2, 16, 24, 3\)"),
        ({"target": np.full((2, 16, 24, 3), 255)}, "The target has colours from 255 to 255; expected them from 0 to 1"),
        ({"target": np.full((2, 16, 24, 3), np.nan)}, "The target has colours that are not finite"),
        ({"granularity": "input"}, "Granularity 'input' is not defined"),
    ],
)
def test_what_makes_no_sense(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        xinc.effects(network("nerv"), **asked)
