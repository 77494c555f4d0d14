"""Zarr stores and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xinc.errors import InputError

if TYPE_CHECKING:
    import xarray as xr


@contextlib.contextmanager
def whole_directory(path: str | Path) -> Iterator[Path]:
    """A new directory to write into, which takes the place of ``path`` when the block ends well and vanishes otherwise.

    A reader of ``path`` sees what was there before, or all of the new content.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.partial-"))
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror or error}.") from None
    partial.chmod(0o755)
    try:
        yield partial
        if target.exists():
            shutil.rmtree(target)
        os.replace(partial, target)
    except OSError as error:
        raise InputError(f"{target} could not be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A new file to write, which takes the place of ``path`` when the block ends well and vanishes otherwise."""
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.partial-")
        os.close(handle)
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror or error}.") from None
    partial = Path(name)
    try:
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())  # or a power cut could leave the new name on an empty file
        partial.chmod(0o644)
        os.replace(partial, target)
    except OSError as error:
        raise InputError(f"{target} could not be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def remove_unfinished(path: str | Path) -> None:
    """Remove what was left beside ``path`` by a process that was killed while it wrote it; nobody may be writing it."""
    target = Path(path)
    for left in target.parent.glob(f".{glob.escape(target.name)}.partial-*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


@contextlib.contextmanager
def damage_named(path: str | Path) -> Iterator[None]:
    """What Zarr raises for a damaged store (a chunk whose checksum is wrong, metadata that is none) as `InputError`."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).split("\n")[0].rstrip(". ")
        raise InputError(f"{path} cannot be read, it may be damaged ({reason}); compute this canvas again.") from error


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


def find_damage(path: str | Path) -> str | None:
    """What of a Zarr store cannot be read, and why; None where all of it can, or where there is none."""
    import zarr

    if not (Path(path) / "zarr.json").exists():
        return None
    with quiet_zarr():
        try:
            arrays = dict(zarr.open_group(path, mode="r").members(max_depth=None))
        except Exception as error:  # what damaged metadata leads to cannot be listed
            return _reason("its metadata", error)
        for name, array in sorted(arrays.items()):
            if not isinstance(array, zarr.Array):
                continue
            try:
                for part in _parts(array):
                    _ = array[part]
            except Exception as error:  # nor what damaged bytes lead to
                return _reason(f"the array '{name}'", error)
    return None


def _parts(array: Any) -> list[Any]:
    """Selections that cover an array, a row of chunks each."""
    if not array.shape:
        return [...]
    return [slice(start, start + array.chunks[0]) for start in range(0, array.shape[0], array.chunks[0])]


def _reason(what: str, error: Exception) -> str:
    return f"{what} cannot be read ({str(error).splitlines()[0].rstrip('. ') if str(error) else type(error).__name__})"
