"""Figures of types of neurons: layouts, beside maps of each cluster (paper figures 10 and 12 to 14)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from xinc.analyses.clusters.names import NAME, RING, name_offsets
from xinc.plotting import layout, style
from xinc.plotting.drawn import Figures

if TYPE_CHECKING:
    from xinc.analyses.clusters import Clusters


def plot(analysis: Clusters, result: xr.Dataset) -> Figures:
    single = result.sizes["frame"] == 1
    drawn = {}
    for frame in result["frame"].values:
        suffix = "" if single else f"-frame{int(frame)}"
        for layer in result["layer"].values:
            drawn[f"{layer}{suffix}"] = partial(
                _layer_figure, result, str(layer), int(frame), analysis.question, analysis.settings.shown
            )
        drawn[f"all{suffix}"] = partial(_overview, result, int(frame), analysis.question)
    return Figures(drawn)


def _layer_figure(result: xr.Dataset, layer: str, frame: int, question: str, most: int) -> Figure:
    """Left: the layout by cluster and by seed; right: a row of maps for each of the ``most`` largest clusters."""
    one = result.sel(layer=layer, frame=frame)
    sizes = one["members"].sum("seed").values
    shown = [k for k in range(result.sizes["cluster"]) if sizes[k]][:most]
    several = result.sizes["seed"] > 1
    beside = layout.page() > 5
    maps = len(shown) * (_cell(result, beside) * result.sizes["y"] / result.sizes["x"] + 0.2) + 0.1
    spread = (4.6 if several else 2.9) if beside else 2.0
    height = 0.5 + (max(maps, spread - 0.3) if beside else maps + spread) if shown else 0.8
    of = layout.about(result.attrs, _seeds_of(result), layer, f"frame {frame}")
    figure = layout.new_figure(layout.page(), height, _asked(result, question), of)
    figure.supxlabel(layout.wrapped(_about(one), layout.page() - 0.2, 7), fontsize="x-small")
    if not shown:
        return figure
    if beside:
        left, right = np.asarray(figure.subfigures(1, 2, width_ratios=(0.38, 0.62)))
    else:
        left, right = np.asarray(figure.subfigures(2, 1, height_ratios=(spread, maps)))
    places = ((2, 1) if beside else (1, 2)) if several else (1, 1)
    panels = left.subplots(*places, squeeze=False).ravel()
    points = _points(result, layer, frame)
    _by_cluster(panels[0], points, result.sizes["cluster"], numbered=False)
    panels[0].set_title(f"by cluster, silhouette {_number(one['cluster_silhouette'])}")
    if several:
        _by_seed(panels[1], points, result["seed"].values)
        entropy, own = _number(one["seed_entropy"]), _number(one["neighbouring"], "+.2f")
        panels[1].set_title(f"by seed, entropy {entropy},\nneighbours of own seed {own}")
        panels[1].legend(
            handles=_seed_handles(result["seed"].values), loc="upper center", bbox_to_anchor=(0.5, -0.1),
            ncols=4 if beside else 3, frameon=False, handletextpad=0.1, columnspacing=0.8, fontsize="x-small",
        )  # fmt: skip
    _maps(right, one, shown, sizes)
    _indicate(figure, panels[0], points, one, shown)
    return figure


def _cell(result: xr.Dataset, beside: bool) -> float:
    """Width in inches of a map."""
    width = (0.62 if beside else 1.0) * layout.page() - 0.6
    return float(width / result.sizes["sample"])


def _maps(part: SubFigure, one: xr.Dataset, shown: list[int], sizes: np.ndarray) -> None:
    axes = part.subplots(len(shown), one.sizes["sample"], squeeze=False)
    colours = style.palette(one.sizes["cluster"])
    for axis in axes.flat:
        axis.axis("off")
    for row, k in enumerate(shown):
        percent = 100 * sizes[k] / sizes.sum()
        label = f"{k + 1}\n{'<1' if percent < 1 else f'{percent:.0f}'} %"
        if sizes[k] < one.sizes["sample"]:
            label += f"\n({sizes[k]} in all)"
        axes[row, 0].text(
            -0.06, 0.5, label, transform=axes[row, 0].transAxes, ha="right", va="center", fontsize="x-small",
            color=colours[k], fontweight="bold",
        )  # fmt: skip
        for column in range(one.sizes["sample"]):
            number = int(one["map_neuron"][k, column])
            if number < 0:
                continue
            axis = axes[row, column]
            layout.show(axis, one["map"][k, column].values, "", style.magnitude(), vmin=0)
            title = f"{_letter(k, column)}: seed {int(one['map_seed'][k, column])}, n {number}"
            # Without the seed, which the panels above show by its colour, where there is no room for it.
            title = title if layout.page() > 5 else f"{_letter(k, column)}: n {number}"
            axis.set_title(title, fontsize="xx-small" if len(title) > 16 else "x-small", pad=2.5, y=1.0)
            axis.axis("on")
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set(visible=True, edgecolor=colours[k], linewidth=1.8)


def _overview(result: xr.Dataset, frame: int, question: str) -> Figure:
    """A column for each layer: its layout by cluster and by seed."""
    layers = [str(layer) for layer in result["layer"].values]
    several = result.sizes["seed"] > 1
    columns = layout.columns(max(len(layers), 3), 1.3)
    kinds, bands = 2 if several else 1, -(-len(layers) // columns)
    height = 0.65 + bands * kinds * (min(layout.page() / columns, 2.1) + (0.15 if several else 0))
    of = layout.about(result.attrs, _seeds_of(result), f"frame {frame}")
    figure = layout.new_figure(layout.page(), height, _asked(result, question), of)
    axes = figure.subplots(bands * kinds, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for at, layer in enumerate(layers):
        band, column = divmod(at, columns)
        own = axes[band * kinds :, column]
        one = result.sel(layer=layer, frame=frame)
        points = _points(result, layer, frame)
        _by_cluster(own[0], points, result.sizes["cluster"])
        own[0].set_title(f"{layer}\n{points.sizes['point']:,} neurons")
        if several:
            _by_seed(own[1], points, result["seed"].values)
            own[1].set_title(f"neighbours of own\nseed {_number(one['neighbouring'], '+.2f')}")
    for axis in axes.flat:
        axis.set(xlabel="", ylabel="")
    for row in range(0, len(axes), kinds):
        axes[row, 0].set_ylabel("UMAP, by cluster")
        if several:
            axes[row + 1, 0].set_ylabel("UMAP, by seed")
    if several:
        handles = _seed_handles(result["seed"].values)
        layout.legend_below(figure, handles, [str(handle.get_label()) for handle in handles])
    return figure


def _asked(result: xr.Dataset, question: str) -> str:
    """The question, without its second half where there is one seed only."""
    return question if result.sizes["seed"] > 1 else f"{question.split(',')[0].rstrip('?')}?"


def _seeds_of(result: xr.Dataset) -> str:
    """``seeds 0, 1, 2``."""
    numbers = [str(seed) for seed in result["seed"].values]
    return f"seed{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"


def _letter(cluster: int, column: int) -> str:
    """``2c``: the third neuron drawn from the second cluster."""
    return f"{cluster + 1}{chr(ord('a') + column % 26)}"


def _indicate(figure: Figure, axis: Axes, points: xr.Dataset, one: xr.Dataset, shown: list[int]) -> None:
    """Ring the neurons whose maps are shown, and name them as above the maps, where the name hides the least."""
    places = points["umap"].values
    if not len(places) or not np.isfinite(places).all():
        return
    colours = style.palette(one.sizes["cluster"])
    found = {}
    for k in shown:
        for column in range(one.sizes["sample"]):
            seed, number = int(one["map_seed"][k, column]), int(one["map_neuron"][k, column])
            own = (points["point_seed"].values == seed) & (points["point_neuron"].values == number)
            if number >= 0 and own.any():
                found[k, column] = int(np.flatnonzero(own)[0])
    axis.margins(0.09)
    for (k, _), at in found.items():
        axis.plot(*places[at], "o", ms=style.points(RING), mfc=colours[k], mec="black", mew=0.7)
    # How large the panel is tells the layout only; whole, for its last digits depend on addresses in memory.
    figure.get_layout_engine().execute(figure)  # type: ignore[union-attr]
    size = np.round(np.array(axis.get_window_extent().size) * 72 / figure.dpi / style.points(1))
    low, high = np.transpose([axis.get_xlim(), axis.get_ylim()])
    drawn = (places - low) / (high - low) * size
    names = [_letter(*key) for key in found]
    offsets = style.points(1) * name_offsets(drawn, list(found.values()), [len(name) for name in names], size)
    for name, at, offset in zip(names, found.values(), offsets, strict=True):
        axis.annotate(
            name, tuple(places[at]), tuple(offset), textcoords="offset points", ha="center", va="center_baseline",
            fontsize=style.points(NAME), fontweight="bold", in_layout=False,
            arrowprops={
                "arrowstyle": "-", "lw": 0.5, "color": "0.25", "shrinkA": 0, "shrinkB": style.points(0.6 * RING),
            },
            bbox={"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none", "alpha": 0.6},
        )  # fmt: skip


def _by_cluster(axis: Axes, points: xr.Dataset, clusters: int, numbered: bool = True) -> None:
    colours = style.palette(clusters)
    _scatter(axis, points["umap"].values, [colours[k] for k in points["point_cluster"].values])
    places = points["umap"].values
    # Numbers would hide a handful of points.
    if numbered and len(places) >= 20:
        for k in np.unique(points["point_cluster"].values):
            own = places[points["point_cluster"].values == k]
            # At a point of the cluster, also of one in several pieces.
            centre = own[np.hypot(*(own - np.median(own, axis=0)).T).argmin()]
            box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": colours[k], "alpha": 0.85}
            axis.text(
                float(centre[0]), float(centre[1]), str(k + 1), ha="center", va="center", fontsize="x-small", bbox=box
            )


def _by_seed(axis: Axes, points: xr.Dataset, seeds: np.ndarray) -> None:
    colours = dict(zip(seeds.tolist(), _seed_palette(len(seeds)), strict=True))
    _scatter(axis, points["umap"].values, [colours[int(seed)] for seed in points["point_seed"].values])


def _points(result: xr.Dataset, layer: str, frame: int) -> xr.Dataset:
    own = (result["point_layer"].values == layer) & (result["point_frame"].values == frame)
    return result[["umap", "point_cluster", "point_seed", "point_neuron"]].isel(point=np.flatnonzero(own))


def _about(one: xr.Dataset) -> str:
    """How many neurons a figure is of."""
    members = one["members"].sum("cluster").values
    per_seed = f"{members[0]:,}" if (members == members[0]).all() else f"{members.min():,} to {members.max():,}"
    left = int(one["dead"].sum()), int(one["constant"].sum())
    seeds = f" in each of {len(members)} seeds" if len(members) > 1 else ""
    compared = f"{per_seed} of {int(one['neurons']):,} neurons{seeds}"
    return f"{compared}; left out: {left[0]:,} dead, {left[1]:,} with constant maps. Each map on its own scale."


def _scatter(axis: Axes, places: np.ndarray, colours: Sequence[Any]) -> None:
    axis.axis("on")
    axis.set(xticks=[], yticks=[])
    axis.set_xlabel("UMAP 1", fontsize="x-small")
    axis.set_ylabel("UMAP 2", fontsize="x-small")
    if not len(places) or not np.isfinite(places).all():
        axis.text(0.5, 0.5, "too few neurons", transform=axis.transAxes, ha="center", va="center", fontsize="x-small")
        return
    # In random order, or the last seed would hide the others.
    order = np.random.default_rng(0).permutation(len(places))
    size = style.points(1) ** 2 * float(np.clip(3000 / len(places), 1.5, 14))
    chosen = [colours[k] for k in order]
    axis.scatter(places[order, 0], places[order, 1], s=size, c=chosen, linewidths=0, alpha=0.8, rasterized=True)


def _seed_handles(seeds: np.ndarray) -> list[Any]:
    return [
        Line2D([], [], ls="", marker="o", ms=style.points(4), color=colour, label=f"seed {seed}")
        for seed, colour in zip(seeds.tolist(), _seed_palette(len(seeds)), strict=True)
    ]


def _seed_palette(count: int) -> list[Any]:
    """Colours of seeds, unlike those of clusters, apart in lightness too."""
    return list(matplotlib.colormaps["viridis"](np.linspace(0, 1, count + 2)[1:-1]))


def _number(value: xr.DataArray, form: str = ".2f") -> str:
    # Rounded first, and 0 added: no "-0.00".
    return format(round(float(value), 2) + 0.0, form) if np.isfinite(float(value)) else "–"
