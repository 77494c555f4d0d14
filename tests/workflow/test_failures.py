"""Jobs that fail, and what comes after."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.movies import truncated_movie
from tests.helpers.small import changed, config, write_clip, write_table
from tests.helpers.workflow.runs import Workspace, branch, jobs

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

FIGURE = "results/figures/quality/clip/nerv/seed0"


def test_a_network_that_stays_below_min_psnr(workspace: Workspace) -> None:
    run = workspace.run / "results/clip/nerv/seed0"
    workspace.configure(changed("models.nerv.training.min_psnr", 90))
    failed = workspace.snakemake("--cores", "2")
    assert failed.returncode == 1
    sentence = next(line for line in failed.stdout.splitlines() if "below min_psnr 90" in line)
    assert "Training of nerv ended with the mean PSNR at" in sentence
    assert "raise epochs (now 3)" in sentence
    assert failed.stdout.count("below min_psnr 90") == 1
    assert "Traceback" not in failed.stdout
    assert sentence.strip() in (workspace.run / "logs/train/clip/nerv/seed0.log").read_text()
    assert not (run / "model.pt").exists()
    assert not (run / "history.csv").exists()
    # What was made of the network before is not taken for the new result: it stays to be done.
    assert workspace.pending() == branch("nerv")
    # A threshold that it reaches.
    workspace.configure(changed("models.nerv.training.min_psnr", 0.5))
    workspace.make(FIGURE)
    assert (run / "model.pt").exists()
    done = jobs("train", video="clip", model="nerv", seed=0)
    done |= {
        job
        for rule in ("analysis", "figure")
        for job in jobs(rule, video="clip", model="nerv", seed=0, analysis="quality")
    }
    assert workspace.pending() == branch("nerv") - done


def test_a_frame_that_cannot_be_read_stops_before_training(tmp_path: Path) -> None:
    """A picture whose header is right and the rest cut off, and frames that a movie announces and does not have."""
    space = Workspace.create(tmp_path)
    write_clip(space.run)
    truncated_movie(space.run)
    write_table(space.run, "clip clip", "movie clip.avi", columns="video source")
    picture = space.run / "clip" / "2.png"
    picture.write_bytes(picture.read_bytes()[:-30])
    space.configure(config())
    failed = space.snakemake("--cores", "1")
    assert failed.returncode == 1
    for sentence in (
        r"Cannot read image 'clip/2\.png'",
        r"Video 'clip\.avi' ends after \d+ frames, frame \d+ was asked for",
    ):
        assert len(re.findall(f"^Error: {sentence}", failed.stdout, flags=re.MULTILINE)) == 1, failed.stdout
    assert "Traceback" not in failed.stdout
    assert space.results() == set()


def test_a_link_that_leads_nowhere_is_told_of_at_once(tmp_path: Path) -> None:
    space = Workspace.create(tmp_path)
    write_clip(space.run)
    write_table(space.run)
    space.configure(config())
    (space.run / "clip_masks" / "2.png").unlink()
    (space.run / "clip_masks" / "2.png").symlink_to("../gone.png")
    failed = space.snakemake("--cores", "1")
    assert failed.returncode == 1
    sentence = "Error: 'clip_masks/2.png' cannot be read (it is a link to '../gone.png', which does not exist): "
    assert failed.stdout.count(sentence) == 1
    assert "Traceback" not in failed.stdout
    assert "MissingInputException" not in failed.stdout
    assert not (space.run / "results").exists()


def test_a_bug_leaves_its_traceback_in_the_log(workspace: Workspace) -> None:
    path = workspace.code / "xinc" / "analyses" / "quality" / "compute.py"
    text = path.read_text()
    assert "    model, video = " in text
    path.write_text(text.replace("    model, video = ", "    1 / 0\n    model, video = "))
    failed = workspace.snakemake("--cores", "1", FIGURE)
    assert failed.returncode == 1
    log = (workspace.run / "logs/analysis/clip/nerv/seed0/quality.log").read_text()
    assert "ZeroDivisionError" in log
    assert "quality/compute.py" in log
    assert not (workspace.run / "results/clip/nerv/seed0/quality").exists()


def test_what_snakemake_itself_would_answer_with_a_traceback(tmp_path: Path) -> None:
    """A missing file, a target after ``--configfile``, no place for a cache, a file in the way, a path with braces."""
    space = Workspace.create(tmp_path / "space")
    write_clip(space.run)
    write_table(space.run)
    space.configure(config())
    file = str(space.run / "config.yaml")
    (tmp_path / "file").touch()
    cases: list[tuple[list[str], dict[str, str], str]] = [
        (["-n", "--configfile", "nothing.yaml"], {}, "There is no configuration file nothing.yaml"),
        (["-n", "--configfile", file, "results/clip/video.zarr"], {}, "for another configuration file"),
        (["-n"], {"XDG_CACHE_HOME": str(tmp_path / "file")}, "Snakemake cannot make its cache"),
    ]
    for words, environment, expected in cases:
        assert expected in refused(space, *words, **environment)
    (space.run / "results").touch()
    assert "results is a file where a folder is expected" in refused(space, "-n")
    (space.run / "results").unlink()
    space.root.rename(tmp_path / "my {project}")
    assert "braces, which Snakemake takes for wildcards" in refused(Workspace(tmp_path / "my {project}"), "-n")


def refused(space: Workspace, *words: str, **environment: str) -> str:
    """The one sentence that a run ends with."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        failed = space.snakemake(*words)
    assert failed.returncode == 1, failed.stdout
    assert "Traceback" not in failed.stdout
    assert 'File "' not in failed.stdout
    (sentence,) = (line for line in failed.stdout.splitlines() if line.startswith("Error: "))
    return sentence
