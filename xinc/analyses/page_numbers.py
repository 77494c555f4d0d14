"""Numbers of a result beside a page that is written from them: as JSON, of a few digits."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

#: Significant digits of the numbers that are kept beside a page.
_DIGITS = 4


def rounded(result: xr.Dataset) -> xr.Dataset:
    """The result with numbers of a few digits, so that the page can be written from what is kept of them."""
    found = result.copy()
    for name, values in result.data_vars.items():
        if values.dtype.kind == "f":
            few = [float(f"{value:.{_DIGITS}g}") for value in values.values.flat]
            found[name] = values.copy(data=np.array(few).reshape(values.shape))
    return found


def written(result: xr.Dataset) -> str:
    """A result as JSON, a line for each variable; null is NaN."""
    parts = []
    for section, variables in (("coords", result.coords), ("data_vars", result.data_vars)):
        lines = []
        for name, values in variables.items():
            plain = np.where(values.isnull().to_numpy(), np.array(None), values.to_numpy().astype(object))
            kept = {"dims": values.dims, "shape": values.shape, "data": plain.ravel().tolist()}
            lines.append(f"  {json.dumps(name)}: {json.dumps(kept, ensure_ascii=False)}")
        parts.append(f' "{section}": {{\n' + ",\n".join(lines) + "\n }")
    parts.append(f' "attrs": {json.dumps(result.attrs)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def read(text: str) -> xr.Dataset:
    """The result in such a text."""
    return xr.Dataset.from_dict(json.loads(text, object_hook=_variable))


def _variable(section: dict[str, Any]) -> dict[str, Any]:
    """The array of a variable, of other sections as they are."""
    if section.keys() != {"dims", "shape", "data"}:
        return section
    holed = None in section["data"]
    plain = [float("nan") if value is None else value for value in section["data"]] if holed else section["data"]
    kind = object if any(isinstance(value, str) for value in plain) else None
    return {"dims": section["dims"], "data": np.array(plain, kind).reshape(section["shape"])}
