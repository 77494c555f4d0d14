"""Opening and validation of canvases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from xinc.canvas.copies import as_stored
from xinc.canvas.groups import check_group
from xinc.canvas.layer import choose_layers, recorded_neurons, restore_maps
from xinc.canvas.lazy import lazy_dataset
from xinc.canvas.schema import NEURON_COORDINATES, LayerRecord, factor_arrays, framed_arrays, layer_arrays, read_record
from xinc.canvas.snapshot import Snapshot, look
from xinc.canvas.tree import Canvas
from xinc.contributions.maps import LayerMaps
from xinc.errors import InputError
from xinc.runtime import task
from xinc.runtime.kept import DEFAULT_MB, Kept, kept_mb
from xinc.storage.damage import damage_named
from xinc.storage.datasets import quiet_zarr
from xinc.storage.locations import METADATA, Location, Remote, groups_in, locate

#: Requests to object storage at a time.
_REQUESTS = 16


def open_canvas(
    path: str | Path,
    gain: bool = False,
    layers: str | Iterable[str] | None = None,
    cache_mb: float = DEFAULT_MB,
) -> Canvas:
    """Open a canvas: a child per layer, each with the lazy variable ``contribution`` (frame, neuron, y, x).

    All layers asked for are checked at once: their metadata, that no file is missing, and that they are of one network.
    A damaged chunk shows when it is read. A canvas is what it was when it was opened: where it has been written again
    since, reading from it is an error.

    Parameters
    ----------
    path : ``…/canvas.zarr``, a directory or on object storage (``s3://…``); only what is asked for is read.
    gain : gained maps in place of the paper's, see `xinc.dissect`: of a canvas written with the setting ``gain: true``.
    layers : names of layers, or one name (default: all); others are not looked at.
    cache_mb : megabytes of memory for what all its layers together keep for the next time: weights, inputs of frames
        prepared for expansion and, from object storage, chunks of dense maps. The least recently used are forgotten.

    Returns
    -------
    DataTree as from `xinc.dissect`. Maps of a dense layer are read when indexed, those of a factored one computed.

    Raises
    ------
    InputError : there is no canvas, or a layer of it that it lacks; a layer is damaged, incomplete or of another
        version; its layers are of different networks; or it has no gains and they are asked for.

    Examples
    --------
    >>> import xinc
    >>> canvas = xinc.open_canvas("results/bunny/nerv/seed0/canvas.zarr")  # doctest: +SKIP
    >>> canvas["head"]["contribution"].sel(frame=0, neuron=5).plot()  # doctest: +SKIP
    """
    root = locate(path)
    found = open_stored(root, gain, layers, cache_mb)
    return Canvas.from_dict(found, name="canvas")


def open_stored(
    root: Location, gain: bool = False, layers: str | Iterable[str] | None = None, cache_mb: float = DEFAULT_MB
) -> dict[str, xr.Dataset]:
    """Layers of the canvas at a place by name, in network order; see `open_canvas`."""
    kept = kept_mb(cache_mb)
    names = _names(root, layers)
    threads = _REQUESTS if isinstance(root, Remote) else 1
    try:
        # The first alone: what packages import when they are first used may not be imported by several threads at once.
        opened = [_layer(root / name, gain, kept) for name in names[:1]]
        opened += task.in_threads(lambda name, _: _layer(root / name, gain, kept), names[1:], threads)
    except InputError:
        if layers is not None:  # one that was named may not be there
            choose_layers(stored_layers(root), layers, f"the canvas {root}")
        raise
    found = in_order(dict(zip(names, opened, strict=True)))
    check_one_network(found, root)
    return found


def _names(root: Location, layers: str | Iterable[str] | None) -> list[str]:
    """Names of the layers asked for; on object storage one request fewer where they are named."""
    if layers is None:
        return stored_layers(root)
    asked = [layers] if isinstance(layers, str) else list(layers) if isinstance(layers, Iterable) else []
    if asked and isinstance(root, Remote) and all(isinstance(name, str) and name.strip("/") for name in asked):
        return asked
    return choose_layers(stored_layers(root), layers if asked else [], f"the canvas {root}")


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
            "written: remove the canvas and make it again, or open layers one by one."
        )


def in_order(layers: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Layers as they follow each other in the network, where that was noted."""
    places = {name: layer.attrs["xinc"].get("order", -1) for name, layer in layers.items()}
    return {
        name: layers[name] for name in (sorted(layers, key=places.__getitem__) if -1 not in places.values() else layers)
    }


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


def open_layer(path: str | Location, gain: bool = False, cache_mb: float = DEFAULT_MB) -> xr.Dataset:
    """Open one layer of a canvas, ``…/canvas.zarr/<layer>``, validated against the schema; see `open_canvas`.

    The encoding of its maps says where they are from: ``source``, the path, and ``xinc``, the layer's record.
    """
    return _layer(locate(path), gain, kept_mb(cache_mb))


def _layer(place: Location, gain: bool, kept: Kept) -> xr.Dataset:
    layer = _opened(place, gain, kept)
    layer["contribution"].encoding |= {"source": str(place), "xinc": layer.attrs["xinc"]}
    return layer


def _opened(place: Location, gain: bool, kept: Kept) -> xr.Dataset:
    with quiet_zarr(), damage_named(str(place)):
        seen = look(place, kept)
        record = read_record(place, seen.contents.get(METADATA))
        group = _arrays(seen)
        record = as_stored(record, group)
        check_group(place, record, group, seen.sizes)
        gained = gain and record.gain == "kept"
        if gain and record.gain == "none":
            raise InputError(
                f"{place} has no gains, from which gained maps are computed: write the canvas with the setting gain: "
                "true, take xinc.dissect(model, gain=True), or open it without gain=True."
            )
        if record.layout == "factored" or gained:
            opened = record.model_copy(update={"gain": "applied", "layout": "factored"}) if gained else record
            return _open_factored(opened, seen, group)
        store: Any = seen
        beside = [name for name in factor_arrays(record) if name in group]
        layer = xr.open_zarr(store, consolidated=False, chunks=None, mask_and_scale=False, drop_variables=beside)
        # A store has its coordinates in no order, and titles of selected maps have them in this one.
        ordered = {name: layer[name].variable for name in ("frame", "neuron", *NEURON_COORDINATES, "y", "x")}
        layer = layer.drop_vars(list(ordered)).assign_coords(ordered)
        layer.attrs["xinc"] = record.model_dump(mode="json")
        # xarray writes no chunks of dask into the shards that earlier versions stored them in.
        layer["contribution"].encoding.pop("shards", None)
        return layer


def _arrays(seen: Snapshot) -> dict[str, Any]:
    """The arrays of a group by name, each opened once."""
    group: Any = zarr.open_group(seen, mode="r")
    names = dict.fromkeys(key.removesuffix(f"/{METADATA}") for key in seen.sizes if key.endswith(f"/{METADATA}"))
    return {name: group[name] for name in names if "/" not in name and name in group}


def _open_factored(record: LayerRecord, seen: Snapshot, group: Mapping[str, Any]) -> xr.Dataset:
    framed = framed_arrays(record)
    shapes = {name: group[name].shape[1 if name in framed else 0 :] for name in layer_arrays(record)}
    neurons = recorded_neurons(record, shapes)
    frames = group["frame"][:].tolist()
    return lazy_dataset(record, frames, neurons, _StoredLayer(record, seen), seen.kept)


class _StoredLayer:
    """From a position on the frame axis to a factored layer's maps and input; can be pickled, for processes of dask."""

    def __init__(self, record: LayerRecord, seen: Snapshot) -> None:
        self.record, self.seen = record, seen
        self._framed: tuple[str, ...] = ("input", "gain") if record.gain == "applied" else ("input",)
        self._own = framed_arrays(record)
        self._framed += self._own
        names = {*self._framed, *layer_arrays(record)}
        seen.not_kept = frozenset(names)
        with quiet_zarr(), damage_named(str(seen.place)):
            group: Any = zarr.open_group(seen, mode="r")
            self._arrays = {name: group[name] for name in names}
        self._key = object()  # of what is kept: a gained and a plain layer of a place may share what keeps it
        bytes_of = {name: array.nbytes // array.shape[0] for name, array in self._arrays.items()}
        #: How many frames are read at a time, so that they are still there when they are expanded.
        self.at_once = max(1, seen.kept.limit // (4 * sum(bytes_of[name] for name in self._framed)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _StoredLayer, (self.record, self.seen)

    def __deepcopy__(self, _: dict[int, Any]) -> _StoredLayer:
        return self

    def __call__(self, position: int) -> tuple[LayerMaps, np.ndarray]:
        return self.seen.kept.get((self._key, position), lambda: self._read([position])[0], self._size)

    def prepare(self, positions: Sequence[int]) -> None:
        """Read what is not kept of these frames, from object storage all at once."""
        missing = [at for at in positions if self.seen.kept.peek((self._key, at)) is None]
        if len(missing) > 1:
            for at, found in zip(missing, self._read(missing), strict=True):
                self.seen.kept.put((self._key, at), found, self._size(found))

    def _size(self, frame: tuple[LayerMaps, np.ndarray]) -> int:
        maps, v = frame
        arrays = maps.layer.arrays()
        return sum(array.nbytes for array in (v, maps.gain, *map(arrays.get, self._own)) if array is not None)

    def _read(self, positions: Sequence[int]) -> list[tuple[LayerMaps, np.ndarray]]:
        """Frames at these positions."""
        shared: LayerMaps | None = self.seen.kept.peek((self._key, "layer"))
        once = [name for name in layer_arrays(self.record) if shared is None and name not in self._own]
        wanted = [(name, None) for name in once] + [(name, at) for at in positions for name in self._framed]
        values = dict(zip(wanted, self._fetched(wanted), strict=True))
        self.seen.verify()
        if shared is None:
            arrays = {name: values[name, None] for name in once}
            arrays |= {name: values[name, positions[0]] for name in self._own}
            shared = restore_maps(self.record, arrays)
            self.seen.kept.put((self._key, "layer"), shared, sum(array.nbytes for array in arrays.values()))
        found = []
        for at in positions:
            own, gain = shared, values.get(("gain", at))
            if self._own:
                own = replace(own, layer=own.layer.with_arrays({name: values[name, at] for name in self._own}))
            found.append((own if gain is None else replace(own, gain=gain), values["input", at]))
        return found

    def _fetched(self, wanted: Sequence[tuple[str, int | None]]) -> list[np.ndarray]:
        """Arrays by name, and of those that differ between frames by position."""
        if not isinstance(self.seen.place, Remote):
            return [self._array(*one) for one in wanted]
        pool = ThreadPoolExecutor(min(_REQUESTS, len(wanted)))
        try:
            return [task.patiently(future) for future in [pool.submit(self._array, *one) for one in wanted]]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _array(self, name: str, position: int | None) -> np.ndarray:
        array = self._arrays[name]
        with damage_named(str(self.seen.place)):
            return np.asarray(array[...] if position is None else array[position])


def _natural(name: str) -> list[Any]:
    """block2 before block10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
