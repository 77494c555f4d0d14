"""How many neurons represent each pixel (paper section 4.4, figures 7 and 17).

Cost: three passes over the maps of each frame, 2 s for 18,352 neurons of 64 × 128 pixels on one core; a map per layer,
frame and percentage is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.analyses.claim import Claim
from xinc.analyses.subject import Subject
from xinc.frames import FrameChoice, select_frames
from xinc.settings import StrictModel
from xinc.statistics.images import correlation, edges_of, intensity_of
from xinc.statistics.nan_reductions import mean_over_frames
from xinc.statistics.shifts import correlations_of_shifts, drawn_shifts
from xinc.statistics.standing import NULL, labelled, standing_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: Shifts of the frame, drawn once for all frames of a size, under which networks of one video are compared.
SHIFTS = 999
#: Share of the neurons whose |C| lies above τ₁₀ where contributions are normally distributed: P(|Z| > √(−2 ln 0.9)).
NORMAL_OVER_TENTH = 0.646
_CHANCE = "all toroidal shifts of the frame against the map of densities"


def _with(other: str, result: xr.Dataset, percent: int = 0) -> xr.DataArray:
    """Correlation (layer, frame) of the density with intensity or edges, at the percent of this position."""
    return result["pearson"].sel({"with": other}, drop=True).isel(percent=percent, drop=True)


def _null(other: str, result: xr.Dataset, percent: int = 0) -> xr.DataArray:
    """How the mean over frames of that correlation stands among all shifts."""
    return result["pearson_null"].sel({"with": other}, drop=True).isel(percent=percent, drop=True)


def _sharper(result: xr.Dataset) -> xr.DataArray:
    """Coefficient of variation at the highest threshold: the last layer's minus that of each earlier one."""
    top = result["variation"].isel(percent=-1, drop=True)
    last = result["layer"].values[-1]
    return (top.sel(layer=last, drop=True) - top).where(result["layer"] != last)


def _claims() -> tuple[Claim, ...]:
    missing = "the layer contributes nothing, the frame is of one colour, or there is one threshold only"
    several = "the result has one threshold only"
    r = "Pearson correlation over pixels of the density of neurons with the"
    shifts: dict[str, Any] = {"chance": _CHANCE, "missing": missing}
    return (
        Claim(
            "many_neurons_per_pixel",
            "1",
            "Representation is distributed: many neurons are involved in the representation of a pixel.",
            "share of the layer's neurons above the lowest threshold, mean over pixels; threshold: half of what it is "
            "at "
            "τ₁₀ where all contributions are normally distributed",
            lambda result: result["mean_density"].isel(percent=0, drop=True),
            threshold=NORMAL_OVER_TENTH / 2,
            chance="none: compared with half of what normally distributed contributions give",
        ),
        Claim(
            "more_neurons_where_bright",
            "4.4",
            "High-intensity areas have more neurons dedicated to them.",
            f"{r} intensity, at the lowest threshold",
            lambda result: _with("intensity", result),
            null=lambda result: _null("intensity", result),
            **shifts,
        ),
        Claim(
            "more_neurons_where_textured",
            "4.4",
            "Highly textured areas have more neurons dedicated to them.",
            f"{r} edges, at the lowest threshold",
            lambda result: _with("edges", result),
            null=lambda result: _null("edges", result),
            **shifts,
        ),
        Claim(
            "nerv_densest_pixels_are_edges",
            "4.4",
            "At the higher threshold NeRV shows an overwhelming bias for edges.",
            f"{r} edges, at the highest threshold",
            lambda result: _with("edges", result, -1),
            null=lambda result: _null("edges", result, -1),
            architectures=("nerv",),
            **shifts,
        ),
        Claim(
            "nerv_threshold_reveals_edges",
            "4.4",
            "Increasing the threshold reveals NeRV's bias for edges.",
            f"{r} edges, at the highest threshold minus that at the lowest",
            lambda result: (_with("edges", result, -1) - _with("edges", result)).where(result.sizes["percent"] > 1),
            null=lambda result: result["edges_gain_null"],
            architectures=("nerv",),
            **shifts,
        ),
        Claim(
            "last_layer_is_sharpest",
            "7.3",
            "How many neurons represent a pixel varies more sharply in the last layer than in earlier ones.",
            "coefficient of variation over pixels of the density of neurons, at the highest threshold: the last "
            "layer's "
            "minus this layer's",
            _sharper,
            chance="none: a difference between layers, which have no pixels to exchange",
            applies=lambda result: result["layer"] != result["layer"].values[-1],
            unless="the last layer is what others are compared with",
            missing=several,
        ),
    )


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
    claims = _claims()

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
        result = result.assign(_standings(result))
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
        from xinc.plotting import layout, style

        layers, percents = result["layer"].values, result["percent"].values
        columns, rows = len(layers) + 1, max(len(percents), 2)
        aspect = result.sizes["y"] / result.sizes["x"]
        of = layout.about(result.attrs, f"frame {int(result['frame'])}")
        figure, axes = layout.image_grid(rows, columns, aspect, self.question, extra=0.45 * rows, about=of)
        layout.show(axes[0, 0], result["source"].values, "source")
        layout.show(axes[1, 0], result["edges"].values, "edges (sobel)", style.MAGNITUDE)
        for row, percent in enumerate(percents):
            for column, layer in enumerate(layers, start=1):
                _density(figure, axes[row, column], result.sel(layer=layer, percent=percent), str(layer))
        return figure


def _standings(result: xr.Dataset) -> dict[str, xr.DataArray]:
    """How the mean correlations over frames stand among all shifts of the frame, and what they are under some."""
    density = result["density"].transpose("layer", "percent", "frame", "y", "x").values
    others = [result[name].values for name in ("intensity", "edges")]
    layers, percents, frames = density.shape[:3]
    some = drawn_shifts(density[0, 0, 0].size, SHIFTS)
    null = np.full((layers, 2, percents, len(NULL)), np.nan)
    gain = np.full((layers, len(NULL)), np.nan)
    kept = np.full((layers, 2, percents, len(some)), np.nan, np.float32)
    for layer in range(layers):
        means = np.stack(
            [
                mean_over_frames(
                    correlations_of_shifts(density[layer, percent, at], *(other[at] for other in others))
                    for at in range(frames)
                )
                for percent in range(percents)
            ],
            axis=1,
        )
        null[layer] = [[standing_of(one) for one in row] for row in means]
        kept[layer] = means[..., some]
        if percents > 1:
            gain[layer] = standing_of(means[1, -1] - means[1, 0])
    names = {"layer": result["layer"].values, "percent": result["percent"].values}
    coords = names | {"with": ["intensity", "edges"]}
    dims = ("layer", "with", "percent")
    return {
        "pearson_null": labelled(null, dims).assign_coords(coords),
        "edges_gain_null": labelled(gain, ("layer",)).assign_coords(layer=names["layer"]),
        "pearson_shifted": xr.DataArray(kept, coords, (*dims, "shift")),
    }


def _density(figure: Figure, axis: Axes, one: xr.Dataset, layer: str) -> None:
    """The map of one layer and percentage, with a colour bar of its own."""
    from xinc.plotting import layout, style

    values = 100 * one["density"].values
    if np.isnan(values).all():
        layout.show(axis, np.ones((*values.shape, 3)), layer)
        axis.text(0.5, 0.5, "no contributions", transform=axis.transAxes, ha="center", va="center", fontsize=7)
        return
    image = layout.show(axis, values, _title(one, layer), style.MAGNITUDE, vmin=0, vmax=values.max() or 1.0)
    axis.title.set_fontsize(6)
    layout.bar_below(figure, axis, image, "% of neurons")


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
        "pearson_null": "how the mean over frames of the correlation stands among all toroidal shifts of the frame",
        "edges_gain_null": "the same of the correlation with edges at the highest threshold minus that at the lowest",
        "pearson_shifted": "mean over frames of the correlation: first as it is, then under shifts drawn at random, "
        "the same in every result of a frame of this size",
        "mean_density": "mean of the density over pixels",
        "variation": "coefficient of variation of the density over pixels (standard deviation / mean)",
    }
    for name, text in names.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    result["percent"].attrs = {"long_name": "part of the total contribution below the threshold", "units": "%"}
    return result
