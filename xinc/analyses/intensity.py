"""Where contribution does and does not follow pixel intensity (paper section 4.3, figure 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses._attention import BELOW, NUMBERS, PEOPLE, numbers_of_shifts
from xinc.analyses.annotated import annotated_of
from xinc.analyses.base import Analysis
from xinc.analyses.claim import Claim
from xinc.analyses.subject import Subject
from xinc.frames import FrameChoice, select_frames
from xinc.settings import StrictModel
from xinc.statistics.images import EdgeFilter, correlation, edges_of, intensity_of
from xinc.statistics.nan_reductions import mean_over_frames
from xinc.statistics.ranks import average_ranks
from xinc.statistics.scaling import minmax
from xinc.statistics.standing import NULL, labelled, standing_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


_SHIFTED = "all toroidal shifts of the frame against the heatmap"
_R = {
    "intensity": "Pearson correlation over pixels of the layer's Σ|C| with the intensity",
    "partial_edges": "partial correlation over pixels of Σ|C| with the edges, intensity held constant",
    "dark": "mean Σ|C| in the darkest tenth of the pixels / over the frame",
    "dark_excess": "mean Σ|C| in the darkest tenth of the pixels / over the frame, less the same ratio of the "
    "intensity: "
    "0 where contribution is proportional to intensity",
    "edge_spread": "standard deviation of Σ|C| over the tenth of the pixels with the strongest edges / over the frame, "
    "0 where all of these edges are treated alike",
    "people": "mean over the pixels of people of what a line through the intensity leaves of Σ|C|, in its standard "
    "deviations",
}


def _claim(name: str, section: str, sentence: str, number: str, threshold: float = 0.0, **others: Any) -> Claim:
    """A claim about one of the numbers, against the null of shifts."""
    chosen: dict[str, Any] = {
        "null": lambda result: result["attention_null"].sel(number=number, drop=True),
        "chance": _SHIFTED,
        "missing": "the layer contributes nothing, or the frame is of one colour",
    }
    statistic = lambda result: result["attention"].sel(number=number, drop=True)  # noqa: E731
    return Claim(name, section, sentence, _R[number], statistic, threshold, **(chosen | others))


def _claims() -> tuple[Claim, ...]:
    people: dict[str, Any] = {"missing": "no frame looked at has masks of people"}
    bound: dict[str, Any] = {"null": None}
    return (
        _claim("intensity_biased", "1", "Representations are intensity-biased.", "intensity"),
        _claim(
            "represent_to_omit",
            "1",
            "INRs must represent even what is missing, where the colours are near zero: no less than elsewhere.",
            "dark",
            1.0,
        ),
        _claim(
            "more_than_magnitude",
            "1",
            "Representations are not dictated by pixel magnitude alone: dark pixels get more than their intensity.",
            "dark_excess",
            chance="none: compared with a heatmap that is the intensity, not with chance",
            **bound,
        ),
        _claim(
            "attend_to_edges",
            "1",
            "Neurons attend to low-level features: edges, beside colour and intensity.",
            "partial_edges",
        ),
        _claim(
            "contribution_follows_intensity",
            "4.3",
            "Areas of large contributions correspond to areas of high intensity.",
            "intensity",
        ),
        Claim(
            "not_intensity_alone",
            "4.3",
            "Intensity does not fully explain where a layer contributes.",
            "share of the variance of Σ|C| over pixels that a line through the intensity explains",
            lambda result: result["attention"].sel(number="intensity", drop=True) ** 2,
            threshold=0.9,
            direction="<",
            chance="none: a bound on what intensity explains",
            missing="the layer contributes nothing, or the frame is of one colour",
        ),
        _claim(
            "edges_beside_intensity",
            "4.3",
            "In addition to intensity, layers attend to edges and textures.",
            "partial_edges",
        ),
        _claim(
            "nerv_over_represents_people",
            "4.3",
            "NeRV's layers over-represent people, relative to intensity.",
            "people",
            architectures=("nerv",),
            **people,
        ),
        _claim(
            "ffn_layer2_over_represents_people",
            "4.3",
            "Layer 2 of the FFN over-represents people, relative to intensity.",
            "people",
            architectures=("ffn",),
            layers=("layer2",),
            **people,
        ),
        _claim(
            "ffn_layer3_is_intensity",
            "4.3",
            "The contributions of FFN layer 3 are largely consistent with intensity.",
            "intensity",
            0.8,
            architectures=("ffn",),
            layers=("layer3",),
        ),
        _claim(
            "edges_not_alike",
            "4.3",
            "Not all edges are treated equally: NeRV has large contributions for some and small ones for others.",
            "edge_spread",
            0.5,
            absence=True,
            chance=f"{_SHIFTED}; p: of edges as alike as here",
            architectures=("nerv",),
        ),
        _claim(
            "ffn_magnitude_is_intensity",
            "4.4",
            "The magnitude of the FFN's contributions at head and penultimate layer correlates almost perfectly with "
            "intensity.",
            "intensity",
            0.9,
            architectures=("ffn",),
            layers=("layer2", "layer3"),
        ),
    )


@analyses.register("intensity")
class Intensity(Analysis):
    """Layer heatmap Σ_n |C_n|, intensity Σ_channels, both min-max normalised; difference = heatmap − intensity.

    Pearson (r) and Spearman (ρ) correlation over pixels of the heatmap with the intensity and with the edges of the
    grey frame say how much of the heatmap each explains. The findings compare them, and what the heatmap is in dark
    pixels, on edges and on people, with all toroidal shifts of the frame against the heatmap.
    """

    question = "Does contribution follow intensity, or edges?"
    section = "4.3"
    claims = _claims()

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
        bright = intensity_of(source).values
        return _describe(
            result.assign(_attention(heat, bright, result["edges"].values, _people(subject.video, frames)))
        )

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        return result[["pearson", "spearman"]].to_dataframe().reset_index()

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        return {f"frame{int(f)}": self._figure(result.sel(frame=f)) for f in result["frame"].values}

    def _figure(self, result: xr.Dataset) -> Figure:
        from xinc.plotting import layout, style

        layers = [str(name) for name in result["layer"].values]
        aspect = result.sizes["y"] / result.sizes["x"]
        of = layout.about(result.attrs, f"frame {int(result['frame'])}")
        figure, axes = layout.image_grid(3, max(len(layers), 3), aspect, self.question, extra=0.75, about=of)
        layout.show(axes[0, 0], result["source"].values, "source")
        layout.show(axes[0, 1], result["intensity"].values, "intensity", style.MAGNITUDE)
        layout.show(axes[0, 2], result["edges"].values, f"edges ({result.attrs['edge_filter']})", style.MAGNITUDE)
        for at, layer in enumerate(layers):
            one = result.sel(layer=layer)
            title = "\n".join([f"{layer}: Σ|C|", *(_correlations(one, name) for name in ("intensity", "edges"))])
            heat = layout.show(axes[1, at], one["heatmap"].values, title, style.MAGNITUDE, vmin=0, vmax=1)
            image = layout.show(axes[2, at], one["difference"].values, layer, style.SIGNED, vmin=-1, vmax=1)
        layout.side_label(axes[1, 0], "heatmap")
        layout.side_label(axes[2, 0], "difference")
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


def _attention(
    heat: xr.DataArray, intensity: np.ndarray, edges: np.ndarray, people: list[np.ndarray | None]
) -> dict[str, xr.DataArray]:
    """The numbers of `_attention` of every layer and frame, and how their means over frames stand among all shifts."""
    values = heat.transpose("layer", "frame", "y", "x").values
    numbers = np.full((len(NUMBERS), *values.shape[:2]), np.nan)
    standings = np.full((len(NUMBERS), len(values), len(NULL)), np.nan)
    for layer, maps in enumerate(values):
        shifted = [
            numbers_of_shifts(one.astype(np.float64), *of_frame)
            for one, *of_frame in zip(maps, intensity, edges, people, strict=True)
        ]
        numbers[:, layer] = np.stack([one[:, 0] for one in shifted], axis=1)
        mean = mean_over_frames(shifted)
        standings[:, layer] = [standing_of(own, below=name in BELOW) for name, own in zip(NUMBERS, mean, strict=True)]
    coords = {"number": list(NUMBERS), "layer": heat["layer"].values}
    return {
        "attention": xr.DataArray(numbers, coords | {"frame": heat["frame"].values}, ("number", "layer", "frame")),
        "attention_null": labelled(standings, ("number", "layer")).assign_coords(coords),
    }


def _people(video: xr.Dataset, frames: list[int]) -> list[np.ndarray | None]:
    """Where people are, (y, x) bool a frame; None where it has no masks, or the video nobody."""
    if "instances" not in video:
        return [None] * len(frames)
    is_one = np.array([str(name).lower() in PEOPLE for name in video["category"].values], bool)
    known = annotated_of(video, frames) if is_one.any() else []
    ids = video["segment_id"].values[is_one]
    masks = video["instances"].transpose("frame", "y", "x")
    return [np.isin(masks.sel(frame=f).values, ids) if f in known else None for f in frames]


def _ranks(values: xr.DataArray) -> xr.DataArray:
    """Ranks over the pixels of each image, ties averaged."""
    flat = values.transpose(..., "y", "x")
    ranks = average_ranks(flat.values.reshape(*flat.shape[:-2], -1))
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
        "attention": "numbers of the heatmap: " + "; ".join(f"{name}: {text}" for name, text in _R.items()),
        "attention_null": "how the means over frames of these numbers stand among all toroidal shifts of the frame",
    }
    for name, text in names.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    return result
