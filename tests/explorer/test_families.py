"""The explorer on every family of the field: answers of a session against whole maps, exact ablation and plain sums."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import xinc
from tests.helpers.small import write_clip
from tests.helpers.stepwise import SMALL
from tests.helpers.subjects import QUICK
from tests.helpers.tiers import exhaustive
from xinc.analyses.compare.numbers import GRID
from xinc.analyses.run import run_analysis
from xinc.analyses.subject import Subject
from xinc.canvas.reader import open_canvas
from xinc.explorer.session import Session
from xinc.models.storage import build, save_model
from xinc.training.loop import fit
from xinc.training.settings import TrainingSettings
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings
from xinc.video.store import open_video

pytestmark = [pytest.mark.slow, exhaustive]

SETTINGS: dict[str, dict[str, Any]] = {
    **SMALL,
    "hashgrid": {"levels": 3, "log2_entries": 6, "base_resolution": 4, "hidden_width": 7},
    "coinpp": {"hidden_width": 6, "layers": 3, "omega": 10.0, "latent_dim": 3, "modulate_scale": True},
    "wire": {"hidden_width": 10, "layers": 3, "omega": 5.0, "scale": 3.0},
}
BOX = (2, 9, 4, 20)
SIZE, FRAMES, FRAME = (16, 32), (0, 1, 2, 3), 2


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``results(family)``: the session of two seeds, trained for some steps, the first with `faithfulness`."""
    root = tmp_path_factory.mktemp("families")
    write_clip(root)
    video = root / "clip" / "video.zarr"
    prepare_video(VideoSettings(name="clip", source=str(root / "clip"), resolution=SIZE), video)
    target = torch.from_numpy(open_video(video)["frames"].transpose("frame", "channel", "y", "x").values)

    @functools.cache
    def make(name: str) -> tuple[Session, Path]:
        for seed in (0, 1):
            folder = root / "clip" / name / f"seed{seed}"
            model = build(name, SETTINGS[name], SIZE, FRAMES, len(FRAMES), seed)
            settings = TrainingSettings(epochs=12, learning_rate=1e-2, batch_size=1, threads=1, device="cpu")
            fit(model, target, settings)
            save_model(model, folder / "model.pt")
            xinc.write_canvas(model, folder / "canvas.zarr")
        first = root / "clip" / name / "seed0"
        subject = Subject(video, first / "model.pt", None, first / "canvas.zarr")
        of = {"video": "clip", "model": name, "seed": "0"}
        run_analysis("faithfulness", QUICK["faithfulness"], subject, first / "faithfulness", of)
        return Session(root / "clip" / name), first

    return make


@pytest.mark.parametrize("name", SETTINGS)
def test_the_explorer_shows_a_family(name: str, results: Any) -> None:
    session, folder = results(name)
    network = f"clip/{name}/seed0"
    about = session.ask({"ask": "network", "network": network}).head
    model = xinc.load_model(folder / "model.pt")
    assert (about["video"], about["model"], about["frames"]) == (True, True, list(FRAMES))
    assert about["shared_weights"] == (not model.per_frame)
    names = [layer["name"] for layer in about["layers"]]
    assert names == model.layer_names()
    assert set(about["faithfulness"]) == set(names)
    _pictures(session, network, model, folder)
    canvas = open_canvas(folder / "canvas.zarr")
    for layer in names:
        maps = canvas[layer]["contribution"].load().astype(np.float64)
        at = {"network": network, "layer": layer, "frame": FRAME}
        _rankings(session, at, maps)
        neuron = _rankings_by_passes(session, at, canvas, model)
        _maps(session, at, maps, neuron)
        _course(session, at, maps, neuron, model.per_frame)


def _pictures(session: Session, network: str, model: Any, folder: Path) -> None:
    video = (
        open_video(folder.parents[1] / "video.zarr")["frames"].sel(frame=FRAME).transpose("y", "x", "channel").values
    )
    image = model.reconstruct(FRAME).clamp(0, 1).permute(1, 2, 0).numpy()
    at = {"ask": "picture", "network": network, "frame": FRAME}
    shown = session.ask({**at, "what": "reconstruction"}).arrays["image"]
    np.testing.assert_allclose(shown / 255, image, atol=0.003)
    psnr = session.ask({**at, "what": "error"}).head["psnr"]
    assert psnr == pytest.approx(-10 * np.log10(np.square(image - video).mean()), rel=1e-4)


def _rankings(session: Session, at: dict[str, Any], maps: xr.DataArray) -> None:
    """Of a pixel, a box and the frame, by contribution: sums of whole maps."""
    own = np.abs(maps.sel(frame=FRAME).values)
    places: list[tuple[dict[str, Any], Any]] = [
        ({"pixel": (3, 30)}, np.s_[3:4, 30:31]), ({"box": BOX}, np.s_[2:9, 4:20]), ({}, np.s_[:, :])
    ]  # fmt: skip
    for place, window in places:
        found = session.ask({"ask": "rank", **at, "place": place, "count": 5}).head
        sums = own[(slice(None), *window)].sum((1, 2))
        np.testing.assert_allclose(found["contribution"], np.sort(sums)[::-1][:5], rtol=1e-4, atol=1e-9)
        np.testing.assert_allclose(found["contribution"], sums[found["neuron"]], rtol=1e-4, atol=1e-9)
        assert found["of"] == len(own)
    heat = session.ask({"ask": "heat", "compute": True, **at})
    total = own.sum(0)
    np.testing.assert_allclose(heat.arrays["heat"] * (heat.head["scale"] / 32767), total, atol=total.max() / 3e4 + 1e-9)


def _rankings_by_passes(session: Session, at: dict[str, Any], canvas: Any, model: Any) -> int:
    """By gained maps, effect and blame, of a box: those of `xinc.top_neurons`; effects are those of ablation."""
    video = open_video(Path(session.sources[0].what).parents[2] / "video.zarr")  # type: ignore[arg-type]
    for by in ("gained", "effect", "blame"):
        found = session.ask({"ask": "rank", **at, "place": {"box": BOX}, "by": by, "count": 4}).head
        more: dict[str, Any] = {"video": video} if by == "blame" else {}
        more |= {} if by == "gained" else {"model": model}
        measure: Any = by
        expected = xinc.top_neurons(canvas[at["layer"]], box=BOX, frames=[FRAME], by=measure, count=4, **more)
        assert found["neuron"] == expected["neuron"].tolist()
        np.testing.assert_allclose(found[by], expected[by], rtol=1e-4)
        assert found["verdict"] == expected.attrs.get("verdict", "")
        if by == "effect":
            of = str(canvas[at["layer"]].attrs["xinc"]["granularity"])
            lost = xinc.ablate(model, at["layer"], found["neuron"], [FRAME], granularity=of)["effect"].values[0]
            exact = np.square(lost[:, BOX[0] : BOX[1], BOX[2] : BOX[3]], dtype=np.float64).sum((1, 2))
            np.testing.assert_allclose(found["effect"], exact, rtol=1e-3, atol=1e-9)
    return int(found["neuron"][0])


def _maps(session: Session, at: dict[str, Any], maps: xr.DataArray, neuron: int) -> None:
    own = maps.sel(frame=FRAME).values[neuron]
    found = session.ask({"ask": "map", **at, "neuron": neuron})
    top = np.abs(own).max()
    np.testing.assert_allclose(found.arrays["map"] * (found.head["scale"] / 32767), own, atol=top / 6e4)
    assert found.head["total"] == pytest.approx(np.abs(own).sum(), rel=1e-5)
    gained = session.ask({"ask": "map", **at, "neuron": neuron, "gained": True})
    assert (gained.arrays["map"] >= 0).all()
    small = session.ask({"ask": "thumbnails", **at, "neurons": [neuron, 0], "width": 8})
    blocks = np.abs(own).reshape(4, 4, 8, 4).mean((1, 3))
    shown = small.arrays["maps"][0] * (small.arrays["scales"][0] / 127)
    np.testing.assert_allclose(shown, blocks, atol=blocks.max() / 250 + 1e-12)


def _course(session: Session, at: dict[str, Any], maps: xr.DataArray, neuron: int, per_frame: bool) -> None:
    """A neuron's course over time, where it is the same neuron in all frames."""
    found = session.ask({"ask": "course", **at, "neuron": neuron, "place": {"box": BOX}, "compute": True}).head
    if per_frame:
        assert found["reason"]
        return
    own = maps.values[:, neuron, BOX[0] : BOX[1], BOX[2] : BOX[3]]
    assert found["frames"] == list(FRAMES)
    np.testing.assert_allclose(found["magnitude"], np.abs(own).sum((1, 2)), rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(found["signed"], own.sum((1, 2)), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", SETTINGS)
def test_seeds_side_by_side(name: str, results: Any) -> None:
    """A neuron's match in another seed has the largest correlation over a grid; each seed has its own answers."""
    session, folder = results(name)
    one, other = f"clip/{name}/seed0", f"clip/{name}/seed1"
    layers = [layer["name"] for layer in session.ask({"ask": "network", "network": one}).head["layers"]]
    for layer in (layers[0], layers[len(layers) // 2], layers[-1]):
        at = {"network": one, "layer": layer, "frame": FRAME}
        neuron = session.ask({"ask": "rank", **at, "place": {}, "count": 1}).head["neuron"][0]
        itself = session.ask({"ask": "match", **at, "neuron": neuron, "other": one, "other_layer": layer}).head
        assert itself["similarity"] == pytest.approx(1, abs=1e-4)
        found = session.ask({"ask": "match", **at, "neuron": neuron, "other": other, "other_layer": layer}).head
        cells = []
        for seed in (0, 1):
            maps = open_canvas(folder.parent / f"seed{seed}" / "canvas.zarr")[layer]["contribution"].sel(frame=FRAME)
            values = np.abs(maps.values.astype(np.float64))
            cells.append(values.reshape(len(values), GRID[0], 16 // GRID[0], GRID[1], 32 // GRID[1]).mean((2, 4)))
        with np.errstate(invalid="ignore", divide="ignore"):
            r = [np.corrcoef(cells[0][neuron].ravel(), map_.ravel())[0, 1] for map_ in cells[1]]
        assert found["similarity"] == pytest.approx(np.nanmax(r), abs=1e-4)
        assert r[found["neuron"]] == pytest.approx(np.nanmax(r), abs=1e-4)
