"""Engine ``xinc`` of xarray: ``xr.open_dataset(layer, engine="xinc")``, ``xr.open_datatree(canvas, engine="xinc")``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

from xinc.canvas.reader import check_one_network, open_layer, stored_layers
from xinc.storage.locations import locate


class XincBackend(BackendEntrypoint):
    """Layers and whole canvases, of any layout, with lazily expanded maps; ``chunks=`` makes dask arrays of them."""

    description = "Implicit neural canvases (xinc)"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "gain")
    supports_groups = True

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        group: str | None = None,
        gain: bool = False,
    ) -> xr.Dataset:
        """One layer: its own group, or ``group`` of a canvas; ``gain`` as of `xinc.open_canvas`."""
        path = locate(filename_or_obj)
        found = open_layer(path / group.strip("/") if group else path, gain)
        names = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        return found.drop_vars(names, errors="ignore")

    def open_groups_as_dict(
        self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None, gain: bool = False
    ) -> dict[str, xr.Dataset]:
        """All layers of a canvas, by path."""
        root = locate(filename_or_obj)
        layers = {
            name: self.open_dataset(root / name, drop_variables=drop_variables, gain=gain)
            for name in stored_layers(root)
        }
        check_one_network(layers, root)
        return {"/": xr.Dataset()} | {f"/{name}": layer for name, layer in layers.items()}

    def open_datatree(
        self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None, gain: bool = False
    ) -> xr.DataTree:
        """A canvas."""
        return xr.DataTree.from_dict(
            self.open_groups_as_dict(filename_or_obj, drop_variables=drop_variables, gain=gain)
        )

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Only where the engine is named: a canvas is a Zarr store too."""
        return False
