"""Maps of fluctuation beside frame and flow, the areas of the frame, and a film of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xinc.analyses.motion.names import KINDS
from xinc.plotting import animation, layout, style
from xinc.plotting.flow_colours import flow_colours

if TYPE_CHECKING:
    from xinc.analyses.motion import Motion


def plot(analysis: Motion, result: xr.Dataset) -> dict[str, Figure]:
    if not result.sizes["frame"]:
        return {"maps": _nothing(analysis, result)}
    return {"maps": _maps(analysis, result), "areas": _areas(analysis, result)}


def animate(analysis: Motion, result: xr.Dataset) -> dict[str, list[np.ndarray]]:
    """Source, flow, and the fluctuation of the last layers, in network order."""
    if "film_fluctuation" not in result or result.sizes["film_frame"] < 2:
        return {}
    flow = result["film_flow"].values
    fastest = float(np.nanmax(np.hypot(flow[..., 0], flow[..., 1]))) or 1.0
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
        film.append(animation.film_picture(panels, titles, analysis.settings.zoom))
    return {"film": film}


def _nothing(analysis: Motion, result: xr.Dataset) -> Figure:
    text = f"Not applicable: fluctuation compares consecutive frames.\n{result.attrs['not_applicable']}"
    return layout.note_figure(analysis.question, text, layout.about(result.attrs))


def _maps(analysis: Motion, result: xr.Dataset) -> Figure:
    """Rows: frames; columns: frame, flow, fluctuation of the last layers."""
    layers = result["layer"].values[-analysis.settings.shown :]
    frames = result["frame"].values
    fastest = float(np.nanmax(result["speed"].sel(motion="flow"))) or 1.0
    figure, axes = layout.image_grid(
        len(frames),
        2 + len(layers),
        result.sizes["y"] / result.sizes["x"],
        analysis.question,
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
            image = layout.show(axes[row, at], own["fluctuation"].values, title, style.magnitude(), vmin=0, vmax=high)
    bar = figure.colorbar(
        image, ax=axes.ravel().tolist(), location="bottom", shrink=0.5, aspect=45, pad=0.04, anchor=(0.9, 1)
    )
    bar.set_ticks([0, high], labels=["0", "99.9 % quantile"])
    bar.ax.tick_params(labelsize="x-small")
    bar.set_label(
        "fluctuation, each layer on its own scale; r, ρ: its correlation with the length of the flow",
        fontsize="x-small",
    )
    _wheel(figure, axes[-1, 0], fastest)
    return figure


def _areas(analysis: Motion, result: xr.Dataset) -> Figure:
    """Left: fluctuation of moving and revealed areas over that of still ones; right: correlations, null."""
    layers = [str(name) for name in result["layer"].values]
    figure = layout.new_figure(layout.page(), 3.0, analysis.question, layout.about(result.attrs))
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
        axis.set_xlabel("layer; one point for each frame, in order" if frames > 1 else "layer")
        axis.set_xlim(-0.5, len(layers) - 0.5)
        # Below the axes: no data can lie there.
        axis.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.24), frameon=False)
    return figure


def _wheel(figure: Figure, above: Axes, fastest: float) -> None:
    """The key to the colours of the flow, below the axes of the last flow."""
    y, x = np.mgrid[-1:1:101j, -1:1:101j]
    picture = flow_colours(np.stack([x, y], axis=-1), 1.0)
    picture[np.hypot(x, y) > 1] = 1
    inset = above.inset_axes((0.0, -0.72, 0.36, 0.6))
    inset.imshow(picture, extent=(-1, 1, -1, 1))
    inset.set_axis_off()
    above.text(
        0.42,
        -0.42,
        f"rim {fastest:.2g} px\noutline: revealed",
        transform=above.transAxes,
        va="center",
        fontsize="x-small",
    )
