"""What an analysis is: settings, a computation on canvas, video and model, and figures drawn from its result alone.

What it looks at is in `xinc.analyses.subject` and `xinc.analyses.results`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import xarray as xr

from xinc.settings import StrictModel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Needs = Literal["model", "canvas", "regions", "flow"]


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper that states a comparison, as a number that lies beyond ``threshold`` where it holds.

    Attributes
    ----------
    name : short, unique, lower case with underscores.
    section : where the paper says so.
    sentence : what it says, in our words.
    measure : what the number is.
    statistic : from a result of the analysis to the number, with the dimension ``layer`` and perhaps ``frame``, over
        which it is averaged; NaN where it cannot be measured.
    threshold, direction : the sentence holds where the number is above it (``>``), below it (``<``), or between it and
        its inverse (``within``).
    null : from a result to what chance does with the statistic: the dimensions ``layer`` and ``null``, which is
        `xinc.statistics.chance.NULL`. Where it has the dimension ``frame``, p-values are combined over frames. None
        where no null is possible.
    chance : what chance is, in words; why there is none, where ``null`` is None.
    absence : the sentence says that there is *no* correspondence. Then ``null`` measures the correspondence, the
        sentence fails where the number is not beyond the threshold and chance does not explain it, and holds where it
        is and there are ``enough`` cases to have seen the opposite.
    enough : from a result to whether there are enough cases for a verdict, (layer,) bool; None: always.
    applies : from a result to whether the sentence speaks of a layer, (layer,) bool; None: of every one.
    architectures, layers : of which the paper says so; None: of all.
    missing, unless : why the number may be NaN, and why the sentence may not speak of a layer.
    """

    name: str
    section: str
    sentence: str
    measure: str
    statistic: Callable[[Any], xr.DataArray]
    threshold: float = 0.0
    direction: Literal[">", "<", "within"] = ">"
    null: Callable[[Any], xr.DataArray] | None = None
    chance: str = "none"
    absence: bool = False
    enough: Callable[[Any], xr.DataArray] | None = None
    applies: Callable[[Any], xr.DataArray] | None = None
    architectures: tuple[str, ...] | None = None
    layers: tuple[str, ...] | None = None
    missing: str = ""
    unless: str = ""

    def beyond(self, value: float) -> bool:
        """Whether a number is on the side of the threshold where the sentence holds."""
        if self.direction == "within":
            return 1 / self.threshold < value < self.threshold
        return value > self.threshold if self.direction == ">" else value < self.threshold


class Analysis:
    """One question, asked of one network, of a network trained with several seeds, or of all results together.

    Subclasses are registered with ``@analyses.register(name)`` in a module of that name. `compute` returns a labelled
    dataset; `plot`, `animate`, `pages`, `table` and the claims see nothing but that dataset.
    """

    name: ClassVar[str] = ""
    #: The question that the figure answers; its title in the report.
    question: ClassVar[str] = ""
    #: Where the paper asks it.
    section: ClassVar[str] = ""
    #: What one result is of: one ``network``; a model's ``seeds``, all together; the whole ``project``.
    scope: ClassVar[Literal["network", "seeds", "project"]] = "network"
    #: What `compute` uses beside the video.
    needs: ClassVar[frozenset[Needs]] = frozenset({"canvas"})
    #: Of the scope ``project``: names of the analyses whose results it builds on; None: all there are.
    uses: ClassVar[frozenset[str] | None] = frozenset()
    #: Whether its setting ``frames`` chooses among the frames with masks only; the workflow leaves out other videos.
    annotated_only: ClassVar[bool] = False
    #: Whether it follows a network from frame to frame; the workflow leaves out models of one network a frame.
    across_frames: ClassVar[bool] = False
    #: Sentences of the paper that this analysis can check.
    claims: ClassVar[tuple[Claim, ...]] = ()

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

    def compute(self, subject: Any) -> xr.Dataset:
        """The result, with units and descriptions in the attributes of its variables.

        Parameters
        ----------
        subject : a `Subject` where the scope is one network; a dictionary of them by seed where it is seeds; a
            `Project` where it is the project.
        """
        raise NotImplementedError

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        """Figures by name (a layer, or ``all``)."""
        raise NotImplementedError

    def animate(self, result: xr.Dataset) -> dict[str, list[np.ndarray]]:
        """Animations by name: uint8 RGB images (h, w, 3)."""
        return {}

    def pages(self, result: xr.Dataset) -> dict[str, str]:
        """Pages of HTML by name, beside the figures, where a table says more than a picture."""
        return {}

    def table(self, result: xr.Dataset) -> pd.DataFrame | None:
        """A tidy table of the result, where one is natural."""
        return None


def minmax(values: xr.DataArray, dims: Sequence[str] = ("y", "x")) -> xr.DataArray:
    """Values scaled to [0, 1] over ``dims``; NaN where they are constant."""
    low, high = values.min(dims), values.max(dims)
    return (values - low) / (high - low).where(high > low)
