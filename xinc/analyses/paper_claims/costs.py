"""Time and space that a study took, as far as they are known here."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

#: Kinds of jobs, and the folders of their measurements below ``logs/benchmarks``.
KINDS: dict[str, tuple[str, ...]] = {
    "training": ("train", "import"),
    "canvases": ("canvas", "materialise"),
    "analyses": ("analysis",),
    "videos, regions and flow": ("video", "regions", "flow"),
    "figures": ("figure", "video_figure", "regions_figure"),
}


def job_seconds(results: Path) -> dict[str, float]:
    """Seconds that the jobs of each kind took, by the workflow's measurements beside the folder ``results``.

    Of a job that ran more than once the last run counts. NaN without measurements, as where results were copied.
    """
    folder = results.parent / "logs" / "benchmarks"
    return {
        kind: sum(seconds) if (seconds := list(_seconds(folder / name for name in names))) else float("nan")
        for kind, names in KINDS.items()
    }


def _seconds(folders: Iterable[Path]) -> Iterable[float]:
    for folder in folders:
        for file in sorted(folder.rglob("*.tsv")):
            with open(file, encoding="utf-8", newline="") as lines:
                yield from (float(row["s"]) for row in csv.DictReader(lines, delimiter="\t"))


def bytes_below(path: Path) -> int:
    """Bytes of the files in a folder, 0 where there is none."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
