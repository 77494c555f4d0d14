"""The maps shown are those of the canvas: of the strongest neurons, or drawn by lot for each layer on its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.helpers.made import made
from tests.helpers.subjects import Make
from xinc.analyses.making import make_analysis
from xinc.analyses.subject import subject_of
from xinc.plotting.animation import LETTERING

LAYOUTS = ["factored", pytest.param("dense", marks=pytest.mark.slow)]


def compute(subject: Any, **settings: Any) -> xr.Dataset:
    return make_analysis("maps", settings).compute(subject)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("model", ["nerv", "ffn"])
def test_maps_are_those_of_the_canvas(subjects: Make, model: str, layout: str) -> None:
    subject = subjects(model, layout)
    result = compute(subject, neurons=4, choice="random")
    for layer, data in subject.canvas.items():
        shown = result["contribution"].sel(layer=layer)
        numbers = shown["neuron"].values
        assert len(set(numbers)) == 4
        assert numbers.tolist() == sorted(numbers)
        assert shown["frame"].values.tolist() == data["frame"].values.tolist()
        for k, number in enumerate(numbers):
            one = data.sel(neuron=number)
            expected = np.abs(one["contribution"].values)
            np.testing.assert_allclose(shown.isel(sample=k).transpose("frame", "y", "x"), expected, rtol=1e-6)
            for label in ("in_channel", "out_channel"):
                assert int(shown[label].isel(sample=k)) == int(one[label])
    np.testing.assert_array_equal(
        result["source"].transpose("frame", "y", "x", "channel"),
        subject.video["frames"].sel(frame=result["frame"].values),
    )


def test_a_layers_draw_does_not_depend_on_the_others(subjects: Make) -> None:
    subject = subjects("nerv")
    alone = subject_of(str(subject.video_path), canvas=str(subject.canvas_path), layers=["block2"])
    for choice in ("random", "strongest"):
        together = compute(subject, neurons=4, choice=choice)["contribution"].sel(layer="block2")
        own = compute(alone, neurons=4, choice=choice)["contribution"].sel(layer="block2")
        xr.testing.assert_equal(own, together)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_strongest_come_first(subjects: Make, layout: str) -> None:
    """Brute force over the maps of the first frame shown; shares are of the whole layer."""
    subject = subjects("nerv", layout)
    result = compute(subject, neurons=4, frames=[1, 3])
    for layer, data in subject.canvas.items():
        totals = abs(data["contribution"].sel(frame=1)).sum(("y", "x")).values.astype(float)
        shown = result.sel(layer=layer)
        order = np.argsort(-totals, kind="stable")[:4]
        np.testing.assert_allclose(totals[shown["neuron"].values], totals[order], rtol=1e-5)
        np.testing.assert_allclose(shown["share"], totals[order] / totals.sum(), rtol=1e-5)


def test_the_seed_draws_others_and_the_same_seed_the_same(subjects: Make) -> None:
    drawn = [
        compute(subjects("nerv"), neurons=4, choice="random", seed=s)["neuron"].values.tolist() for s in (0, 0, 1, 2)
    ]
    assert drawn[0] == drawn[1]
    assert len({str(numbers) for numbers in drawn}) == 3


@pytest.mark.slow
def test_neurons_are_drawn_evenly() -> None:
    """Over many seeds every neuron is shown about as often as any other."""
    source = np.zeros((1, 2, 2, 3))
    counts = np.zeros(10)
    for seed in range(100):
        subject = made_with_channels(source, layer=np.ones((1, 10, 2, 2)))
        counts[compute(subject, neurons=3, choice="random", seed=seed)["neuron"].values.ravel()] += 1
    assert counts.sum() == 300
    assert 15 < counts.min() <= counts.max() < 50


def made_with_channels(source: np.ndarray, **layers: np.ndarray) -> Any:
    subject = made(source, **layers)
    for data in subject.canvas.values():
        count = data.sizes["neuron"]
        data.coords["in_channel"] = ("neuron", np.arange(count))
        data.coords["out_channel"] = ("neuron", np.full(count, -1))
    return subject


def test_fewer_neurons_than_asked_for_and_dead_ones() -> None:
    maps = np.random.default_rng(0).random((2, 3, 4, 6)) + 0.1
    maps[:, 1] = 0
    source = np.zeros((2, 4, 6, 3))
    analysis = make_analysis("maps", {"neurons": 5, "zoom": 1, "choice": "random"})
    result = analysis.compute(made_with_channels(source, small=maps, large=np.ones((2, 9, 4, 6))))
    small = result.sel(layer="small")
    assert small["neuron"].values.tolist() == [0, 1, 2, -1, -1]
    assert small["contribution"].isel(sample=slice(3, None)).isnull().all()
    assert small["contribution"].isel(sample=slice(3)).notnull().all()
    assert small["dead"].values.tolist() == [False, True, False, False, False]
    assert not result["dead"].sel(layer="large").any()
    drawn = analysis.plot(result)
    assert "1 of the 3 shown dead" in drawn["small"]._suptitle.get_text()  # type: ignore[attr-defined]
    assert "dead" not in drawn["large"]._suptitle.get_text()  # type: ignore[attr-defined]
    titles = [axis.get_title() for axis in drawn["small"].axes]
    assert [title for title in titles if title][1:] == [
        f"n 0, {100 * float(small['share'][0]):.0f} %",
        "n 1 (dead)",
        f"n 2, {100 * float(small['share'][2]):.0f} %",
    ]
    # In the film, too, only those that there are: the source and three maps, two gaps of 2 pixels between each.
    assert analysis.animate(result)["small"][0].shape == (LETTERING + 4, 4 * 6 + 3 * 2, 3)


def test_of_the_strongest_the_dead_are_not_drawn() -> None:
    maps = np.zeros((1, 3, 4, 6))
    for alive, about, titles in ((1, "all others dead", ["n 1, 100 %"]), (0, "all dead", ["n 0 (dead)"])):
        maps[:, 1, 2] = alive
        analysis = make_analysis("maps", {"neurons": 3})
        figure = analysis.plot(analysis.compute(made_with_channels(np.zeros((1, 4, 6, 3)), small=maps)))["small"]
        assert figure.get_suptitle().endswith(about)
        assert [axis.get_title() for axis in figure.axes if axis.get_title().startswith("n ")] == titles


def test_frames_of_different_networks_have_scales_of_their_own() -> None:
    """Neurons of the same number have nothing in common there: neither their maximum nor that they are dead."""
    maps = np.ones((2, 2, 4, 6)) * np.array([[0.01, 0.0], [0.5, 2.0]])[..., None, None]
    analysis = make_analysis("maps", {"neurons": 2, "zoom": 1, "choice": "random", "scale": "own"})
    result = analysis.compute(made_with_channels(np.zeros((2, 4, 6, 3)), small=maps))
    found = {}
    for shared in (True, False):
        figure = analysis.plot(result.assign_attrs(shared_weights=shared))["small"]
        found[shared] = [axis.get_title() for axis in figure.axes if axis.get_title().startswith("n")]
        limits = [axis.images[0].get_clim()[1] for axis in figure.axes[1:3]]
        assert limits == pytest.approx([0.5, 2.0] if shared else [0.01, 1.0])
        film = analysis.animate(result.assign_attrs(shared_weights=shared))["small"]
        # The second panel of the first frame: a fiftieth of the scale, or all of it.
        assert (film[0][-1, 8].sum() > 600) is not shared
    assert found == {
        True: ["n 0, 100 % (constant)", "n 1, 0 % (dead here)"],
        False: ["n 0, 100 % (constant)", "n 1 (dead)"],
    }


def test_all_maps_have_one_scale_unless_each_has_a_bar(subjects: Make) -> None:
    result = compute(subjects("nerv"), neurons=4)
    highest = result["contribution"].sel(layer="head").max(("frame", "y", "x")).values
    for scale in ("common", "own"):
        figure = make_analysis("maps", {"neurons": 4, "scale": scale}).plot(result)["head"]
        shown = [axis for axis in figure.axes if axis.get_title().startswith("n ")]
        limits = [axis.images[0].get_clim()[1] for axis in shown]
        np.testing.assert_allclose(limits, highest if scale == "own" else [highest.max()] * 4)
        assert [len(axis.child_axes) for axis in shown] == [scale == "own"] * 4


def test_a_film_says_how_far_maps_can_be_believed(subjects: Make) -> None:
    """On a line of its own below the panels, as a gallery does below its title."""
    result = compute(subjects("nerv"), neurons=4)
    analysis = make_analysis("maps")
    plain = analysis.animate(result)
    said = analysis.animate(result.assign_attrs(quoted={"head": "maps agree with effects to r = .5"}))
    assert said["head"][0].shape[0] == plain["head"][0].shape[0] + LETTERING
    assert said["block2"][0].shape == plain["block2"][0].shape


def test_the_film(subjects: Make) -> None:
    analysis = make_analysis("maps", {"neurons": 4, "animated": 3, "zoom": 2, "scale": "own"})
    result = analysis.compute(subjects("nerv"))
    films = analysis.animate(result)
    assert set(films) == {"block1", "block2", "head"}
    for layer, film in films.items():
        assert len(film) == 4
        height, width = LETTERING + 2 * 16, 4 * (2 * 32) + 3 * 4
        assert film[0].shape == (height, width, 3)
        for at, image in enumerate(film):
            source = result["source"].isel(frame=at).transpose("y", "x", "channel").values
            np.testing.assert_array_equal(image[LETTERING::2, : 2 * 32 : 2], (source * 255).round())
            assert (image[LETTERING:, 64:68] == 255).all()
            assert (image[:LETTERING] < 255).any(), "no titles"
        # The brightest pixel of a neuron over all frames has the end of the colour map.
        first = result["contribution"].sel(layer=layer).isel(sample=0)
        peak = first.argmax(("frame", "y", "x"))
        at, y, x = (int(peak[d]) for d in ("frame", "y", "x"))
        assert film[at][LETTERING + 2 * y, 68 + 2 * x].tolist() == [252, 253, 191]


def test_one_frame_is_no_film(subjects: Make) -> None:
    analysis = make_analysis("maps", {"frames": [3]})
    result = analysis.compute(subjects("ffn"))
    assert analysis.animate(result) == {}
    assert result["frame"].values.tolist() == [3]
    assert set(analysis.plot(result)) == {"layer1", "layer2", "layer3"}
