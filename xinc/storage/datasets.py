"""Labelled datasets as Zarr stores."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xinc.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

#: Bytes of a chunk, uncompressed, and so of each array in memory while a store is written row by row.
CHUNK = 4 << 20

#: Makes an array, by name, dimensions, shape, type and attributes: what rows are assigned to, and how many at once.
MakeArray = Callable[[str, tuple[str, ...], tuple[int, ...], type, dict[str, str]], tuple[Any, int]]


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
) -> tuple[Any, int]:
    """An array of the store ``path`` to assign to, some rows at a time, as `write_dataset` would write it.

    Returns
    -------
    The array, and how many rows make a chunk of at most `CHUNK` bytes (one row where that is more).
    """
    import zarr

    rows = max(1, min(shape[0], CHUNK // max(1, math.prod(shape[1:]) * np.dtype(dtype).itemsize)))
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


def arrays_in_memory() -> tuple[dict[str, Any], MakeArray]:
    """Variables of a dataset, and what makes each of them, in place of `grow_array`."""
    arrays: dict[str, Any] = {}

    def make(
        name: str, dims: tuple[str, ...], shape: tuple[int, ...], dtype: type, attrs: dict[str, str]
    ) -> tuple[np.ndarray, int]:
        values: np.ndarray = np.empty(shape, dtype)
        arrays[name] = (dims, values, attrs)
        return values, 1

    return arrays, make


class Rows:
    """Rows of an array along its first axis, assigned ``step`` at a time; see `MakeArray`."""

    def __init__(self, out: Any, step: int) -> None:
        self._out, self._step = out, step
        self._waiting: list[np.ndarray] = []
        self._done = 0

    def append(self, row: np.ndarray) -> None:
        """Add the next row."""
        self._waiting.append(row)
        if len(self._waiting) == self._step:
            self.flush()

    def flush(self) -> None:
        """Assign what waits."""
        if self._waiting:
            self._out[self._done : self._done + len(self._waiting)] = np.stack(self._waiting)
            self._done += len(self._waiting)
            self._waiting.clear()


def each_row(array: xr.DataArray) -> Iterator[np.ndarray]:
    """The rows of an array along its first axis, read some at a time."""
    step = max(1, CHUNK // max(1, math.prod(array.shape[1:]) * array.dtype.itemsize))
    for start in range(0, array.shape[0], step):
        yield from array[start : start + step].values


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
