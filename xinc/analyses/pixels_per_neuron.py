"""How many pixels each neuron represents (paper section 4.4, figures 6 and 15).

Cost: two passes over the maps of each frame, 1 s for 18,352 neurons of 64 × 128 pixels on one core, and a look at the
neurons that represent no pixel; a number per neuron is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.analyses.claim import Claim
from xinc.analyses.subject import Subject
from xinc.frames import FrameChoice, select_frames
from xinc.settings import StrictModel
from xinc.statistics.standing import NULL, labelled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: A neuron that represents less than this percentage of the pixels contributes almost nothing.
ALMOST_NOTHING = 1.0


#: Share of the pixels that the median neuron represents where contributions are normally distributed, in percent:
#: P(|Z| > E|Z|).
NORMAL_MEDIAN = 42.5
_EXCHANGED = "neurons exchanged between the two layers (Mann-Whitney test of their pixels, each a mean over frames)"


def _over_earlier_layers(result: xr.Dataset) -> xr.DataArray:
    """Median of the last layer minus that of each earlier one (layer, frame); NaN for the last."""
    median, last = result["median"], result["layer"].values[-1]
    return (median.sel(layer=last, drop=True) - median).where(result["layer"] != last)


def _over_layer_before(result: xr.Dataset) -> xr.DataArray:
    """Median of each layer minus that of the layer before it (layer, frame); NaN for the first."""
    return result["median"] - result["median"].shift(layer=1)


def _exchanged(result: xr.Dataset, more: list[int], fewer: list[int]) -> xr.DataArray:
    """Standing (layer, null) of each layer's comparison: neurons of layer ``more`` represent more than of ``fewer``."""
    from scipy.stats import mannwhitneyu

    pixels = result["pixels"].mean("frame").transpose("layer", "neuron").values
    out = np.full((len(pixels), len(NULL)), np.nan)
    for at, (a, b) in enumerate(zip(more, fewer, strict=True)):
        if a != b:
            known = [pixels[k][np.isfinite(pixels[k])] for k in (a, b)]
            out[at, 0] = mannwhitneyu(*known, alternative="greater", method="asymptotic").pvalue
    return labelled(out, ("layer",)).assign_coords(layer=result["layer"].values)


def _last_to_each(result: xr.Dataset) -> xr.DataArray:
    count = result.sizes["layer"]
    return _exchanged(result, [count - 1] * count, list(range(count)))


def _each_to_before(result: xr.Dataset) -> xr.DataArray:
    count = result.sizes["layer"]
    return _exchanged(result, list(range(count)), [0, *range(count - 1)])


def _claims() -> tuple[Claim, ...]:
    median = "percentage of the pixels that the median neuron represents"
    little = f"share of the neurons that represent less than {ALMOST_NOTHING:g} % of the pixels, dead ones among them"
    return (
        Claim(
            "many_pixels_per_neuron",
            "1",
            "Representation is distributed: each neuron represents many pixels.",
            f"{median}; threshold: half of what it is where all contributions are normally distributed",
            lambda result: result["median"],
            threshold=NORMAL_MEDIAN / 2,
            chance="none: compared with half of what normally distributed contributions give",
        ),
        Claim(
            "outermost_layer_represents_most",
            "4.4",
            "The outermost layer's neurons represent the most pixels.",
            f"{median}: the outermost layer's minus this layer's",
            _over_earlier_layers,
            null=_last_to_each,
            chance=_EXCHANGED,
            applies=lambda result: result["layer"] != result["layer"].values[-1],
            unless="the outermost layer is what others are compared with",
        ),
        Claim(
            "fewer_pixels_in_earlier_layers",
            "4.4",
            "The number of pixels per neuron decreases towards the earlier layers.",
            f"{median}: this layer's minus that of the layer before it",
            _over_layer_before,
            null=_each_to_before,
            chance=_EXCHANGED,
            applies=lambda result: result["layer"] != result["layer"].values[0],
            unless="there is no layer before the first",
        ),
        Claim(
            "ffn_layer2_half_dead",
            "4.4",
            "Nearly half of the neurons of FFN layer 2 contribute almost nothing.",
            f"{little}; threshold: nearly half",
            lambda result: result["almost_none"],
            threshold=0.4,
            chance="none: a share that the paper states",
            architectures=("ffn",),
            layers=("layer2",),
        ),
        Claim(
            "dead_neurons_elsewhere",
            "4.4",
            "There are dead neurons in the other layers, too.",
            f"{little}; threshold: one in a hundred",
            lambda result: result["almost_none"],
            threshold=0.01,
            chance="none: a share, which is there or not",
            applies=lambda result: (result["layer"] != "layer2") | (result.attrs.get("architecture") != "ffn"),
            unless="FFN layer 2 has a row of its own",
        ),
    )


@analyses.register("pixels_per_neuron")
class PixelsPerNeuron(Analysis):
    """Pixels that each neuron represents, neurons sorted by their number, a curve per layer.

    A neuron represents a pixel where its share |C_n| / Σ_m |C_m| exceeds 1/N, what each of the layer's N neurons would
    have if all contributed alike; where no neuron contributes, none represents the pixel. Curves are resampled to a
    common length by linear interpolation, so that layers of any size compare. Dead neurons (Σ|C| = 0) are counted.
    """

    question = "How many pixels does a neuron represent?"
    section = "4.4"
    claims = _claims()

    class Settings(StrictModel):
        frames: FrameChoice = Field(2, description="Frames: how many evenly spread, a list, or all.")
        points: int = Field(101, ge=2, description="Length to which the sorted curves are resampled.")
        share: float | None = Field(
            None, gt=0, lt=1, description="Share of a pixel above which a neuron represents it; 1/N when left out."
        )

    def compute(self, subject: Subject) -> xr.Dataset:
        from xinc.canvas.reductions import pixels_over_share

        layers = subject.canvas
        names = xr.Variable("layer", list(layers))
        first = next(iter(layers.values()))
        frames = select_frames(first["frame"].values.tolist(), self.settings.frames)
        area = first.sizes["y"] * first.sizes["x"]
        counts = [pixels_over_share(data, frames, self.settings.share) for data in layers.values()]
        everyone = np.arange(max(count.sizes["neuron"] for count in counts))
        dead = [_dead(data, count) for data, count in zip(layers.values(), counts, strict=True)]
        result = xr.Dataset(
            {
                "curve": xr.concat([self._resampled(count) * (100 / area) for count in counts], names),
                "curve_pixels": xr.concat([self._resampled(count) for count in counts], names),
                "pixels": xr.concat([count.reindex(neuron=everyone) for count in counts], names),
                "neurons": (names.dims, [count.sizes["neuron"] for count in counts]),
                "share": (names.dims, [self.settings.share or 1 / count.sizes["neuron"] for count in counts]),
                "dead": xr.concat(dead, names),
            },
            {"layer": names},
            {"pixels_of_a_frame": area},
        )
        result["without_pixels"] = (result["pixels"] == 0).sum("neuron")
        little = result["pixels"] * (100 / area) < ALMOST_NOTHING
        result["almost_none"] = little.sum("neuron") / result["neurons"]
        result["median"] = result["pixels"].median("neuron") * (100 / area)
        return _describe(result)

    def _resampled(self, counts: xr.DataArray) -> xr.DataArray:
        """Counts (frame, neuron) sorted and resampled to (frame, position), position in percent of the neurons."""
        ascending = np.sort(counts.transpose("frame", "neuron").values, axis=1)
        to = np.linspace(0, 1, self.settings.points)
        at = np.linspace(0, 1, ascending.shape[1])
        curves = np.stack([np.interp(to, at, curve) for curve in ascending])
        return xr.DataArray(curves, {"frame": counts["frame"], "position": 100 * to}, ("frame", "position"))

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        columns = ["neurons", "share", "dead", "without_pixels", "almost_none", "median"]
        return result[columns].to_dataframe(dim_order=["layer", "frame"]).reset_index()

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        from xinc.plotting import layout

        frames = result["frame"].values
        columns = min(len(frames), 3)
        rows = -(-len(frames) // columns)
        width = layout.PAGE if columns > 1 else 0.6 * layout.PAGE
        lines = result.sizes["layer"] * 0.15
        figure = layout.new_figure(width, 0.35 + (2.5 + lines) * rows, self.question, layout.about(result.attrs))
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axis, frame in zip(axes.flat, frames, strict=False):
            self._curves(axis, result.sel(frame=frame))
            axis.set_title(f"frame {frame}")
        for axis in axes.flat[len(frames) :]:
            axis.axis("off")
        share = "1/N" if self.settings.share is None else f"{self.settings.share:g}"
        for axis in axes[:, 0]:
            axis.set_ylabel(f"pixels with a share above {share} (%)")
        return {"all": figure}

    def _curves(self, axis: Axes, result: xr.Dataset) -> None:
        for at, layer in enumerate(result["layer"].values):
            one = result.sel(layer=layer)
            label = f"{layer}: {int(one['neurons']):,} neurons, {int(one['dead']):,} dead"
            style = ("-", "--", "-.", ":")[at % 4]
            axis.plot(one["position"], one["curve"], linestyle=style, label=label)
        # Room below 0, so that a layer without pixels is seen.
        axis.set(xlim=(0, 100), ylim=(-2, 100), xlabel="neurons of the layer, sorted (%)")
        axis.tick_params(labelbottom=True)
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), frameon=False)


def _dead(data: xr.Dataset, counts: xr.DataArray) -> xr.DataArray:
    """Number of neurons (frame,) whose Σ|C| is 0, found among those that represent no pixel."""
    from xinc.canvas.reductions import neuron_statistics

    suspects = np.flatnonzero((counts == 0).any("frame"))
    if not len(suspects):
        return xr.zeros_like(counts.isel(neuron=0, drop=True))
    total = neuron_statistics(data.isel(neuron=suspects), counts["frame"].values.tolist())["total"]
    return (total == 0).sum("neuron")


def _describe(result: xr.Dataset) -> xr.Dataset:
    names = {
        "curve": ("pixels that a neuron represents, sorted and resampled", "%"),
        "curve_pixels": ("pixels that a neuron represents, sorted and resampled", "pixel"),
        "pixels": ("pixels that a neuron represents, NaN beyond the layer's last neuron", "pixel"),
        "neurons": ("neurons of the layer", "1"),
        "share": ("share of a pixel's contribution above which a neuron represents it", "1"),
        "dead": ("neurons that contribute nothing", "1"),
        "without_pixels": ("neurons that represent no pixel, dead ones among them", "1"),
        "almost_none": (f"share of the neurons that represent less than {ALMOST_NOTHING:g} % of the pixels", "1"),
        "median": ("pixels that the median neuron represents", "%"),
        "position": ("neurons, sorted by the pixels that they represent", "%"),
    }
    for name, (text, units) in names.items():
        result[name].attrs = {"long_name": text, "units": units}
    return result
