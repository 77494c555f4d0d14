"""`xinc why`: what changed since a result was made, in words."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.small import changed, config, write_clip, write_table
from xinc.errors import InputError
from xinc.experiment import plan as planning
from xinc.experiment.config import Config
from xinc.experiment.paths import path_of
from xinc.experiment.plan import Plan
from xinc.experiment.records import write_record
from xinc.experiment.why import explain

RECORDS = Path("records")
RUN = "results/clip/nerv/seed0"


@pytest.fixture(autouse=True)
def _finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished run, as far as its paths and records go."""
    write_clip(tmp_path)
    write_table(tmp_path)
    monkeypatch.chdir(tmp_path)
    plan = Plan(Config(config()))
    for age, made in enumerate(plan.jobs()):
        path = Path(path_of(made.rule, **made.wildcards))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (age, age))
        write_record(RECORDS, str(path), plan.spec(made.rule, **made.wildcards).params())
        if made.rule == "train":
            path.with_name("history.csv").touch()


def why(path: str, values: dict[str, Any] | None = None) -> list[str]:
    return [line.strip() for line in explain(path, Plan(Config(values or config())), RECORDS)]


def test_nothing_changed() -> None:
    for path in (f"{RUN}/maps", f"{RUN}/model.pt", "results/clip/video.zarr", "results/figures/maps/clip/nerv/seed0"):
        (line,) = why(path)
        assert line.startswith(f"{path}, made ")
        assert line.endswith("is up to date: nothing that it depends on has changed.")


def test_a_file_inside_of_a_result() -> None:
    assert why(f"{RUN}/maps/table.csv")[0].startswith(f"{RUN}/maps, made ")


def test_a_setting() -> None:
    lines = why(f"{RUN}/maps", changed("analyses.maps.neurons", 2))
    assert lines[0].endswith("would be made again:")
    assert lines[1:] == ["settings: settings.neurons was 3, is 2"]


def test_a_setting_upstream() -> None:
    assert why("results/figures/maps/clip/nerv/seed0", changed("models.nerv.training.epochs", 4))[1:] == [
        f"upstream: {RUN}/maps changed",
        f"upstream: {RUN}/canvas.zarr changed",
        f"upstream: {RUN}/model.pt changed",
        "settings: training.epochs was 3, is 4",
    ]


def test_code(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = planning.code_of

    def edited(modules: Any, scripts: Any = ()) -> dict[str, str]:
        return {
            name: "0" * 16 if name == "xinc.trace.layers" else own for name, own in counted(modules, scripts).items()
        }

    monkeypatch.setattr(planning, "code_of", edited)
    assert why(f"{RUN}/model.pt")[1:] == ["code: xinc.trace.layers changed"]


def test_layers() -> None:
    fewer = changed("models.nerv.canvas", {"layers": ["head"]})
    assert why(f"{RUN}/maps", fewer)[1:] == [
        "settings: layers.layers was ['block2', 'head'], is ['head']",
        f"upstream: {RUN}/canvas.zarr changed",
        "settings: layers was ['block2', 'head'], is ['head']",
    ]


def test_a_result_made_again_since() -> None:
    """As when a run stopped halfway."""
    values = changed("models.nerv.training.epochs", 4)
    plan = Plan(Config(values))
    write_record(RECORDS, f"{RUN}/model.pt", plan.spec("train", video="clip", model="nerv", seed=0).params())
    lines = why(f"{RUN}/canvas.zarr", values)
    assert lines[1:] == [f"upstream: {RUN}/model.pt changed", "it was made again since"]


def test_a_newer_result() -> None:
    os.utime(f"{RUN}/model.pt", (10**6, 10**6))
    assert why(f"{RUN}/canvas.zarr")[1:] == [
        f"upstream: {RUN}/model.pt is newer (of a small file, Snakemake compares the content)"
    ]


def test_a_result_that_is_missing_upstream() -> None:
    """Also of what was made from that, as Snakemake makes it all again."""
    Path(f"{RUN}/canvas.zarr").unlink()
    assert why(f"{RUN}/maps")[1:] == [f"upstream: {RUN}/canvas.zarr is missing"]
    assert why("results/figures/maps/clip/nerv/seed0")[1:] == [
        f"upstream: {RUN}/maps would be made again",
        f"upstream: {RUN}/canvas.zarr is missing",
    ]


def test_every_file_that_a_job_makes() -> None:
    Path(f"{RUN}/history.csv").unlink()
    assert why(f"{RUN}/model.pt") == [f"{RUN}/history.csv has not been made yet."]


def test_a_layer_is_made_with_its_canvas() -> None:
    for inside in ("", "/", "/zarr.json", "/head", "/head/input/zarr.json"):
        (line,) = why(f"{RUN}/canvas.zarr{inside}")
        assert line.startswith(f"{RUN}/canvas.zarr, made "), inside


def test_an_absolute_path_of_this_folder() -> None:
    assert why(str(Path(f"{RUN}/maps").absolute())) == why(f"./{RUN}/maps/")


def test_not_made_and_not_recorded() -> None:
    Path(f"{RUN}/maps").unlink()
    assert why(f"{RUN}/maps") == [f"{RUN}/maps has not been made yet."]
    for file in RECORDS.rglob("*.json"):
        file.unlink()
    assert why(f"{RUN}/model.pt")[0].startswith(f"There is no record of what {RUN}/model.pt was made from")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/elsewhere/results/clip/nerv/seed0/maps", "lies outside of this folder"),
        ("s3://bucket/results/clip/nerv/seed0/maps", "is on object storage"),
        ("elsewhere/maps", "'elsewhere/maps' is not a result of the workflow: expected a path such as results/"),
        ("results/clip/nervv/seed0/maps", "asks for no model 'nervv' .*: did you mean 'nerv'"),
        ("results/clip/nerv/seed0/quality2", "asks for no analysis 'quality2' .*: did you mean 'quality'"),
        ("results/clip/nerv/seed7/maps", "asks for no 'results/clip/nerv/seed7/maps'"),
        ("results/clip/nerv/seed0/canvas.zarr/block1", "asks for no layer 'block1'"),
    ],
)
def test_paths_that_are_not_asked_for(path: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        why(path)


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no")

    return lambda: monkeypatch.setattr(Path, "mkdir", refuse)


def test_a_record_that_cannot_be_kept_is_said(
    unwritable: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    params = Plan(Config(config())).spec("video", video="clip").params()
    unwritable()
    write_record(Path("other"), "results/clip/video.zarr", params)
    assert "No record was kept of what results/clip/video.zarr was made from (no)" in capsys.readouterr().err


def test_a_record_left_half_written_by_a_killed_process_is_removed() -> None:
    left = RECORDS / RUN / ".model.pt.json.partial-abcd"
    left.write_text("{")
    write_record(RECORDS, f"{RUN}/model.pt", {"settings": {}, "code": {}, "upstream": {}})
    assert not left.exists()
