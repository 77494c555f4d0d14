"""How contributions are distributed over magnitudes (paper section 4.4, figure 18).

Cost: one pass over the maps of each frame, 0.5 s for 18,352 neurons of 64 × 128 pixels on one core; nothing is sorted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.analyses.claim import Claim
from xinc.analyses.subject import Subject
from xinc.frames import FrameChoice, select_frames
from xinc.settings import StrictModel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Largest Gini coefficient of values within one bin of `magnitude_histogram`, whose bounds are at most 32 : 33 apart.
_GINI_WITHIN = (np.sqrt(33 / 32) - 1) / (np.sqrt(33 / 32) + 1)
#: Gini coefficient of |Z| of a normally distributed Z, and the share of |Z| below its mean √(2/π).
NORMAL_GINI, NORMAL_BELOW_MEAN = 0.414, 0.575


@analyses.register("distribution")
class Distribution(Analysis):
    """All contributions |C| of a layer, sorted, relative to the largest; marks show the thresholds τ, zeros are absent.

    τ_x is the contribution left of which x % of the total lies. A plateau is one value that many contributions share:
    in the last layer of an FFN a neuron that is off still has its part of the bias, so none is dead there. The Gini
    coefficient is 0 where all contribute alike and near 1 where a few make up the total. Everything comes from a
    histogram of 32 bins to each power of two: values of the curve and thresholds are off by at most 1/32 of themselves,
    the Gini coefficient and shares of contributions by no more than the errors that the result states beside them.
    """

    question = "Are most contributions small?"
    section = "4.4"
    figure_settings = frozenset({"marked", "floor"})
    claims = (
        Claim(
            "few_contributions_make_up_the_total",
            "4.4",
            "A large portion of the contributions are small, and the larger ones are fewer.",
            "Gini coefficient of |C| over all neurons and pixels of the layer; threshold: that of normally distributed "
            "contributions, √2 − 1",
            lambda result: result["gini"],
            threshold=NORMAL_GINI,
            chance="none: compared with normally distributed contributions of the same mean",
            missing="the layer contributes nothing",
        ),
        Claim(
            "most_contributions_are_small",
            "7.3",
            "A large portion of the raw contributions are relatively small in magnitude in each layer.",
            "share of the contributions |C| below their mean, less its error; threshold: that of normally distributed "
            "contributions",
            lambda result: result["below_mean"] - result["below_mean_error"],
            threshold=NORMAL_BELOW_MEAN,
            chance="none: compared with normally distributed contributions of the same mean",
            missing="the layer contributes nothing",
        ),
    )

    class Settings(StrictModel):
        frames: FrameChoice = Field(2, description="Frames: how many evenly spread, a list, or all.")
        points: int = Field(201, ge=2, description="Points of a sorted curve.")
        percents: tuple[Annotated[float, Field(gt=0, lt=100)], ...] = Field(
            (5, 10, 25, 50, 75, 90), description="Percentages of the total contribution below the thresholds."
        )
        marked: tuple[float, ...] = Field((10, 50), description="Those of the percentages that the figure marks.")
        floor: float = Field(1e-6, gt=0, lt=1, description="Lowest contribution drawn, relative to the largest.")

    def compute(self, subject: Subject) -> xr.Dataset:
        from xinc.canvas.reductions import magnitude_histogram

        layers = subject.canvas
        first = next(iter(layers.values()))
        frames = select_frames(first["frame"].values.tolist(), self.settings.frames)
        found = [self._of(magnitude_histogram(data, frames)) for data in layers.values()]
        return _describe(xr.concat(found, xr.Variable("layer", list(layers))))

    def _of(self, histogram: xr.Dataset) -> xr.Dataset:
        """The measures of a layer."""
        frames = [self._of_frame(histogram.sel(frame=f)) for f in histogram["frame"].values]
        return xr.concat(frames, histogram["frame"].variable).assign(maximum=histogram["maximum"])

    def _of_frame(self, histogram: xr.Dataset) -> xr.Dataset:
        sorted_ = Sorted(histogram)
        percents = sorted(set(self.settings.percents))
        shares = np.linspace(0, 1, self.settings.points)
        tau = sorted_.area_quantile(np.array(percents) / 100)
        gini, gini_error = sorted_.gini()
        below, below_error = sorted_.share_below(np.array([sorted_.mean]))
        rank, rank_error = sorted_.share_below(tau)
        return xr.Dataset(
            {
                "curve": ("position", sorted_.value(shares)),
                "mean": ((), sorted_.mean),
                "tau": ("percent", tau),
                "rank": ("percent", 100 * rank),
                "rank_error": ("percent", 100 * rank_error),
                "gini": ((), gini),
                "gini_error": ((), gini_error),
                "below_mean": ((), below[0]),
                "below_mean_error": ((), below_error[0]),
            },
            {"position": 100 * shares, "percent": percents},
        )

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        columns = ["maximum", "mean", "gini", "gini_error", "below_mean", "below_mean_error"]
        frame = result[columns].to_dataframe(dim_order=["layer", "frame"])
        tau = result["tau"].transpose("layer", "frame", "percent").to_series().unstack("percent")
        tau.columns = [f"tau{percent:g}" for percent in tau.columns]
        return frame.join(tau).reset_index()

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        from xinc.plotting import layout

        frames = result["frame"].values
        columns = min(len(frames), 3)
        rows = -(-len(frames) // columns)
        width = layout.PAGE if columns > 1 else 0.6 * layout.PAGE
        lines = (result.sizes["layer"] + 1) * 0.15
        figure = layout.new_figure(width, 0.35 + (2.5 + lines) * rows, self.question, layout.about(result.attrs))
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axis, frame in zip(axes.flat, frames, strict=False):
            self._curves(axis, result.sel(frame=frame))
            axis.set_title(f"frame {frame}")
        for axis in axes.flat[len(frames) :]:
            axis.axis("off")
        for axis in axes[:, 0]:
            axis.set_ylabel("|C| relative to the layer's largest")
        return {"all": figure}

    def _curves(self, axis: Axes, result: xr.Dataset) -> None:
        floor = self.settings.floor
        for at, layer in enumerate(result["layer"].values):
            one = result.sel(layer=layer)
            largest = float(one["maximum"]) or 1.0
            values = one["curve"] / largest
            alive = f"Gini {float(one['gini']):.2f}, {100 * float(one['below_mean']):.0f} % below the mean"
            zeros = float(one["position"].values[(values >= floor).values][:1].sum())
            alive += f", {zeros:.0f} % are 0" if zeros >= 1 else ""
            label = f"{layer}: {alive if np.isfinite(one['gini']) else 'no contributions'}"
            style = ("-", "--", "-.", ":")[at % 4]
            (line,) = axis.plot(one["position"], values.where(values >= floor), linestyle=style, label=label)
            for percent, marker in zip(self._marked(result), "os^Dv", strict=False):
                there = one.sel(percent=percent)
                axis.plot(there["rank"], there["tau"] / largest, marker, color=line.get_color(), ms=4.5, mec="white")
        for percent, marker in zip(self._marked(result), "os^Dv", strict=False):
            label = rf"$\tau_{{{percent:g}}}$: {percent:g} % of the total lies left"
            axis.plot([], [], marker, color="0.4", ms=4.5, mec="white", label=label)
        axis.set(
            xlim=(_first_drawn(result, floor), 100),
            yscale="log",
            ylim=(floor, 1.5),
            xlabel="contributions of the layer, sorted (%)",
        )
        axis.tick_params(labelbottom=True)
        axis.minorticks_off()
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), frameon=False)

    def _marked(self, result: xr.Dataset) -> list[float]:
        return [p for p in result["percent"].values.tolist() if p in self.settings.marked]


def _first_drawn(result: xr.Dataset, floor: float) -> float:
    """Where the first curve of a frame comes above the floor, in percent, on a ten: zeros leave no empty half."""
    largest = result["maximum"].where(result["maximum"] > 0)
    drawn = (result["curve"] / largest >= floor).any("layer")
    return 10 * float(np.floor(result["position"].values[drawn.values][0] / 10)) if drawn.any() else 0.0


class Sorted:
    """A sorted array of magnitudes, known by its histogram; all measures are NaN where it is not finite.

    Parameters
    ----------
    histogram : of one frame, as from `xinc.canvas.reductions.magnitude_histogram`.

    Attributes
    ----------
    count : number of magnitudes.
    mean : their mean, up to rounding.
    """

    def __init__(self, histogram: xr.Dataset) -> None:
        self._finite = bool(np.isfinite(histogram["area"].values.sum()))
        occupied = np.flatnonzero(histogram["count"].values)
        self._counts = histogram["count"].values[occupied]
        self._areas = histogram["area"].values[occupied]
        self._largest = float(histogram["maximum"])
        self._lower = histogram["lower"].values[occupied]
        self._upper = np.minimum(histogram["upper"].values[occupied], self._largest)
        # What is less than the smallest normal number counts as zero.
        self._upper[self._lower == 0] = 0.0
        self._until = np.cumsum(self._counts)
        self._area = np.cumsum(self._areas)
        self.count = int(self._until[-1])
        self._total = float(self._area[-1])
        self.mean = self._total / self.count if self._finite else float("nan")

    def value(self, shares: np.ndarray) -> np.ndarray:
        """Value of the element of rank ⌊share · (count − 1)⌋, off by at most 1/32 of itself."""
        if not self._finite:
            return np.full(len(shares), np.nan)
        ranks = np.floor(shares * (self.count - 1))
        bins = np.searchsorted(self._until, ranks, side="right").clip(max=len(self._until) - 1)
        within = (ranks - (self._until - self._counts)[bins] + 0.5) / self._counts[bins]
        return self._between(bins, within)

    def area_quantile(self, parts: np.ndarray) -> np.ndarray:
        """Value left of which these parts of the sum lie, off by at most 1/32 of itself; NaN where all are 0."""
        if not self._known:
            return np.full(len(parts), np.nan)
        goals = parts * self._total
        bins = np.searchsorted(self._area, goals).clip(max=len(self._area) - 1)
        return self._between(bins, (goals - (self._area - self._areas)[bins]) / self._areas[bins])

    def share_below(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Share of the elements below each value, and the largest error that it may have; NaN where all are 0.

        Elements are taken to be spread evenly over the bin that the value lies in: the error is its share of them.
        """
        if not self._known:
            return np.full(len(values), np.nan), np.full(len(values), np.nan)
        bins = np.searchsorted(self._lower, values, side="right") - 1
        lower, upper, count = self._lower[bins], self._upper[bins], self._counts[bins]
        width = upper - lower
        within = np.divide(values - lower, width, out=np.zeros(len(values)), where=width > 0).clip(0, 1)
        within[values > upper] = 1
        shares = (self._until[bins] - (1 - within) * count) / self.count
        errors = np.where(values > upper, 0, count / self.count)
        return np.where(bins < 0, 0, shares), np.where(bins < 0, 0, errors)

    def gini(self) -> tuple[float, float]:
        """Gini coefficient, and by how much it may be too low; NaN where all are 0.

        The trapezoidal area under the Lorenz curve through the bins, as if those in a bin were equal.
        """
        if not self._known:
            return float("nan"), float("nan")
        population, lorenz = self._counts / self.count, self._area / self._total
        gini = 1 - float(np.sum(population * (lorenz + np.append(0, lorenz[:-1]))))
        return gini, float(_GINI_WITHIN * np.sum(population * self._areas / self._total))

    def _between(self, bins: np.ndarray, within: np.ndarray) -> np.ndarray:
        lower, upper = self._lower[bins], self._upper[bins]
        values: np.ndarray = lower + np.clip(within, 0, 1) * (upper - lower)
        return values

    @property
    def _known(self) -> bool:
        return self._finite and self._total > 0


def _describe(result: xr.Dataset) -> xr.Dataset:
    names = {
        "curve": ("|C| of all neurons and pixels, sorted", "1"),
        "maximum": ("largest |C| of the layer", "1"),
        "mean": ("mean |C| of the layer", "1"),
        "tau": ("value of |C| left of which this percentage of the total contribution lies", "1"),
        "rank": ("share of the contributions below the threshold", "%"),
        "rank_error": ("largest error of the share below the threshold", "%"),
        "gini": ("Gini coefficient of |C|", "1"),
        "gini_error": ("by how much the Gini coefficient may be too low", "1"),
        "below_mean": ("share of the contributions below their mean", "1"),
        "below_mean_error": ("largest error of the share below the mean", "1"),
        "position": ("contributions, sorted", "%"),
        "percent": ("part of the total contribution below the threshold", "%"),
    }
    for name, (text, units) in names.items():
        result[name].attrs = {"long_name": text, "units": units}
    return result
