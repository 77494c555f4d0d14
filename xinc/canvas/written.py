"""Writing of a whole canvas from a network in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from xinc.canvas.dissect import network_of
from xinc.canvas.layer import choose_layers
from xinc.canvas.network import as_network
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layers
from xinc.errors import InputError
from xinc.models.base import INR
from xinc.settings import validate
from xinc.storage.locations import locate


def write_canvas(
    source: INR | xr.DataTree,
    path: str | Path,
    frames: Sequence[int] | None = None,
    layers: str | Iterable[str] | None = None,
    **settings: Any,
) -> None:
    """Write the canvas of a network, layer by layer; `xinc.open_canvas` opens it.

    Parameters
    ----------
    source : a network, from `xinc.network` or `xinc.load_model`; or what `xinc.dissect` made of one, with its frames
        and layers.
    path : where to, e.g. ``"canvas.zarr"``, a directory or on object storage (``s3://…``). Layers that are there are
        replaced.
    frames, layers : which (default: all).
    settings : fields of `xinc.canvas.settings.CanvasSettings`, e.g. ``layout="dense"`` or ``gain=True``.

    Raises
    ------
    InputError : a source without a network, as a canvas that was opened; frames, layers or settings that there are not.

    Examples
    --------
    >>> import xinc
    >>> from xinc.models.storage import build
    >>> model = build("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 32), range(8), 8)
    >>> xinc.write_canvas(model, "canvas.zarr", frames=[0, 3])  # doctest: +SKIP
    """
    if isinstance(source, xr.DataTree):
        found = next((network_of(node.to_dataset()) for node in source.children.values()), None)
        if found is None:
            raise InputError(
                "This canvas was not made by xinc.dissect, so that there is no network to write: copy the folder of a "
                "canvas that was opened, or give the network."
            )
        model, own, granularity, head_activation, probes = found
        frames, layers = own if frames is None else frames, list(source.children) if layers is None else layers
        settings = {"granularity": granularity, "head_activation": head_activation} | settings
        settings = ({"gain": True, "probes": probes} if probes else {}) | settings
    else:
        model = source
    network = as_network(model)
    chosen = validate(CanvasSettings, settings, "canvas")
    root = locate(path)
    names = choose_layers(network.layer_names(), layers, f"this {network.name}")
    write_layers(network, {name: root / name for name in names}, frames, chosen)
