"""One table of the claims of all analyses, from their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.findings.rows import claims_of, compared, rows_of, undecided
from xinc.analyses.findings.table import (
    CONTEXT,
    FAILS,
    HOLDS,
    INAPPLICABLE,
    NUMBERS,
    TEXTS,
    UNCLEAR,
    UNMEASURED,
    table,
)
from xinc.analyses.findings.verdicts import corrected, verdict
from xinc.analyses.results import Project, Record

if TYPE_CHECKING:
    from xinc.analyses.findings import Findings

__all__ = ["compute", "table"]

_DESCRIPTIONS = {
    "claim": "short name of the claim",
    "section": "section of the paper",
    "sentence": "what the paper says, in our words",
    "measure": "what the number is",
    "analysis": "analysis that measures it",
    "video": "video",
    "model": "model",
    "seed": "seed, or 'all' for a result over seeds",
    "layer": "layer",
    "value": "the number, mean over frames",
    "direction": "the sentence holds where the number is above (>) or below (<) the threshold, "
    "or 'within' it and 1 / it",
    "threshold": "what the number is compared with",
    "null": "what chance is, or why there is none",
    "depends": "a choice in the network's construction that decides the number; empty where none is known",
    "null_mean": "mean of the number under chance; NaN without, or where only the probability is known",
    "null_edge": "what 95 % of the numbers under chance do not reach",
    "p_value": "probability under chance of a number as far as this; NaN without",
    "q_value": "the same, corrected for the number of tests",
    "verdict": f"'{HOLDS}', '{FAILS}', '{UNCLEAR}' (beyond the threshold, but so is chance; or too few cases), "
    f"'{UNMEASURED}' (this experiment lacks what it takes), '{INAPPLICABLE}' (the sentence does not speak of it)",
    "note": "why it is not measured, not applicable or not significant",
    "bits_per_pixel": "size of the network at 8 bits a weight; NaN without the analysis 'quality'",
    "psnr": "mean PSNR of the network; NaN without the analysis 'quality'",
}


def compute(settings: Findings.Settings, project: Project) -> xr.Dataset:
    """All results are opened, but of their images only those that a claim uses are read."""
    used = [r for r in project.results if r.analysis == "quality" or claims_of(r.analysis)]
    opened = [(record, _small(record.open())) for record in used]
    rows = [*(row for record, result in opened for row in rows_of(record, result)), *compared(opened), *undecided()]
    for row, q in zip(rows, corrected(rows), strict=True):
        row["q_value"] = q
        row["verdict"], row["note"] = verdict(row, settings.level)
    context = _contexts(opened)
    for row in rows:
        row |= dict(zip(CONTEXT, context.get((row["video"], row["model"]), (np.nan, np.nan)), strict=True))
    rows.sort(key=_order)
    result = xr.Dataset(
        {name: ("row", np.array([row[name] for row in rows], object)) for name in (*TEXTS, "verdict", "note")}
        | {name: ("row", np.array([row[name] for row in rows], float)) for name in (*NUMBERS, *CONTEXT)}
    )
    for name, variable in result.variables.items():
        units = {"bits_per_pixel": "bit/pixel", "psnr": "dB"}.get(str(name), "1")
        variable.attrs = {"long_name": _DESCRIPTIONS[str(name)], "units": units}
    return result


def _small(result: xr.Dataset) -> xr.Dataset:
    """The result with all but its images in memory; those are read if a claim uses them."""
    for variable in result.variables.values():
        if not {"y", "x"} <= set(variable.dims):
            variable.load()
    return result


def _contexts(opened: list[tuple[Record, xr.Dataset]]) -> dict[tuple[str, str], tuple[float, float]]:
    """Bits per pixel at 8 bits a weight and mean PSNR of every video and model, mean over seeds."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for record, result in opened:
        if record.analysis == "quality" and "bits_per_pixel" in result:
            first = result["bits_per_pixel"].isel(bits=0)
            size = 8 * float(first) / float(first["bits"])
            found.setdefault((record.video, record.model), []).append((size, float(result["mean_psnr"])))
    return {key: tuple(np.mean(values, axis=0).tolist()) for key, values in found.items()}


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    """Sections as numbers; within a section, the order of the claims is that of the analyses."""
    return tuple(int(part) if part.isdigit() else 0 for part in row["section"].split("."))
