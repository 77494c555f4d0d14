"""Two networks side by side: reconstructions, heatmaps, similarities of matches against chance, and matched maps."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from xinc.plotting import layout, style
from xinc.plotting.drawn import Figures

if TYPE_CHECKING:
    from xinc.analyses.compare import Compare

#: Per cent of neurons with a partner by chance.
_CHANCE = 5


def plot(analysis: Compare, result: xr.Dataset) -> Figures:
    """Reconstructions as ``all``; for each frame ``heatmaps``, ``similarity`` and the maps of each layer's matches."""
    figures = {"all": partial(_quality, analysis.question, result)}
    for frame in result["frame"].values:
        one = result.sel(frame=frame)
        figures[f"frame{frame}-heatmaps"] = partial(_heatmaps, analysis.question, one)
        figures[f"frame{frame}-similarity"] = partial(_similarity, analysis.question, one)
        for layer in one["layer"].values:
            figures[f"frame{frame}-{layer}"] = partial(_matches, analysis.question, one.sel(layer=layer))
    return Figures(figures)


def names_of(attributes: Mapping[Any, Any]) -> tuple[str, str]:
    """What the two networks are called: ``nerv seed 0``; without their models and seeds, ``a`` and ``b``."""
    if attributes.get("other"):
        a, b = (f"{attributes[m]} seed {attributes[s]}" for m, s in (("model", "seed"), ("other", "other_seed")))
        return a, b
    return str(attributes.get("a", "a")), str(attributes.get("b", "b"))


def _quality(question: str, result: xr.Dataset) -> Figure:
    """For each frame the source, both reconstructions, and their difference, as far as these are known."""
    about = layout.about(result.attrs)
    if "reconstruction" not in result:
        return layout.note_figure(question, "the networks were not at hand: there are no reconstructions", about)
    known = "source" in result
    panels, frames = 3 + known, result.sizes["frame"]
    columns = layout.columns(panels, 1.5)
    rows = frames * -(-panels // columns)
    aspect = result.sizes["y"] / result.sizes["x"]
    figure, axes = layout.image_grid(rows, columns, aspect, question, extra=0.3, about=about)
    pictures = result["reconstruction"].transpose("frame", "network", "y", "x", "channel").values
    difference = abs(pictures[:, 0] - pictures[:, 1]).mean(-1)
    most = float(difference.max()) or 1.0
    for at, (frame, own) in enumerate(zip(result["frame"].values, axes.reshape(frames, -1), strict=True)):
        if known:
            layout.show(own[0], result["source"].isel(frame=at).values, f"source, frame {frame}")
        for row, (axis, name) in enumerate(zip(own[known:], names_of(result.attrs), strict=False)):
            if "psnr" in result:
                psnr, mean = float(result["psnr"].isel(frame=at, network=row)), float(result["mean_psnr"][row])
                name += f"\n{psnr:.1f} dB, all frames {mean:.1f} dB"
            layout.show(axis, pictures[at, row], name)
        title = f"difference\n{float(result['psnr_between'].isel(frame=at)):.1f} dB between them"
        image = layout.show(own[known + 2], difference[at], title, style.magnitude(), vmin=0, vmax=most)
    layout.bar_below(figure, own[known + 2], image, "|difference|")
    return figure


def _one_above_the_other(
    count: int, least: float, aspect: float, question: str, about: str, names: tuple[str, str]
) -> tuple[Figure, list[tuple[Any, Any]]]:
    """A figure of ``count`` pairs of images, each at least so many inches wide, and the axes of each pair.

    The first network's is above the second's, and the networks are named on the left.
    """
    columns = layout.columns(count, least)
    blocks = -(-count // columns)
    figure, axes = layout.image_grid(2 * blocks, columns, aspect, question, about=about)
    for row in range(2 * blocks):
        layout.side_label(axes[row, 0], names[row % 2].replace(" seed", "\nseed"))
    found = [
        (axes[2 * (at // columns), at % columns], axes[2 * (at // columns) + 1, at % columns]) for at in range(count)
    ]
    return figure, found


def _heatmaps(question: str, result: xr.Dataset) -> Figure:
    """Heatmaps of the layers of both networks, each on its own scale, with their correlation."""
    layers = result["layer"].values
    about = layout.about(result.attrs, f"frame {int(result['frame'])}, Σ|C| of each layer, each on its own scale")
    aspect = result.sizes["y"] / result.sizes["x"]
    figure, axes = _one_above_the_other(len(layers), 1.5, aspect, question, about, names_of(result.attrs))
    for both, layer in zip(axes, layers, strict=True):
        one = result.sel(layer=layer)
        r, p_value = float(one["heatmap_correlation"]), float(one["heatmap_correlation_null"].sel(null="p_value"))
        said = "r undefined: one is constant" if np.isnan(r) else f"r = {_number(r)}, p {layout.probability(p_value)}"
        other = str(one["other_layer"].values)
        for row, title in enumerate((f"{layer}\n{said}", "" if other == layer else other)):
            image = one["heatmap"].isel(network=row).values
            layout.show(both[row], image, title, style.magnitude(), vmin=0, vmax=float(image.max()) or 1.0)
    return figure


def _similarity(question: str, result: xr.Dataset) -> Figure:
    """For each layer, how alike matches are, beside those of the null and all other pairs."""
    layers = list(result["layer"].values)
    about = layout.about(result.attrs, f"frame {int(result['frame'])}, neurons matched one to one by their maps")
    columns = layout.columns(len(layers), 2.5, 2)
    rows = -(-len(layers) // columns)
    figure = layout.new_figure(layout.page(), 0.7 + 1.75 * rows, question, about)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    a, b = names_of(result.attrs)
    lines: dict[str, tuple[str, dict[str, Any]]] = {
        "matches": (f"{a} with {b}", {"color": "C0", "lw": 1.6}),
        "null of a": (f"null: {a} with itself", {"color": "C1", "ls": "--"}),
        "null of b": (f"null: {b} with itself", {"color": "C3", "ls": ":"}),
        "other pairs": ("pairs that are not matched", {"color": "0.6", "lw": 0.8}),
    }
    handles: dict[str, Any] = {}
    for axis, layer in zip(axes, layers, strict=False):
        one = result.sel(layer=layer)
        axis.set_title(_title(one))
        for kind, (label, look) in lines.items():
            counts = one["pairs_by_similarity"].sel(of=kind).values
            if counts.sum():
                [handles[label]] = axis.plot(_RIGHT + one["bin"].values, counts.cumsum() / counts.sum(), **look)
        if int(one["compared"].min()) == 0:
            axis.axis("off")
            continue
        axis.axhline(0.95, color="0.8", lw=0.6, zorder=0)
        axis.set(
            xlim=(-0.5, 1), ylim=(0, 1), xlabel="similarity (r of the maps on a grid)", ylabel="share of pairs below"
        )
    for axis in axes[len(layers) :]:
        axis.axis("off")
    if handles:
        layout.legend_below(figure, list(handles.values()), list(handles))
    return figure


#: From the middle of a bin of similarities to its end.
_RIGHT = 0.01


def _title(one: xr.Dataset) -> str:
    """What came of the matching of one layer, in two lines."""
    share, low, high = (100 * float(one[name].sel(network="a")) for name in ("share", "share_low", "share_high"))
    left_out = [
        f"{' and '.join(f'{int(one[kind].sel(network=n)):,}' for n in ('a', 'b'))} {kind}"
        for kind in ("dead", "constant", "twins")
        if int(one[kind].sum())
    ]
    drawn = f"{int(one['compared'].sel(network='a')):,} of {int(one['neurons'].sel(network='a')):,} neurons"
    of = ", ".join([drawn, *left_out])
    if np.isnan(share):
        return f"{_name(one)}: nothing to match\n{of}"
    if np.isnan(low):
        return f"{_name(one)}: {share:.0f} % have a partner (5 % by chance)\n{of}"
    verdict = "more" if low > _CHANCE else "no more"
    found = f"{share:.0f} % have a partner ({low:.0f} to {high:.0f} %)"
    return f"{_name(one)}: {found}\n{verdict} than the {_CHANCE} % of chance; {of}"


def _name(one: xr.Dataset) -> str:
    """``head``, or ``layer3 with head``."""
    layer, other = str(one["layer"].values), str(one["other_layer"].values)
    return layer if layer == other else f"{layer} with {other}"


def _matches(question: str, result: xr.Dataset) -> Figure:
    """Maps of the best and the worst matches of a layer: a column for each, the two networks one above the other."""
    about = layout.about(result.attrs, _name(result), f"frame {int(result['frame'])}")
    chosen = [
        (str(kind), rank)
        for kind in result["matches"].values
        for rank in range(result.sizes["rank"])
        if int(result["map_neuron"].sel(matches=kind).isel(rank=rank, network=0)) >= 0
    ]
    if not chosen:
        return layout.note_figure(question, "no neurons to match: all maps of one network are zero or constant", about)
    aspect = result.sizes["y"] / result.sizes["x"]
    figure, axes = _one_above_the_other(len(chosen), 1.1, aspect, question, about, names_of(result.attrs))
    for both, (kind, rank) in zip(axes, chosen, strict=True):
        one = result.sel(matches=kind).isel(rank=rank)
        for row in (0, 1):
            image = one["map"].isel(network=row).values
            title = f"n {int(one['map_neuron'].isel(network=row))}"
            if row == 0:
                title = f"{kind}: r = {_number(float(one['map_similarity']))}\n{title}"
            layout.show(both[row], image, title, style.magnitude(), vmin=0, vmax=float(image.max()) or 1.0)
    return figure


def _number(value: float) -> str:
    """Two decimals, and no "-0.00"."""
    return f"{round(value, 2) + 0.0:.2f}"
