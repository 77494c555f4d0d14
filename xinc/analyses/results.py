"""Results of analyses, and the subject of an analysis of all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from xinc.errors import InputError
from xinc.storage.datasets import quiet_zarr

#: A result, or its folder.
Result = xr.Dataset | str | Path


@dataclass(frozen=True)
class Record:
    """A result of the workflow and what it is of; ``seed`` is None for a result over several seeds."""

    analysis: str
    video: str
    model: str
    seed: int | None
    path: Path

    def open(self) -> xr.Dataset:
        """The result, read when used."""
        return open_result(self.path)


@dataclass(frozen=True)
class Project:
    """Everything there is: the stores of all videos by name, and the results that an analysis builds on."""

    videos: Mapping[str, Path]
    results: tuple[Record, ...] = ()

    def of(self, analysis: str) -> list[Record]:
        """The results of one analysis."""
        return [record for record in self.results if record.analysis == analysis]


def open_result(path: str | Path) -> xr.Dataset:
    """The result that `xinc.analyses.run.run_analysis` wrote to ``path``, its variables by name."""
    with quiet_zarr():
        found = xr.open_zarr(Path(path) / "result.zarr", consolidated=False, chunks=None)
    # Zarr lists what is in a store in another order each time.
    variables, coords = ({name: of[name] for name in sorted(map(str, of))} for of in (found.data_vars, found.coords))
    return xr.Dataset(variables, coords, found.attrs)


def opened(result: Result) -> xr.Dataset:
    """A result, or that in a folder; `InputError` for what is neither."""
    if isinstance(result, xr.Dataset):
        if "analysis" not in result.attrs:
            raise InputError(
                "This dataset does not say of which analysis it is the result (attribute 'analysis'): give the folder "
                "of a result, or what open_result makes of it."
            )
        return result
    if not isinstance(result, str | os.PathLike):
        raise InputError(
            f"An object of type {type(result).__qualname__} was given: a result of an analysis was expected, or its "
            "folder, such as results/bunny/nerv/seed0/grouping."
        )
    path = Path(result)
    folder = path.parent if path.name == "result.zarr" else path
    if not (folder / "result.zarr").is_dir():
        found = "has no result.zarr" if folder.is_dir() else "does not exist"
        raise InputError(
            f"'{path}' {found}: give the folder of a result of an analysis, such as results/bunny/nerv/seed0/grouping."
        )
    return open_result(folder)


def beside(path: Path, analysis: str) -> Path | None:
    """The folder of another analysis's result of the same network, where it is."""
    folder = (path.parent if path.name == "result.zarr" else path).parent / analysis
    return folder if (folder / "result.zarr").is_dir() else None
