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
    """For each frame: frame, flow, fluctuation of the last layers, as many beside each other as there is room for."""
    layers = [str(name) for name in result["layer"].values[-analysis.settings.shown :]]
    frames = result["frame"].values
    fastest = float(np.nanmax(result["speed"].sel(motion="flow"))) or 1.0
    panels = 2 + len(layers)
    aspect = result.sizes["y"] / result.sizes["x"]
    columns = layout.columns(panels, 1.6, 4 if panels % 3 else 3, aspect, len(frames))
    bands = -(-panels // columns)
    of = layout.about(result.attrs)
    figure, axes = layout.image_grid(bands * len(frames), columns, aspect, analysis.question, 0.5, of)
    # One scale a layer; the strongest thousandth of the pixels would leave the rest dark.
    highs = {name: float(result["fluctuation"].sel(layer=name).quantile(0.999)) or 1.0 for name in layers}
    for band, frame in enumerate(frames):
        one = result.sel(frame=frame)
        own = axes[band * bands : (band + 1) * bands].ravel()
        layout.show(own[0], one["source"].values, f"frame {int(frame)}")
        _flow(own[1], one, result.attrs["flow_source"], fastest)
        for axis, layer in zip(own[2:], layers, strict=False):
            r, rho = (float(one[name].sel(layer=layer, motion="flow")) for name in ("pearson", "spearman"))
            title = f"{layer}: r {r:.2f}, ρ {rho:.2f}"
            values = one["fluctuation"].sel(layer=layer).values / highs[layer]
            image = layout.show(axis, values, title, style.magnitude(), vmin=0, vmax=1)
    text = (
        "fluctuation, each layer on its own scale; r, ρ: its correlation with the length of the flow; black outlines: "
    )
    bar = layout.bar_of_all(figure, axes, image, f"{text}what motion reveals")
    bar.set_ticks([0, 1], labels=["0", "99.9 % quantile"])
    bar.ax.get_xticklabels()[-1].set_horizontalalignment("right")  # or it would push the images aside
    return figure


def _flow(axis: Axes, one: xr.Dataset, source: str, fastest: float) -> None:
    """Flow in colours, with the key to them, and the outline of what it reveals."""
    revealed = one["areas"].sel(area="revealed").values
    layout.show(axis, flow_colours(one["flow"].values, fastest), f"{source} flow, rim {fastest:.2g} px")
    if revealed.any() and not revealed.all():
        axis.contour(revealed, [0.5], colors="black", linewidths=0.4)
    y, x = np.mgrid[-1:1:101j, -1:1:101j]
    colours = flow_colours(np.stack([x, y], axis=-1), 1.0)
    wheel = np.concatenate([colours, (np.hypot(x, y) <= 1)[..., None]], axis=-1)
    inset = axis.inset_axes((0.82, 0.03, 0.17, 0.3))
    inset.imshow(wheel, extent=(-1, 1, -1, 1))
    inset.set_axis_off()


#: Of areas and of kinds of motion, their colour and mark.
_LOOKS = {
    "moving": ("#D55E00", "o"), "revealed": ("#0072B2", "s"), "flow": ("#009E73", "o"), "relative": ("#CC79A7", "s"),
}  # fmt: skip

#: Squares are drawn upon circles, and leave a rim of these.
_SIZE = {"o": 6.0, "s": 3.5}


def _areas(analysis: Motion, result: xr.Dataset) -> Figure:
    """A column for each layer, over frames: fluctuation of areas over that of still ones; below, correlations, null."""
    layers = [str(name) for name in result["layer"].values]
    columns = layout.columns(len(layers), 1.5)
    bands = -(-len(layers) // columns)
    figure = layout.new_figure(layout.page(), 0.95 + 2.5 * bands, analysis.question, layout.about(result.attrs))
    axes = figure.subplots(2 * bands, columns, squeeze=False, sharex=True)
    for axis in axes.flat:
        axis.axis("off")
    upper, lower = axes[0::2].ravel()[: len(layers)], axes[1::2].ravel()[: len(layers)]
    ratio = result["area_fluctuation"] / result["area_fluctuation"].sel(area="still")
    for at, layer in enumerate(layers):
        over, below = upper[at], lower[at]
        for area in ("moving", "revealed"):
            _line(over, result["frame"], ratio.sel(area=area, layer=layer), area)
        for kind in KINDS:
            own = result.sel(layer=layer, motion=kind)
            _line(below, result["frame"], own["pearson"], kind)
            below.plot(result["frame"], own["null_95"], "_", ms=style.points(9), color="0.4")
        over.axhline(1, color="0.4", lw=0.8, ls="--")
        below.axhline(0, color="0.4", lw=0.8, ls="--")
        over.set_title(layer)
        below.set_xlabel("frame")
    highest = float(ratio.sel(area=["moving", "revealed"]).max())
    frames = result["frame"].values
    for row, limits in ((upper, (0, 1.1 * max(highest, 1) if np.isfinite(highest) else 2)), (lower, _ends(result))):
        for at, axis in enumerate(row):
            axis.axis("on")
            axis.set(ylim=limits, xlim=(frames.min() - 0.5, frames.max() + 0.5))
            axis.margins(x=0.15)
            axis.xaxis.get_major_locator().set_params(integer=True, nbins=4)
            axis.tick_params(labelleft=at % columns == 0, labelbottom=row is lower)
    for at in range(0, len(layers), columns):
        upper[at].set_ylabel("mean fluctuation\n(still pixels: 1)")
        lower[at].set_ylabel("correlation\nwith motion (r)")
    _legend(figure, result)
    return figure


def _line(axis: Axes, frames: xr.DataArray, values: xr.DataArray, what: str) -> None:
    colour, marker = _LOOKS[what]
    axis.plot(frames, values, marker=marker, ms=style.points(_SIZE[marker]), lw=0.8, color=colour)


def _ends(result: xr.Dataset) -> tuple[float, float]:
    """Limits of all correlations, with 0 among them."""
    drawn = np.concatenate([result["pearson"].values.ravel(), result["null_95"].values.ravel(), [0.0]])
    low, high = float(np.nanmin(drawn)), float(np.nanmax(drawn))
    room = 0.1 * (high - low) or 0.1
    return low - room, high + room


def _legend(figure: Figure, result: xr.Dataset) -> None:
    share = 100 * result["area_share"].mean("frame")
    labels = {name: f"{name} ({float(share.sel(area=name)):.1f} % of pixels)" for name in ("moving", "revealed")}
    labels |= {"flow": "length of the flow", "relative": "the same, relative to the camera"}
    handles = [
        Line2D([], [], marker=_LOOKS[k][1], ms=style.points(_SIZE[_LOOKS[k][1]]), lw=0.8, color=_LOOKS[k][0])
        for k in labels
    ]
    handles.append(Line2D([], [], ls="", marker="_", ms=style.points(9), color="0.4"))
    layout.legend_below(figure, handles, [*labels.values(), "95 % of shifted motion maps lie below"])
