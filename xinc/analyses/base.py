"""The base classes of analyses: a declaration, a computation, and figures drawn from its result alone.

What it looks at is in `xinc.analyses.subject` and `xinc.analyses.results`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from xinc.settings import StrictModel

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from xinc.analyses.claim import Claim
    from xinc.analyses.results import Project
    from xinc.analyses.subject import Need, Subject

#: The modules beside the declaration of an analysis; each counts for jobs of its own.
Part = Literal["compute", "figure", "claims"]

#: The methods by which a class does a part itself.
_METHODS: dict[Part, frozenset[str]] = {
    "compute": frozenset({"compute", "table"}),
    "figure": frozenset({"plot", "animate", "pages", "lines"}),
    "claims": frozenset({"claims"}),
}


class Analysis:
    """One question, asked of one network, of a network trained with several seeds, of two, or of all results together.

    An analysis is a folder: ``__init__`` declares a subclass, registered with ``@analyses.register(name)``, and holds
    nothing but values and settings; ``compute`` has the functions ``compute(settings, subject)`` and, where a table is
    natural, ``table(result)``; ``figure`` has ``plot(analysis, result)`` and perhaps ``animate`` and ``pages``;
    ``claims`` has ``CLAIMS``. So an edit of a figure draws again and computes nothing. Whoever prefers a single file
    overrides the methods of the same names, and has everything made again by any edit of it.
    """

    name: ClassVar[str] = ""
    #: The question that the figure answers; its title in the report.
    question: ClassVar[str] = ""
    #: Where the paper asks it.
    section: ClassVar[str] = ""
    #: What one result is of: one ``network``; a model's ``seeds``, all together; a ``pair`` of networks of one video;
    #: the whole ``project``.
    scope: ClassVar[Literal["network", "seeds", "pair", "project"]] = "network"
    #: What `compute` uses beside the video.
    needs: ClassVar[frozenset[Need]] = frozenset({"canvas"})
    #: Of the scope ``project``: names of the analyses whose results it builds on; None: all there are.
    uses: ClassVar[frozenset[str] | None] = frozenset()
    #: Of an analysis of the project, whether it judges the claims of those analyses, so that an edit of them counts.
    judges: ClassVar[bool] = True
    #: Whether its setting ``frames`` chooses among the frames with masks only; the workflow leaves out other videos.
    annotated_only: ClassVar[bool] = False
    #: Whether it follows a network from frame to frame; the workflow leaves out models of one network a frame.
    across_frames: ClassVar[bool] = False
    #: Names of the architectures that it is about; None: all. The workflow leaves out models of others.
    architectures: ClassVar[frozenset[str] | None] = None
    #: Settings that only the drawing uses: changing them draws the figures again and computes nothing.
    figure_settings: ClassVar[frozenset[str]] = frozenset()
    #: Names of analyses of networks whose `lines` the figures quote, where these are configured for the same network.
    figure_quotes: ClassVar[frozenset[str]] = frozenset()
    #: Settings that decide of what there are results, and nothing in them: seeds to compare, videos on which.
    scope_settings: ClassVar[frozenset[str]] = frozenset()
    #: Variables of the result that may be NaN (or infinite) by their definition, and where that is, in words: of all
    #: others nothing is written that is not finite. None: nothing is said, and a warning takes the place of the error.
    undefined: ClassVar[Mapping[str, str] | None] = None
    #: Settings of the analysis, by default none.
    Settings: ClassVar[type[StrictModel]] = StrictModel

    def __init__(self, settings: Any = None) -> None:
        self.settings: Any = self.Settings() if settings is None else settings

    @classmethod
    def caption(cls) -> str:
        """What the report says under the figures: the class's own description."""
        return " ".join((cls.__doc__ or "").split())

    @classmethod
    def modules_of(cls, part: Part) -> list[str]:
        """Dotted names of the modules that do a part: beside declarations, and those of classes with methods for it.

        Declarations of the classes from which this one is derived included; none where an analysis has no claims.
        """
        found = []
        for owner in cls._own():
            beside = _beside(owner, part)
            found += [beside] if beside else []
            found += [owner.__module__] if _METHODS[part] & vars(owner).keys() else []
        return found

    @classmethod
    def _own(cls) -> list[type[Analysis]]:
        """This class and those from which it is derived, but for the ones of this module."""
        return [owner for owner in cls.__mro__ if issubclass(owner, Analysis) and owner.__module__ != __name__]

    @classmethod
    def _module(cls, part: Part) -> ModuleType | None:
        """The module that does a part, the most derived class's first; None where no class has one."""
        names = [name for owner in cls._own() if (name := _beside(owner, part))]
        return importlib.import_module(names[0]) if names else None

    @classmethod
    def claims(cls) -> tuple[Claim, ...]:
        """Sentences of the paper that this analysis can check."""
        module = cls._module("claims")
        return () if module is None else tuple(module.CLAIMS)

    def table(self, result: xr.Dataset) -> pd.DataFrame | None:
        """A tidy table of the result, where one is natural."""
        make = getattr(self._module("compute"), "table", None)
        return None if make is None else make(result)

    def plot(self, result: xr.Dataset) -> Mapping[str, Figure]:
        """Figures by name (a layer, or ``all``), perhaps drawn when looked at (`xinc.plotting.drawn.Figures`)."""
        module = self._module("figure")
        if module is None:
            raise NotImplementedError(f"{type(self).__module__} has neither a module 'figure' nor a method 'plot'")
        figures: Mapping[str, Figure] = module.plot(self, result)
        return figures

    def animate(self, result: xr.Dataset) -> dict[str, list[np.ndarray]]:
        """Animations by name: uint8 RGB images (h, w, 3)."""
        draw = getattr(self._module("figure"), "animate", None)
        return {} if draw is None else dict(draw(self, result))

    def lines(self, result: xr.Dataset) -> dict[str, str]:
        """What figures of other analyses quote of the result, by layer: a function ``lines`` beside ``plot``."""
        state = getattr(self._module("figure"), "lines", None)
        return {} if state is None else dict(state(result))

    def pages(self, result: xr.Dataset) -> dict[str, str]:
        """Pages of HTML by name, of other kinds by name and suffix, where a table says more than a picture."""
        draw = getattr(self._module("figure"), "pages", None)
        return {} if draw is None else dict(draw(self, result))


class NetworkAnalysis(Analysis):
    """A question asked of one network and the video that it represents."""

    def compute(self, subject: Subject) -> xr.Dataset:
        """The result, with units and descriptions in the attributes of its variables."""
        return _computed(self, subject)


class SeedsAnalysis(Analysis):
    """A question asked of a network trained with several seeds."""

    scope = "seeds"

    def compute(self, subjects: Mapping[int, Subject]) -> xr.Dataset:
        """The result, with units and descriptions in the attributes of its variables; subjects are given by seed."""
        return _computed(self, subjects)


class PairAnalysis(Analysis):
    """A question asked of two networks of one video; its setting ``pairs`` says of which.

    With a setting ``layers`` it compares layers, by their names or as that says: see `xinc.analyses.compare.layers`.
    """

    scope = "pair"

    def compute(self, subjects: tuple[Subject, Subject]) -> xr.Dataset:
        """The result, with units and descriptions in the attributes of its variables."""
        return _computed(self, subjects)


class ProjectAnalysis(Analysis):
    """A question asked of all results together."""

    scope = "project"

    def compute(self, project: Project) -> xr.Dataset:
        """The result, with units and descriptions in the attributes of its variables."""
        return _computed(self, project)


def _computed(analysis: Analysis, subject: Any) -> xr.Dataset:
    """By the function ``compute`` of the module beside the declaration."""
    module = analysis._module("compute")
    if module is None:
        raise NotImplementedError(f"{type(analysis).__module__} has neither a module nor a method 'compute'")
    result: xr.Dataset = module.compute(analysis.settings, subject)
    return result


def _beside(owner: type, part: Part) -> str:
    """Dotted name of the module of a part beside the declaration of a class; empty where there is none."""
    package = importlib.util.find_spec(owner.__module__)
    if package is None or package.submodule_search_locations is None:
        return ""
    name = f"{owner.__module__}.{part}"
    return name if importlib.util.find_spec(name) is not None else ""
