"""Table 1, of videos made by hand and of prepared ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tests.helpers.small import write_clip
from xinc.analyses.draw import draw_figures
from xinc.analyses.making import make_analysis
from xinc.analyses.results import Project, open_result
from xinc.analyses.run import run_analysis
from xinc.errors import InputError
from xinc.plotting import style
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings
from xinc.video.store import FORMAT, VERSION


def write(path: Path, source: str, instances: np.ndarray | None = None, things: Any = (), **sizes: int) -> None:
    """A store with these masks (frame, y, x), of segments 1, 2, …; a frame of −1 is not annotated."""
    shape = (sizes.get("frames", 3), sizes.get("height", 4), sizes.get("width", 6))
    settings = VideoSettings(name="video", source=source).model_dump_json()
    attrs = {"xinc_format": FORMAT, "version": VERSION, "settings": settings}
    variables: dict[str, Any] = {"frames": (("frame", "y", "x", "channel"), np.zeros((*shape, 3), np.float32))}
    if instances is not None:
        variables |= {
            "instances": (("frame", "y", "x"), np.maximum(instances, 0).astype(np.int32)),
            "annotated": ("frame", (instances >= 0).all((1, 2))),
            "segment_id": ("segment", np.arange(1, len(things) + 1)),
            "isthing": ("segment", np.array(things)),
        }
    xr.Dataset(variables, attrs=attrs).to_zarr(path, zarr_format=3, consolidated=False)


def masks(*frames: list[int] | None) -> np.ndarray:
    """(frame, 4, 6) masks in which these segments occur."""
    out = np.zeros((len(frames), 4, 6), int)
    for mask, segments in zip(out, frames, strict=True):
        if segments is None:
            mask[:] = -1
        else:
            mask.flat[: len(segments)] = segments
    return out


@pytest.fixture
def project(tmp_path: Path) -> Project:
    write(tmp_path / "a", "data/city/0001", masks([1, 2, 3], None, [1]), [True, True, False])
    write(tmp_path / "b", "data/city/0002", masks([1], [1, 2], [1, 2, 3, 4, 5]), [True] * 5)
    write(tmp_path / "c", "example:bunny", frames=5, height=8)
    write(tmp_path / "d", "clip.mp4", masks(None, None, None), [])
    return Project({name: tmp_path / name for name in "abcd"})


def test_a_row_for_each_video(project: Project) -> None:
    result = make_analysis("dataset").compute(project)
    assert result["video"].values.tolist() == list("abcd")
    assert result["data_set"].values.tolist() == ["city", "city", "examples", "videos"]
    assert result["source"].values.tolist()[0] == "data/city/0001"
    assert result["frames"].values.tolist() == [3, 3, 5, 3]
    assert result["labelled_frames"].values.tolist() == [2, 3, 0, 0]
    np.testing.assert_array_equal(result["instances"], [2, 5, np.nan, np.nan])
    np.testing.assert_array_equal(result["stuff"], [1, 0, np.nan, np.nan])
    np.testing.assert_array_equal(result["fewest_instances"], [1, 1, np.nan, np.nan])
    np.testing.assert_array_equal(result["most_instances"], [2, 5, np.nan, np.nan])
    assert result["height"].values.tolist() == [4, 4, 8, 4]


def test_the_table_gives_ranges_over_a_data_set(project: Project) -> None:
    analysis = make_analysis("dataset")
    table = analysis.table(analysis.compute(project))
    assert isinstance(table, pd.DataFrame)
    assert table["data_set"].tolist() == ["city", "city", "city", "examples", "examples", "videos", "videos"]
    assert table["video"].tolist() == ["", "a", "b", "", "c", "", "d"]
    city = table.iloc[0]
    assert (city["videos"], city["instances_min"], city["instances_max"]) == (2, 2, 5)
    assert (city["frames_min"], city["frames_max"]) == (3, 3)
    assert city["labelled"] == pytest.approx(5 / 6)
    assert city["size"] == "4×6"
    assert table.iloc[1]["labelled"] == pytest.approx(2 / 3)
    assert table.iloc[3]["labelled"] == 0


def test_data_sets_can_be_named(project: Project) -> None:
    named = make_analysis("dataset", {"datasets": {"mine": ["a", "c"]}}).compute(project)
    assert named["data_set"].values.tolist() == ["mine", "city", "mine", "videos"]
    with pytest.raises(InputError, match="names video 'x', which is not configured: choose among a, b, c, d"):
        make_analysis("dataset", {"datasets": {"mine": ["x"]}}).compute(project)
    with pytest.raises(InputError, match="video 'a' into both 'mine' and 'other'"):
        make_analysis("dataset", {"datasets": {"mine": ["a"], "other": ["a"]}}).compute(project)


def test_the_figure_says_the_same(project: Project) -> None:
    analysis = make_analysis("dataset", {"datasets": {"mine": ["a", "c"]}, "domains": {"mine": "streets"}})
    figure = analysis.plot(analysis.compute(project))["table"]
    texts = [text.get_text() for text in figure.axes[0].texts]
    header, rows = texts[:8], [texts[at : at + 8] for at in range(8, len(texts), 8)]
    assert header[1:3] == ["domain", "videos"]
    # Videos without labels are not counted there.
    assert all("labelled" in text for text in header[3:5])
    assert rows[0] == ["city", "–", "1", "5", "1–5", "3", "100 %", "4×6"]
    assert rows[2] == ["mine", "streets", "2", "2", "1–2", "3–5", "25 %", "4×6, 8×6"]
    assert rows[4] == ["c", "", "", "–", "–", "5", "0 %", "8×6"]
    short = make_analysis("dataset", {"listed": 3})
    texts = [text.get_text() for text in short.plot(short.compute(project))["table"].axes[0].texts]
    assert texts[8::8] == ["city", "examples", "videos"]


def test_a_prepared_video_from_start_to_finish(tmp_path: Path) -> None:
    write_clip(tmp_path)
    settings = VideoSettings(
        name="clip", source=str(tmp_path / "clip"), masks=str(tmp_path / "clip_masks"), resolution=(16, 32)
    )
    prepare_video(settings, tmp_path / "video.zarr")
    run_analysis("dataset", None, Project({"clip": tmp_path / "video.zarr"}), tmp_path / "out")
    result = open_result(tmp_path / "out").load()
    assert result["instances"].values.tolist() == [1]
    assert result["labelled_frames"].values.tolist() == [4]
    assert result["data_set"].values.tolist() == [tmp_path.name]
    for name, variable in result.data_vars.items():
        assert variable.attrs["long_name"], name
        assert variable.attrs["units"], name
    table = pd.read_csv(tmp_path / "out" / "table.csv")
    assert len(table) == 2
    for folder in ("a", "b"):
        draw_figures("dataset", None, tmp_path / "out", tmp_path / folder)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["table.png", "table.svg"]
    for file in ("table.png", "table.svg"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    with style.context():
        title = make_analysis("dataset").plot(result)["table"]._suptitle  # type: ignore[attr-defined]
    assert title.get_text() == make_analysis("dataset").question
