"""Labelled datasets as Zarr stores."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xinc.errors import InputError

if TYPE_CHECKING:
    import xarray as xr


@contextlib.contextmanager
def quiet_zarr() -> Iterator[None]:
    """Without the one warning that Snakemake's timestamp file in a store provokes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Object at \.snakemake_timestamp")
        yield


def write_dataset(dataset: xr.Dataset, path: Path, beside: bool = False) -> None:
    """Write a dataset into the directory ``path``, a checksum on every chunk: flipped bits show on reading.

    Parameters
    ----------
    dataset, path : what to write, and an empty directory.
    beside : whether it goes beside the arrays that `grow_array` made there.
    """
    encoding = {str(name): {"compressors": _codecs(values.dtype.kind)} for name, values in dataset.variables.items()}
    dataset.to_zarr(path, mode="a" if beside else "w", zarr_format=3, consolidated=False, encoding=encoding)


def grow_array(
    path: Path,
    name: str,
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    dtype: type,
    attrs: Mapping[str, Any],
    chunk_bytes: int,
) -> tuple[Any, int]:
    """An array of the store ``path`` to assign to, some rows at a time, as `write_dataset` would write it.

    Returns
    -------
    The array, and how many rows make a chunk of at most ``chunk_bytes`` (one row where that is more).
    """
    import zarr

    rows = max(1, min(shape[0], chunk_bytes // max(1, math.prod(shape[1:]) * np.dtype(dtype).itemsize)))
    group = zarr.open_group(path, mode="a", zarr_format=3)
    array = group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=(rows, *shape[1:]),
        compressors=_codecs(np.dtype(dtype).kind),
        dimension_names=dims,
        attributes=dict(attrs),
    )
    return array, rows


def _codecs(kind: str) -> tuple[Any, ...]:
    from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

    # Text of any length has no bytes of a fixed place to shuffle.
    squeeze = ZstdCodec(level=1) if kind in "OU" else BloscCodec(cname="zstd", clevel=1, shuffle="shuffle")
    return squeeze, Crc32cCodec()


def open_store(path: str | Path, kind: str, version: int, remedy: str) -> xr.Dataset:
    """A dataset that `write_dataset` wrote, with the attributes ``xinc_format`` and ``version``; read when used.

    Parameters
    ----------
    path : the store.
    kind, version : the format that is expected.
    remedy : how to make such a store, for messages.

    Raises
    ------
    InputError : no store, or one of another format or version.
    """
    import xarray as xr

    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no store '{path}' (format '{kind}'): {remedy} first.")
    with quiet_zarr():
        try:
            dataset: xr.Dataset = xr.open_zarr(path, consolidated=False, chunks=None)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"'{path}' is not a Zarr store of format '{kind}' ({error}): {remedy} again.") from None
    found = (dataset.attrs.get("xinc_format"), dataset.attrs.get("version"))
    if found != (kind, version):
        raise InputError(
            f"'{path}' is a Zarr store of format {found[0]!r}, version {found[1]!r}, expected {kind!r}, version "
            f"{version}: give such a store, or {remedy} again."
        )
    return dataset
