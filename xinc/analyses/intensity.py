"""Where contribution does and does not follow pixel intensity (paper section 4.3, figure 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses._images import EdgeFilter, correlation, edges_of, intensity_of
from xinc.analyses.base import Analysis, Claim, Subject, minmax
from xinc.frames import FrameChoice, select_frames
from xinc.settings import StrictModel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@analyses.register("intensity")
class Intensity(Analysis):
    """Layer heatmap Σ_n |C_n|, intensity Σ_channels, both min-max normalised; difference = heatmap − intensity.

    Pearson (r) and Spearman (ρ) correlation over pixels of the heatmap with the intensity and with the edges of the
    grey frame say how much of the heatmap each explains.
    """

    question = "Does contribution follow intensity, or edges?"
    section = "4.3"
    claims = (
        Claim(
            name="contribution follows intensity",
            section="4.3",
            sentence="Areas of large contributions correspond to areas of high intensity.",
            measure="Pearson correlation over pixels of the layer's Σ|C| with the intensity, above 0",
            statistic=lambda result: result["pearson"].sel({"with": "intensity"}),
        ),
        Claim(
            name="not intensity alone",
            section="4.3",
            sentence="Intensity does not fully explain where a layer contributes.",
            measure="share of the variance of Σ|C| that a line through the intensity leaves, above a tenth",
            statistic=lambda result: 1 - result["pearson"].sel({"with": "intensity"}) ** 2,
            threshold=0.1,
        ),
        Claim(
            name="edges beside intensity",
            section="4.3",
            sentence="In addition to intensity, layers attend to edges and textures.",
            measure="partial correlation over pixels of Σ|C| with the edges, intensity held constant, above 0",
            statistic=lambda result: result["partial_edges"],
        ),
        Claim(
            name="FFN layer 3 is intensity",
            section="4.3",
            sentence="The contributions of FFN layer 3 are largely consistent with intensity.",
            measure="Pearson correlation over pixels of the layer's Σ|C| with the intensity, above 0.8",
            statistic=lambda result: result["pearson"].sel({"with": "intensity"}),
            threshold=0.8,
            architectures=("ffn",),
            layers=("layer3",),
        ),
    )

    class Settings(StrictModel):
        edges: EdgeFilter = Field("sobel", description="Edge filter on the grey frame.")
        frames: FrameChoice = Field(2, description="Frames: how many evenly spread, a list, or all.")

    def compute(self, subject: Subject) -> xr.Dataset:
        from xinc.canvas.reductions import sum_abs

        layers = subject.canvas
        first = next(iter(layers.values()))
        frames = select_frames(first["frame"].values.tolist(), self.settings.frames)
        source = subject.video["frames"].sel(frame=frames).transpose("frame", "y", "x", "channel").load()
        heat = xr.concat(
            [sum_abs(data, frames) for data in layers.values()],
            dim=xr.Variable("layer", list(layers)),
        )
        pixels = {d: heat[d] for d in ("frame", "y", "x")}
        result = xr.Dataset(
            {
                "heatmap": minmax(heat),
                "intensity": minmax(intensity_of(source).assign_coords(pixels)),
                "edges": edges_of(source, self.settings.edges).assign_coords(pixels),
                "source": xr.DataArray(source.values, {"frame": heat["frame"]}, ("frame", "y", "x", "channel")),
            },
            attrs={"edge_filter": self.settings.edges},
        )
        result["difference"] = result["heatmap"] - result["intensity"]
        pairs = {"intensity": result["intensity"], "edges": result["edges"]}
        measures = {"pearson": lambda a: a, "spearman": _ranks}
        for measure, transform in measures.items():
            result[measure] = xr.concat(
                [correlation(transform(result["heatmap"]), transform(other)) for other in pairs.values()],
                dim=xr.Variable("with", list(pairs)),
            )
        between = correlation(result["intensity"], result["edges"])
        r = result["pearson"].sel({"with": "intensity"}, drop=True), result["pearson"].sel({"with": "edges"}, drop=True)
        result["partial_edges"] = (r[1] - r[0] * between) / np.sqrt((1 - r[0] ** 2) * (1 - between**2))
        return _describe(result)

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        return result[["pearson", "spearman"]].to_dataframe().reset_index()

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        return {f"frame{int(f)}": self._figure(result.sel(frame=f)) for f in result["frame"].values}

    def _figure(self, result: xr.Dataset) -> Figure:
        from xinc import figures

        layers = [str(name) for name in result["layer"].values]
        aspect = result.sizes["y"] / result.sizes["x"]
        of = figures.about(result.attrs, f"frame {int(result['frame'])}")
        figure, axes = figures.image_grid(3, max(len(layers), 3), aspect, self.question, extra=0.75, about=of)
        figures.show(axes[0, 0], result["source"].values, "source")
        figures.show(axes[0, 1], result["intensity"].values, "intensity", figures.MAGNITUDE)
        figures.show(axes[0, 2], result["edges"].values, f"edges ({result.attrs['edge_filter']})", figures.MAGNITUDE)
        for at, layer in enumerate(layers):
            one = result.sel(layer=layer)
            heat = figures.show(axes[1, at], one["heatmap"].values, f"{layer}: Σ|C|", figures.MAGNITUDE, vmin=0, vmax=1)
            title = "\n".join(_correlations(one, name) for name in ("intensity", "edges"))
            image = figures.show(axes[2, at], one["difference"].values, title, figures.SIGNED, vmin=-1, vmax=1)
        figures.side_label(axes[1, 0], "heatmap")
        figures.side_label(axes[2, 0], "difference")
        where: Any = {"location": "bottom", "aspect": 30, "pad": 0.03, "shrink": 0.8}
        half = axes.shape[1] // 2
        bars = [
            figure.colorbar(
                heat, ax=axes[2, :half].tolist(), label="Σ|C|, intensity and edges, scaled to [0, 1]", **where
            ),
            figure.colorbar(image, ax=axes[2, half:].tolist(), label="heatmap − intensity", **where),
        ]
        for bar in bars:
            bar.ax.tick_params(labelsize=6)
            bar.ax.xaxis.label.set_fontsize(6)
        return figure


def _correlations(one: xr.Dataset, other: str) -> str:
    """``intensity: r 0.41, ρ 0.38``, the correlations of a layer's heatmap over pixels."""
    # Rounded first, and 0 added: no "-0.00".
    r, rho = (round(float(one[name].sel({"with": other})), 2) + 0.0 for name in ("pearson", "spearman"))
    return f"{other}: r {r:.2f}, ρ {rho:.2f}"


def _ranks(values: xr.DataArray) -> xr.DataArray:
    """Ranks over the pixels of each image, ties averaged."""
    from scipy.stats import rankdata

    flat = values.transpose(..., "y", "x")
    ranks = rankdata(flat.values.reshape(*flat.shape[:-2], -1), axis=-1)
    return flat.copy(data=ranks.reshape(flat.shape))


def _describe(result: xr.Dataset) -> xr.Dataset:
    names = {
        "heatmap": "sum over neurons of |C|, min-max normalised",
        "intensity": "sum over colour channels, min-max normalised",
        "edges": "edge magnitude of the grey frame",
        "source": "source frame",
        "difference": "heatmap minus intensity",
        "pearson": "Pearson correlation of the heatmap over pixels",
        "spearman": "Spearman correlation of the heatmap over pixels",
        "partial_edges": "partial correlation of the heatmap with the edges, intensity held constant",
    }
    for name, text in names.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    return result
