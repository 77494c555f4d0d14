"""Which of the paper's claims hold here: one table from the results of all other analyses (paper section 1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses._comparisons import COMPARISONS, SENTENCES, pairs_of
from xinc.analyses.base import Analysis
from xinc.analyses.claim import Claim
from xinc.analyses.results import Project, Record
from xinc.settings import StrictModel
from xinc.statistics.standing import NULL, combined

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: What a row of the table says.
HOLDS, FAILS, UNCLEAR = "holds", "does not hold", "not significant"
UNMEASURED, INAPPLICABLE = "not measured", "not applicable"

_TEXTS = ("claim", "section", "sentence", "measure", "analysis", "video", "model", "seed", "layer", "direction", "null")
_NUMBERS = ("value", "threshold", "null_mean", "null_edge", "p_value", "q_value")
_CONTEXT = ("bits_per_pixel", "psnr")
#: Order of the table's columns.
COLUMNS = (
    *_TEXTS[:9],
    *("value", "direction", "threshold", "null", "null_mean", "null_edge", "p_value", "q_value", "verdict", "note"),
    *_CONTEXT,
)


@analyses.register("findings")
class Findings(Analysis):
    """The paper's claims against the measurements made here.

    Each claim of section 1, and each sentence of the paper that states a comparison, is a number, with the direction
    that the paper states and a threshold, for every video, model and layer, averaged over frames. Where chance could
    give such a number, it has to be beyond chance too: the same label, motion or density map shifted around the frame,
    or labels exchanged; the probability is corrected for the number of tests made (Benjamini and Hochberg 1995). A
    number beyond the threshold that chance explains is not significant, and so is one of too few cases. A sentence that
    says that there is no correspondence fails where a correspondence is seen. A claim that does not hold is a finding,
    not a failure. Mind the size of the networks, which the table states in bits per pixel of 8-bit weights: the paper's
    have about 8, raw colours have 24; what a network learns may depend on how much it has to compress.
    """

    question = "Which of the paper's claims hold here?"
    section = "1"
    scope = "project"
    needs = frozenset()
    uses = None
    figure_settings = frozenset({"wrap"})

    class Settings(StrictModel):
        level: float = Field(0.05, gt=0, lt=1, description="Largest corrected probability under the null to count.")
        wrap: int = Field(64, ge=20, description="Characters of a sentence in a line of the figure.")

    def compute(self, subject: Project) -> xr.Dataset:
        used = [r for r in subject.results if r.analysis == "quality" or analyses[r.analysis].claims]
        opened = [(record, _small(record.open())) for record in used]
        rows = [row for record, result in opened for row in _rows(record, result)]
        rows += _compared(opened)
        rows += _undecided()
        for row, q in zip(rows, _corrected(rows), strict=True):
            row["q_value"] = q
            row["verdict"], row["note"] = self._verdict(row)
        context = _contexts(opened)
        for row in rows:
            row |= dict(zip(_CONTEXT, context.get((row["video"], row["model"]), (np.nan, np.nan)), strict=True))
        rows.sort(key=_order)
        result = xr.Dataset(
            {name: ("row", np.array([row[name] for row in rows], object)) for name in (*_TEXTS, "verdict", "note")}
            | {name: ("row", np.array([row[name] for row in rows], float)) for name in (*_NUMBERS, *_CONTEXT)}
        )
        for name, variable in result.variables.items():
            units = {"bits_per_pixel": "bit/pixel", "psnr": "dB"}.get(str(name), "1")
            variable.attrs = {"long_name": _DESCRIPTIONS[str(name)], "units": units}
        return result

    def _verdict(self, row: dict[str, Any]) -> tuple[str, str]:
        """The verdict on a row and, where it needs one, a reason."""
        claim: Claim | None = row["of"]
        if claim is None or not row["applies"]:
            return (UNMEASURED if row["applies"] else INAPPLICABLE), row["reason"]
        if not np.isfinite(row["value"]):
            return UNMEASURED, claim.missing
        beyond = claim.beyond(row["value"])
        explained = row["q_value"] > self.settings.level
        if claim.absence:
            if not row["enough"]:
                return UNCLEAR, "too few cases"
            return (HOLDS, "") if beyond else (UNCLEAR, "chance explains it") if explained else (FAILS, "")
        if not beyond:
            return FAILS, ""
        if claim.null is not None and not np.isfinite(row["p_value"]):
            return UNCLEAR, "no probability under the null could be found"
        return (UNCLEAR, "chance explains it") if explained else (HOLDS, "")

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        return result.to_dataframe()[list(COLUMNS)]

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        """A figure for each section, or several: rows: claims; columns: video and model."""
        from xinc.analyses._findings_figure import section_figures

        return section_figures(self.table(result), self.question, self.settings.wrap)

    def pages(self, result: xr.Dataset) -> dict[str, str]:
        """The whole table."""
        from xinc.analyses._findings_page import page

        return {"table": page(self.table(result), self.question, self.settings.level)}


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
    "direction": "the sentence holds where the number is above (>) or below (<) the threshold, or 'within' it and 1 / "
    "it",
    "threshold": "what the number is compared with",
    "null": "what chance is, or why there is none",
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


def _small(result: xr.Dataset) -> xr.Dataset:
    """The result with all but its images in memory; those are read if a claim uses them."""
    for variable in result.variables.values():
        if not {"y", "x"} <= set(variable.dims):
            variable.load()
    return result


def _rows(record: Record, result: xr.Dataset) -> Iterator[dict[str, Any]]:
    """One row for every claim that an analysis makes of a result, and every layer of it."""
    architecture = result.attrs.get("architecture", "")
    for claim in analyses[record.analysis].claims:
        if claim.architectures is not None and architecture not in claim.architectures:
            reason = f"the paper says so of {' and '.join(claim.architectures)}"
            yield _row(claim, record, "all") | {"applies": False, "reason": reason}
        else:
            yield from _layers(claim, record, result)


def _compared(opened: list[tuple[Record, xr.Dataset]]) -> Iterator[dict[str, Any]]:
    """One row for every claim about two kinds of networks on one video, and every layer of the first."""
    for comparison in COMPARISONS:
        for record, other, pair in pairs_of(comparison, opened):
            for row in _layers(comparison.claim, record, pair):
                yield row | {"measure": f"{row['measure']} (against model '{other.model}')"}


def _undecided() -> Iterator[dict[str, Any]]:
    """One row for every sentence that no number here decides."""
    for sentence in SENTENCES:
        nothing = dict.fromkeys(_TEXTS, "") | dict.fromkeys(_NUMBERS, np.nan)
        about = {"claim": sentence.name, "section": sentence.section, "sentence": sentence.text}
        yield nothing | about | {"of": None, "applies": sentence.applicable, "reason": sentence.because, "enough": True}


def _layers(claim: Claim, record: Record, about: Any) -> Iterator[dict[str, Any]]:
    """The rows of a claim about a result, or a pair of them."""
    values = _over_frames(claim.statistic(about))
    standings = {} if claim.null is None else _standings(claim.null(about), list(values))
    enough, applies = (
        {} if of is None else dict(zip(map(str, (found := of(about))["layer"].values), found.values, strict=True))
        for of in (claim.enough, claim.applies)
    )
    for layer, value in values.items():
        if claim.layers is None or layer in claim.layers:
            row = _row(claim, record, layer) | {"value": value, "reason": claim.unless}
            row |= dict(zip(("p_value", "null_mean", "null_edge"), standings.get(layer, (np.nan,) * 3), strict=True))
            yield row | {"enough": bool(enough.get(layer, True)), "applies": bool(applies.get(layer, True))}


def _row(claim: Claim, record: Record, layer: str) -> dict[str, Any]:
    return dict.fromkeys(_NUMBERS, np.nan) | {
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
        "enough": True,
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


def _corrected(rows: list[dict[str, Any]]) -> list[float]:
    """Corrected p-values (false discovery rate); a test that several sentences use counts once."""
    about = ("measure", "analysis", "video", "model", "seed", "layer", "value", "p_value")
    keys = [tuple(row[name] for name in about) for row in rows]
    # What does not speak of a layer is no test.
    own = [row["p_value"] if row["applies"] else np.nan for row in rows]
    tests = {key: p for key, p in zip(keys, own, strict=True) if np.isfinite(p)}
    corrected = dict(zip(tests, _benjamini_hochberg(np.array(list(tests.values()), float)), strict=True))
    return [float(corrected[key]) if np.isfinite(p) else float("nan") for key, p in zip(keys, own, strict=True)]


def _benjamini_hochberg(chances: np.ndarray) -> np.ndarray:
    """Corrected p-values (false discovery rate); NaN stays NaN."""
    corrected = np.full(chances.shape, np.nan)
    at = np.flatnonzero(np.isfinite(chances))
    if at.size:
        order = at[np.argsort(chances[at], kind="stable")]
        scaled = chances[order] * at.size / np.arange(1, at.size + 1)
        corrected[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return corrected


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
