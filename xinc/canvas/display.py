"""Display of canvases: what a notebook or a terminal shows of one. No result depends on it."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from xinc.canvas.schema import LayerRecord, record_of
from xinc.errors import InputError
from xinc.frames import ranges
from xinc.storage.locations import file_sizes, locate

#: Bytes of maps that may be computed for a thumbnail, and its longest side in pixels.
THUMBNAIL_BYTES, THUMBNAIL_SIDE = 2**25, 256


@dataclass(frozen=True)
class _Layer:
    """What is said of a layer."""

    name: str
    record: LayerRecord
    maps: xr.DataArray

    @property
    def neurons(self) -> str:
        """What its neurons are, in words."""
        channels = [len(np.unique(self.maps[name].values)) for name in ("in_channel", "out_channel")]
        return {
            "kernel": f"kernels, {channels[0]} channels to {channels[1]}",
            "input": "input features",
            "output": "output features",
        }[self.record.granularity]

    @property
    def source(self) -> str:
        """Where it was opened; empty for one that was not."""
        return str(self.maps.encoding.get("source", ""))

    @property
    def stored(self) -> int:
        """Bytes at that place, whatever part of it this is."""
        return sum(file_sizes(locate(self.source)).values()) if self.source else 0


def text(node: xr.DataTree) -> str | None:
    """A canvas or layer in lines of text; None for a tree that is neither, as after arithmetic."""
    layers = _layers(node)
    if not layers:
        return None
    rows = _rows(layers)
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    left = (True, False, True, False, False)
    lines = [
        "  ".join(cell.ljust(w) if start else cell.rjust(w) for cell, w, start in zip(row, widths, left, strict=True))
        for row in rows
    ]
    return "\n".join([f"<xinc canvas: {_title(layers)}>", *(f"  {line.rstrip()}" for line in lines), *_notes(layers)])


def page(node: xr.DataTree, details: str) -> str | None:
    """The same for a notebook, with a thumbnail, above what xarray shows; None as of `text`."""
    layers = _layers(node)
    if not layers:
        return None
    head, *body = _rows(layers)
    align = ("left", "right", "left", "right", "right")

    def cells(row: tuple[str, ...], tag: str) -> str:
        return "".join(
            f"<{tag} style='text-align: {side}; padding: 0 .8em 0 0'>{html.escape(cell)}</{tag}>"
            for cell, side in zip(row, align, strict=True)
        )

    table = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in body)
    notes = "".join(f"<div>{html.escape(note)}</div>" for note in _notes(layers))
    return (
        "<div style='display: flex; flex-wrap: wrap; gap: 1em; align-items: flex-start'>"
        f"<div><strong>Canvas: {html.escape(_title(layers))}</strong>"
        f"<table style='margin: .4em 0'><thead><tr>{cells(head, 'th')}</tr></thead><tbody>{table}</tbody></table>"
        f"{notes}</div>{_figure(layers[-1])}</div>"
        f"<details><summary>As xarray shows it</summary>{details}</details>"
    )


def _layers(node: xr.DataTree) -> list[_Layer]:
    """The layers of a canvas, or the one that a node is; empty where a part of it is none."""
    nodes: Mapping[str, xr.DataTree] = node.children or {str(node.name): node}
    found = []
    for one in nodes.values():
        maps = one.dataset.get("contribution")
        try:
            record = record_of(one.dataset)
        except InputError:
            return []
        if maps is None or set(maps.dims) != {"frame", "neuron", "y", "x"} or "in_channel" not in maps.coords:
            return []
        found.append(_Layer(record.layer, record, maps))
    return found


def _title(layers: list[_Layer]) -> str:
    """Of what network, and which frames."""
    record, maps = layers[0].record, layers[0].maps
    frames = maps["frame"].values.tolist()
    kind = "gained maps" if record.gain == "applied" else "contribution maps"
    count = f"{len(frames)} frame{'s' * (len(frames) != 1)} ({_shortened(ranges(frames))})"
    return f"{kind} of {record.architecture or 'a network'}, {count} of {maps.sizes['y']}x{maps.sizes['x']}"


def _rows(layers: list[_Layer]) -> list[tuple[str, ...]]:
    """The table: a head, a row for each layer, and their sum."""
    rows: list[tuple[str, ...]] = [("layer", "neurons", "", "dense", "on disk")]
    sizes = [(one.maps.sizes["neuron"], one.maps.nbytes, one.stored) for one in layers]
    for one, (neurons, dense, stored) in zip(layers, sizes, strict=True):
        rows.append((one.name, f"{neurons:,}", one.neurons, _bytes(dense), _bytes(stored) if stored else "-"))
    if len(layers) > 1:
        neurons, dense, stored = (sum(column) for column in zip(*sizes, strict=True))
        rows.append(("all", f"{neurons:,}", "", _bytes(dense), _bytes(stored) if stored else "-"))
    return rows


def _notes(layers: list[_Layer]) -> list[str]:
    """Where it lies, and how to read maps of several layers."""
    places = dict.fromkeys(str(locate(one.source).parent) if one.source else "" for one in layers)
    loaded = all(one.maps._in_memory for one in layers)
    where = [f"On disk: {place}" for place in places if place]
    if not where and not loaded:
        where = ["Not on disk: computed from the network where it is read."]
    if len(layers) == 1:
        return where
    return [*where, f'Maps: canvas["{layers[-1].name}"]["contribution"] (frame, neuron, y, x), computed where indexed.']


def _figure(layer: _Layer) -> str:
    """A thumbnail with its caption, or why there is none."""
    try:
        image, caption = thumbnail(layer.maps, layer.record)
    except Exception as error:  # whatever reading a damaged store raises: a display must not fail
        return f"<div>No thumbnail: {html.escape(f'{type(error).__name__}: {error}')}</div>"
    from PIL import Image

    picture, file = Image.fromarray(image), io.BytesIO()
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    picture.save(file, "png", optimize=True)
    code, words = base64.b64encode(file.getvalue()).decode("ascii"), html.escape(caption)
    return (
        f"<figure style='margin: 0; max-width: {THUMBNAIL_SIDE}px'><img style='width: 100%; image-rendering: auto' "
        f"src='data:image/png;base64,{code}' alt='{words}'/><figcaption><small>{words}</small></figcaption></figure>"
    )


def thumbnail(maps: xr.DataArray, record: LayerRecord) -> tuple[np.ndarray, str]:
    """A small picture of a layer's first frame, uint8, and what it shows; at most `THUMBNAIL_BYTES` of maps for it.

    Of kernels of the last layer it is their sum, by output channel: the picture before the output activation, (y, x,
    3). Otherwise |C| of the strongest neuron of those that are looked at, (y, x).
    """
    maps = maps.isel(frame=0).transpose("neuron", "y", "x")
    frame = int(maps["frame"])
    most = max(1, THUMBNAIL_BYTES // (4 * maps.sizes["y"] * maps.sizes["x"]))
    channels = maps["out_channel"].values
    plain = record.gain != "applied" and record.head_activation == "identity" and record.activation == "identity"
    if plain and not record.later and set(channels) == {0, 1, 2} and len(channels) <= most:
        values = maps.values
        response = np.stack([values[channels == channel].sum(0) for channel in range(3)], -1)
        return _scaled(response), f"sum of the maps of {record.layer}, frame {frame}: before the output activation"
    looked = np.unique(np.linspace(0, maps.sizes["neuron"] - 1, most).astype(int))
    values = abs(maps.isel(neuron=looked).values)
    best = int(values.sum((1, 2)).argmax())
    number, kind = int(maps["neuron"].values[looked[best]]), "gained map" if record.gain == "applied" else "|C|"
    among = "strongest" if len(looked) == maps.sizes["neuron"] else f"strongest of {len(looked)}"
    return _scaled(values[best]), f"{kind} of neuron {number} of {record.layer}, the {among}, frame {frame}"


def _scaled(values: np.ndarray) -> np.ndarray:
    """From the 1st to the 99th percentile, 0 to 255."""
    low, high = np.nanpercentile(values, [1, 99])
    return np.asarray(np.clip((values - low) / max(high - low, 1e-30), 0, 1) * 255).astype(np.uint8)


def _bytes(count: int) -> str:
    """A number of bytes, short."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 100 * size else f"{count / size:,.0f} {unit}"
    return f"{count} B"


def _shortened(listing: str, most: int = 40) -> str:
    return listing if len(listing) <= most else f"{listing[: most - 3].rpartition(',')[0]}, …"
