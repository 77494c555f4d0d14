"""The command ``xinc``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import xinc
from tests.helpers.small import changed, config, write_clip, write_table
from xinc.experiment.cli import main
from xinc.experiment.config_files import merge


@pytest.fixture(autouse=True)
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path)
    write_table(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(config()))
    monkeypatch.chdir(tmp_path)


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    out = capsys.readouterr().out
    assert out == "config/config.yaml is fine: 1 video, 3 models, 1 seed, 3 analyses, 27 jobs.\n"


def test_check_of_another_file_with_changes(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.yaml").write_text(yaml.safe_dump(changed("seeds", [0, 1])))
    assert main(["check", "--configfile", "other.yaml", "--config", "seeds=[3]", "analyses={quality: {}}"]) == 0
    assert "other.yaml is fine: 1 video, 3 models, 1 seed, 3 analyses" in capsys.readouterr().out


def test_settings_are_merged_as_snakemake_merges_them() -> None:
    from snakemake.utils import update_config

    others = {"models": {"nerv": {"training": {"epochs": 9}}, "ffn": None}, "seeds": [1], "canvas": 3}
    ours, theirs = config(), config()
    merge(ours, others)
    update_config(theirs, others)
    assert ours == theirs


def test_several_files_and_dotted_changes(capsys: pytest.CaptureFixture[str]) -> None:
    Path("more.yaml").write_text(yaml.safe_dump({"seeds": [0, 1]}))
    words = ["--configfile", "config/config.yaml", "more.yaml", "--config", "models={nerv: {training: {epochs: 9}}}"]
    assert main(["check", *words]) == 0
    assert "config/config.yaml and more.yaml are fine: 1 video, 3 models, 2 seeds" in capsys.readouterr().out


def test_a_part_of_an_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", "part=project", "analyses={dataset: {}}"]) == 0
    assert "3 jobs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "--configfile", "none.yaml"], "There is no configuration file none.yaml: correct the path"),
        (["check", "--config", "seeds"], "'seeds' is not a setting: expected key=value."),
        (["check", "--config", "sseds=[1]"], "Unknown setting 'sseds': did you mean 'seeds'?"),
        (["check", "--config", "seeds=[1"], "is not valid YAML"),
        (["check", "--configfile", "config"], "config cannot be read as a configuration"),
        (["why", "/elsewhere/results/clip/nerv/seed0/maps"], "lies outside of this folder"),
        (["why", "s3://bucket/results/clip/nerv/seed0/maps"], "object storage"),
        (["settings", "nervv"], "There is no section 'nervv': did you mean 'nerv'?"),
        (["why", "--configfile", "config/config.yaml", "results/clip/video.zarr"], "RESULT is missing: name it before"),
        (["why", "results/nothing"], "'results/nothing' is not a result of the workflow"),
    ],
)
def test_errors_are_one_sentence(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Error: ")
    assert message in said.err
    assert said.err.count("\n") == 1


def test_check_finds_a_file_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("clip/1.png").unlink()
    Path("clip/1.png").symlink_to("nowhere.png")
    assert main(["check"]) == 1
    assert "'clip/1.png' cannot be read" in capsys.readouterr().err


def test_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "training"]) == 0
    one = capsys.readouterr().out
    assert "epochs: integer ≥ 1; default" in one
    assert "`" not in one
    assert main(["settings"]) == 0
    assert one.strip() in capsys.readouterr().out


def test_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "results/clip/nerv/seed0/maps"]) == 0
    assert capsys.readouterr().out == "results/clip/nerv/seed0/maps has not been made yet.\n"


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--version"], ["--help"], ["why", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    assert f"xinc {xinc.__version__}" in capsys.readouterr().out


def test_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xinc", "settings", "flow"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("flow\n")


@pytest.mark.slow
def test_a_reader_that_stops_early() -> None:
    words = f"{sys.executable} -m xinc settings | head -n 1"
    done = subprocess.run(words, shell=True, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_report_of_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything was made, too; not in the place of the workflow's own."""
    assert main(["report"]) == 0
    assert re.fullmatch(r"Report: report\.html; \d+ results and figures are not there yet\n", capsys.readouterr().out)
    assert "of the results and figures that this page shows are missing" in Path("report.html").read_text("utf-8")
    assert main(["report", "results/report.html"]) == 1
    assert "is the workflow's own report" in capsys.readouterr().err
