"""A sentence of the paper as a number, a threshold and a null."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import xarray as xr


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
        `xinc.statistics.standing.NULL`. Where it has the dimension ``frame``, p-values are combined over frames. None
        where no null is possible.
    chance : what chance is, in words; why there is none, where ``null`` is None.
    absence : the sentence says that there is *no* correspondence. Then ``null`` measures the correspondence, the
        sentence fails where the number is not beyond the threshold and chance does not explain it, and holds where it
        is and there are ``enough`` cases to have seen the opposite.
    enough : from a result to whether there are enough cases for a verdict, (layer,) bool; None: always.
    premise : from a result to whether what the sentence takes for granted is there, (layer,) bool; None: nothing. Where
        it is not, a number beyond the threshold is not significant: of nothing, much is true.
    applies : from a result to whether the sentence speaks of a layer, (layer,) bool; None: of every one.
    architectures, layers : of which the paper says so; None: of all.
    depends : a choice in the network's construction, other than its layers, that decides the number; empty: none known.
    missing, unless, without : why the number may be NaN, why the sentence may not speak of a layer, and what it means
        that the premise is not there.
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
    premise: Callable[[Any], xr.DataArray] | None = None
    applies: Callable[[Any], xr.DataArray] | None = None
    architectures: tuple[str, ...] | None = None
    layers: tuple[str, ...] | None = None
    depends: str = ""
    missing: str = ""
    unless: str = ""
    without: str = ""

    def beyond(self, value: float) -> bool:
        """Whether a number is on the side of the threshold where the sentence holds."""
        if self.direction == "within":
            return 1 / self.threshold < value < self.threshold
        return value > self.threshold if self.direction == ">" else value < self.threshold
