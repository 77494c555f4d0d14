"""`xinc.top_neurons` against sums over whole maps, one by one, and against ablation."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xinc
from tests.helpers.ablated import NETWORKS, network
from tests.helpers.networks import convolutional_traces, linear_traces, single
from tests.helpers.small import disc_mask
from tests.helpers.tiers import exhaustive
from xinc.answers.exact import output_on
from xinc.canvas.lazy import ExpandedMaps
from xinc.canvas.tree import Canvas
from xinc.errors import InputError
from xinc.models.base import INR
from xinc.video.regions import open_regions
from xinc.video.store import open_video

#: By kind of region, how to ask for it in frames of 16×24 or 6×9, and which pixels it has.
KINDS = ("box", "mask", "pixel", "ids", "frame")


def asked(kind: str, size: tuple[int, int], frames: list[int]) -> tuple[dict[str, Any], np.ndarray]:
    """Arguments of a region, and its pixels (frame, y, x)."""
    height, width = size
    inside = np.zeros((len(frames), height, width), bool)
    if kind == "frame":
        inside[:] = True
        return {}, inside
    if kind == "pixel":
        inside[:, height - 1, 2] = True
        return {"pixel": (height - 1, 2)}, inside
    if kind == "box":
        inside[:, 1:4, 3 : width - 1] = True
        return {"box": (1, 4, 3, width - 1)}, inside
    generator = np.random.default_rng(height)
    for at, one in enumerate(inside):
        one[1 + at : 5, 2:7] = generator.random((4 - at, 5)) < 0.6
    if kind == "mask":
        return {"mask": inside}, inside
    ids = xr.DataArray(np.where(inside, 7, 0), {"frame": frames}, ("frame", "y", "x"))
    return {"instance": 7, "masks": ids}, inside


def table(values: np.ndarray, inside: np.ndarray, layer: str = "") -> pd.DataFrame:
    """What a ranking by the sum of non-negative values (frame, neuron, y, x) comes to, neuron by neuron."""
    rows = []
    for neuron in range(values.shape[1]):
        found = sum(values[f, neuron][inside[f]].sum() for f in range(len(values)))
        even = sum(values[f, neuron].sum() * inside[f].mean() for f in range(len(values)))
        rows.append((layer, neuron, found, found / even if even else np.nan))
    result = pd.DataFrame(rows, columns=["layer", "neuron", "value", "over"])
    result["share"] = result["value"] / result["value"].sum()
    return result.sort_values("value", ascending=False, kind="stable").reset_index(drop=True)


def check(found: pd.DataFrame, expected: pd.DataFrame, by: str, close: float = 2e-5) -> None:
    """Equal, neurons that tie but for rounding aside."""
    np.testing.assert_allclose(found[by], expected["value"][: len(found)], rtol=close, atol=1e-7)
    known = expected.set_index(["layer", "neuron"]).loc[list(zip(found["layer"], found["neuron"], strict=True))]
    np.testing.assert_allclose(found[by], known["value"], rtol=close, atol=1e-7)
    np.testing.assert_allclose(found["share"], known["share"], rtol=close, atol=1e-7)
    np.testing.assert_allclose(found["cumulative"], np.cumsum(known["share"]), rtol=close, atol=1e-6)
    np.testing.assert_allclose(found["over_representation"], known["over"], rtol=5 * close, atol=1e-6)


def frames_of(name: str) -> list[int]:
    return [0, 2] if name in ("nerv", "nerv of three blocks", "hnerv") else [2]


@functools.cache
def canvas_of(name: str, gain: bool = False) -> Canvas:
    """A canvas of one of the networks, loaded."""
    return xinc.dissect(network(name), gain=gain).load()


#: Every region of one network, and one of others.
PAIRS = [*(("nerv", kind) for kind in KINDS), ("ffn", "mask"), ("hnerv", "box"), ("siren", "ids")]
PAIRS += [
    pytest.param("nerv of three blocks", "mask", marks=exhaustive),
    pytest.param("gauss", "pixel", marks=exhaustive),
]


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_by_contribution_and_gained(name: str, kind: str) -> None:
    """Layers one after the other by contribution, and together by gained contribution."""
    frames, size = frames_of(name), NETWORKS[name][2]
    region, inside = asked(kind, size, frames)
    model = network(name)
    canvas = xinc.dissect(model)
    found = xinc.top_neurons(canvas, frames=frames, count=4, **region)
    assert list(dict.fromkeys(found["layer"])) == model.layer_names()
    for layer, rows in found.groupby("layer"):
        maps = canvas_of(name)[layer].sel(frame=frames)["contribution"]
        check(rows, table(abs(maps.values), inside, layer), "contribution")
        assert rows["out_channel"].tolist() == maps["out_channel"].values[rows["neuron"]].tolist()

    # Of the network once; otherwise of a canvas that has gains.
    gains = canvas if (name, kind) in (("nerv", "box"), ("ffn", "mask")) else canvas_of(name, gain=True)
    gained = xinc.top_neurons(gains, frames=frames, by="gained", count=None, **region)
    dense = {layer: one.sel(frame=frames)["contribution"] for layer, one in canvas_of(name, gain=True).children.items()}
    every = [table(maps.values, inside, layer) for layer, maps in dense.items()]
    expected = pd.concat(every).sort_values("value", ascending=False)
    expected["share"] = expected["value"] / expected["value"].sum()
    check(gained, expected.reset_index(drop=True), "gained")


@functools.cache
def opened(path: Path) -> Canvas:
    return xinc.open_canvas(path)


@functools.cache
def ablated(name: str) -> dict[str, xr.Dataset]:
    """Maps of the effects of all neurons, by layer."""
    model = network(name)
    return {layer: xinc.ablate(model, layer, frames=frames_of(name)) for layer in model.layer_names()}


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_by_effect_and_blame(name: str, kind: str) -> None:
    """Against `xinc.ablate`, whose maps are summed here pixel by pixel."""
    frames, size = frames_of(name), NETWORKS[name][2]
    region, inside = asked(kind, size, frames)
    model = network(name)
    canvas = xinc.dissect(model)
    effects = [table(np.square(lost["effect"].values, dtype=float), inside, n) for n, lost in ablated(name).items()]
    expected = pd.concat(effects).sort_values("value", ascending=False)
    expected["share"] = expected["value"] / expected["value"].sum()
    found = xinc.top_neurons(canvas, frames=frames, by="effect", count=None, probes=2, **region)
    check(found, expected.reset_index(drop=True), "effect", 1e-4)

    shown = np.stack([model.reconstruct(frame).permute(1, 2, 0).numpy() for frame in frames])
    video = np.random.default_rng(0).random(shown.shape).astype(np.float32)
    known = {}
    for layer, lost in ablated(name).items():
        for neuron, change in enumerate(lost["change"].values.transpose(1, 0, 3, 4, 2)):
            gone = ((shown - video) ** 2 - (shown - change - video) ** 2).sum(-1)
            known[layer, neuron] = gone[inside].sum(), gone[~inside].sum()
    found = xinc.top_neurons(canvas, frames=frames, by="blame", count=None, video=video, probes=2, **region)
    exact = np.array([known[key] for key in zip(found["layer"], found["neuron"], strict=True)])
    np.testing.assert_allclose(found[["blame", "elsewhere"]].values, exact, rtol=2e-3, atol=2e-4)
    assert len(found) == len(known)
    assert (np.diff(found["blame"]) <= 0).all()
    np.testing.assert_allclose(found["share"], found["blame"] / ((shown - video) ** 2)[inside].sum(), rtol=1e-5)
    assert ("verdict" in found.attrs) == (len(frames) == 1)


@pytest.mark.parametrize("by", ["effect", "blame"])
def test_a_fault_is_found_among_the_best_by_the_estimate(by: str) -> None:
    """Far more neurons than are looked at exactly; one kernel's weights were multiplied by ten."""
    model = network("nerv")
    video = np.stack([model.reconstruct(frame).permute(1, 2, 0).numpy() for frame in (0, 2)])
    model.blocks[1].weight.data[5, 1] *= 10
    canvas = xinc.dissect(model)
    found = xinc.top_neurons(canvas, box=(4, 12, 6, 18), by=by, count=1, video=video)
    assert found[["layer", "in_channel", "out_channel"]].values.tolist() == [["block2", 1, 5]]
    assert found["share"].item() > 0.1


@pytest.mark.parametrize("by", ["effect", "blame"])
def test_the_estimates_are_told_first(by: str) -> None:
    """Those of `xinc.effects` for the whole frame."""
    model = network("nerv")
    video = np.full((1, *model.resolution, 3), 0.5, np.float32)
    told: list[pd.DataFrame] = []
    found = xinc.top_neurons(xinc.dissect(model), frames=[2], by=by, count=4, video=video, first=told.append)
    [estimated] = told
    known = xinc.effects(model, frames=[2], target=video)
    all_of = known["squared_effect"] if by == "effect" else -known["error_change"]
    order = np.argsort(-all_of.values.ravel(), kind="stable")[:4]
    assert estimated["layer"].tolist() == known["layer"].values[order].tolist()
    assert estimated["neuron"].tolist() == known["number"].values[order].tolist()
    np.testing.assert_allclose(estimated[by], all_of.values.ravel()[order], rtol=1e-4)
    assert list(estimated.columns) == [
        name for name in found.columns if name not in ("over_representation", "elsewhere")
    ]
    assert set(estimated.attrs["columns"]) == set(estimated.columns)
    assert estimated["share"].isna().all() == (by == "blame")


@given(st.one_of(convolutional_traces(), linear_traces()), st.data())
def test_the_output_on_a_window_is_that_window_of_the_output(trace: Any, data: st.DataObject) -> None:
    whole = trace.output()
    ends = [
        sorted(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True))) for n in whole.shape[1:]
    ]
    (y0, y1), (x0, x1) = ends
    torch.testing.assert_close(output_on(trace, (y0, y1, x0, x1)), whole[:, y0:y1, x0:x1], rtol=1e-9, atol=1e-9)
    part = single(trace)
    torch.testing.assert_close(output_on(part, (y0, y1, x0, x1)), part.output()[:, y0:y1, x0:x1], rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_however_a_canvas_is_held(run: Path) -> None:
    """In memory, on disk in both layouts, in chunks of dask, loaded, a layer, or its maps: the same table."""
    how: dict[str, Any] = {"box": (2, 9, 3, 20), "frames": [1, 3], "count": 3}
    canvas = xinc.open_canvas(run / "canvas.zarr")
    expected = xinc.top_neurons(canvas, **how)
    model = xinc.load_model(run / "model.pt")
    chunks = xr.open_datatree(run / "canvas.zarr", engine="xinc", chunks={})
    for other in (xinc.dissect(model), canvas.load(), chunks, xinc.dissect(model, frames=[3, 1])):
        pd.testing.assert_frame_equal(xinc.top_neurons(other, **how), expected, rtol=1e-5)
    rows = expected[expected["layer"] == "block2"].reset_index(drop=True)
    layer = xinc.open_canvas(run / "canvas.zarr")["block2"]
    for one in (layer, layer.to_dataset(), layer["contribution"], layer["contribution"].transpose("neuron", ...)):
        pd.testing.assert_frame_equal(xinc.top_neurons(one, **how), rows, rtol=1e-5)
    pd.testing.assert_frame_equal(xinc.top_neurons(canvas, layers=["block2"], **how), rows)


@pytest.mark.parametrize("by", ["contribution", "gained", "effect", "blame"])
def test_neurons_of_a_part_of_a_layer_keep_their_numbers(run: Path, by: str) -> None:
    canvas = xinc.open_canvas(run / "canvas.zarr")
    how: dict[str, Any] = {"pixel": (5, 6), "frames": [1], "by": by, "count": None, "probes": 4}
    every = xinc.top_neurons(canvas["block2"], **how)
    some = xinc.top_neurons(canvas["block2"].to_dataset().isel(neuron=[7, 2, 11]), **how)
    expected = every[every["neuron"].isin([2, 7, 11])]
    assert some["neuron"].tolist() == expected["neuron"].tolist()
    np.testing.assert_allclose(some[by], expected[by], rtol=1e-5)


def test_only_the_window_is_expanded_of_all_neurons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels of maps: the box's for all neurons, and the frame's for those of the table."""
    canvas = xinc.dissect(network("nerv"), frames=[0])
    expanded = 0
    at = ExpandedMaps.at

    def counted(self: ExpandedMaps, position: int) -> Any:
        expand = at(self, position)

        def count(neurons: np.ndarray, window: Any, out: Any) -> np.ndarray:
            nonlocal expanded
            expanded += len(neurons) * (window[1] - window[0]) * (window[3] - window[2])
            return expand(neurons, window, out)

        return count

    monkeypatch.setattr(ExpandedMaps, "at", counted)
    for box in ((3, 4, 5, 6), (2, 10, 4, 8)):
        expanded = 0
        xinc.top_neurons(canvas["block1"], box=box, count=2)
        assert expanded == 48 * (box[1] - box[0]) * (box[3] - box[2]) + 2 * 16 * 24
    mask = np.zeros((16, 24), bool)
    mask[2, 3] = mask[4, 8] = True
    expanded = 0
    xinc.top_neurons(canvas["block1"], mask=mask, count=1)
    assert expanded == 48 * 3 * 6 + 16 * 24


@pytest.mark.slow
def test_the_network_video_and_masks_beside_a_canvas(run: Path) -> None:
    """Found there, they give what the same things give where they are handed over."""
    canvas, folder = xinc.open_canvas(run / "canvas.zarr"), run.parents[1]
    video, regions = open_video(folder / "video.zarr"), open_regions(folder / "regions.zarr")
    mask = np.stack([disc_mask(number) > 0 for number in range(4)])
    expected = xinc.top_neurons(canvas, mask=mask)
    names = [str(name) for name in regions["instances_name"].values]
    assert names == ["object 1", "unlabelled"]
    stores = (None, video, regions, folder / "video.zarr", str(folder / "regions.zarr"))
    for instance, masks in [*((1, masks) for masks in stores), ("object 1", None), ("object", None), ("object", video)]:
        pd.testing.assert_frame_equal(xinc.top_neurons(canvas, instance=instance, masks=masks), expected)
    assert "instance 'object'" in xinc.top_neurons(canvas, instance="object").attrs["region"]
    model = xinc.load_model(run / "model.pt")
    how: dict[str, Any] = {"mask": mask[[1]], "frames": [1], "count": 3, "probes": 4}
    for by in ("gained", "effect", "blame"):
        found = xinc.top_neurons(canvas, by=by, **how)
        given = {"model": model, "video": video["frames"]} if by == "blame" else {"model": str(run / "model.pt")}
        pd.testing.assert_frame_equal(xinc.top_neurons(canvas, by=by, **given, **how), found)


def test_an_instance_that_is_not_in_every_frame() -> None:
    canvas = xinc.dissect(network("nerv"))
    ids = np.zeros((2, 16, 24), int)
    ids[1, 3:5, 4:6] = 9
    found = xinc.top_neurons(canvas["head"], instance=9, masks=ids)
    assert found.attrs["frames"] == [2]
    assert found.attrs["region"] == "instance 9: 4 of 384 pixels, frame 2"
    pd.testing.assert_frame_equal(found, xinc.top_neurons(canvas["head"], box=(3, 5, 4, 6), frames=[2]))


def test_a_labelled_mask_counts_by_its_labels() -> None:
    canvas = xinc.dissect(network("nerv"))["head"]
    expected = xinc.top_neurons(canvas, box=(3, 5, 4, 6), frames=[2])
    mask = xr.DataArray(np.zeros((16, 24), bool), {"frame": 2}, ("y", "x"))
    mask[3:5, 4:6] = True
    for one in (mask, mask.T, mask.expand_dims("frame"), mask.expand_dims("frame").transpose("x", "frame", "y")):
        pd.testing.assert_frame_equal(xinc.top_neurons(canvas, mask=one, frames=[2]), expected)


def test_maps_that_are_not_finite() -> None:
    layer = xinc.dissect(network("nerv"), frames=[0])["head"].to_dataset().load()
    layer["contribution"][0, 4, 2, 3] = np.nan
    refused(layer, "those of 1 of 6 neurons, neuron 4 the first: finite maps", box=(0, 3, 0, 4))
    assert len(xinc.top_neurons(layer, box=(3, 5, 0, 4))) == 6


def test_neurons_without_any_contribution_have_no_share(nerv: INR) -> None:
    nerv.head.weight.data.zero_()
    nerv.head.bias.data.zero_()
    found = xinc.top_neurons(xinc.dissect(nerv)["head"], pixel=(0, 0))
    assert found["contribution"].eq(0).all()
    assert found[["share", "cumulative", "over_representation"]].isna().all(axis=None)


def test_every_column_is_described(run: Path) -> None:
    canvas = xinc.open_canvas(run / "canvas.zarr")
    for by in ("contribution", "effect", "blame"):
        found = xinc.top_neurons(canvas, pixel=(0, 0), frames=[0], by=by, probes=2, count=1)
        assert list(found.attrs["columns"]) == list(found.columns)
        assert found.attrs["by"] == by
    assert "do not add up" in found.attrs["columns"]["share"]


def labelled(dims: tuple[str, ...] = ("y", "x"), **coordinates: Any) -> xr.DataArray:
    return xr.DataArray(np.ones((16, 32), bool), coordinates, dims)


BOXES = [(0, 5, 3, 3), (-1, 3, 0, 4), (0, 17, 0, 4), (0, 4, 20, 33), (0, 4, 2), (0.5, 4, 2, 8), "4", (4, 0, 0, 4)]
WRONG: list[tuple[dict[str, Any], str]] = [
    *(({"box": box}, r"box is .*: expected \(y0, y1, x0, x1\) .* y1 <= 16 .* x1 <= 32") for box in BOXES),
    ({"pixel": (16, 0)}, r"pixel is \(16, 0\): expected \(y, x\) with 0 <= y < 16"),
    ({"pixel": (1.0, 2)}, "pixel is"),
    ({"mask": np.zeros((16, 32), bool)}, "the mask has no pixels in frames 0-3"),
    ({"mask": np.ones((8, 32), bool)}, r"the mask has shape \(8, 32\): expected \(16, 32\)"),
    ({"mask": np.ones((2, 16, 32), bool)}, r"\(2, 16, 32\): expected \(16, 32\), .* or \(4, 16, 32\)"),
    ({"mask": np.ones((16, 32))}, "the mask is of type float64: expected bool"),
    ({"mask": xr.DataArray(np.ones((2, 16, 32), bool), {"frame": [0, 1]}, ("frame", "y", "x"))}, "lacks frames 2-3"),
    ({"mask": labelled(("row", "column"))}, r"the mask has the dimensions \(row, column\): \(y, x\) or"),
    ({"mask": labelled(y=np.arange(16)[::-1])}, "other pixels than the maps along y, from 15 to 0: 0 to 15 were"),
    ({"mask": labelled(frame=2)}, r"the mask is of frame 2, and frames 0-3 were asked for: ask for frames=\[2\]"),
    ({"instance": "objekt"}, "Unknown instance 'objekt': did you mean 'object'"),
    ({"instance": 4}, "instance is 4: the masks have the instances 1; or name one of object 1, unlabelled"),
    ({"instance": 4, "masks": np.eye(16, 32, dtype=int)}, "this one holds 0, 1"),
    ({"instance": "object", "masks": np.eye(16, 32, dtype=int)}, "an array of ids has no names"),
    ({"instance": 1, "masks": np.eye(16, 32)}, "masks are of type float64"),
    ({"instance": 1, "masks": np.eye(5, 5, dtype=int)}, r"The masks have shape \(5, 5\): expected \(16, 32\)"),
    ({"instance": 1, "masks": xr.Dataset({"rgb": 0})}, "no masks"),
    ({"pixel": (0, 0), "masks": np.eye(5)}, "masks= was given without instance="),
    ({"pixel": (0, 0), "box": (0, 1, 0, 1)}, "box, pixel were given: choose one"),
    ({"pixel": (0, 0), "by": "efect"}, "by is 'efect': did you mean 'effect'"),
    ({"pixel": (0, 0), "layers": "bloc2"}, "Unknown layer 'bloc2' of this canvas: did you mean 'block2'"),
    ({"pixel": (0, 0), "frames": [7]}, "7"),
    ({"pixel": (0, 0), "frames": 3}, "frames is 3"),
    ({"pixel": (0, 0), "frames": [3, 0, 3]}, "Frames 3 were asked for more than once"),
    ({"pixel": (0, 0), "count": 0}, "count is 0"),
    ({"pixel": (0, 0), "by": "effect", "probes": 1}, "probes is 1"),
    ({"pixel": (0, 0), "by": "effect", "model": "resources/bunny-nerv.pt"}, "is not the network of this canvas"),
    ({"pixel": (0, 0), "by": "blame", "video": np.zeros((4, 8, 8, 3))}, "The video has shape"),
    ({"pixel": (0, 0), "by": "blame", "video": np.full((4, 16, 32, 3), 255)}, "The video has colours from 255 to 255"),
    ({"pixel": (0, 0), "by": "blame", "video": np.full((4, 16, 32, 3), np.nan)}, "colours that are not finite"),
    ({"pixel": (0, 0), "by": "blame", "video": xr.Dataset({"rgb": 0})}, "a prepared video was expected"),
]


@pytest.mark.parametrize(("how", "message"), WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_what_is_wrong_is_said_in_a_sentence(run: Path, how: dict[str, Any], message: str) -> None:
    refused(opened(run / "canvas.zarr"), message, **how)


def refused(canvas: Any, message: str, **how: Any) -> None:
    with pytest.raises(InputError, match=message) as caught:
        xinc.top_neurons(canvas, **how)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")


def test_what_is_given_in_place_of_a_canvas(run: Path, ffn: INR, nerv: INR, tmp_path: Path) -> None:
    path = run / "canvas.zarr"
    refused(str(path), r"is the path of a canvas, not a canvas: give xinc.open_canvas\(")
    refused(nerv, "a layer of a canvas was expected")
    canvas = xinc.open_canvas(path)
    refused(canvas["head"]["contribution"].isel(y=slice(0, 8)), "a window of 8x32 of a frame of 16x32")
    refused(canvas["head"]["contribution"].sel(frame=0), "select with lists")
    refused(canvas["head"], "Unknown layer 'block2' of what was given", layers="block2")
    refused(xinc.dissect(ffn), r"Each frame of this ffn has a network of its own, .* choose one, e.g. frames=\[0\]")
    refused(xinc.dissect(nerv, gain=True), "rank by='gained'")
    refused(xinc.dissect(ffn, frames=[0], resolution=(12, 18)), "at the network's own 6x9", by="effect")
    refused(abs(canvas["head"].to_dataset().drop_attrs())["contribution"] * 2, "lost the attribute xinc", by="effect")
    # Nothing lies beside these.
    refused(xinc.dissect(nerv), "was not opened from a folder of results: give it as masks=", instance=1)
    refused(xinc.dissect(nerv), "needs the frames of the video, .* give it as video=", by="blame")
    refused(xinc.dissect(nerv, frames=[0]).load(), "needs the network of the canvas, .* give it as model=", by="effect")
    xinc.materialise(canvas, tmp_path / "a" / "b" / "c" / "canvas.zarr")
    moved = xinc.open_canvas(tmp_path / "a" / "b" / "c" / "canvas.zarr")
    refused(moved, "model.pt beside it: give it as model=", by="effect")
    refused(moved, "needs the masks of the video, and .*regions.zarr is not there", instance=1)
    refused(moved, "video.zarr is not there", by="blame", model=run / "model.pt", frames=[0])
