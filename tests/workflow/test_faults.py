"""What goes wrong outside the workflow: one clear sentence, a non-zero exit, and nothing that looks whole."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.small import config, write_clip, write_table
from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.runs import Workspace

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

NERV = "results/clip/nerv/seed0"


def flip(path: Path) -> None:
    """Change one bit in the middle of a file, as a failing disk does."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def sentences(output: str) -> list[str]:
    return [line.strip() for line in output.splitlines() if line.strip().startswith("Error: ")]


@pytest.mark.parametrize(
    ("damaged", "file", "needed_by"),
    [
        pytest.param("results/clip/video.zarr", "frames/c/0/0/0/0", "intensity", marks=exhaustive),
        (f"{NERV}/canvas.zarr", "block2/input/c.0.0.0.0", "intensity"),
        pytest.param(f"{NERV}/model.pt", "", "quality", marks=exhaustive),
    ],
)
def test_a_flipped_bit_of_an_input(workspace: Workspace, damaged: str, file: str, needed_by: str) -> None:
    flip(workspace.run / damaged / file if file else workspace.run / damaged)
    shutil.rmtree(workspace.run / NERV / needed_by)
    failed = workspace.snakemake("--cores", "1", f"{NERV}/{needed_by}")
    assert failed.returncode == 1
    (sentence,) = set(sentences(failed.stdout))
    assert damaged in sentence
    assert "Traceback" not in failed.stdout
    assert not (workspace.run / NERV / needed_by).exists()
    # Removed, as the sentence says, it is made again, and so is what was made of it.
    path = workspace.run / damaged
    path.unlink() if path.is_file() else shutil.rmtree(path)
    workspace.make(f"{NERV}/{needed_by}")


@contextlib.contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    """A file system in memory of a certain size; skips where this system does not allow it, unless it has to."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    tried = subprocess.run(words, capture_output=True, text=True)
    if tried.returncode:
        reason = f"mounting a small file system needs root and the right to mount ({tried.stderr.splitlines()[0]})"
        pytest.fail(reason) if os.environ.get("XINC_REQUIRE_MOUNT") else pytest.skip(reason)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@exhaustive
def test_a_full_disk(finished: Workspace, tmp_path: Path) -> None:
    space = Workspace.create(tmp_path / "space")
    write_clip(space.run)
    write_table(space.run)
    space.configure(config(models={"nerv": config()["models"]["nerv"]}))
    with mounted(space.run / "results", "900k"):
        failed = space.snakemake("--cores", "1", f"{NERV}/canvas.zarr")
        assert failed.returncode == 0, "a small target still fits"
        before = space.results()
        (space.run / "results" / "filler").write_bytes(bytes(shutil.disk_usage(space.run / "results").free - 200_000))
        failed = space.snakemake("--cores", "1")
        assert failed.returncode == 1
        assert any("No space left on device" in sentence for sentence in sentences(failed.stdout)), failed.stdout
        assert not [p for p in (space.run / "results").rglob("*") if ".partial" in p.name]
        made = space.results() - {"filler"}
        assert before < made, "what fitted was made"
        # What is there is whole: once there is room, only the rest is made, and all is as in a run without trouble.
        (space.run / "results" / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=50m", str(space.run / "results")], check=True)
        left = space.pending()
        space.make()
        assert space.pending() == set()
        assert space.results() == {name for name in finished.results() if not re.search("ffn|siren", name)}
        assert left


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    space = Workspace.create(tmp_path / "space")
    write_clip(space.run)
    write_table(space.run)
    space.configure(config())
    with mounted(space.run / "results", "1m"):
        subprocess.run(["mount", "-o", "remount,ro", str(space.run / "results")], check=True)
        failed = space.snakemake("--cores", "1")
        assert failed.returncode == 1
        # Once and last: Snakemake makes the folders of results before a job begins.
        said = "Error: results/clip cannot be written (Read-only file system): allow it, or run in another folder."
        assert failed.stdout.rstrip().endswith(said), failed.stdout
        assert failed.stdout.count("Error") == 1
        assert "Traceback" not in failed.stdout
        assert space.results() == set()


@exhaustive
def test_two_runs_in_one_folder(finished: Workspace, tmp_path: Path) -> None:
    space = finished.copy(tmp_path / "space")
    shutil.rmtree(space.run / NERV)
    first = space.apart("--cores", "1")
    try:
        while not (space.run / NERV).exists():
            assert first.poll() is None
        second = space.snakemake("--cores", "1")
        assert second.returncode == 1
        assert "cannot be locked" in second.stdout
        assert "Traceback" not in second.stdout
    finally:
        assert first.wait() == 0, (space.run / "started.log").read_text()
    assert space.pending() == set()
    assert space.results() == finished.results()
