"""What an analysis of a network looks at.

Each part is opened by the function of its name, and the modules that open it are imported there: the workflow counts
for an analysis only what its ``needs`` name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from xinc.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from xinc.models.base import INR


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
        from xinc.video.store import open_video

        return open_video(self.video_path)

    @cached_property
    def regions(self) -> xr.Dataset:
        """Label maps (frame, y, x) ``instances``, ``rgb``, ``gabor``, ``grid``, see `xinc.video.regions`."""
        from xinc.video.regions import open_regions

        return open_regions(_given(self.regions_path, "regions"))

    @cached_property
    def flow(self) -> xr.Dataset:
        """Optical flow of the video and which pixels it reveals, see `xinc.video.flow`."""
        from xinc.video.flow import open_flow

        return open_flow(_given(self.flow_path, "flow"))

    @cached_property
    def canvas(self) -> dict[str, xr.Dataset]:
        """Per layer, in network order, the dataset with the lazy ``contribution`` (frame, neuron, y, x)."""
        from xinc.canvas.reader import check_one_network, open_layer

        layers = {name: open_layer(path) for name, path in self.layer_paths.items()}
        check_one_network(layers, next(iter(self.layer_paths.values()), self.video_path).parent)
        return layers

    @cached_property
    def model(self) -> INR:
        """The network."""
        from xinc.models.loading import load

        return load(_given(self.model_path, "model"))

    @cached_property
    def history(self) -> pd.DataFrame | None:
        """Training history, a row an epoch, or None for a network that was not trained here."""
        import pandas as pd

        return None if self.history_path is None else pd.read_csv(self.history_path)


def _given(path: Path | None, name: str) -> Path:
    if path is None:
        raise InputError(f"This analysis needs the {name} of its subject; give {name}_path.")
    return path
