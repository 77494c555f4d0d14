"""Analyses of one network in memory: what the workflow computes, whatever the network is given as."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

import xinc
from tests.helpers.subjects import QUICK, Make
from xinc.analyses import analyses
from xinc.analyses.results import open_result
from xinc.analyses.run import run_analysis
from xinc.analyses.subject import Subject
from xinc.errors import InputError

#: Quick ones for each part of a subject: the network, its canvas, regions, flow, masks; and slow ones.
SOME = [
    *("grouping", "motion", "objects", "quality"),
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("error", "faithfulness", "intensity")),
]


@pytest.fixture(scope="module")
def subject(subjects: Make) -> Subject:
    return subjects("nerv")


@pytest.fixture(scope="module")
def folder(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network as the workflow leaves it."""
    clip = tmp_path_factory.mktemp("results") / "clip"
    own = clip / "nerv" / "seed7"
    own.mkdir(parents=True)
    for path in (subject.video_path, subject.regions_path, subject.flow_path):
        assert path is not None
        shutil.copytree(path, clip / path.name)
    assert subject.model_path is not None
    assert subject.history_path is not None
    shutil.copy(subject.model_path, own)
    shutil.copy(subject.history_path, own)
    shutil.copytree(subject.canvas_path, own / "canvas.zarr")
    return own


@pytest.mark.slow
@pytest.mark.parametrize("name", SOME)
def test_the_result_is_the_workflows(folder: Path, subject: Subject, tmp_path: Path, name: str) -> None:
    settings = QUICK.get(name, {})
    run_analysis(name, settings, subject, tmp_path, {"video": "clip", "model": "nerv", "seed": "7"})
    found, expected = xinc.analyse(name, folder, **settings), open_result(tmp_path).load()
    xr.testing.assert_identical(found.drop_attrs(), expected.drop_attrs())
    assert found.attrs == expected.attrs
    pd.testing.assert_frame_equal(xinc.to_dataframe(found), xinc.to_dataframe(tmp_path), check_dtype=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOME)
def test_a_network_in_memory_has_the_same_numbers(folder: Path, subject: Subject, name: str) -> None:
    """Its maps are computed anew, and so are regions and flow where the video is given."""
    settings = QUICK.get(name, {})
    found = xinc.analyse(name, subject.model, subject.video, **settings)
    same = xinc.analyse(name, folder, **settings)
    assert "video" not in found.attrs
    assert same.attrs["video"] == "clip"
    xr.testing.assert_allclose(found, same.drop_vars(set(same.variables) - set(found.variables)), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_network_is_given_in_many_ways(folder: Path, subject: Subject) -> None:
    video = subject.video_path
    for way in (str(folder), folder / "canvas.zarr", xinc.open_canvas(folder / "canvas.zarr")):
        one = xinc.analyse("intensity", way, layers="head", frames=[0])
        assert list(one["layer"].values) == ["head"]
        assert (one.attrs["model"], one.attrs["seed"]) == ("nerv", "7")
    frames = subject.video["frames"].load()
    for given in (str(video), frames.drop_vars("frame")):
        xr.testing.assert_equal(xinc.analyse("intensity", folder, given, layers="head", frames=[0]), one)


def test_a_network_without_canvas_is_dissected(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "model.pt", tmp_path)
    found = xinc.analyse("maps", tmp_path, folder.parents[1] / "video.zarr", layers="head")
    xr.testing.assert_allclose(found, xinc.analyse("maps", folder, layers="head"), rtol=1e-4, atol=1e-5)


def test_a_checkpoint_gives_its_name(folder: Path, tmp_path: Path) -> None:
    file = shutil.copy(folder / "model.pt", tmp_path / "mine.pt")
    found = xinc.analyse("quality", file, folder.parents[1] / "video.zarr")
    assert "video" not in found.attrs
    assert found.attrs["model"] == "mine"


@pytest.mark.slow
def test_figures_and_tables_take_it(folder: Path, tmp_path: Path) -> None:
    found = xinc.analyse("intensity", folder, frames=[2])
    assert "clip" in xinc.plot(found, size="column").get_suptitle()
    assert xinc.to_csv(found, tmp_path / "a.csv").read_text().startswith("with,layer,frame,")


def test_what_cannot_be_analysed(folder: Path, subject: Subject, subjects: Make, tmp_path: Path) -> None:
    frames = subject.video["frames"]
    with pytest.raises(InputError, match=r"use xinc\.compare"):
        xinc.analyse("compare", folder)
    for name in sorted(analyses):
        if analyses[name].scope in ("seeds", "project"):
            with pytest.raises(InputError, match="in the workflow"):
                xinc.analyse(name, folder)
    with pytest.raises(InputError, match="'quality'"):
        xinc.analyse("qualty", folder)
    with pytest.raises(InputError, match="has no masks of any: give a video with the variable instances"):
        xinc.analyse("objects", folder, frames)
    with pytest.raises(InputError, match="each frame of this ffn has a network of its own"):
        xinc.analyse("motion", subjects("ffn").model, frames)
    with pytest.raises(InputError, match="neurons"):
        xinc.analyse("faithfulness", folder, neuron=3)
    with pytest.raises(InputError, match="'head'"):
        xinc.analyse("maps", folder, layers="hed")
    with pytest.raises(InputError, match="give it as video="):
        xinc.analyse("quality", subject.model)
    with pytest.raises(InputError, match="has frames 0-1, the network represents 0-3"):
        xinc.analyse("quality", subject.model, frames.isel(frame=[0, 1]))
    with pytest.raises(InputError, match="8x32 pixels"):
        xinc.analyse("quality", subject.model, frames.isel(y=slice(8)))
    with pytest.raises(InputError, match="network is an object of type int"):
        xinc.analyse("quality", 3)
    shutil.copytree(folder / "canvas.zarr", tmp_path / "canvas.zarr")
    with pytest.raises(InputError, match="needs the network"):
        xinc.analyse("quality", tmp_path / "canvas.zarr", frames)
