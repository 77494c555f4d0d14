"""``xinc.plot``: one figure of a result, in the look that was asked for."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import xarray as xr

import xinc
from tests.helpers.subjects import Make
from xinc.analyses.maps import figure
from xinc.analyses.plot import parts
from xinc.analyses.results import open_result
from xinc.analyses.run import run_analysis
from xinc.errors import InputError


@pytest.fixture(scope="session")
def maps(subjects: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result of maps, and beside it one that its figures quote."""
    folder = tmp_path_factory.mktemp("network")
    of = {"video": "clip", "model": "nerv", "seed": "0"}
    run_analysis("maps", {"neurons": 5, "frames": [0]}, subjects("nerv"), folder / "maps", of)
    return folder / "maps"


@pytest.mark.slow
def test_a_path_a_store_and_a_dataset_are_the_same(maps: Path) -> None:
    figures = [xinc.plot(one, "head") for one in (maps, str(maps), maps / "result.zarr", open_result(maps))]
    assert {figure._suptitle.get_text() for figure in figures} == {  # type: ignore[attr-defined]
        "What does a neuron contribute to?\nclip · nerv · seed 0 · head · |C| in frame 0"
    }
    assert xinc.plot(maps)._suptitle.get_text() != figures[0]._suptitle.get_text()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_sizes_titles_columns_and_colours(maps: Path) -> None:
    for size, width in ((3.4, 3.4), ("column", 3.4), ((5, 2.5), 5), ("page", 7.0)):
        figure = xinc.plot(maps, size=size)  # type: ignore[arg-type]
        assert figure.get_figwidth() <= width
        assert figure.get_figwidth() == width or figure.get_figheight() == 2.5
    figure = xinc.plot(maps, title=False, columns=3, cmap="viridis")
    assert figure._suptitle is None  # type: ignore[attr-defined]
    shown = [axis for axis in figure.axes if axis.images]
    assert shown[0].get_subplotspec().get_gridspec().ncols == 3  # type: ignore[union-attr]
    assert {axis.images[0].get_cmap().name for axis in shown[1:]} == {"viridis"}
    assert xinc.plot(maps, size="slide").axes[1].title.get_fontsize() == pytest.approx(1.4 * 7)


@pytest.mark.slow
def test_the_look_is_that_of_the_house_whatever_the_users(maps: Path, tmp_path: Path) -> None:
    """When it is drawn and when it is saved, and the user's own settings stay."""
    plain = xinc.plot(maps, "head", size=4)
    plain.savefig(tmp_path / "plain.svg", metadata={"Date": None})
    own = {"font.family": "serif", "axes.facecolor": "red", "svg.fonttype": "path", "font.size": 30, "savefig.dpi": 5}
    with matplotlib.rc_context(own):
        figure = xinc.plot(maps, "head", size=4)
        figure.savefig(tmp_path / "own.svg", metadata={"Date": None})
        figure.savefig(tmp_path / "own.pdf")
        assert matplotlib.rcParams["font.size"] == 30
    assert (tmp_path / "own.svg").read_bytes() == (tmp_path / "plain.svg").read_bytes()
    assert "one scale for all" in (tmp_path / "own.svg").read_text(encoding="utf-8")
    assert b"/Type3" not in (tmp_path / "own.pdf").read_bytes()


def test_what_is_not_known_names_the_nearest(maps: Path, tmp_path: Path) -> None:
    wrong = {
        "has no figure 'haed': did you mean 'head'?": {"part": "haed"},
        "There is no size 'slid': did you mean 'slide'?": {"size": "slid"},
        "The size is 0.5: expected a width from 2 to 40 inches": {"size": 0.5},
        "There is no colour map 'virids': did you mean 'viridis'?": {"cmap": "virids"},
        "There is no colour map '3': the name of one of Matplotlib was expected.": {"cmap": 3},
        "columns is 0: a number of panels from 1 on": {"columns": 0},
        "columns is '2': a number": {"columns": "2"},
        "columns is 1.5: a number": {"columns": 1.5},
        "title is 'My own': expected True or False": {"title": "My own"},
        "The size is None: expected": {"size": None},
        "The size is (3, 4, 5): expected": {"size": (3, 4, 5)},
        "The size is ('3', 4): expected": {"size": ("3", 4)},
        "The size is True: expected": {"size": True},
        "Unknown setting 'scael' of the figures of 'maps': did you mean 'scale'?": {"scael": "own"},
    }
    for message, arguments in wrong.items():
        with pytest.raises(InputError, match=re.escape(message)):
            xinc.plot(maps, **arguments)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="does not exist: give the folder of a result"):
        xinc.plot(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"has no result\.zarr"):
        xinc.plot(tmp_path)
    with pytest.raises(InputError, match="does not say of which analysis"):
        xinc.to_dataframe(xr.Dataset())
    for other in (None, xr.DataArray(1), xr.DataTree()):
        with pytest.raises(InputError, match=f"type {type(other).__name__} was given: a result of an analysis"):
            xinc.plot(other)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"has lost the dimension layer.* as in result\.sel\(layer=\['head'\]\)"):
        xinc.plot(open_result(maps).sel(layer="head"))
    with pytest.raises(InputError, match=r"is a folder: give the path of a file, such as .*table\.csv"):
        xinc.to_csv(maps, tmp_path)


def test_one_figure_is_drawn_alone(maps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    gallery = figure._gallery
    monkeypatch.setattr(
        figure, "_gallery", lambda *given: drawn.append(str(given[1]["layer"].values)) or gallery(*given)
    )
    assert parts(maps) == ["block1", "block2", "head"]
    assert not drawn
    xinc.plot(maps, "block2")
    assert drawn == ["block2"]


def test_a_figure_says_what_was_computed(subjects: Make, tmp_path: Path) -> None:
    """Settings of the computation are noted with the result: a threshold in a label is that which was used."""
    run_analysis("pixels_per_neuron", {"share": 0.25, "frames": 1}, subjects("ffn"), tmp_path / "pixels")
    assert "above 0.25" in xinc.plot(tmp_path / "pixels").axes[0].get_ylabel()


def test_drawing_changes_nothing(maps: Path) -> None:
    result = open_result(maps).load()
    before = result.copy(deep=True)
    xinc.plot(result)
    xr.testing.assert_identical(result, before)
    assert "quoted" not in result.attrs
    assert np.isfinite(xinc.to_dataframe(result)["share"]).all()
