"""What every analysis owes, for all that are registered."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure
from pydantic import BaseModel

from tests.helpers.figures import troubles
from tests.helpers.subjects import QUICK, SETTINGS, Make
from tests.helpers.tiers import exhaustive
from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.analyses.draw import draw_figures
from xinc.analyses.making import make_analysis
from xinc.analyses.plot import plot_all
from xinc.analyses.results import open_result
from xinc.analyses.run import run_analysis
from xinc.analyses.tables import table_parts, to_csv, to_dataframe
from xinc.errors import InputError

#: What the results are said to be of.
OF = {"video": "clip", "seed": "3"}

#: Analyses that take neurons out, many times: the quick tier has the tests of their own.
SLOW = {"error", "faithfulness", "pruning"}

pytestmark = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in analyses]
)

#: Networks of one frame at once, all others in the slow tier: two workers would compute most results twice.
MODELS = [pytest.param(model, marks=() if model == "ffn" else pytest.mark.slow) for model in SETTINGS]
#: Those whose figures are drawn: a video network's have more layers and frames.
DRAWN = [pytest.param(model, marks=() if model == "ffn" else exhaustive) for model in SETTINGS]


@pytest.fixture(autouse=True)
def _of_one_network(name: str, request: pytest.FixtureRequest) -> None:
    """Results of several seeds or of the whole project are not made from one subject."""
    if analyses[name].scope != "network" and {"results", "subjects"} & set(request.fixturenames):
        pytest.skip(f"the scope of {name} is {analyses[name].scope}")
    if analyses[name].architectures is not None and {"results", "subjects", "computed"} & set(request.fixturenames):
        pytest.skip(f"{name} is about other networks, and has tests of its own")


@pytest.fixture(scope="session")
def computed(subjects: Make) -> Any:
    """``computed(analysis, model)`` is what an analysis computes, once."""
    return functools.cache(lambda name, model: make_analysis(name, QUICK.get(name)).compute(subjects(model)))


@pytest.fixture(scope="session")
def results(subjects: Make, computed: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``results(analysis, model)`` is the folder of a result, written once."""
    root = tmp_path_factory.mktemp("results")

    @functools.cache
    def get(name: str, model: str) -> Path:
        found = computed(name, model).copy()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(analyses[name], "compute", lambda *_: found)
            run_analysis(name, None, subjects(model), root / name / model, OF | {"model": model})
        return root / name / model

    return get


def test_it_says_what_it_asks(name: str) -> None:
    cls = analyses[name]
    assert issubclass(cls, Analysis)
    assert cls.name == name
    assert cls.__module__ == f"xinc.analyses.{name}"
    assert cls.question.endswith("?")
    assert cls.section
    assert cls.needs <= {"model", "canvas", "regions", "flow"}
    assert len(cls.caption()) > 40
    assert cls.caption() != Analysis.caption()
    assert cls.caption().endswith(".")
    assert "\n" not in cls.caption()


def test_settings_are_typed_described_and_have_defaults(name: str) -> None:
    cls = analyses[name]
    assert issubclass(cls.Settings, BaseModel)
    for key, field in cls.Settings.model_fields.items():
        assert field.description, f"{name}.{key}"
        assert field.description.endswith("."), f"{name}.{key}"
        assert not field.is_required(), f"{name}.{key}"
    assert cls.figure_settings <= set(cls.Settings.model_fields)
    plain = make_analysis(name).settings.model_dump(mode="json")
    assert json.loads(json.dumps(plain)) == plain
    assert make_analysis(name, plain).settings == make_analysis(name).settings
    with pytest.raises(InputError, match=f"Unknown setting 'analyses.{name}.nothing_of_the_kind'"):
        make_analysis(name, {"nothing_of_the_kind": 1})


@pytest.mark.parametrize("model", MODELS)
def test_results_are_labelled(name: str, model: str, results: Any) -> None:
    result = open_result(results(name, model))
    assert result.attrs["analysis"] == name
    assert result.attrs["question"] == analyses[name].question
    assert result.data_vars
    for key, variable in result.data_vars.items():
        assert variable.attrs.get("long_name"), key
        assert variable.attrs.get("units"), key
        assert not [d for d in variable.dims if str(d).startswith("dim_")], key
    for key, values in result.coords.items():
        assert values.attrs.get("long_name"), key
        assert values.attrs.get("units"), key
    assert "nan" not in str(result.attrs)


@pytest.mark.parametrize("model", MODELS)
def test_results_hold_only_types_that_zarr_specifies(name: str, model: str, results: Any) -> None:
    """Text of fixed length, which numpy makes of names, is not among them."""
    metadata = (results(name, model) / "result.zarr").rglob("zarr.json")
    types = [json.loads(path.read_text()).get("data_type") for path in metadata]
    assert all(kind is None or isinstance(kind, str) for kind in types), types


class Drawn:
    """The figures of a result: their folder, and what was drawn into it."""

    def __init__(self, name: str, result: Path, folder: Path) -> None:
        self.folder = folder
        self.figures: dict[str, Any] = {}
        self.films: dict[str, Any] = {}
        with pytest.MonkeyPatch.context() as patch:
            for method, kept in (("plot", self.figures), ("animate", self.films)):
                patch.setattr(analyses[name], method, self._keeping(getattr(analyses[name], method), kept))
            draw_figures(name, None, result, folder)

    @staticmethod
    def _keeping(method: Callable[..., dict[str, Any]], kept: dict[str, Any]) -> Callable[..., dict[str, Any]]:
        def keeping(*arguments: Any) -> dict[str, Any]:
            kept.update(method(*arguments))
            return kept

        return keeping


@pytest.fixture(scope="session")
def figures(results: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``figures(analysis, model)``, drawn once."""
    root = tmp_path_factory.mktemp("figures")
    return functools.cache(lambda name, model: Drawn(name, results(name, model), root / name / model))


@pytest.mark.slow
@pytest.mark.parametrize("model", DRAWN)
def test_figures_are_drawn_from_the_result_alone(name: str, model: str, figures: Any) -> None:
    drawn = figures(name, model)
    assert drawn.figures
    assert all(isinstance(figure, Figure) for figure in drawn.figures.values())
    names = {f"{part}.{kind}" for part in drawn.figures for kind in ("svg", "png")}
    names |= {name for part in drawn.films for name in (f"{part}.gif", f"{part}-animation.png")}
    assert {path.name for path in drawn.folder.iterdir()} == names
    titles = {figure._suptitle.get_text() for figure in drawn.figures.values() if figure._suptitle}
    assert all(analyses[name].question in title for title in titles)
    assert all(f"clip · {model} · seed 3" in title for title in titles)


@pytest.mark.slow
@pytest.mark.parametrize("model", DRAWN)
def test_drawing_twice_gives_the_same_bytes(name: str, model: str, results: Any, figures: Any, tmp_path: Path) -> None:
    draw_figures(name, None, results(name, model), tmp_path / "again")
    for file in figures(name, model).folder.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


@pytest.mark.parametrize("model", MODELS)
def test_animations_are_images_of_one_size(name: str, model: str, results: Any) -> None:
    for film in make_analysis(name).animate(open_result(results(name, model)).load()).values():
        assert {image.dtype for image in film} == {np.dtype(np.uint8)}
        assert {image.shape for image in film} == {film[0].shape}
        assert film[0].shape[2] == 3


@pytest.mark.parametrize("model", MODELS)
def test_the_table_is_that_of_the_result(name: str, model: str, results: Any) -> None:
    folder = results(name, model)
    expected = make_analysis(name).table(open_result(folder).load())
    assert (folder / "table.csv").exists() == (expected is not None)
    if expected is not None:
        written = pd.read_csv(folder / "table.csv")
        assert list(written.columns) == list(expected.columns)
        assert len(written) == len(expected)
        for column in written.select_dtypes("number"):
            np.testing.assert_allclose(written[column], expected[column].astype(float))


@pytest.mark.slow
def test_computing_twice_gives_the_same(name: str, subjects: Make, computed: Any) -> None:
    again = make_analysis(name, QUICK.get(name)).compute(subjects("nerv"))
    xr.testing.assert_identical(again, computed(name, "nerv"))


@pytest.mark.slow
def test_both_layouts_give_the_same(name: str, subjects: Make) -> None:
    factored, dense = (
        make_analysis(name, QUICK.get(name)).compute(subjects("nerv", layout)) for layout in ("factored", "dense")
    )
    xr.testing.assert_allclose(factored, dense, rtol=1e-4, atol=1e-6)


def test_nothing_is_written_when_it_fails(
    name: str, subjects: Make, computed: Any, results: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no")

    found = computed(name, "ffn")
    for method in ("table", "compute"):
        with monkeypatch.context() as patch:
            patch.setattr(analyses[name], "compute", lambda *_: found.copy())
            patch.setattr(analyses[name], method, fail)
            with pytest.raises(RuntimeError, match="no"):
                run_analysis(name, None, subjects("ffn"), tmp_path / "out")
        assert list(tmp_path.iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr(analyses[name], "plot", fail)
        with pytest.raises(RuntimeError, match="no"):
            draw_figures(name, None, results(name, "ffn"), tmp_path / "figures")
    assert list(tmp_path.iterdir()) == []


@exhaustive
@pytest.mark.parametrize("size", ["column", "slide"])
def test_figures_hold_from_a_column_to_a_slide(name: str, size: Any, results: Any) -> None:
    """No text is cut off or lies on another, and nothing is larger than was asked for."""
    for part, figure in plot_all(results(name, "nerv"), size).items():
        assert troubles(figure) == [], part
        width, height = figure.get_size_inches()
        assert width <= {"column": 3.4, "slide": 13.3}[size] + 0.01
        assert size == "column" or height <= 7.51


@pytest.mark.slow
def test_a_result_is_a_table_and_a_file(name: str, results: Any, tmp_path: Path) -> None:
    folder = results(name, "nerv" if analyses[name].across_frames else "ffn")
    table = to_dataframe(folder)
    own = make_analysis(name).table(open_result(folder).load())
    assert len(table)
    if own is not None:
        pd.testing.assert_frame_equal(table, own)
    written = pd.read_csv(to_csv(folder, tmp_path / "deep" / "table.csv"))
    assert list(written.columns) == list(table.columns)
    assert len(written) == len(table)
    result = open_result(folder)
    for part, names in table_parts(folder).items():
        one = to_dataframe(folder, part)
        assert set(names) <= set(one.columns)
        assert len(one) == result[names[0]].size
        pd.testing.assert_frame_equal(to_dataframe(folder, names[0]), one)
        values = result[names[0]].transpose(*[dim for dim in part.split("-") if part != "all"]).values
        np.testing.assert_array_equal(one[names[0]].to_numpy(values.dtype), values.ravel())
    with pytest.raises(InputError, match=f"The result of '{name}' has no table 'nothing_of_the_kind'"):
        to_dataframe(folder, "nothing_of_the_kind")
