"""How many neurons represent each pixel (paper section 4.4, figures 7 and 17).

Cost: three passes over the maps of each frame, 2 s for 18,352 neurons of 64 × 128 pixels on one core; a map per layer,
frame and percentage is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses._images import correlation, edges_of, intensity_of
from xinc.analyses.base import Analysis, Claim, Subject
from xinc.frames import FrameChoice, select_frames
from xinc.settings import StrictModel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _with(other: str, result: xr.Dataset, percent: int = 0) -> xr.DataArray:
    """Correlation (layer, frame) of the density with intensity or edges, at the percent of this position."""
    return result["pearson"].sel({"with": other}, drop=True).isel(percent=percent, drop=True)


@analyses.register("neurons_per_pixel")
class NeuronsPerPixel(Analysis):
    """Density of the neurons that contribute more than a threshold to each pixel, as a percentage of the layer.

    The threshold τ_x is the contribution left of which x % of the total lies when all |C| of the layer are sorted. It
    is exact. Above each map stands the Pearson correlation of the density over pixels with the frame's intensity and
    with its (Sobel) edges. Colours start at no neurons, so that an evenly represented frame looks even; the coefficient
    of variation (cv: standard deviation over mean, over pixels) says how uneven it is.
    """

    question = "How many neurons represent a pixel?"
    section = "4.4"
    claims = (
        Claim(
            name="more neurons where it is bright",
            section="4.4",
            sentence="High-intensity areas have more neurons dedicated to them.",
            measure="Pearson correlation over pixels of the density of neurons with the intensity, at the lowest "
            "threshold, above 0",
            statistic=lambda result: _with("intensity", result),
        ),
        Claim(
            name="more neurons where it is textured",
            section="4.4",
            sentence="Highly textured areas have more neurons dedicated to them.",
            measure="Pearson correlation over pixels of the density of neurons with the edges, at the lowest "
            "threshold, above 0",
            statistic=lambda result: _with("edges", result),
        ),
        Claim(
            name="NeRV's densest pixels are edges",
            section="4.4",
            sentence="Increasing the threshold reveals NeRV's bias for edges.",
            measure="correlation of the density of neurons with the edges at the highest threshold minus that at the "
            "lowest, above 0",
            statistic=lambda result: (_with("edges", result, -1) - _with("edges", result)).where(
                result.sizes["percent"] > 1
            ),
            architectures=("nerv",),
        ),
    )

    class Settings(StrictModel):
        frames: FrameChoice = Field(2, description="Frames: how many evenly spread, a list, or all.")
        percents: tuple[Annotated[float, Field(gt=0, lt=100)], ...] = Field(
            (10, 50), min_length=1, description="Percentages of the total contribution below the thresholds."
        )

    def compute(self, subject: Subject) -> xr.Dataset:
        from xinc.canvas.reductions import area_quantiles, neurons_over

        layers = subject.canvas
        first = next(iter(layers.values()))
        frames = select_frames(first["frame"].values.tolist(), self.settings.frames)
        percents = sorted(set(self.settings.percents))
        tau = {name: area_quantiles(data, percents, frames) for name, data in layers.items()}
        density = []
        for name, data in layers.items():
            over = neurons_over(data, tau[name], frames).rename(threshold="percent").assign_coords(percent=percents)
            density.append((over / data.sizes["neuron"]).where(tau[name].notnull()))
        names = xr.Variable("layer", list(layers))
        source = subject.video["frames"].sel(frame=frames).load().transpose("frame", "y", "x", "channel")
        pixels = {d: density[0][d] for d in ("frame", "y", "x")}
        result = xr.Dataset(
            {
                "density": xr.concat(density, names),
                "tau": xr.concat(list(tau.values()), names),
                "intensity": intensity_of(source).assign_coords(pixels),
                "edges": edges_of(source).assign_coords(pixels),
                "source": (source.dims, source.values),
            }
        )
        others = ["intensity", "edges"]
        result["pearson"] = xr.concat(
            [correlation(result["density"], result[name]) for name in others], xr.Variable("with", others)
        )
        mean = result["density"].mean(("y", "x"))
        result["mean_density"] = mean
        result["variation"] = result["density"].std(("y", "x")) / mean.where(mean > 0)
        return _describe(result)

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        import pandas as pd

        frame = result[["tau", "mean_density", "variation"]].to_dataframe().reset_index()
        pearson = result["pearson"].to_series().unstack("with").add_prefix("pearson_").reset_index()
        return pd.merge(frame, pearson, on=["layer", "frame", "percent"])

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        return {f"frame{int(f)}": self._figure(result.sel(frame=f)) for f in result["frame"].values}

    def _figure(self, result: xr.Dataset) -> Figure:
        from xinc import figures

        layers, percents = result["layer"].values, result["percent"].values
        columns, rows = len(layers) + 1, max(len(percents), 2)
        aspect = result.sizes["y"] / result.sizes["x"]
        of = figures.about(result.attrs, f"frame {int(result['frame'])}")
        figure, axes = figures.image_grid(rows, columns, aspect, self.question, extra=0.45 * rows, about=of)
        figures.show(axes[0, 0], result["source"].values, "source")
        figures.show(axes[1, 0], result["edges"].values, "edges (sobel)", figures.MAGNITUDE)
        for row, percent in enumerate(percents):
            for column, layer in enumerate(layers, start=1):
                _density(figure, axes[row, column], result.sel(layer=layer, percent=percent), str(layer))
        return figure


def _density(figure: Figure, axis: Axes, one: xr.Dataset, layer: str) -> None:
    """The map of one layer and percentage, with a colour bar of its own."""
    from xinc import figures

    values = 100 * one["density"].values
    if np.isnan(values).all():
        figures.show(axis, np.ones((*values.shape, 3)), layer)
        axis.text(0.5, 0.5, "no contributions", transform=axis.transAxes, ha="center", va="center", fontsize=7)
        return
    image = figures.show(axis, values, _title(one, layer), figures.MAGNITUDE, vmin=0, vmax=values.max() or 1.0)
    axis.title.set_fontsize(6)
    figures.bar_below(figure, axis, image, "% of neurons")


def _title(one: xr.Dataset, layer: str) -> str:
    """``block1, |C| > τ₁₀ (cv 0.20)``, and below it the correlations."""
    # Rounded first, and 0 added: no "-0.00".
    r = {name: round(float(one["pearson"].sel({"with": name})), 2) + 0.0 for name in ("intensity", "edges")}
    head = rf"{layer}: $|C| > \tau_{{{float(one['percent']):g}}}$, cv {float(one['variation']):.2f}"
    return f"{head}\nr {r['intensity']:.2f} intensity, {r['edges']:.2f} edges"


def _describe(result: xr.Dataset) -> xr.Dataset:
    names = {
        "density": "share of the layer's neurons whose |C| exceeds the threshold",
        "tau": "threshold: value of |C| left of which this percentage of the total contribution lies",
        "intensity": "sum over colour channels",
        "edges": "edge magnitude of the grey frame (sobel)",
        "source": "source frame",
        "pearson": "Pearson correlation of the density over pixels",
        "mean_density": "mean of the density over pixels",
        "variation": "coefficient of variation of the density over pixels (standard deviation / mean)",
    }
    for name, text in names.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    result["percent"].attrs = {"long_name": "part of the total contribution below the threshold", "units": "%"}
    return result
