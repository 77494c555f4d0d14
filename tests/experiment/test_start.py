"""What is checked before Snakemake opens the Snakefile; there, it would end in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.helpers.small import config
from xinc.errors import InputError
from xinc.experiment.start import check_cache, check_configuration, check_folder, check_start

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config()))
    (tmp_path / "more.yaml").write_text("seeds: [1]\n")
    (tmp_path / "mine.json").write_text('{\n\t"seeds": [1]\n}')
    (tmp_path / "bad.yaml").write_text("models:\n\tnerv: 3\n")
    (tmp_path / "tagged.yaml").write_text("seeds: !!python/tuple [1]\n")
    (tmp_path / "results/clip/video.zarr").mkdir(parents=True)
    (tmp_path / "results/clip/model.pt").write_bytes(b"\xff\xfe")
    (tmp_path / "results/clip/history.csv").write_text("epoch,psnr\n")
    monkeypatch.chdir(tmp_path)


#: Snakemake's arguments, and what the message must contain.
REFUSED = {
    "missing file": ("-n --configfile mien.yaml", ["no configuration file mien.yaml", "relative ones start from"]),
    "missing second file": ("-n --configfile mine.yaml mere.yaml", ["no configuration file mere.yaml"]),
    "missing file behind a sign": ("--configfile=mien.yaml -n", ["no configuration file mien.yaml"]),
    "missing file, abbreviated": ("--configf mien.yaml", ["no configuration file mien.yaml"]),
    "tab": ("--configfiles mine.yaml bad.yaml", ["bad.yaml is not valid YAML, line 2", "a tab"]),
    "folder for a file": ("--configfile results", ["results cannot be read", "Is a directory"]),
    "target that is not there": (
        "-n --configfile mine.yaml results/clip/nerv",
        ["'results/clip/nerv' for another configuration file", "`snakemake results/clip/nerv --configfile mine.yaml "],
    ),
    "target that is a folder": ("--configfile mine.yaml results/clip/video.zarr", ["'results/clip/video.zarr' for an"]),
    "target that is a binary file": ("--configfile mine.yaml results/clip/model.pt", ["'results/clip/model.pt' for"]),
    "target that is a text file": (
        "--configfile mine.yaml results/clip/history.csv",
        ["history.csv' for another"],
    ),
    "name of a rule": ("--configfile mine.yaml more.yaml all -n", ["'all' for another", "mine.yaml more.yaml --cores"]),
    "target after a setting": ("--config seeds=[0] all", ["takes 'all' for a setting", "KEY=VALUE"]),
}


@pytest.mark.parametrize(("words", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(words: str, expected: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        check_configuration(words.split())
    said = str(caught.value)
    assert [part for part in expected if part not in said] == [], said
    assert "\n" not in said
    assert said.endswith(".")


@pytest.mark.parametrize(
    "words",
    [
        "",
        "-n",
        "-n --configfile mine.yaml",
        "--configfile mine.yaml more.yaml mine.json -n",
        "--configfile tagged.yaml",
        "all --configfile mine.yaml --cores 2",
        "--configfile mine.yaml -- all",
        "--configfile mine.yaml --config seeds=[1] a=b --cores all",
        "-n --configfile nothing.yaml --configfile mine.yaml",  # the last one counts
        "--until train --configfile mine.yaml",
    ],
)
def test_what_snakemake_takes_is_let_through(words: str) -> None:
    check_configuration(words.split())


@pytest.mark.parametrize("words", ["-n", "-n --directory elsewhere", "-d elsewhere -n"])
def test_the_default_file_is_read(words: str, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere" if "elsewhere" in words else tmp_path
    (folder / "config").mkdir(parents=True)
    (folder / "config/config.yaml").write_text("models: {a: [1\nb: 2\n")
    with pytest.raises(InputError, match=r"config/config.yaml is not valid YAML, line 2"):
        check_configuration(words.split())
    check_configuration([*words.split(), "--configfile", "mine.yaml"])


@pytest.mark.parametrize("home", ["missing", "file"])
def test_a_home_that_cannot_hold_a_cache(home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", {"missing": "/proc/nobody", "file": str(tmp_path / "file")}[home])
    with pytest.raises(InputError, match=r"cannot make its cache .* set XDG_CACHE_HOME"):
        check_cache()


def test_a_home_that_has_no_cache_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "new"))
    check_cache()
    assert (tmp_path / "new").is_dir()


@pytest.mark.parametrize("path", ["/my/{project}/workflow", "/my/{}/workflow", "/my/brace}/workflow"])
def test_a_workflow_below_a_folder_with_braces(path: str) -> None:
    with pytest.raises(InputError, match="braces, which Snakemake takes for wildcards: rename"):
        check_folder(path)


def test_a_workflow_below_other_folders() -> None:
    check_folder("/my/100% sure, große [Bilder]/workflow")


def test_the_process_ends_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^Error: There is no configuration file mien.yaml"):
        check_start(["--configfile", "mien.yaml"])


def test_the_default_profile_calls_it() -> None:
    """Snakemake evaluates the profile with YTE before it reads configuration files."""
    profile = yaml.safe_load((REPOSITORY / "workflow/profiles/default/config.yaml").read_text())
    assert profile["__use_yte__"] is True
    assert profile["__definitions__"] == ["from xinc.experiment.start import check_start", "check_start()"]
