"""Engine ``xinc`` of xarray: ``xr.open_dataset(layer, engine="xinc")``, ``xr.open_datatree(canvas, engine="xinc")``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

from xinc.canvas.reader import open_layer, open_stored
from xinc.runtime.kept import DEFAULT_MB
from xinc.storage.locations import locate


class XincBackend(BackendEntrypoint):
    """Layers and whole canvases, of any layout, with lazily expanded maps; ``chunks=`` makes dask arrays of them."""

    description = "Implicit neural canvases (xinc)"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "gain", "cache_mb")
    supports_groups = True

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        group: str | None = None,
        gain: bool = False,
        cache_mb: float = DEFAULT_MB,
    ) -> xr.Dataset:
        """One layer: its own group, or ``group`` of a canvas; ``gain`` and ``cache_mb`` as of `xinc.open_canvas`."""
        path = locate(filename_or_obj)
        found = open_layer(path / group.strip("/") if group else path, gain, cache_mb)
        names = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        return found.drop_vars(names, errors="ignore")

    def open_groups_as_dict(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        gain: bool = False,
        cache_mb: float = DEFAULT_MB,
    ) -> dict[str, xr.Dataset]:
        """All layers of a canvas, by path."""
        names = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        layers = {
            name: layer.drop_vars(names, errors="ignore")
            for name, layer in open_stored(locate(filename_or_obj), gain, cache_mb=cache_mb).items()
        }
        return {"/": xr.Dataset()} | {f"/{name}": layer for name, layer in layers.items()}

    def open_datatree(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        gain: bool = False,
        cache_mb: float = DEFAULT_MB,
    ) -> xr.DataTree:
        """A canvas."""
        return xr.DataTree.from_dict(
            self.open_groups_as_dict(filename_or_obj, drop_variables=drop_variables, gain=gain, cache_mb=cache_mb)
        )

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Only where the engine is named: a canvas is a Zarr store too."""
        return False
