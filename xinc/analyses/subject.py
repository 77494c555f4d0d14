"""Subjects: the video, network and canvas that an analysis is given.

Each part is opened by a module that is imported only then, and a job counts just the modules of the parts that its
analysis ``needs`` (`OPENERS`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    "canvas": ("xinc.canvas.reader", "open_layers"),
    "model": ("xinc.models.loading", "load"),
}


@dataclass
class Subject:
    """One network and the video that it represents. Everything is opened when first used.

    Attributes
    ----------
    video_path, model_path, history_path, regions_path, flow_path : files of the workflow.
    layer_paths : the canvas's layers by name, in network order.
    """

    video_path: Path
    model_path: Path | None = None
    history_path: Path | None = None
    layer_paths: Mapping[str, Path] = field(default_factory=dict)
    regions_path: Path | None = None
    flow_path: Path | None = None

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
        """Per layer, in network order, the dataset with the lazy ``contribution`` (frame, neuron, y, x)."""
        return dict(_opened("canvas", self.layer_paths))

    @cached_property
    def model(self) -> INR:
        """The network."""
        return _opened("model", self.model_path)

    @cached_property
    def history(self) -> pd.DataFrame | None:
        """Training history, a row an epoch, or None for a network that was not trained here."""
        import pandas as pd

        return None if self.history_path is None else pd.read_csv(self.history_path)


def _opened(part: str, where: Any) -> Any:
    """A part of a subject; `InputError` where the subject has no such part."""
    if where is None:
        raise InputError(f"This analysis needs the {part} of its subject: give {part}_path.")
    module, function = OPENERS[part]
    return getattr(importlib.import_module(module), function)(where)


def subject_of(
    video: str,
    model: str | None = None,
    history: str | None = None,
    regions: str | None = None,
    flow: str | None = None,
    layers: Sequence[str] = (),
) -> Subject:
    """The subject made from these files; ``layers`` are the groups of a canvas, in network order, named by folder."""
    model_path, history_path, regions_path, flow_path = (
        None if path is None else Path(path) for path in (model, history, regions, flow)
    )
    paths = {Path(layer).name: Path(layer) for layer in ([layers] if isinstance(layers, str) else layers)}
    return Subject(Path(video), model_path, history_path, paths, regions_path, flow_path)
