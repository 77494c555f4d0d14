"""Results as tidy tables: ``xinc.to_dataframe`` and ``xinc.to_csv``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from xinc.analyses.making import make_analysis
from xinc.analyses.results import Result, opened
from xinc.errors import InputError, nearest

if TYPE_CHECKING:
    import pandas as pd

#: Dimensions of pictures, whose pixels make no table that anyone reads.
_OF_PICTURES = {"y", "x", "channel", "component"}


def to_dataframe(result: Result, part: str | None = None) -> pd.DataFrame:
    """A result of an analysis as a tidy table: a row for each observation, a column for each variable.

    Parameters
    ----------
    result : a result as `xinc.analyses.results.open_result` gives it, or its folder.
    part : a variable of the result, such as ``"curve"``, which then comes with all that is labelled like it; or labels
        joined by hyphens, such as ``"layer-frame"``. By default the analysis's own table (``table.csv``), and of an
        analysis that has none, the variables that most are labelled like. See `table_parts`.

    Returns
    -------
    A `pandas.DataFrame`; labels (layer, frame, …) are columns, and stand first.

    Raises
    ------
    InputError : a result or a part that is not known; the message names the nearest.
    """
    data = opened(result)
    if part is None:
        own = make_analysis(str(data.attrs["analysis"]), None, data.attrs.get("distribution", "")).table(data.load())
        if own is not None:
            return own
    groups = _groups(data)
    if part is None:
        return _frame(data, max(groups.values(), key=len))
    if part in data.data_vars:
        return _frame(data, groups.get(_labels(data[part]), [part]))
    if part not in groups:
        known = [*groups, *map(str, data.data_vars)]
        raise InputError(f"The result of '{data.attrs['analysis']}' has no table '{part}': {nearest(part, known)}.")
    return _frame(data, groups[part])


def to_csv(result: Result, path: str | Path, part: str | None = None) -> Path:
    """Write `to_dataframe` of a result as a file of comma-separated values, and return its path."""
    target = Path(path)
    if target.is_dir():
        raise InputError(f"'{target}' is a folder: give the path of a file, such as {target / 'table.csv'}.")
    table = to_dataframe(result, part)
    target.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(target, index=False)
    return target


def table_parts(result: Result) -> dict[str, list[str]]:
    """The tables in a result, as `to_dataframe` takes them: by their labels, the names of their variables."""
    return _groups(opened(result))


def _groups(data: xr.Dataset) -> dict[str, list[str]]:
    """Names of the variables by their labels, without pictures; single numbers go by the name ``all``."""
    found: dict[str, list[str]] = {}
    for name in sorted(map(str, data.data_vars)):  # a store has them in no order
        values = data[name]
        if not _OF_PICTURES & set(values.dims):
            found.setdefault(_labels(values), []).append(str(name))
    return found or {_labels(values): [str(name)] for name, values in data.data_vars.items()}


def _labels(values: xr.DataArray) -> str:
    return "-".join(map(str, values.dims)) or "all"


def _frame(data: xr.Dataset, names: list[str]) -> pd.DataFrame:
    """Variables of the same labels, beside each other."""
    chosen = data[names].load()
    if not chosen.dims:
        import pandas as pd

        return pd.DataFrame([{name: chosen[name].item() for name in names}])
    labels = sorted(str(name) for name in chosen.coords if name not in chosen.dims)  # a store has them in no order
    plain = chosen.drop_vars([str(dim) for dim in chosen.dims if dim not in data.coords], errors="ignore")
    table = plain.to_dataframe(dim_order=list(chosen[names[0]].dims)).reset_index()
    return table[[*map(str, chosen[names[0]].dims), *labels, *names]]
