"""Opening and validation of canvases."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from xinc.canvas.copies import as_stored
from xinc.canvas.groups import check_group
from xinc.canvas.layer import restore_maps
from xinc.canvas.lazy import lazy_dataset
from xinc.canvas.schema import LayerRecord, factor_arrays, read_record
from xinc.canvas.tree import Canvas
from xinc.contributions.maps import LayerMaps
from xinc.contributions.neurons import enumerate_neurons
from xinc.errors import InputError
from xinc.storage.damage import damage_named
from xinc.storage.datasets import quiet_zarr
from xinc.storage.locations import Location, groups_in, locate, open_group, zarr_store


def open_canvas(path: str | Path, gain: bool = False) -> Canvas:
    """Open a canvas: a child per layer, each with the lazy variable ``contribution`` (frame, neuron, y, x).

    Parameters
    ----------
    path : ``…/canvas.zarr``, a directory or on object storage (``s3://…``); only what is asked for is read.
    gain : gained maps in place of the paper's, see `xinc.dissect`: of a canvas written with the setting ``gain: true``.

    Returns
    -------
    DataTree as from `xinc.dissect`. Maps of a dense layer are read when indexed, those of a factored one computed.

    Raises
    ------
    InputError : there is no canvas; a layer of it is damaged, incomplete or of another version; its layers are of
        different networks; or it has no gains and they are asked for.

    Examples
    --------
    >>> import xinc
    >>> canvas = xinc.open_canvas("results/bunny/nerv/seed0/canvas.zarr")  # doctest: +SKIP
    >>> canvas["head"]["contribution"].sel(frame=0, neuron=5).plot()  # doctest: +SKIP
    """
    root = locate(path)
    layers = {name: open_layer(root / name, gain) for name in stored_layers(root)}
    check_one_network(layers, root)
    return Canvas.from_dict(layers, name="canvas")


def check_one_network(layers: Mapping[str, xr.Dataset], place: Path | Location) -> None:
    """Raise `InputError` where layers are of different networks, as when one was left out before a new training."""
    networks: dict[str, list[str]] = {}
    for name, layer in layers.items():
        networks.setdefault(layer.attrs["xinc"].get("network", ""), []).append(name)
    networks.pop("", None)  # written before networks were noted
    if len(networks) > 1:
        found = ", but ".join(f"{', '.join(names)} of network {network}" for network, names in networks.items())
        raise InputError(
            f"{place} mixes layers of different networks: {found}. The network was made again since some of them were "
            "written: run the workflow again, and remove the folders of layers that it no longer makes; or open "
            "layers one by one."
        )


def open_layers(paths: Mapping[str, Path]) -> dict[str, xr.Dataset]:
    """Layers of one canvas by name, as `open_layer` opens them; `InputError` where they are of different networks."""
    layers = {name: open_layer(path) for name, path in paths.items()}
    if layers:
        check_one_network(layers, next(iter(paths.values())).parent)
    return layers


def stored_layers(root: Location) -> list[str]:
    """Names of the layers in a canvas, in network order; `InputError` if it does not exist or has none."""
    layers = groups_in(root)
    if layers is None:
        raise InputError(f"There is no canvas {root}: a directory that ends in canvas.zarr was expected.")
    if not layers:
        raise InputError(f"{root} holds no layers.")
    if "canvas.zarr" in layers:
        raise InputError(f"{root} is not a canvas, but the folder of one: give {root / 'canvas.zarr'}.")
    if set(layers) >= {"contribution", "neuron"} or set(layers) >= {"weight", "input"}:
        raise InputError(f"{root} is not a canvas, but one layer of it: give the folder of all layers, canvas.zarr.")
    return sorted(layers, key=_natural)


def open_layer(path: str | Location, gain: bool = False) -> xr.Dataset:
    """Open one layer of a canvas, ``…/canvas.zarr/<layer>``, validated against the schema; see `open_canvas`.

    The encoding of its maps says where they are from: ``source``, the path, and ``xinc``, the layer's record.
    """
    place = locate(path)
    layer = _opened(place, gain)
    layer["contribution"].encoding |= {"source": str(place), "xinc": layer.attrs["xinc"]}
    return layer


def _opened(place: Location, gain: bool) -> xr.Dataset:
    record = read_record(place)
    with quiet_zarr(), damage_named(str(place)):
        group = open_group(place)
        record = as_stored(record, group)
        check_group(place, record, group)
        gained = gain and record.gain == "kept"
        if gain and record.gain == "none":
            raise InputError(
                f"{place} has no gains, from which gained maps are computed: write the canvas with the setting gain: "
                "true, take xinc.dissect(model, gain=True), or open it without gain=True."
            )
        if record.layout == "factored" or gained:
            opened = record.model_copy(update={"gain": "applied", "layout": "factored"}) if gained else record
            return _open_factored(place, opened, group)
        store: Any = zarr_store(place)
        beside = [name for name in factor_arrays(record) if name in group]
        layer = xr.open_zarr(store, consolidated=False, chunks=None, mask_and_scale=False, drop_variables=beside)
        layer.attrs["xinc"] = record.model_dump(mode="json")
        # xarray writes no chunks of dask into the shards that earlier versions stored them in.
        layer["contribution"].encoding.pop("shards", None)
        layer.encoding["xinc_place"] = str(place)
        return layer


def _open_factored(path: Location, record: LayerRecord, group: zarr.Group) -> xr.Dataset:
    weight: Any = group["weight"]
    c_out, c_in = weight.shape[0 if record.shared_weights else 1 :][:2]
    neurons = enumerate_neurons((c_in, c_out), record.granularity, record.upscale)
    frames: Any = group["frame"]
    return lazy_dataset(record, frames[:].tolist(), neurons, _StoredLayer(path, record, group))


class _StoredLayer:
    """From a position on the frame axis to a factored layer's maps and input; can be pickled, for processes of dask."""

    def __init__(self, path: Location, record: LayerRecord, group: zarr.Group) -> None:
        self.path, self.record, self.group = path, record, group
        self._kept = functools.lru_cache(maxsize=2)(self._read)

    def __reduce__(self) -> tuple[Any, ...]:
        return _StoredLayer, (self.path, self.record, self.group)

    @property
    def origin(self) -> Location:
        """Where it is stored, see `xinc.canvas.origin`."""
        return self.path

    def __call__(self, position: int) -> tuple[LayerMaps, np.ndarray]:
        return self._kept(position)

    def _read(self, position: int) -> tuple[LayerMaps, np.ndarray]:
        at = None if self.record.shared_weights else position
        weight, bias = self._array("weight", at), self._array("bias", at)
        gain = self._array("gain", position) if self.record.gain == "applied" else None
        return restore_maps(self.record, weight, bias, gain), self._array("input", position)

    def _array(self, name: str, position: int | None) -> np.ndarray:
        array: Any = self.group[name]
        with damage_named(str(self.path)):
            return np.asarray(array[...] if position is None else array[position])


def _natural(name: str) -> list[Any]:
    """block2 before block10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
