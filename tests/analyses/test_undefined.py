"""Results hold values that are not finite only where an analysis says that its definition allows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.helpers.subjects import SETTINGS
from xinc import dissect
from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.analyses.quality import Quality
from xinc.analyses.results import open_result
from xinc.analyses.run import run_analysis
from xinc.analyses.subject import Subject
from xinc.errors import InputError
from xinc.models.storage import build


def giving(monkeypatch: pytest.MonkeyPatch, undefined: dict[str, str] | None = None, **variables: object) -> None:
    """Let the analysis ``quality`` give these variables (x,)."""
    result = xr.Dataset({name: ("x", np.asarray(values)) for name, values in variables.items()})
    monkeypatch.setattr(Quality, "compute", lambda *_: result)
    monkeypatch.setattr(Quality, "table", lambda *_: None)
    monkeypatch.setattr(Quality, "undefined", undefined)


@pytest.mark.parametrize("name", list(analyses))
def test_every_analysis_says_where(name: str) -> None:
    undefined = analyses[name].undefined
    assert undefined is not None
    assert all(text and not text.endswith(".") for text in undefined.values())


def test_colours_that_are_all_as_far_from_grey(tmp_path: Path) -> None:
    """Black frames, and drawings in black and white: their distance from grey is constant, which is no error."""
    video = xr.Dataset({"frames": (("frame", "y", "x", "channel"), np.zeros((2, 16, 32, 3), np.float32))})
    layer = dissect(build("ffn", SETTINGS["ffn"], (16, 32), [0, 1], 2, seed=1), [0, 1], "layer3")["layer3"]
    subject = Subject(tmp_path / "video.zarr")
    subject.video, subject.canvas = video, {"layer3": layer.to_dataset()}
    run_analysis("intensity", None, subject, tmp_path / "out")
    result = open_result(tmp_path / "out")
    assert np.isnan(result["mid_grey_distance"]).all()
    assert result["mid_grey_distance"].attrs["undefined"] == "NaN: images that are constant"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_allowed(value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    giving(monkeypatch, {"b": "nothing to measure"}, a=[1.0, value, value], b=[value, 1, 1], number=[1, 2, 3])
    with pytest.raises(
        InputError, match=r"^The analysis 'quality' gives 2 of 3 values of 'a' that are not finite, which its "
    ):
        run_analysis("quality", None, {}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_is_allowed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: object) -> None:
    giving(monkeypatch, {"b": "nothing to measure"}, a=[1.0, 2], b=[np.nan, 1], name=np.array(["a", "b"], object))
    monkeypatch.setattr("xinc.analyses.run._network", lambda _: {})
    run_analysis("quality", None, {}, tmp_path / "out")
    result = open_result(tmp_path / "out")
    assert result["b"].attrs["undefined"] == "NaN: nothing to measure"
    assert "undefined" not in result["a"].attrs
    assert np.isnan(result["b"].values).tolist() == [True, False]


def test_an_analysis_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of another package, written before there was such a thing, is as it was, with a warning."""
    assert NetworkAnalysis.undefined is None
    giving(monkeypatch, None, a=[1.0, np.nan])
    monkeypatch.setattr("xinc.analyses.run._network", lambda _: {})
    with pytest.warns(UserWarning, match="1 of 2 values of 'a' in the result of 'quality' are not finite"):
        run_analysis("quality", None, {}, tmp_path / "out")
    assert open_result(tmp_path / "out")["a"].values[0] == 1
