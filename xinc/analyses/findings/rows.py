"""Rows of the table: a claim measured on a layer, alone or against another network, or a sentence without a number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from xinc.analyses import analyses
from xinc.analyses.claim import Claim
from xinc.analyses.findings.comparisons import COMPARISONS, pairs_of
from xinc.analyses.findings.sentences import SENTENCES
from xinc.analyses.findings.table import NUMBERS, TEXTS
from xinc.analyses.results import Record
from xinc.statistics.standing import NULL, combined


def claims_of(analysis: str) -> tuple[Claim, ...]:
    """The claims of an analysis by its name."""
    claims: tuple[Claim, ...] = analyses[analysis].claims()
    return claims


def rows_of(record: Record, result: xr.Dataset) -> Iterator[dict[str, Any]]:
    """One row for every claim that an analysis makes of a result, and every layer of it."""
    architecture = result.attrs.get("architecture", "")
    for claim in claims_of(record.analysis):
        if claim.architectures is not None and architecture not in claim.architectures:
            reason = f"the paper says so of {' and '.join(claim.architectures)}"
            yield _row(claim, record, "all") | {"applies": False, "reason": reason}
        else:
            yield from layers_of(claim, record, result)


def compared(opened: list[tuple[Record, xr.Dataset]]) -> Iterator[dict[str, Any]]:
    """One row for every claim about two kinds of networks on one video, and every layer of the first."""
    for comparison in COMPARISONS:
        for record, other, pair in pairs_of(comparison, opened):
            for row in layers_of(comparison.claim, record, pair):
                networks = (*row["networks"], (other.video, other.model, other.seed))
                yield row | {"measure": f"{row['measure']} (against model '{other.model}')", "networks": networks}


def undecided() -> Iterator[dict[str, Any]]:
    """One row for every sentence that no number here decides."""
    for sentence in SENTENCES:
        nothing = dict.fromkeys(TEXTS, "") | dict.fromkeys(NUMBERS, np.nan)
        about = {"claim": sentence.name, "section": sentence.section, "sentence": sentence.text}
        said = {"of": None, "applies": sentence.applicable, "reason": sentence.because, "networks": ()}
        yield nothing | about | said


def layers_of(claim: Claim, record: Record, about: Any) -> Iterator[dict[str, Any]]:
    """The rows of a claim about a result, or a pair of them."""
    values = _over_frames(claim.statistic(about))
    standings = {} if claim.null is None else _standings(claim.null(about), list(values))
    enough, premise, applies = (
        {} if of is None else dict(zip(map(str, (found := of(about))["layer"].values), found.values, strict=True))
        for of in (claim.enough, claim.premise, claim.applies)
    )
    for layer, value in values.items():
        if claim.layers is None or layer in claim.layers:
            row = _row(claim, record, layer) | {"value": value, "reason": claim.unless}
            row |= dict(zip(("p_value", "null_mean", "null_edge"), standings.get(layer, (np.nan,) * 3), strict=True))
            row |= {"enough": bool(enough.get(layer, True)), "premise": bool(premise.get(layer, True))}
            yield row | {"applies": bool(applies.get(layer, True))}


def _row(claim: Claim, record: Record, layer: str) -> dict[str, Any]:
    """A row that says what is asked, without numbers."""
    return dict.fromkeys(NUMBERS, np.nan) | {
        "of": claim,
        "claim": claim.name,
        "section": claim.section,
        "sentence": claim.sentence,
        "measure": claim.measure,
        "analysis": record.analysis,
        "video": record.video,
        "model": record.model,
        "seed": "all" if record.seed is None else str(record.seed),
        "layer": layer,
        "direction": claim.direction,
        "threshold": claim.threshold,
        "null": claim.chance,
        "depends": claim.depends,
        "networks": ((record.video, record.model, record.seed),),
        "enough": True,
        "premise": True,
        "applies": True,
        "reason": "",
    }


def _over_frames(values: xr.DataArray) -> dict[str, float]:
    """Mean over frames of one number per layer (``all`` for a number without layers)."""
    if "layer" not in values.dims:
        values = values.expand_dims(layer=["all"])
    found = {}
    for layer in values["layer"].values:
        numbers = np.asarray(values.sel(layer=layer).values, float).ravel()
        known = numbers[np.isfinite(numbers)]
        found[str(layer)] = float(known.mean()) if known.size else float("nan")
    return found


def _standings(null: xr.DataArray, layers: list[str]) -> dict[str, tuple[float, ...]]:
    """`NULL` of each layer; of several frames, p-values that hold for them together, and the mean of their means."""
    if "layer" not in null.dims:
        null = null.expand_dims(layer=layers)
    elif "layer" not in null.coords:
        null = null.assign_coords(layer=layers)
    found: dict[str, tuple[float, ...]] = {}
    for layer in null["layer"].values:
        one = null.sel(layer=layer).transpose(..., "null").values.reshape(-1, len(NULL))
        edge = float(one[0, 2]) if len(one) == 1 else float("nan")
        found[str(layer)] = (combined(one[:, 0]), float(one[:, 1].mean()), edge) if len(one) else (np.nan,) * 3
    return found
