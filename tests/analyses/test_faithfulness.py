"""Maps and totals against ablation, by another way; controls, intervals and nulls; and where the numbers are quoted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
import xarray as xr

import xinc
from tests.helpers.ablated import network
from xinc.analyses.draw import draw_figures
from xinc.analyses.faithfulness.claims import CLAIMS
from xinc.analyses.faithfulness.figure import lines
from xinc.analyses.faithfulness.intervals import (
    effect_of_idle,
    median_with_interval,
    paired_difference,
    rank_correlation,
    ranked_better,
    ranking_of_chance,
    ranking_with_interval,
)
from xinc.analyses.faithfulness.measured import norms
from xinc.analyses.faithfulness.names import MAPS, TOTALS
from xinc.analyses.making import make_analysis
from xinc.analyses.run import run_analysis
from xinc.analyses.subject import Subject
from xinc.contributions.maps import LayerMaps
from xinc.models.base import INR
from xinc.plotting import layout


def subject_of(model: INR, granularity: str | None = None) -> Any:
    """Everything in memory, the video of random colours."""
    generator = np.random.default_rng(0)
    colours = generator.random((len(model.frames), *model.resolution, 3)).astype(np.float32)
    video = xr.Dataset({"frames": (("frame", "y", "x", "channel"), colours)}, {"frame": list(model.frames)})
    canvas = xinc.dissect(model, granularity=granularity)
    subject = Subject(video_path=Path("nowhere"), model_path=Path("nowhere"))
    subject.__dict__.update(
        video=video, model=model, canvas={name: layer.to_dataset() for name, layer in canvas.children.items()}
    )
    return subject


def computed(model: INR, granularity: str | None = None, **settings: Any) -> xr.Dataset:
    chosen = {"neurons": 6, "probes": 4, "resamples": 20} | settings
    return make_analysis("faithfulness", chosen).compute(subject_of(model, granularity))


def correlation(a: Any, b: Any) -> float:
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


@pytest.mark.parametrize("name", ["nerv", "hnerv", "ffn", "siren"])
def test_numbers_are_those_of_ablation(name: str) -> None:
    model = network(name)
    granularity = "input" if name in ("ffn", "siren") else "kernel"
    result = computed(model, probes=3)
    frame = model.frames[0]
    assert result["layer"].values.tolist() == model.layer_names()
    plain = xinc.dissect(model, [frame])
    target = subject_of(model).video["frames"].values[:1]
    guessed = xinc.effects(model, [frame], target=target, probes=3, granularity=granularity).isel(frame=0, region=0)
    for layer in model.layer_names():
        one = result.sel(layer=layer)
        drawn = one["neuron"].values[one["neuron"].values >= 0]
        assert len(set(drawn)) == len(drawn) == min(6, plain[layer].sizes["neuron"])
        lost = xinc.ablate(model, layer, drawn.tolist(), [frame]).isel(frame=0)
        maps = abs(plain[layer]["contribution"].isel(frame=0, neuron=drawn))
        found = one["agreement"].sel(map="contribution").values[: len(drawn)]
        for k in range(len(drawn)):
            if np.ptp(maps[k].values) and np.ptp(lost["effect"][k].values):
                assert found[k] == pytest.approx(correlation(maps[k], lost["effect"][k]), abs=1e-5)
        known = found[np.isfinite(found)]
        expected = np.median(known) if known.size else np.nan
        np.testing.assert_allclose(one["median_agreement"].sel(map="contribution"), expected)
        own = guessed.isel(neuron=np.flatnonzero(guessed["layer"].values == layer)[drawn])
        totals = {"contribution": maps.sum(("y", "x")), "taylor": abs(own["alignment"])}
        totals["gauss_newton"] = own["squared_effect"]
        for total, values in totals.items():
            for effect in ("absolute", "squared"):
                found = float(one["ranking"].sel(total=total, effect=effect))
                if np.ptp(np.asarray(values)):
                    expected = scipy.stats.spearmanr(values, lost[f"{effect}_effect"]).statistic
                    assert found == pytest.approx(expected, abs=1e-6)
                else:
                    assert np.isnan(found)


def test_gained_maps_of_a_linear_last_layer_agree_exactly() -> None:
    """There a gained map is the effect; the paper's has a share of the bias in it."""
    result = computed(network("siren"), "kernel", neurons=8).sel(layer="layer4")
    np.testing.assert_allclose(result["median_agreement"].sel(map="gained"), 1, atol=1e-5)
    assert float(result["ranking"].sel(total="gained", effect="absolute")) == pytest.approx(1)


def test_controls_are_of_other_neurons_and_other_weights() -> None:
    model = network("nerv")
    result = computed(model, neurons=12)
    for layer in model.layer_names():
        agreement = result["agreement"].sel(layer=layer)
        own = agreement.sel(map="contribution").values
        for control in ("other", "reinitialised", "shuffled"):
            assert not np.allclose(agreement.sel(map=control).values, own, equal_nan=True)
    assert set(result["map"].values) == set(MAPS)
    assert set(result["total"].values) == set(TOTALS)


def test_neurons_without_contribution_are_ablated() -> None:
    """Planted in an FFN: dead ones whose weights are 0, and ones that its ReLU hides though the output needs them."""
    model = network("ffn")
    with torch.no_grad():
        tensors = dict(model.named_parameters())
        tensors["biases.1"].zero_()
        tensors["weights.1"].add_(0.5)
        tensors["weights.1"][..., 2] = 0.0  # feature 2 feeds nothing
        tensors["weights.1"][..., 4] -= tensors["weights.1"][..., 4].mean(-1, keepdim=True) + 0.01  # sums below zero
    subject = subject_of(model)
    layer = "layer2"
    total = abs(subject.canvas[layer]["contribution"].isel(frame=0)).sum(("y", "x")).values
    result = computed(model).sel(layer=layer)
    assert float(result["idle_neurons"]) == (total == 0).sum() >= 2
    lost = xinc.ablate(model, layer, frames=[0], maps=False)["absolute_effect"].values[0]
    assert lost[2] == 0
    assert lost[4] > 0 == total[4]
    drawn = result["neuron"].values[result["neuron"].values >= 0]
    active = lost[drawn][total[drawn] > 0]
    expected = np.median(lost[total == 0]) / np.median(active)
    assert float(result["idle_effect"]) == pytest.approx(expected, rel=1e-4)


def test_a_layer_in_which_every_neuron_contributes_is_not_measured() -> None:
    result = computed(network("nerv"))
    assert result["idle_neurons"].sum() == 0
    assert result["idle_effect"].isnull().all()


def test_norms_of_weights() -> None:
    model = network("nerv")
    trace = model.trace(0)
    maps, v = LayerMaps.of(trace, "block2"), trace.input_of("block2")
    own, with_input = norms(maps, v)
    for n in (0, 5, 17):
        i, j = int(maps.neurons.in_channel[n]), int(maps.neurons.out_channel[n])
        size = float(trace.layers[1].weight[j, i].norm())
        assert own[n] == pytest.approx(size)
        assert with_input[n] == pytest.approx(size * float(v[i].norm()))
    ffn = network("ffn").trace(0)
    for granularity in ("input", "output"):
        maps, v = LayerMaps.of(ffn, "layer2", granularity), ffn.input_of("layer2")
        own, with_input = norms(maps, v)
        weight, axis = ffn.layers[1].weight, 0 if granularity == "input" else 1
        np.testing.assert_allclose(own, weight.norm(dim=axis), rtol=1e-5)
        np.testing.assert_allclose(with_input, (weight * v.norm(dim=(1, 2))).norm(dim=axis), rtol=1e-5)


# Intervals and nulls --------------------------------------------------------------------------------------------------


def generator() -> np.random.Generator:
    return np.random.default_rng(3)


def test_ranks_are_scipys() -> None:
    a, b = generator().normal(size=(2, 5, 40)).round(1)
    expected = [scipy.stats.spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(rank_correlation(a, b), expected)
    assert np.isnan(rank_correlation(np.ones(4), np.arange(4.0)))


def test_intervals_hold_what_they_are_of() -> None:
    """In about 95 of 100 draws; of constants and of nothing, nothing is said."""
    found = []
    for seed in range(60):
        values = np.random.default_rng(seed).normal(2, 1, 50)
        median, low, high = median_with_interval(values, 200, generator())
        assert low <= median <= high
        found.append(low <= 2 <= high)
    assert sum(found) >= 50
    assert np.isnan(median_with_interval(np.full(3, np.nan), 20, generator())).all()
    own, low, high = ranking_with_interval(np.arange(30.0)[None], np.arange(30.0)[None] ** 2, 50, generator())
    assert own == low == high == pytest.approx(1)
    assert np.isnan(ranking_with_interval(np.ones((1, 9)), np.arange(9.0)[None], 50, generator())).all()


def test_chance_lies_around_nothing() -> None:
    middle, low, high = ranking_of_chance(np.arange(100.0)[None], 2000, generator())
    assert middle == 0
    # The standard error of Spearman's ρ of independent values is 1 / sqrt(n − 1).
    assert (low, high) == (pytest.approx(-1.96 / 99**0.5, abs=0.03), pytest.approx(1.96 / 99**0.5, abs=0.03))


def test_pairs_that_differ_and_pairs_that_do_not() -> None:
    other = generator().normal(size=40)
    difference, (p, mean, edge) = paired_difference(other + 1, other, 500, generator())
    assert difference == pytest.approx(1)
    assert p == pytest.approx(1 / 501)
    assert abs(mean) < 0.5
    assert edge < 1
    alike = [
        paired_difference(*np.random.default_rng(s).normal(size=(2, 30)), 200, generator())[1][0] for s in range(60)
    ]
    assert 0.3 < np.mean(alike) < 0.7  # p-values of no difference are uniform
    assert np.isnan(paired_difference(np.array([np.nan]), np.zeros(1), 20, generator())[0])


def test_which_total_ranks_better() -> None:
    effects, noise = generator().normal(size=(2, 2, 60))
    difference, (p, _, _) = ranked_better(effects, noise, effects, 300, generator())
    assert difference == pytest.approx(1 - rank_correlation(noise, effects).mean())
    assert p == pytest.approx(1 / 301)
    assert ranked_better(noise, effects, effects, 300, generator())[1][0] == 1
    assert ranked_better(noise, noise, effects, 50, generator())[0] == 0


def test_idle_neurons_with_and_without_effect() -> None:
    others = generator().uniform(1, 2, 30)
    ratio, (p, mean, _) = effect_of_idle(np.zeros(10), others, 200, generator())
    assert ratio == 0
    assert p < 0.05
    assert mean > 0.5
    ratio, (p, _, _) = effect_of_idle(others[:10], others, 200, generator())
    assert 0.7 < ratio < 1.3
    assert p > 0.1
    assert np.isnan(effect_of_idle(np.empty(0), others, 20, generator())[0])


def test_claims_are_of_variables_of_the_result() -> None:
    result = computed(network("ffn"))
    for claim in CLAIMS:
        assert claim.statistic(result).dims == ("layer",)
        assert claim.null is not None
        assert claim.null(result).dims == ("layer", "null")


# Where the numbers are quoted -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_figures_of_maps_quote_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_of(network("nerv"))
    for name, settings in (("faithfulness", {"neurons": 4, "probes": 2, "resamples": 20}), ("maps", {"neurons": 2})):
        run_analysis(name, settings, subject, tmp_path / name)
    told = lines(xr.open_zarr(tmp_path / "faithfulness" / "result.zarr", consolidated=False))
    assert told["block1"].startswith("maps agree with effects to r = ")
    assert ", gained " in told["block1"]
    titles: dict[str, str] = {}
    monkeypatch.setattr(layout, "save", lambda figure, path: titles.update({path.name: figure.get_suptitle()}))
    draw_figures("maps", {"neurons": 2}, tmp_path / "maps", tmp_path / "without")
    assert not any("maps agree" in title for title in titles.values())
    draw_figures("maps", {"neurons": 2}, tmp_path / "maps", tmp_path / "with", [tmp_path / "faithfulness"])
    assert {layer: title.split("\n")[-1] for layer, title in titles.items()} == told


def test_numbers_are_written_as_correlations_are() -> None:
    values = xr.DataArray([[0.449, 1.0, -0.004, np.nan], [0.721, -0.5, 0.999, 1]], dims=("map", "layer"))
    result = xr.Dataset(
        {"median_agreement": values}, {"map": ["contribution", "gained"], "layer": ["a", "b", "c", "d"]}
    )
    said = [text.removeprefix("maps agree with effects to r = ").split(" (")[0] for text in lines(result).values()]
    assert said == [".45, gained .72", "1.00, gained -.50", ".00, gained 1.00", "undefined, gained 1.00"]
