"""Every analysis of every family of networks: computed, written and drawn from the canvas of a small one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.subjects import QUICK, Make
from tests.helpers.tiers import exhaustive
from xinc.analyses import analyses
from xinc.analyses.draw import draw_figures
from xinc.analyses.results import open_result
from xinc.analyses.run import run_analysis
from xinc.analyses.subject import Subject
from xinc.canvas.writer import write_layer
from xinc.explorer.session import Session
from xinc.models.storage import build, save_model

FAMILIES: dict[str, dict[str, Any]] = {
    "coinpp": {"hidden_width": 4, "layers": 3, "omega": 10.0, "latent_dim": 2},
    "wire2d": {"hidden_width": 6, "layers": 2, "omega": 3.0, "scale": 3.0},
    "wire": {"hidden_width": 6, "layers": 3, "omega": 4.0, "scale": 3.0},
}

pytestmark = [pytest.mark.slow, exhaustive]


@pytest.fixture(scope="module")
def family(subjects: Make, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The subject of a family, with the video and regions that other tests have."""
    found: dict[str, Subject] = {}

    def make(name: str) -> Subject:
        if name not in found:
            usual, root = subjects("ffn"), tmp_path_factory.mktemp(name)
            model = build(name, FAMILIES[name], (16, 32), range(4), 4, seed=1).eval()
            save_model(model, root / "model.pt")
            for layer in model.layer_names():
                write_layer(model, root / "canvas.zarr" / layer, layer)
            found[name] = Subject(
                usual.video_path,
                root / "model.pt",
                usual.history_path,
                root / "canvas.zarr",
                usual.regions_path,
                usual.flow_path,
            )
        return found[name]

    return make


@pytest.mark.parametrize("name", [one for one in analyses if analyses[one].scope == "network"])
@pytest.mark.parametrize("of", FAMILIES)
def test_an_analysis_of_a_family(of: str, name: str, family: Any, tmp_path: Path) -> None:
    subject = family(of)
    if analyses[name].architectures is not None:
        pytest.skip(f"{name} is of {', '.join(analyses[name].architectures)}")
    if analyses[name].across_frames and subject.model.per_frame:
        pytest.skip(f"{name} is of networks of several frames")
    run_analysis(name, QUICK.get(name), subject, tmp_path / name, {"video": "clip", "model": of, "seed": "3"})
    result = open_result(tmp_path / name)
    assert result.data_vars
    numbers = [one.values for one in result.data_vars.values() if one.dtype.kind in "fc"]
    assert not any(np.iscomplexobj(one) for one in numbers)
    assert any(np.isfinite(one).any() for one in numbers) or not numbers
    draw_figures(name, QUICK.get(name), tmp_path / name, tmp_path / "figures")
    assert list((tmp_path / "figures").rglob("*.png"))


@pytest.mark.parametrize("of", FAMILIES)
def test_the_explorer_shows_a_family(of: str, family: Any) -> None:
    subject = family(of)
    video = np.ascontiguousarray(subject.video["frames"].transpose("frame", "y", "x", "channel").values)
    session = Session(subject.model, video=video)
    [network] = [one["name"] for one in session.ask({"ask": "networks"}).head["networks"]]
    for layer in subject.canvas:
        at = {"network": network, "layer": layer, "frame": 2}
        neuron = 0
        for by in ("contribution", "gained", "effect", "blame"):
            ranked = session.ask({"ask": "rank", "place": {"box": (2, 9, 3, 12)}, "by": by, **at})
            neuron = int(ranked.head["neuron"][0])
        for question in ({"ask": "heat", "compute": True}, {"ask": "map", "neuron": neuron}):
            assert all(np.isfinite(one).all() for one in session.ask(question | at).arrays.values())
        course = {"ask": "course", "neuron": neuron, "place": {"pixel": (3, 4)}, "compute": True}
        assert len(session.ask(course | at).head["frames"]) == (0 if subject.model.per_frame else 4)
