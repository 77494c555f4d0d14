"""Subjects: the video, network and canvas that an analysis is given.

Each part is opened by a module that is imported only then, and a job counts just the modules of the parts that its
analysis ``needs`` (`OPENERS`).
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from xinc.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from xinc.models.base import INR

#: What an analysis may use beside the video.
Need = Literal["model", "canvas", "regions", "flow"]

#: By part of a subject, the module and the function that open it.
OPENERS: dict[str, tuple[str, str]] = {
    "video": ("xinc.video.store", "open_video"),
    "regions": ("xinc.video.regions", "open_regions"),
    "flow": ("xinc.video.flow", "open_flow"),
    "canvas": ("xinc.canvas.reader", "open_stored"),
    "model": ("xinc.models.loading", "load"),
}


@dataclass
class Subject:
    """One network and the video that it represents. Everything is opened when first used.

    Attributes
    ----------
    video_path, model_path, history_path, regions_path, flow_path, canvas_path : files of the workflow.
    layers : names of the canvas's layers to look at; None for all.
    module : the function that the user declares to make the network, see `xinc.models.declared`.
    """

    video_path: Path
    model_path: Path | None = None
    history_path: Path | None = None
    canvas_path: Path | None = None
    regions_path: Path | None = None
    flow_path: Path | None = None
    layers: Sequence[str] | None = None
    module: str = ""

    @cached_property
    def video(self) -> xr.Dataset:
        """The prepared video: ``frames`` (frame, y, x, channel) in [0, 1], and masks and flow where it has them."""
        return _opened("video", self.video_path)

    @cached_property
    def regions(self) -> xr.Dataset:
        """Label maps (frame, y, x) ``instances``, ``rgb``, ``gabor``, ``grid``, see `xinc.video.regions`."""
        return _opened("regions", self.regions_path)

    @cached_property
    def flow(self) -> xr.Dataset:
        """Optical flow of the video and which pixels it reveals, see `xinc.video.flow`."""
        return _opened("flow", self.flow_path)

    @cached_property
    def canvas(self) -> dict[str, xr.Dataset]:
        """Per layer, in network order, the dataset with the lazy ``contribution`` (frame, neuron, y, x).

        Raises
        ------
        InputError : the canvas is damaged or of another version, or lacks a layer that the workflow made.
        """
        if self.canvas_path is not None and self.canvas_path.exists():
            lacking = [name for name in self.layers or () if not (self.canvas_path / name).exists()]
            if lacking:
                raise InputError(
                    f"{self.canvas_path} lacks {', '.join(lacking)}: remove it and run again, which makes it anew."
                )
        return dict(_opened("canvas", self.canvas_path, False, self.layers))

    @cached_property
    def model(self) -> INR:
        """The network."""
        return _opened("model", self.model_path, *([self.module] if self.module else []))

    @cached_property
    def history(self) -> pd.DataFrame | None:
        """Training history, a row an epoch, or None for a network that was not trained here."""
        import pandas as pd

        return None if self.history_path is None else pd.read_csv(self.history_path)


def _opened(part: str, where: Any, *more: Any) -> Any:
    """A part of a subject; `InputError` where the subject has no such part."""
    if where is None:
        raise InputError(f"This analysis needs the {part} of its subject: give {part}_path.")
    module, function = OPENERS[part]
    return getattr(importlib.import_module(module), function)(where, *more)


def subject_of(
    video: str,
    model: str | None = None,
    history: str | None = None,
    regions: str | None = None,
    flow: str | None = None,
    canvas: str | None = None,
    layers: Sequence[str] | None = None,
    module: str = "",
) -> Subject:
    """The subject made from these files; of the canvas all layers, or those that are named.

    ``module`` is what the user declares to make the network, see `Subject`.
    """
    paths = {"model": model, "history": history, "regions": regions, "flow": flow, "canvas": canvas}
    given = {f"{name}_path": Path(path) for name, path in paths.items() if path is not None}
    return Subject(Path(video), **given, layers=layers, module=module)
