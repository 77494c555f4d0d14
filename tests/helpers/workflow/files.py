"""Changes of files beside the configuration, and the jobs that each brings about with one model and analysis."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tests.helpers.small import CONFIG, FRAMES, config, disc_mask, frame, write_clip, write_table
from tests.helpers.workflow.runs import REPORT, Workspace, of_video, studied


@dataclass(frozen=True)
class FileEdit:
    """What is done to a finished run, which then lies in the workspace given back, or still in the same."""

    apply: Callable[[Workspace], Workspace | None]
    jobs: set[str]


def siren() -> dict[str, Any]:
    """The configuration: one model and one analysis of the smallest experiment."""
    return config(models={"siren": CONFIG["models"]["siren"]}, analyses={"maps": CONFIG["analyses"]["maps"]})


def touch(*roots: Path) -> None:
    """As a fresh checkout or a copy does."""
    now = time.time()
    for root in roots:
        for path in [root, *root.rglob("*")]:
            os.utime(path, (now, now))


def _everything_touched(space: Workspace) -> None:
    touch(space.code, space.run / "clip", space.run / "clip_masks", space.run / "config.yaml", space.run / "videos.tsv")


def _another_frame(space: Workspace) -> None:
    Image.fromarray(frame(3)).save(space.run / "clip" / "1.png")
    touch(space.run / "clip")


def _an_older_frame(space: Workspace) -> None:
    """As `cp -p`, `rsync -a` or unpacking an archive leave it, even with the time of the file that it replaces."""
    path = space.run / "clip" / "1.png"
    before = path.stat()
    Image.fromarray(frame(3)).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _another_mask(space: Workspace) -> None:
    shutil.copy(space.run / "clip_masks" / "3.png", space.run / "clip_masks" / "0.png")


def _a_frame_more(space: Workspace) -> None:
    Image.fromarray(frame(FRAMES)).save(space.run / "clip" / f"{FRAMES}.png")
    mask = Image.fromarray(disc_mask(FRAMES)).convert("P")
    mask.putdata(disc_mask(FRAMES).ravel().tolist())
    mask.save(space.run / "clip_masks" / f"{FRAMES}.png")


def _a_video_more(space: Workspace) -> None:
    """After the first."""
    write_clip(space.run, "disc", 5)
    write_table(space.run, "clip clip clip_masks", "disc disc disc_masks")


def _a_table_reordered(space: Workspace) -> None:
    _a_video_more(space)
    space.make()
    write_table(space.run, "disc_masks disc disc", "clip_masks clip clip", columns="masks source video")


def _a_video_less(space: Workspace) -> None:
    _a_video_more(space)
    space.make()
    write_table(space.run)


def _a_result_deleted(space: Workspace) -> None:
    shutil.rmtree(space.run / "results/clip/siren/seed0/maps")


def _moved(space: Workspace) -> Workspace:
    return Workspace(space.root.rename(space.root.with_name("elsewhere")))


def _copied_without_times(space: Workspace) -> Workspace:
    """As `cp -r` does, what was made of a file before the file; then what the documentation advises."""
    copy = Workspace(space.root.with_name("copy"))
    shutil.copytree(space.root, copy.root, symlinks=True)
    for age, path in enumerate(sorted((copy.run / "results").rglob("*"), key=lambda p: "video.zarr" not in str(p))):
        os.utime(path, (time.time() - age, time.time() - age))
    assert copy.pending(), "the times of results count"
    done = copy.snakemake("--cores", "1", "--touch")
    assert done.returncode == 0, done.stdout
    return copy


FILES: dict[str, FileEdit] = {
    "every file touched, as a fresh checkout does": FileEdit(_everything_touched, set()),
    "a frame replaced by another of the same name": FileEdit(_another_frame, of_video("clip", ["siren"], ["maps"])),
    "a frame replaced by another of the same name and time": FileEdit(
        _an_older_frame, of_video("clip", ["siren"], ["maps"])
    ),
    "a mask replaced by another": FileEdit(_another_mask, of_video("clip", ["siren"], ["maps"])),
    "a frame added to a video": FileEdit(_a_frame_more, of_video("clip", ["siren"], ["maps"])),
    "a video added to the table": FileEdit(_a_video_more, of_video("disc", ["siren"], ["maps"])),
    "the rows and columns of the table reordered": FileEdit(_a_table_reordered, set()),
    "a video taken out of the table": FileEdit(_a_video_less, REPORT),
    "a result deleted": FileEdit(_a_result_deleted, studied("siren", ["maps"])),
    "the project folder moved": FileEdit(_moved, set()),
    "the project copied without its times, then `snakemake --touch`": FileEdit(_copied_without_times, set()),
}
