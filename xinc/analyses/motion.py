"""Whether contributions change where things move (paper section 4.5, figure 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses._motion_areas import AREAS, KINDS, areas_of, ratio_of_shifts, spearman
from xinc.analyses.base import Analysis
from xinc.analyses.claim import Claim
from xinc.analyses.subject import Subject
from xinc.frames import FrameChoice, select_frames
from xinc.settings import StrictModel
from xinc.statistics.nan_reductions import mean_over_frames
from xinc.statistics.shifts import correlations_of_shifts
from xinc.statistics.standing import NULL, labelled, standing_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def _claims() -> tuple[Claim, ...]:
    from xinc.analyses._motion_claims import claims

    return claims()


@analyses.register("motion")
class Motion(Analysis):
    """Fluctuation Σ_n ||C_n(f)| − |C_n(f−1)||, beside the optical flow from frame f − 1 to frame f.

    It follows one network over time, so it is not asked where each frame has a network of its own.
    Correlations are over pixels, with the length of the flow (r Pearson, ρ Spearman) and with the length of the flow
    relative to the camera's, which is taken to be the median flow of the frame. The null shifts the motion map over the
    fluctuation, around the edges, by every possible vector. Three areas are compared: revealed pixels (outlined),
    which show what the frame before did not; moving pixels, which something faster than the threshold leaves or
    reaches; still pixels, the rest. Unless the settings say otherwise, the camera's own motion does not count as
    moving there.
    """

    question = "Do contributions change where things move?"
    section = "4.5"
    needs = frozenset({"canvas", "flow"})
    across_frames = True
    figure_settings = frozenset({"shown", "zoom"})
    claims = _claims()

    class Settings(StrictModel):
        frames: FrameChoice = Field(
            2,
            description="Frames among those after one of the canvas: how many evenly spread, a list, or all.",
        )
        threshold: float = Field(0.5, gt=0, description="Motion above which a pixel is moving, in pixels a frame.")
        moving: Literal["relative", "flow"] = Field(
            "relative",
            description="Motion that the threshold applies to. relative: to the camera's, the median of the frame; "
            "flow: as it is.",
        )
        animated: int = Field(
            2, ge=0, description="Last layers of which the animation shows the fluctuation, at every frame; 0: none."
        )
        shown: int = Field(4, ge=1, description="Last layers shown in the figure.")
        zoom: int = Field(2, ge=1, description="Animation pixels per output pixel.")

    def compute(self, subject: Subject) -> xr.Dataset:
        """One pass over pairs of maps a layer and frame, and Fourier transforms of the frame's size.

        A canvas without consecutive frames gives a result without frames, whose attribute ``not_applicable`` says so.
        """
        from xinc.canvas.reductions import fluctuation

        layers = subject.canvas
        known = next(iter(layers.values()))["frame"].values.tolist()
        after = [f for f in known if f - 1 in known]
        frames = select_frames(after, self.settings.frames, "the canvas, after one that it has too,") if after else []
        result = self._per_frame([self._frame(subject, frame) for frame in frames], subject, frames)
        kept = {name: fluctuation(data, frames) for name, data in layers.items()} if frames else {}
        shape = (len(layers), len(frames), result.sizes["y"], result.sizes["x"])
        values = np.stack([kept[name].values for name in layers]) if frames else np.zeros(shape)
        result["fluctuation"] = (("layer", "frame", "y", "x"), values.astype(np.float32))
        result = result.assign_coords(layer=np.array(list(layers), dtype=object))
        result = result.assign(self._statistics(result, values))
        if self.settings.animated and after:
            result = result.assign(self._film(subject, after, kept))
        result.attrs = {
            "threshold": self.settings.threshold,
            "moving": self.settings.moving,
            "flow_source": str(subject.flow.attrs["source"]),
        }
        if not frames:
            result.attrs["not_applicable"] = f"The canvas has frames {known}, no two of them consecutive."
        return _describe(result)

    def _frame(self, subject: Subject, frame: int) -> dict[str, np.ndarray]:
        """What the video knows of one frame."""
        flow = subject.flow["flow"].sel(frame=frame).transpose("y", "x", "component").values.astype(np.float32)
        revealed = subject.flow["revealed"].sel(frame=frame).transpose("y", "x").values
        camera = np.nanmedian(flow, axis=(0, 1))
        speed = {"flow": _length(flow), "relative": _length(flow - camera)}
        moving = speed[self.settings.moving] > self.settings.threshold
        return {
            "source": subject.video["frames"].sel(frame=frame).transpose("y", "x", "channel").values,
            "flow": flow,
            "camera": camera,
            "speed": np.stack([speed[kind] for kind in KINDS]),
            "areas": np.stack(areas_of(flow, moving, revealed)),
        }

    def _per_frame(self, found: list[dict[str, np.ndarray]], subject: Subject, frames: list[int]) -> xr.Dataset:
        video = subject.video
        pixels = ("y", "x")
        dims = {
            "source": (*pixels, "channel"),
            "flow": (*pixels, "component"),
            "camera": ("component",),
            "speed": ("motion", *pixels),
            "areas": ("area", *pixels),
        }
        sizes = {"y": video.sizes["y"], "x": video.sizes["x"], "channel": 3, "component": 2, "motion": 2, "area": 3}
        types: dict[str, Any] = dict.fromkeys(dims, np.float32) | {"areas": bool}
        variables = {}
        for name, own in dims.items():
            empty = np.zeros((0, *(sizes[d] for d in own)))
            values = np.stack([one[name] for one in found]) if found else empty
            variables[name] = (("frame", *own), values.astype(types[name]))
        names = {"channel": ["r", "g", "b"], "component": ["dx", "dy"], "motion": list(KINDS), "area": list(AREAS)}
        coords = {name: np.array(values, dtype=object) for name, values in names.items()}
        return xr.Dataset(variables, coords | {"frame": np.asarray(frames, np.int64)})

    def _statistics(self, result: xr.Dataset, values: np.ndarray) -> dict[str, Any]:
        """Correlations and means over areas, with their nulls, for fluctuation ``values`` (layer, frame, y, x).

        Of each frame as it is drawn, and of the mean over frames, all shifted alike, as the findings use it.
        """
        layers, frames = values.shape[:2]
        per_kind = np.full((4, layers, frames, len(KINDS)), np.nan)
        means = np.full((layers, frames, len(AREAS)), np.nan)
        joint = np.full((len(KINDS) + 2, layers, len(NULL)), np.nan)
        speed, areas = result["speed"].values.astype(np.float64), result["areas"].values
        for layer in range(layers):
            shifted = []
            for frame in range(frames):
                one = values[layer, frame]
                correlated = correlations_of_shifts(one, *speed[frame])
                rho = [spearman(one, kind) for kind in speed[frame]]
                standings = np.array([standing_of(kind) for kind in correlated])
                per_kind[:, layer, frame] = correlated[:, 0], rho, standings[:, 0], standings[:, 2]
                means[layer, frame] = [one[area].mean() if area.any() else np.nan for area in areas[frame]]
                ratios = [ratio_of_shifts(one, areas[frame, k], areas[frame, 2]) for k in range(2)]
                shifted.append(np.concatenate([correlated, ratios]))
            if frames:
                joint[:, layer] = [standing_of(own) for own in mean_over_frames(shifted)]
        kinds = ("layer", "frame", "motion")
        names = ("pearson", "spearman", "p_value", "null_95")
        return {name: (kinds, per_kind[k]) for k, name in enumerate(names)} | {
            "area_fluctuation": (("layer", "frame", "area"), means),
            "area_share": (("frame", "area"), areas.mean((2, 3)) if frames else np.zeros((0, len(AREAS)))),
            "pearson_null": labelled(joint[: len(KINDS)], ("motion", "layer")),
            "moving_null": labelled(joint[-2], ("layer",)),
            "revealed_null": labelled(joint[-1], ("layer",)),
        }

    def _film(self, subject: Subject, after: list[int], kept: dict[str, xr.DataArray]) -> dict[str, Any]:
        """Source, flow and fluctuation of the last layers at every frame that has a predecessor."""
        from xinc.canvas.reductions import fluctuation

        layers = list(subject.canvas)[-self.settings.animated :]
        pixels = ("film_frame", "y", "x")
        films = []
        for name in layers:
            have = kept[name]["frame"].values.tolist()
            rest = [f for f in after if f not in have]
            parts = [kept[name], *([fluctuation(subject.canvas[name], rest)] if rest else [])]
            films.append(xr.concat(parts, dim="frame").sel(frame=after).values.astype(np.float32))
        source = subject.video["frames"].sel(frame=after).transpose("frame", "y", "x", "channel").values
        flow = subject.flow["flow"].sel(frame=after).transpose("frame", "y", "x", "component").values
        return {
            "film_frame": ("film_frame", np.asarray(after)),
            "film_layer": ("film_layer", np.array(layers, dtype=object)),
            "film_source": ((*pixels, "channel"), (np.clip(source, 0, 1) * 255).round().astype(np.uint8)),
            "film_flow": ((*pixels, "component"), flow.astype(np.float32)),
            "film_fluctuation": (("film_layer", *pixels), np.stack(films)),
        }

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        """A row a layer and frame: correlations with their null, and mean fluctuation of each area."""
        import pandas as pd

        rows = []
        for layer in result["layer"].values:
            for frame in result["frame"].values:
                one = result.sel(layer=layer, frame=frame)
                row = {"layer": str(layer), "frame": int(frame)}
                for kind in KINDS:
                    row |= {
                        f"{name}_{kind}": float(one[name].sel(motion=kind))
                        for name in ("pearson", "spearman", "p_value", "null_95")
                    }
                row |= {f"fluctuation_{area}": float(one["area_fluctuation"].sel(area=area)) for area in AREAS}
                row |= {f"share_{area}": float(one["area_share"].sel(area=area)) for area in AREAS}
                rows.append(row)
        columns = [
            "layer",
            "frame",
            *(f"{n}_{k}" for k in KINDS for n in ("pearson", "spearman", "p_value", "null_95")),
        ]
        columns += [f"{what}_{area}" for what in ("fluctuation", "share") for area in AREAS]
        return pd.DataFrame(rows, columns=columns)

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        if not result.sizes["frame"]:
            return {"maps": self._nothing(result)}
        return {"maps": self._maps(result), "areas": self._areas(result)}

    def _nothing(self, result: xr.Dataset) -> Figure:
        from xinc.plotting import layout

        text = f"Not applicable: fluctuation compares consecutive frames.\n{result.attrs['not_applicable']}"
        return layout.note_figure(self.question, text, layout.about(result.attrs))

    def _maps(self, result: xr.Dataset) -> Figure:
        """Rows: frames; columns: frame, flow, fluctuation of the last layers."""
        from xinc.plotting import layout, style
        from xinc.plotting.flow_colours import flow_colours

        layers = result["layer"].values[-self.settings.shown :]
        frames = result["frame"].values
        fastest = float(np.nanmax(result["speed"].sel(motion="flow"))) or 1.0
        figure, axes = layout.image_grid(
            len(frames),
            2 + len(layers),
            result.sizes["y"] / result.sizes["x"],
            self.question,
            0.62 + 0.15 * len(frames),
            layout.about(result.attrs),
        )
        for row, frame in enumerate(frames):
            one = result.sel(frame=frame)
            layout.show(axes[row, 0], one["source"].values, f"\nframe {int(frame)}")
            source = result.attrs["flow_source"]
            layout.show(axes[row, 1], flow_colours(one["flow"].values, fastest), f"\n{source} flow")
            revealed = one["areas"].sel(area="revealed").values
            if revealed.any() and not revealed.all():
                axes[row, 1].contour(revealed, [0.5], colors="black", linewidths=0.4)
            for at, layer in enumerate(layers, start=2):
                own = one.sel(layer=layer)
                # One scale a layer; the strongest thousandth of the pixels would leave the rest dark.
                high = float(result["fluctuation"].sel(layer=layer).quantile(0.999)) or 1.0
                r, rho = (float(own[name].sel(motion="flow")) for name in ("pearson", "spearman"))
                title = f"{layer}\nr = {r:.2f}, ρ = {rho:.2f}"
                image = layout.show(axes[row, at], own["fluctuation"].values, title, style.MAGNITUDE, vmin=0, vmax=high)
        bar = figure.colorbar(
            image, ax=axes.ravel().tolist(), location="bottom", shrink=0.5, aspect=45, pad=0.04, anchor=(0.9, 1)
        )
        bar.set_ticks([0, high], labels=["0", "99.9 % quantile"])
        bar.ax.tick_params(labelsize=6)
        bar.set_label(
            "fluctuation, each layer on its own scale; r, ρ: its correlation with the length of the flow", fontsize=6
        )
        _wheel(figure, axes[-1, 0], fastest)
        return figure

    def _areas(self, result: xr.Dataset) -> Figure:
        """Left: fluctuation of moving and revealed areas over that of still ones; right: correlations, null."""
        from matplotlib.lines import Line2D

        from xinc.plotting import layout

        layers = [str(name) for name in result["layer"].values]
        figure = layout.new_figure(layout.PAGE, 3.0, self.question, layout.about(result.attrs))
        left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.08})
        colours = {"moving": "#D55E00", "revealed": "#0072B2", "flow": "#009E73", "relative": "#CC79A7"}
        offsets = {"moving": -0.14, "revealed": 0.14, "flow": -0.14, "relative": 0.14}
        markers = {"moving": "o", "revealed": "s", "flow": "o", "relative": "s"}
        frames = result.sizes["frame"]
        spread = np.linspace(-0.06, 0.06, frames) if frames > 1 else np.zeros(1)
        mean = result["area_fluctuation"]
        for at in range(len(layers)):
            for area in ("moving", "revealed"):
                ratio = (mean.sel(area=area) / mean.sel(area="still")).isel(layer=at).values
                left.plot(at + offsets[area] + spread, ratio, markers[area], ms=4, color=colours[area])
            for kind in KINDS:
                own = result.isel(layer=at).sel(motion=kind)
                right.plot(at + offsets[kind] + spread, own["pearson"].values, markers[kind], ms=4, color=colours[kind])
                right.plot(at + offsets[kind] + spread, own["null_95"].values, "_", ms=7, color="0.4")
        highest = float((mean / mean.sel(area="still")).where(mean.notnull()).max())
        left.set_ylim(0, 1.1 * max(highest, 1) if np.isfinite(highest) else 2)
        left.axhline(1, color="0.4", lw=0.8, ls="--")
        right.axhline(0, color="0.4", lw=0.8, ls="--")
        left.set_ylabel("mean fluctuation (still pixels: 1)")
        right.set_ylabel("Pearson correlation with motion")
        share = result["area_share"].mean("frame")
        labels = {a: f"{a} ({100 * float(share.sel(area=a)):.1f} % of pixels)" for a in ("moving", "revealed")}
        names = {"flow": "length of the flow", "relative": "the same, relative to the camera"}
        for axis, entries in ((left, labels), (right, names)):
            handles = [
                Line2D([], [], ls="", marker=markers[k], ms=4, color=colours[k], label=v) for k, v in entries.items()
            ]
            if axis is right:
                text = "95 % of shifted motion maps lie below"
                handles.append(Line2D([], [], ls="", marker="_", ms=7, color="0.4", label=text))
            axis.set_xticks(range(len(layers)), layers)
            axis.set_xlabel("layer; one point a frame, in order" if frames > 1 else "layer")
            axis.set_xlim(-0.5, len(layers) - 0.5)
            # Below the axes: no data can lie there.
            axis.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.24), frameon=False)
        return figure

    def animate(self, result: xr.Dataset) -> dict[str, list[np.ndarray]]:
        """Source, flow, and the fluctuation of the last layers, in network order."""
        if "film_fluctuation" not in result or result.sizes["film_frame"] < 2:
            return {}
        from xinc.plotting import animation, style
        from xinc.plotting.flow_colours import flow_colours

        flow = result["film_flow"].values
        fastest = float(np.nanmax(_length(flow))) or 1.0
        maps = result["film_fluctuation"].values
        highs = [float(np.quantile(one, 0.999)) or 1.0 for one in maps]
        layers = [f"{layer}, fluctuation" for layer in result["film_layer"].values]
        film = []
        for at, frame in enumerate(result["film_frame"].values.tolist()):
            panels = [
                result["film_source"].values[at],
                (flow_colours(flow[at], fastest) * 255).round().astype(np.uint8),
            ]
            panels += [style.colour(one[at], high=high) for one, high in zip(maps, highs, strict=True)]
            titles = [f"source, frame {frame}", f"flow, up to {fastest:.2g} px", *layers]
            film.append(animation.film_picture(panels, titles, self.settings.zoom))
        return {"film": film}


def _length(flow: np.ndarray) -> np.ndarray:
    return np.asarray(np.hypot(flow[..., 0], flow[..., 1]))


def _wheel(figure: Figure, above: Any, fastest: float) -> None:
    """The key to the colours of the flow, below the axes of the last flow."""
    from xinc.plotting.flow_colours import flow_colours

    y, x = np.mgrid[-1:1:101j, -1:1:101j]
    picture = flow_colours(np.stack([x, y], axis=-1), 1.0)
    picture[np.hypot(x, y) > 1] = 1
    inset = above.inset_axes((0.0, -0.72, 0.36, 0.6))
    inset.imshow(picture, extent=(-1, 1, -1, 1))
    inset.set_axis_off()
    above.text(
        0.42, -0.42, f"rim {fastest:.2g} px\noutline: revealed", transform=above.transAxes, va="center", fontsize=6
    )


_DESCRIPTIONS = {
    "fluctuation": ("sum over neurons of the change of |C| since the frame before", "1"),
    "source": ("source frame", "1"),
    "flow": ("displacement from the frame before, on its grid", "pixel"),
    "camera": ("median flow of the frame", "pixel"),
    "speed": ("length of the flow, and of the flow relative to the camera's", "pixel"),
    "areas": ("moving, revealed and still pixels", "1"),
    "pearson": ("Pearson correlation over pixels of fluctuation and motion", "1"),
    "spearman": ("Spearman correlation over pixels of fluctuation and motion", "1"),
    "p_value": ("share of all toroidal shifts of the motion whose Pearson correlation is not smaller", "1"),
    "null_95": ("Pearson correlation that 95 % of all toroidal shifts of the motion do not exceed", "1"),
    "area_fluctuation": ("mean fluctuation over the pixels of an area", "1"),
    "area_share": ("share of the frame's pixels in an area", "1"),
    "pearson_null": ("how the mean over frames of Pearson's correlation stands among all shifts of the motion", "1"),
    "moving_null": ("how the mean over frames of the ratio moving / still stands among all shifts of the areas", "1"),
    "revealed_null": ("how the mean over frames of the ratio revealed / still stands among all shifts", "1"),
    "film_source": ("source frame", "1"),
    "film_flow": ("displacement from the frame before, on its grid", "pixel"),
    "film_fluctuation": ("sum over neurons of the change of |C| since the frame before", "1"),
}


def _describe(result: xr.Dataset) -> xr.Dataset:
    for name, (text, units) in _DESCRIPTIONS.items():
        if name in result:
            result[name].attrs = {"long_name": text, "units": units}
    return result
