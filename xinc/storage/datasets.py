"""Labelled datasets as Zarr stores."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from xinc.errors import InputError

if TYPE_CHECKING:
    import xarray as xr


@contextlib.contextmanager
def quiet_zarr() -> Iterator[None]:
    """Without the one warning that Snakemake's timestamp file in a store provokes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Object at \.snakemake_timestamp")
        yield


def write_dataset(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset into the empty directory ``path``, a checksum on every chunk: flipped bits show on reading."""
    from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

    def codecs(kind: str) -> tuple[object, ...]:
        # Text of any length has no bytes of a fixed place to shuffle.
        squeeze = ZstdCodec(level=1) if kind in "OU" else BloscCodec(cname="zstd", clevel=1, shuffle="shuffle")
        return squeeze, Crc32cCodec()

    encoding = {str(name): {"compressors": codecs(values.dtype.kind)} for name, values in dataset.variables.items()}
    dataset.to_zarr(path, mode="w", zarr_format=3, consolidated=False, encoding=encoding)


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
