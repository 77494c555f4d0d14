"""What single neurons contribute: galleries and animations of maps (paper figures 1, 3 and 11; project page)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.analyses.subject import Subject
from xinc.frames import FrameChoice, select_frames
from xinc.settings import StrictModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@analyses.register("maps")
class Maps(Analysis):
    """Contribution maps |C| of neurons drawn at random from each layer, and their change over time.

    Each map is scaled to its own maximum, stated above it, so that weak neurons can be seen too: over all frames where
    these share one network (NeRV), and in each frame where each frame has a network of its own (FFN, SIREN). There
    neurons of the same number in two frames have nothing to do with each other.
    """

    question = "What does a neuron contribute to?"
    section = "4.2"
    figure_settings = frozenset({"animated", "zoom"})

    class Settings(StrictModel):
        neurons: int = Field(11, ge=1, description="Neurons drawn from each layer.")
        seed: int = Field(0, ge=0, description="Seed of the draw.")
        frames: FrameChoice = Field("all", description="Frames: how many evenly spread, a list, or all.")
        animated: int = Field(4, ge=1, description="Neurons shown in the animation beside the video.")
        zoom: int = Field(2, ge=1, description="Animation pixels per output pixel.")

    def compute(self, subject: Subject) -> xr.Dataset:
        layers = subject.canvas
        first = next(iter(layers.values()))
        frames = select_frames(first["frame"].values.tolist(), self.settings.frames)
        drawn = {name: self._draw(name, data) for name, data in layers.items()}
        maps = [self._maps(data, drawn[name], frames) for name, data in layers.items()]
        source = subject.video["frames"].sel(frame=frames)
        result = xr.Dataset(
            {
                "contribution": xr.concat(maps, dim=xr.Variable("layer", list(layers))),
                "source": source.astype("float32").assign_attrs(long_name="source frame", units="1"),
            }
        )
        result["contribution"].attrs = {
            "long_name": "magnitude of contribution |C|",
            "units": "1",
            "description": "NaN where a layer has fewer neurons than are shown",
        }
        dead = (result["contribution"].sum(("frame", "y", "x")) == 0) & result["contribution"].notnull().any(
            ("frame", "y", "x")
        )
        result["dead"] = dead.assign_attrs(long_name="neuron contributes nothing to any frame shown", units="1")
        return result

    def _draw(self, name: str, data: xr.Dataset) -> np.ndarray:
        """Positions of the neurons to show, ascending; a layer's draw does not depend on the other layers."""
        total = data.sizes["neuron"]
        generator = np.random.default_rng([self.settings.seed, *name.encode()])
        return np.sort(generator.choice(total, min(self.settings.neurons, total), replace=False))

    def _maps(self, data: xr.Dataset, drawn: np.ndarray, frames: list[int]) -> xr.DataArray:
        """|C| (frame, sample, y, x) of the drawn neurons, padded with NaN to the number wanted."""
        chosen = data["contribution"].isel(neuron=drawn)
        maps = abs(xr.concat([chosen.sel(frame=f).load() for f in frames], dim="frame", join="override"))
        labels = {name: ("sample", maps[name].values) for name in ("neuron", "in_channel", "out_channel")}
        plain = maps.transpose("frame", "neuron", "y", "x").drop_vars([*labels, "phase_y", "phase_x"], errors="ignore")
        plain = plain.rename(neuron="sample").assign_coords(sample=np.arange(len(drawn)), frame=frames)
        plain = plain.reindex(sample=np.arange(self.settings.neurons))
        for label, (_, values) in labels.items():
            padded = np.full(self.settings.neurons, -1, np.int32)
            padded[: len(values)] = values
            plain = plain.assign_coords({label: ("sample", padded)})
        return plain

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        return {str(layer): self._gallery(result.sel(layer=layer), str(layer)) for layer in result["layer"].values}

    def _gallery(self, result: xr.Dataset, layer: str) -> Figure:
        from xinc.plotting import layout, style

        maps = result["contribution"].isel(frame=0)
        peaks = _peaks(result)[0]
        present = [k for k in range(maps.sizes["sample"]) if bool(maps.isel(sample=k).notnull().any())]
        columns = 4
        rows = -(-(len(present) + 1) // columns)
        frame = int(result["frame"].values[0])
        dead = sum(not peaks[k] for k in present)
        how_many = f"{dead} of the {len(present)} shown dead" if dead else ""
        figure, axes = layout.image_grid(
            rows, columns, maps.sizes["y"] / maps.sizes["x"], self.question,
            about=layout.about(result.attrs, layer, f"|C| in frame {frame}", how_many),
        )  # fmt: skip
        layout.show(axes.flat[0], result["source"].isel(frame=0).transpose("y", "x", "channel").values, "source")
        for axis, k in zip(axes.flat[1:], present, strict=False):
            one = maps.isel(sample=k)
            title = f"{_title(one)}{_scale(one, peaks[k])}"
            layout.show(axis, one.values, title, style.MAGNITUDE, vmin=0, vmax=peaks[k] or 1.0)
        return figure

    def animate(self, result: xr.Dataset) -> dict[str, list[np.ndarray]]:
        if result.sizes["frame"] < 2:
            return {}
        return {str(layer): self._film(result.sel(layer=layer), str(layer)) for layer in result["layer"].values}

    def _film(self, result: xr.Dataset, layer: str) -> list[np.ndarray]:
        """The source video with maps beside it, for every frame."""
        from xinc.plotting import animation, style

        maps = result["contribution"].isel(sample=slice(self.settings.animated)).transpose("sample", "frame", "y", "x")
        maps = maps.dropna("sample", how="all")
        peaks = _peaks(result)
        source = result["source"].transpose("frame", "y", "x", "channel").values
        film = []
        for at, frame in enumerate(result["frame"].values.tolist()):
            panels, titles = [(np.clip(source[at], 0, 1) * 255).round().astype(np.uint8)], [f"source, frame {frame}"]
            for k in range(maps.sizes["sample"]):
                one = maps.isel(sample=k, frame=at)
                panels.append(style.colour(one.values, high=peaks[at, k] or 1.0))
                titles.append(f"{layer}, {_title(one)}{'' if peaks[at, k] else ', dead'}")
            film.append(animation.film_picture(panels, titles, self.settings.zoom))
        return film


def _peaks(result: xr.Dataset) -> np.ndarray:
    """The maximum to which maps are scaled, (frame, sample): of all frames where these share one network."""
    peaks = result["contribution"].max(("y", "x")).transpose("frame", "sample").fillna(0)
    if bool(result.attrs.get("shared_weights", True)):
        peaks = peaks.max("frame").broadcast_like(peaks).transpose("frame", "sample")
    return np.asarray(peaks.values, float)


def _scale(shown: xr.DataArray, peak: float) -> str:
    """What the scale of a map is, and whether there is nothing in it."""
    if not peak:
        return " (dead)"
    return f", max {peak:.2g}" if float(shown.max()) else f", max {peak:.2g} (dead here)"


def _title(neuron: xr.DataArray) -> str:
    """``n 52 (1→4)``: number, and the channels that a kernel connects."""
    i, j = int(neuron["in_channel"]), int(neuron["out_channel"])
    edge = f" ({i}→{j})" if i >= 0 and j >= 0 else ""
    return f"n {int(neuron['neuron'])}{edge}"
