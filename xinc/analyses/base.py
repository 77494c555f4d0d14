"""What an analysis is: settings, a computation on canvas, video and model, and figures drawn from its result alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import xarray as xr

from xinc.errors import InputError
from xinc.settings import StrictModel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from xinc.models.base import INR

Needs = Literal["model", "canvas"]


@dataclass
class Subject:
    """What an analysis looks at: one network and the video that it represents. Everything is opened when first used.

    Attributes
    ----------
    video_path, model_path, history_path : files of the workflow.
    layer_paths : the canvas's layers by name, in network order.
    """

    video_path: Path
    model_path: Path | None = None
    history_path: Path | None = None
    layer_paths: Mapping[str, Path] = field(default_factory=dict)

    @cached_property
    def video(self) -> xr.Dataset:
        """The prepared video: ``frames`` (frame, y, x, channel) in [0, 1], and masks and flow where it has them."""
        from xinc.video.store import open_video

        return open_video(self.video_path)

    @cached_property
    def canvas(self) -> dict[str, xr.Dataset]:
        """Per layer, in network order, the dataset with the lazy ``contribution`` (frame, neuron, y, x)."""
        from xinc.canvas.reader import open_layer

        return {name: open_layer(path) for name, path in self.layer_paths.items()}

    @cached_property
    def model(self) -> INR:
        """The network."""
        from xinc.models.checkpoints import load_model

        if self.model_path is None:
            raise InputError("This analysis needs the network; give model_path.")
        return load_model(self.model_path)

    @cached_property
    def history(self) -> pd.DataFrame | None:
        """Training history, a row an epoch, or None for a network that was not trained here."""
        import pandas as pd

        return None if self.history_path is None else pd.read_csv(self.history_path)


class Analysis:
    """One question asked of one network.

    Subclasses are registered with ``@analyses.register(name)`` in a module of that name. `compute` returns a labelled
    dataset; `plot`, `animate` and `table` see nothing but that dataset.
    """

    name: ClassVar[str] = ""
    #: The question that the figure answers; its title in the report.
    question: ClassVar[str] = ""
    #: Where the paper asks it.
    section: ClassVar[str] = ""
    #: What `compute` uses beside the video.
    needs: ClassVar[frozenset[Needs]] = frozenset({"canvas"})

    #: Settings that only the drawing uses: changing them draws the figures again and computes nothing.
    figure_settings: ClassVar[frozenset[str]] = frozenset()
    #: Settings of the analysis, by default none.
    Settings: ClassVar[type[StrictModel]] = StrictModel

    def __init__(self, settings: Any = None) -> None:
        self.settings: Any = self.Settings() if settings is None else settings

    @classmethod
    def caption(cls) -> str:
        """What the report says under the figures: the class's own description."""
        return " ".join((cls.__doc__ or "").split())

    def compute(self, subject: Subject) -> xr.Dataset:
        """The result, with units and descriptions in the attributes of its variables."""
        raise NotImplementedError

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        """Figures by name (a layer, or ``all``)."""
        raise NotImplementedError

    def animate(self, result: xr.Dataset) -> dict[str, list[np.ndarray]]:
        """Animations by name: uint8 RGB images (h, w, 3)."""
        return {}

    def table(self, result: xr.Dataset) -> pd.DataFrame | None:
        """A tidy table of the result, where one is natural."""
        return None


def minmax(values: xr.DataArray, dims: Sequence[str] = ("y", "x")) -> xr.DataArray:
    """Values scaled to [0, 1] over ``dims``; NaN where they are constant."""
    low, high = values.min(dims), values.max(dims)
    return (values - low) / (high - low).where(high > low)
