"""Labelled datasets as Zarr stores."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

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
