"""Detection of damage in stores."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xinc.errors import InputError
from xinc.storage.datasets import quiet_zarr


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


def find_damage(path: str | Path) -> str | None:
    """The part of a Zarr store that cannot be read, and why; None if all of it can be read, or none exists."""
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
