"""The figures of docs/explanation/performance.md and docs/explanation/training.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw_frames(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Seconds a frame, and peak memory, against the number of frames."""
    counts = [row["frames"] for row in rows]
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(counts, [row["sum"] / row["frames"] for row in rows], "o-", label="Σ|C| over neurons")
    left.plot(counts, [row["write"] / row["frames"] for row in rows], "s-", label="canvas written")
    left.plot(counts, [row["cpu_seconds"] / row["frames"] for row in rows], "^--", color="grey", label="CPU, both")
    highest = max(row["cpu_seconds"] / row["frames"] for row in rows)
    left.set(xlabel="frames", ylabel="seconds a frame", xscale="log", ylim=(0, 1.7 * highest))  # above: the legend
    left.legend(frameon=False, fontsize="small", loc="upper right")
    right.plot(counts, [row["peak_mb"] for row in rows], "o-", label="peak")
    right.plot(counts, [row["before_mb"] for row in rows], "--", color="grey", label="of it imports and warm-up")
    right.set(xlabel="frames", ylabel="resident memory in MB", xscale="log")
    right.set_ylim(0, 1.1 * max(row["peak_mb"] for row in rows))
    right.legend(frameon=False, fontsize="small", loc="lower right")
    for axes in (left, right):
        axes.set_xticks(counts, [str(n) for n in counts])
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def draw_training(curves: dict[str, Sequence[dict[str, float]]], path: Path) -> None:
    """PSNR against seconds of each way to train, by its name; the first, the plain loop, dashed."""
    figure = Figure(figsize=(4.5, 2.6), layout="constrained")
    axes = figure.subplots()
    for k, (name, rows) in enumerate(curves.items()):
        axes.plot([row["seconds"] for row in rows], [row["psnr"] for row in rows], "-" if k else "--", label=name)
    axes.set(xlabel="seconds", ylabel="PSNR of the mean error (dB)", xlim=(0, None))
    axes.legend(frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
