"""A video of which every fifth frame has masks: what looks at masks uses these frames, and says which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from tests.helpers.datasets import CITY_CLASSES, picture, write_cityscapes_vps
from xinc.analyses.annotated import annotated_note
from xinc.analyses.making import make_analysis
from xinc.analyses.results import Project, open_result
from xinc.analyses.run import run_analysis
from xinc.analyses.subject import Subject
from xinc.canvas.writer import write_layer
from xinc.errors import InputError
from xinc.models.storage import build, save_model
from xinc.video.figures.video import contact_sheet, film
from xinc.video.flow import FlowSettings, prepare_flow
from xinc.video.prepare import prepare_video
from xinc.video.regions import RegionSettings, open_regions, prepare_regions
from xinc.video.settings import VideoSettings
from xinc.video.store import open_video

COUNT, ANNOTATED = 12, [4, 9]
NERV = {"embed_levels": 4, "strides": [2, 2], "widths": [3, 2, 2], "output_activation": "sigmoid"}


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    root = tmp_path_factory.mktemp("partly")
    write_cityscapes_vps(root / "city")
    video = VideoSettings(
        name="v", source=f"cityscapes-vps:{root / 'city'}", clips="0005", count=COUNT, resolution=(16, 32)
    )
    prepare_video(video, root / "video.zarr")
    prepare_regions(root / "video.zarr", root / "regions.zarr", RegionSettings(rgb=4, gabor=4, grid=(2, 2)))
    prepare_flow(root / "video.zarr", root / "flow.zarr", FlowSettings())
    model = build("nerv", NERV, (16, 32), range(COUNT), COUNT, seed=1)
    save_model(model, root / "model.pt")
    write_layer(model, root / "canvas.zarr" / "head", "head")
    stores = [root / f"{name}.zarr" for name in ("canvas", "regions", "flow")]
    return Subject(root / "video.zarr", root / "model.pt", None, *stores)


def texts(figure: Figure) -> str:
    found = [figure._suptitle.get_text() if figure._suptitle else ""]  # type: ignore[attr-defined]
    found += [text.get_text() for text in figure.texts]
    found += [part.get_text() for axis in figure.axes for part in (*axis.texts, axis.title, axis.xaxis.label)]
    return "\n".join(found)


def run(name: str, subject: Any, tmp_path: Path, **settings: Any) -> xr.Dataset:
    run_analysis(name, settings, subject, tmp_path / "out")
    return open_result(tmp_path / "out").load()


@pytest.mark.slow
def test_objects_look_at_annotated_frames_only(subject: Subject, tmp_path: Path) -> None:
    result = run("objects", subject, tmp_path)
    assert result["frame"].values.tolist() == list(result.attrs["annotated_frames"]) == ANNOTATED
    assert list(result.attrs["canvas_frames"]) == list(range(COUNT))
    areas = {name: (picture(4)[1][2::4, 2::4] == layer).sum() for name, layer in (("car", 2), ("sky", 1))}
    for name, area in areas.items():
        [at] = [k for k, category in enumerate(result["category"].values) if category == name]
        assert int(result["area"].sel(frame=4)[at]) == area
    figures = make_analysis("objects").plot(result)
    for figure in figures.values():
        assert "Only frames with masks: 4, 9 of the 12 frames of the canvas." in texts(figure)


@pytest.mark.slow
def test_objects_of_a_frame_without_masks_are_refused(subject: Subject, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="Frames 3 were asked for, but the annotated part of the canvas has frames 4, 9"
    ):
        run("objects", subject, tmp_path, frames=[3, 4])


def test_objects_of_a_canvas_without_annotated_frames(subject: Subject, tmp_path: Path) -> None:
    other = Subject(subject.video_path, canvas_path=subject.canvas_path)
    other.__dict__["canvas"] = {name: data.isel(frame=slice(4)) for name, data in subject.canvas.items()}
    result = run("objects", other, tmp_path)
    assert result.attrs["masks"] == "none"
    assert list(result.attrs["annotated_frames"]) == []
    assert "no objects to look at" in texts(make_analysis("objects").plot(result)["all"])


@pytest.mark.slow
@pytest.mark.parametrize(("frames", "chosen"), [(2, [4, 9]), (1, [4]), ([3, 4], [3, 4]), ("all", list(range(COUNT)))])
def test_grouping_groups_instances_in_annotated_frames(
    subject: Subject, tmp_path: Path, frames: Any, chosen: list[int]
) -> None:
    result = run("grouping", subject, tmp_path, frames=frames, neurons=2, shifts=8)
    assert result["frame"].values.tolist() == chosen
    assert list(result.attrs["annotated_frames"]) == ANNOTATED
    figures = make_analysis("grouping").plot(result)
    for frame in chosen:
        one = result.sel(frame=frame, grouping="instances")
        assert bool(one["variance"].notnull().any()) == (frame in ANNOTATED)
        assert (int(one["regions"]) > 0) == (frame in ANNOTATED)
        assert bool(result["variance"].sel(frame=frame, grouping="rgb").notnull().any())
        said = "with masks" if frame in ANNOTATED else "without masks: no instances"
        assert f"frame {frame} ({said})" in texts(figures[f"frame{frame}"])


def test_motion_needs_no_masks(subject: Subject, tmp_path: Path) -> None:
    result = run("motion", subject, tmp_path, frames=[2, 3], animated=0)
    assert result["fluctuation"].notnull().all()
    assert "annotated_frames" not in result.attrs


def test_the_data_set_lists_the_frames(subject: Subject, tmp_path: Path) -> None:
    result = run("dataset", Project({"v": subject.video_path}), tmp_path)
    assert result["annotated_frames"].values.tolist() == ["4, 9"]
    assert result["data_set"].values.tolist() == ["Cityscapes-VPS"]
    table = make_analysis("dataset").table(result)
    assert table["labelled"].tolist() == [pytest.approx(1 / 6)] * 2
    assert table["annotated_frames"].tolist() == ["", "4, 9"]


def test_regions_are_of_annotated_frames(subject: Subject) -> None:
    regions = open_regions(subject.regions_path or Path())
    labelled = (regions["instances"] >= 0).any(["y", "x"])
    assert np.flatnonzero(labelled.values).tolist() == ANNOTATED
    categories = set(regions["instances_category"].values.tolist())
    assert categories <= {*CITY_CLASSES, "vegetation"}


def test_pictures_show_annotated_frames(subject: Subject) -> None:
    video = open_video(subject.video_path).load()
    figure = contact_sheet(video, "v")
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == ["frame 4", "frame 9"]
    assert "12 frames of 16 × 32 pixels, 2 annotated" in texts(figure)
    flat = [frame for frame, image in enumerate(film(video, 1)) if not image[:, 32:].std()]
    assert flat == [frame for frame in range(COUNT) if frame not in ANNOTATED]


def test_a_whole_annotation_needs_no_note() -> None:
    assert annotated_note({"annotated_frames": [0, 1], "canvas_frames": [0, 1]}) == annotated_note({}) == ""
    assert annotated_note({"annotated_frames": [], "canvas_frames": [0, 1]}).startswith("None of the 2 frames")
