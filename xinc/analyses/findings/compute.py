"""One table of the claims of all analyses, from their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.findings.effects import effect_of
from xinc.analyses.findings.names import FAILS, HOLDS, INAPPLICABLE, UNCLEAR, UNMEASURED
from xinc.analyses.findings.regime import Regime, networks_of, warning, warnings_of, worst
from xinc.analyses.findings.rows import claims_of, compared, rows_of, undecided
from xinc.analyses.findings.table import CONTEXT, EFFECTS, NUMBERS, TEXTS, table
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
    "cases": "rows of the claim with a verdict, of all videos, models, seeds and layers",
    "median": "median of the number over these rows",
    "lowest": "lowest of the number over these rows",
    "highest": "highest of the number over these rows",
    "bits_per_pixel": "size of the network at 8 bits a weight; NaN without the analysis 'quality'",
    "psnr": "mean PSNR of the network, of several seeds the lowest; NaN without the analysis 'quality'",
    "explained": "share of the variance of colours that the network explains, of several seeds the lowest; NaN without "
    "the analysis 'quality', and where the frames are of one colour",
    "warning": "what the network is to be warned of",
}


def compute(settings: Findings.Settings, project: Project) -> xr.Dataset:
    """All results are opened, but of their images only those that a claim uses are read."""
    used = [r for r in project.results if r.analysis == "quality" or claims_of(r.analysis)]
    opened = [(record, _small(record.open())) for record in used]
    rows = [*(row for record, result in opened for row in rows_of(record, result)), *compared(opened), *undecided()]
    regimes = _regimes(opened)
    for row in rows:
        row |= _of_its_networks(row, regimes)
    for row, q in zip(rows, corrected(rows), strict=True):
        row["q_value"] = q
        row["verdict"], row["note"] = verdict(row, settings.level)
    effects = {name: effect_of(several) for name, several in _by_claim(rows).items()}
    for row in rows:
        row |= {name: getattr(effects[row["claim"]], name) for name in EFFECTS}
    rows.sort(key=_order)
    result = xr.Dataset(
        {
            name: ("row", np.array([row[name] for row in rows], object))
            for name in (*TEXTS, "verdict", "note", "warning")
        }
        | {name: ("row", np.array([row[name] for row in rows], float)) for name in (*NUMBERS, *CONTEXT, *EFFECTS)},
        attrs={"warnings": warnings_of(networks_of(rows))},
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


def _regimes(opened: list[tuple[Record, xr.Dataset]]) -> dict[tuple[str, str, int | None], Regime]:
    """Size and quality of every network that `quality` looked at; those of all seeds together, their worst."""
    found: dict[tuple[str, str, int | None], Regime] = {}
    for record, result in opened:
        if record.analysis == "quality":
            first = result["bits_per_pixel"].isel(bits=0)
            size = 8 * float(first) / float(first["bits"])
            about = Regime(size, float(result["mean_psnr"]), float(result["explained"]))
            found[record.video, record.model, record.seed] = about
    several: dict[tuple[str, str], list[Regime]] = {}
    for (video, model, _), about in found.items():
        several.setdefault((video, model), []).append(about)
    return found | {(*of, None): worst(about) for of, about in several.items()}


def _of_its_networks(row: dict[str, Any], regimes: dict[tuple[str, str, int | None], Regime]) -> dict[str, Any]:
    """Size and quality of the network that a row is about, and why its claim is not judged on the networks it sees."""
    known = [regimes.get(network, Regime()) for network in row["networks"]]
    own = known[0] if known else Regime()
    found: dict[str, Any] = dict(zip(CONTEXT, (own.bits_per_pixel, own.psnr, own.explained), strict=True))
    found["warning"] = warning(own) if known else ""
    reasons = [reason for one in known if (reason := one.unjudged())]
    return found | ({"applies": False, "reason": reasons[0]} if row["applies"] and reasons else {})


def _by_claim(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["claim"], []).append(row)
    return found


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    """Sections as numbers; within a section, the order of the claims is that of the analyses."""
    return tuple(int(part) if part.isdigit() else 0 for part in row["section"].split("."))
