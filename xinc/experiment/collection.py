"""All results of an experiment as one table: ``xinc.open_results``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from xinc.analyses.results import open_result
from xinc.analyses.tables import to_dataframe
from xinc.errors import InputError, nearest
from xinc.experiment.paths import parse

#: Columns that say what a result is of, and those that say how good and how large its network is.
OF = ["video", "model", "seed", "analysis"]
_QUALITY = ["psnr", "ssim", "parameters", "bits_per_pixel"]


class Results(pd.DataFrame):
    """A row for each result; a pandas table in every way, so that choosing, sorting and grouping are pandas's.

    Columns: ``video``, ``model``, ``seed`` (missing for a result over several seeds), ``analysis``, ``other`` (the
    second network of a pair, otherwise empty), ``architecture``; of the network, as the analysis ``quality`` measured
    it, ``psnr`` (dB), ``ssim``, ``parameters`` and ``bits_per_pixel`` (of 32-bit parameters); and ``path``.
    """

    @property
    def _constructor(self) -> type[Results]:
        return Results

    def open(self) -> xr.Dataset:
        """The result of a single row; `InputError` where there are more, or none."""
        return open_result(self._only())

    def tables(self, part: str | None = None) -> pd.DataFrame:
        """The tables of all rows, one below the other, after columns that say what each is of.

        Parameters
        ----------
        part : see `xinc.to_dataframe`.

        Raises
        ------
        InputError : rows of several analyses, whose tables have different columns.
        """
        names = sorted(set(self["analysis"]))
        if len(names) != 1:
            if not names:
                raise InputError("There are no results in this table: choose others before you ask for their tables.")
            found = ", ".join(names)
            raise InputError(f"These are results of {found}: choose those of one analysis, as in of('quality').")
        found_tables = []
        for row in self.to_dict("records"):
            table = to_dataframe(row["path"], part)
            own = {name: row[name] for name in OF[:3]} | ({"other": row["other"]} if row["other"] else {})
            for at, (name, value) in enumerate(own.items()):
                if name in table:
                    table = table.drop(columns=name) if not pd.isna(value) and value != "" else table
                if name not in table:
                    table.insert(at, name, value)
            found_tables.append(table)
        return pd.concat(found_tables, ignore_index=True)

    def of(self, analysis: str) -> Results:
        """The rows of one analysis; `InputError` with the nearest name where there are none."""
        known = sorted(set(self["analysis"]))
        if analysis not in known:
            expected = nearest(analysis, known) if known else "the table is empty, choose other rows"
            raise InputError(f"There are no results of '{analysis}': {expected}.")
        return self[self["analysis"] == analysis]

    def _only(self) -> Path:
        if len(self) != 1:
            raise InputError(f"There are {len(self)} results: choose one, as in of('quality').iloc[[0]].open().")
        return Path(self["path"].iloc[0])


def open_results(root: str | Path = "results") -> Results:
    """All results of analyses below a folder, as a pandas table with a row for each; nothing is read but labels.

    Results say themselves what they are of, so that they are found wherever they lie; of those that do not, the path
    tells it where it is the workflow's.

    Parameters
    ----------
    root : the folder, such as ``results``.

    Returns
    -------
    A `Results`, sorted by video, model, seed and analysis.

    Raises
    ------
    InputError : a folder that is not there, or has no results.

    Examples
    --------
    >>> results = xinc.open_results("results")  # doctest: +SKIP
    >>> results.of("intensity").tables().groupby(["model", "layer"])["pearson"].mean()  # doctest: +SKIP
    """
    folder = Path(root)
    if not folder.is_dir():
        raise InputError(f"'{folder}' is not a folder: give one with results of analyses, such as results.")
    rows = [_row(path) for path in _folders(folder)]
    if not rows:
        raise InputError(f"There are no results below '{folder}': expected folders with a result.zarr in them.")
    table = pd.DataFrame(rows)
    table["seed"] = table["seed"].astype("Int64")
    return Results(_with_quality(table).sort_values(OF, ignore_index=True))


def _folders(root: Path) -> Iterator[Path]:
    """Folders with a result, without a look into stores of arrays."""
    for folder, names, _ in os.walk(root):
        if "result.zarr" in names:
            yield Path(folder)
        names[:] = sorted(name for name in names if not name.endswith(".zarr"))


def _row(path: Path) -> dict[str, Any]:
    attributes = json.loads((path / "result.zarr" / "zarr.json").read_text(encoding="utf-8")).get("attributes", {})
    made = parse(str(path))
    own = made.wildcards if made is not None and made.rule.startswith("analysis") else {}
    known = {name: attributes.get(name, own.get(name, "")) for name in (*OF, "architecture")}
    known["analysis"] = known["analysis"] or path.name
    known["other"] = f"{attributes['other']} seed {attributes['other_seed']}" if "other_seed" in attributes else ""
    known["seed"] = pd.NA if str(known["seed"]) == "" else int(known["seed"])
    return known | {"path": path}


def _with_quality(table: pd.DataFrame) -> pd.DataFrame:
    """With columns that say how good and how large each network is, as far as that was measured."""
    rows = []
    for row in table[table["analysis"] == "quality"].to_dict("records"):
        one = open_result(row["path"])
        numbers = (one["mean_psnr"], one["mean_ssim"], one.attrs["parameters"], one["bits_per_pixel"].sel(bits=32))
        rows.append({name: row[name] for name in OF[:3]} | dict(zip(_QUALITY, map(float, numbers), strict=True)))
    if rows:
        measured = pd.DataFrame(rows).astype({"seed": "Int64"}).drop_duplicates(OF[:3])
        table = table.merge(measured, on=OF[:3], how="left")
    for name in _QUALITY:
        table[name] = table.get(name, np.nan)
    return table[[*OF, "other", "architecture", *_QUALITY, "path"]]
