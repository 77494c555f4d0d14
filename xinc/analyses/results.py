"""Results of analyses, and the subject of an analysis of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from xinc.storage.datasets import quiet_zarr


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
    """The result that `xinc.analyses.run.run_analysis` wrote to ``path``."""
    with quiet_zarr():
        return xr.open_zarr(Path(path) / "result.zarr", consolidated=False, chunks=None)
