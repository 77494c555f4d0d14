"""Results and figures of a made-up experiment, as they lie on disk, for the report: small, and made in a moment."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from PIL import Image

from xinc.experiment.paths import figure_path, path_of, result_path
from xinc.storage.datasets import write_dataset

#: A name that means something to HTML, to addresses and to scripts.
STRANGE = "<b>&\"x' #1%"
LAYERS = ["stem", "block1", "block10", "head"]

SETTINGS: dict[str, Any] = {
    "analyses": {
        name: {"category": category, "section": category.split()[0], "question": question, "caption": caption}
        for name, category, question, caption in (
            ("findings", "0. Findings", "Which claims hold?", "All of them, `judged`."),
            ("quality", "2. Reconstructions", "How good is it?", "PSNR & <SSIM>."),
            ("maps", "3. Canvases", "What does a neuron do?", "Maps |C|; see ``faithfulness``."),
            ("faithfulness", "3.2 Faithfulness", "Is it so?", "Correlations."),
            ("compare", "4.6 Compare", "Do they agree?", "In part."),
            ("spread", "none Spread", "Of another package?", "Yes."),
        )
    },
    "layers": {"nerv": LAYERS},
}


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (60, 90)) -> None:
    """A PNG with some blocks of colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(seed).integers(0, 255, (size[0] // 10, size[1] // 10, 3), np.uint8)
    Image.fromarray(blocks.repeat(10, 0).repeat(10, 1)).save(path)


def film(folder: Path, name: str) -> None:
    """An animation as GIF and as animated PNG."""
    frames = [Image.fromarray(np.full((20, 40, 3), value, np.uint8)) for value in (40, 120, 200)]
    for path in (folder / f"{name}.gif", folder / f"{name}-animation.png"):
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, loop=0)


def table(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    several = list(rows)
    with open(path, "w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, list(several[0]))
        writer.writeheader()
        writer.writerows(several)


def quality(path: Path, psnr: float = 33.0, explained: float = 0.97) -> None:
    """The result of the analysis, as far as the report reads it."""
    result = xr.Dataset(
        {"bits_per_pixel": ("bits", [32.0, 8.0]), "mean_psnr": psnr, "explained": explained},
        {"bits": [32, 8]},
        {"architecture": "nerv", "parameters": 1234},
    )
    write_dataset(result, path / "result.zarr")


def maps(path: Path, video: str, model: str, seed: int, layers: list[str], shared: bool = True) -> None:
    """Two neurons of each layer, the second the stronger; of the first layer there is only one."""
    values = np.ones((len(layers), 2, 2, 4, 8), np.float32) * np.arange(1, 3)[:, None, None]
    values[0, :, 1] = np.nan
    result = xr.Dataset(
        {
            "contribution": (("layer", "frame", "sample", "y", "x"), values * np.linspace(0, 1, 8, dtype=np.float32)),
            "source": (("frame", "y", "x", "channel"), np.full((2, 4, 8, 3), 0.5, np.float32)),
        },
        {
            "layer": np.array(layers, object),
            "frame": [0, 3],
            **{
                name: (("layer", "sample"), np.tile([[4, 7]], (len(layers), 1)))
                for name in ("neuron", "in_channel", "out_channel")
            },
        },
        {"video": video, "model": model, "seed": seed, "shared_weights": shared},
    )
    write_dataset(result, path / "result.zarr")


def claim(name: str, section: str, verdict: str, value: float | str, video: str, **others: Any) -> dict[str, Any]:
    """A row of the table of findings."""
    return {
        **{"claim": name, "section": section, "sentence": f"{name} <is> so.", "measure": "a number; of it"},
        **{"video": video, "model": "nerv", "value": value, "verdict": verdict, "null": "shifts"},
        **{"direction": ">", "threshold": 0.5, "bits_per_pixel": 8.0, "psnr": 33.0, "explained": 0.97},
        **others,
    }


def experiment(root: Path, videos: Iterable[str] = ("clip", STRANGE), findings: bool = True) -> list[Path]:
    """Everything of an experiment with a network on each video; what the report is given."""
    names, paths = list(videos), []

    def put(path: str) -> Path:
        paths.append(root / path)
        return root / path

    for at, video in enumerate(names):
        run = (video, "nerv", 0)
        folder = put(path_of("video_figure", video=video))
        picture(folder / "frames.png")
        folder = put(figure_path("maps", *run))
        for number, layer in enumerate(LAYERS):
            picture(folder / f"{layer}.png", 10 * at + number)
            (folder / f"{layer}.svg").write_text("<svg/>", encoding="utf-8")
            film(folder, layer)
        (folder / ".snakemake_timestamp").touch()
        folder = put(figure_path("spread", video, "nerv"))
        folder.mkdir(parents=True)
        shape = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
        (folder / "all.svg").write_text(shape, encoding="utf-8")
        quality(put(result_path("quality", *run)))
        maps(put(result_path("maps", *run)), *run, LAYERS)
    if len(names) > 1:
        picture(put(figure_path("compare", names[0], "nerv", 0, "nerv", 1)) / "all.png")
    if findings:
        page = '<!DOCTYPE html><html lang="en"><title>All</title><p>A <b>page</b> & more.</html>'
        folder = put(figure_path("findings"))
        picture(folder / "section1.png", 99)
        (folder / "table.html").write_text(page, encoding="utf-8")
        rows = [
            claim(name, section, verdict, value, video)
            for video in names
            for name, section, verdict, value in (
                ("first", "1", "holds", 0.75),
                ("second", "1", "does not hold", 0.25),
                ("third", "4.4", "not significant", 0.6),
            )
        ]
        table(put(result_path("findings")) / "table.csv", rows)
    return paths


def faithfulness(root: Path, video: str = "clip") -> Path:
    """The table of an analysis, of two layers; in one of them nothing is known of gained maps."""
    path = root / result_path("faithfulness", video, "nerv", 0)
    about = {"over": "pixels", "against": "effect"}
    rows = [
        {"layer": "stem", "compared": "|C|", "correlation": 0.5} | about,
        {"layer": "stem", "compared": "gained map", "correlation": 0.75} | about,
        {"layer": "head", "compared": "|C|", "correlation": -0.25} | about,
        {"layer": "head", "compared": "gained map", "correlation": ""} | about,
    ]
    table(path / "table.csv", rows)
    return path
