"""Tests of the contact sheet and the animation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.helpers.movies import pictures
from xinc.analyses.objects.figure import _looks
from xinc.plotting.flow_colours import flow_colours
from xinc.video.figures import video as figures
from xinc.video.figures.video import contact_sheet, film, instance_colours
from xinc.video.prepare import build_video
from xinc.video.regions import UNLABELLED, instance_regions
from xinc.video.settings import VideoSettings


@pytest.fixture(scope="module")
def collage() -> xr.Dataset:
    return build_video(VideoSettings(name="c", source="example:collage", count=9, resolution=(32, 64)))


def boxes(figure: Figure) -> list[tuple[str, Any]]:
    """The extent in pixels of every text, legend and picture, drawn for real."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    found = [("legend", legend.get_window_extent(renderer)) for legend in figure.legends]
    texts = [*figure.texts, *([figure._suptitle] if figure._suptitle else [])]  # type: ignore[attr-defined]
    found += [(text.get_text(), text.get_window_extent(renderer)) for text in dict.fromkeys(texts)]
    for axes in figure.axes:
        found.append(("axes", axes.get_window_extent(renderer)))
        found += [(t.get_text(), t.get_window_extent(renderer)) for t in (axes.title, axes.yaxis.label) if t.get_text()]
    return found


def assert_tidy(figure: Figure) -> None:
    found = boxes(figure)
    page = figure.bbox
    for name, box in found:
        assert box.x0 >= page.x0, name
        assert box.y0 >= page.y0, name
        assert box.x1 <= page.x1, name
        assert box.y1 <= page.y1, name
    for number, (name, box) in enumerate(found):
        for other, place in found[number + 1 :]:
            apart = box.x1 <= place.x0 or place.x1 <= box.x0 or box.y1 <= place.y0 or place.y1 <= box.y0
            assert apart, f"{name!r} overlaps {other!r}"


@pytest.mark.parametrize("frames", [1, 2, 5, 9])
def test_nothing_overlaps_or_is_cut_off(collage: xr.Dataset, frames: int) -> None:
    figure = contact_sheet(collage.isel(frame=slice(frames)), "collage")
    shown = min(frames, 8)
    assert len(figure.axes) == 3 * shown + 1
    assert_tidy(figure)


def test_rows_follow_what_the_video_has(collage: xr.Dataset, write_folder: Any, settings: Any) -> None:
    plain = build_video(settings(write_folder(pictures(3)), resolution="6x10"))
    figure = contact_sheet(plain, "plain")
    assert len(figure.axes) == 3
    assert not figure.legends
    assert_tidy(figure)
    masked = contact_sheet(collage.drop_vars(["flow", "component"]), "masked")
    assert len(masked.axes) == 16
    assert_tidy(masked)


@pytest.mark.slow
def test_many_instances_are_listed_by_category(collage: xr.Dataset) -> None:
    names = [f"category number {n % 20}" for n in range(60)]
    many = collage.drop_dims("segment").assign(
        segment_id=("segment", np.arange(1, 61)), category=("segment", np.array(names, object)),
        isthing=("segment", np.full(60, True)),
    )  # fmt: skip
    figure = contact_sheet(many.isel(frame=slice(8)), "many")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[0] == "category number 0 (3)"
    assert labels[-1] == "and 8 more"
    assert_tidy(figure)


def test_frames_are_named_by_their_place_in_the_source(settings: Any) -> None:
    video = build_video(settings("example:collage", start=4, count=2, step=3, resolution="16x32"))
    assert [axes.get_title() for axes in contact_sheet(video, "c").axes if axes.get_title()] == ["frame 4", "frame 7"]


@pytest.mark.parametrize("things", [[True] * 6, [False, True, True, False, True, False]])
def test_an_instance_has_one_colour_in_all_figures(collage: xr.Dataset, things: list[bool]) -> None:
    """That of the share of a neuron's contributions, too, where a class of stuff is one."""
    video = collage.assign(isthing=("segment", np.array(things)))
    colours = instance_colours(video)
    regions = instance_regions(video)
    found = regions.isel(region=regions["name"].values != UNLABELLED)
    looks = _looks(found.rename(name="instance"))
    table = zip(video["segment_id"].values.tolist(), video["category"].values.tolist(), things, strict=True)
    for number, category, thing in table:
        assert looks[f"{category} {number}" if thing else category][0] == tuple(colours[number])
    assert len({look[0] for look in looks.values()}) == len(looks)


def test_flow_colours() -> None:
    right, left, rest = flow_colours(np.array([[2.0, 0], [-2, 0], [0, 0]]), 2.0)
    assert right.argmax() == 0
    assert left.argmin() == 0
    np.testing.assert_allclose(rest, 0.95)
    up = flow_colours(np.array([0.0, -2.0]), 2.0)
    assert up.argmax() == 1


def test_of_a_long_video_the_animation_shows_some_frames(collage: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "MOST_FILMED", 3)
    every = [picture.mean() for picture in film(collage, 1)]
    monkeypatch.undo()
    assert every == [film(collage, 1)[index].mean() for index in (0, 4, 8)]


def test_animation_shows_frames_beside_instances(collage: xr.Dataset) -> None:
    pictures_ = film(collage)
    assert len(pictures_) == 9
    assert all(picture.shape == (96, 384, 3) and picture.dtype == np.uint8 for picture in pictures_)
    np.testing.assert_array_equal(pictures_[4][1::3, 1:192:3], np.rint(collage.frames[4].values * 255))
    plain = collage[["frames"]]
    assert film(plain, enlarge=2)[0].shape == (64, 128, 3)
