"""Which of the paper's claims hold here: one table from the results of all other analyses (paper section 1)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import Analysis, Claim, Project, Record
from xinc.settings import StrictModel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: What a cell of the table says.
HOLDS, FAILS, UNCLEAR, UNMEASURED = "holds", "does not hold", "not significant", "not measured"

_TEXTS = ("claim", "section", "sentence", "measure", "analysis", "video", "model", "seed", "layer", "verdict")
_NUMBERS = ("value", "threshold", "p_value", "q_value")


@analyses.register("findings")
class Findings(Analysis):
    """The paper's claims against the measurements made here.

    Each sentence of the paper that states a comparison is a number that lies above a threshold where the sentence
    holds; the analysis that measures it says how. Numbers are averaged over frames and given for every video, model and
    layer. Where there is a null (the same label or motion map shifted), the claim also has to beat it: its probability
    under the null, corrected for the number of tests made (Benjamini and Hochberg 1995), must be below the level. A
    claim that does not hold is a finding, not a failure.
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
        rows = [row for record in subject.results for row in _rows(record)]
        rows += _evenness(subject)
        corrected = _benjamini_hochberg(np.array([row["p_value"] for row in rows]))
        for row, q in zip(rows, corrected, strict=True):
            row["q_value"] = float(q)
            row["verdict"] = self._verdict(row)
        result = xr.Dataset(
            {name: ("row", np.array([row[name] for row in rows], object)) for name in _TEXTS}
            | {name: ("row", np.array([row[name] for row in rows], float)) for name in _NUMBERS}
        )
        for name, variable in result.variables.items():
            variable.attrs = {"long_name": _DESCRIPTIONS[str(name)], "units": "1"}
        return result

    def _verdict(self, row: dict[str, Any]) -> str:
        if not np.isfinite(row["value"]):
            return UNMEASURED
        if row["value"] <= row["threshold"]:
            return FAILS
        return UNCLEAR if row["q_value"] > self.settings.level else HOLDS

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        return result.to_dataframe()[[*_TEXTS[:-1], *_NUMBERS, "verdict"]]

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        """Rows: claims; columns: video and model; in a cell, in how many layers the claim holds."""
        from matplotlib.patches import Rectangle

        from xinc import figures

        frame = result.to_dataframe()
        claims = list(dict.fromkeys(zip(frame["section"], frame["claim"], frame["sentence"], strict=True)))
        claims.sort(key=lambda claim: (claim[0], list(frame["claim"]).index(claim[1])))
        columns = sorted(set(zip(frame["video"], frame["model"], strict=True)))
        sentences = [textwrap.wrap(sentence, self.settings.wrap) for _, _, sentence in claims]
        heights = [max(2, len(lines)) * 0.125 + 0.1 for lines in sentences]
        top = sum(heights)
        text_width, cell = 0.047 * self.settings.wrap + 0.5, 0.75
        figure = figures.new_figure(text_width + cell * len(columns) + 0.1, top + 1.1, self.question)
        axis = figure.add_subplot()
        axis.axis("off")
        axis.set(xlim=(-text_width, cell * len(columns)), ylim=(-0.35, top + 0.4))
        for at, (video, model) in enumerate(columns):
            axis.text(cell * (at + 0.5), top + 0.1, f"{video}\n{model}", ha="center", va="bottom", fontsize=7)
        y = top
        for (section, name, _), lines, height in zip(claims, sentences, heights, strict=True):
            y -= height
            axis.text(-text_width, y + height / 2, section, va="center", fontsize=6, color="0.4")
            axis.text(0.4 - text_width, y + height / 2, "\n".join(lines), va="center", fontsize=6.5)
            for at, (video, model) in enumerate(columns):
                verdicts = frame["verdict"][
                    (frame["claim"] == name) & (frame["video"] == video) & (frame["model"] == model)
                ]
                colour, label = _cell(list(verdicts))
                axis.add_patch(Rectangle((cell * at, y), cell, height, facecolor=colour, edgecolor="white", lw=1.5))
                axis.text(cell * (at + 0.5), y + height / 2, label, ha="center", va="center", fontsize=7)
        for at, (colour, label) in enumerate(_LEGEND):
            axis.add_patch(Rectangle((1.75 * at - text_width, -0.3), 0.2, 0.14, facecolor=colour))
            axis.text(1.75 * at - text_width + 0.28, -0.23, label, va="center", fontsize=6.5)
        return {"claims": figure}


_DESCRIPTIONS = {
    "claim": "short name of the claim",
    "section": "section of the paper",
    "sentence": "what the paper says, in our words",
    "measure": "the number and why above the threshold means that the claim holds",
    "analysis": "analysis that measures it",
    "video": "video",
    "model": "model",
    "seed": "seed, or 'all' for a result over seeds",
    "layer": "layer",
    "verdict": f"'{HOLDS}', '{FAILS}', '{UNCLEAR}' (above the threshold, but so is the null) or '{UNMEASURED}'",
    "value": "the number, mean over frames",
    "threshold": "value above which the claim holds",
    "p_value": "probability of such a value under the null, median over frames; NaN without a null",
    "q_value": "the same, corrected for the number of tests",
}

# Blue and orange of the colour-blind-safe palette, light enough for text on them.
_YES, _PARTLY, _NO, _NONE = "#9CC9E8", "#F2E6A7", "#F0B27A", "#EEEEEE"
_LEGEND = (
    (_YES, "holds in every layer"),
    (_PARTLY, "in some layers"),
    (_NO, "in none"),
    (_NONE, "not stated or measured"),
)


def _cell(verdicts: list[str]) -> tuple[str, str]:
    """Colour and text of a cell: in how many of the layers measured the claim holds."""
    measured = [verdict for verdict in verdicts if verdict != UNMEASURED]
    if not measured:
        return _NONE, "–"
    holds = sum(verdict == HOLDS for verdict in measured)
    colour = _YES if holds == len(measured) else _PARTLY if holds else _NO
    return colour, f"{holds}/{len(measured)}"


def _rows(record: Record) -> Iterator[dict[str, Any]]:
    """One row for every claim that an analysis makes of a result, and every layer of it."""
    claims: tuple[Claim, ...] = analyses[record.analysis].claims
    if not claims:
        return
    result = record.open().load()
    architecture = result.attrs.get("architecture", "")
    for claim in claims:
        if claim.architectures is not None and architecture not in claim.architectures:
            continue
        values = _over_frames(claim.statistic(result), np.nanmean)
        chances = None if claim.p_value is None else _over_frames(claim.p_value(result), np.nanmedian)
        for layer, value in values.items():
            if claim.layers is not None and layer not in claim.layers:
                continue
            yield {
                "claim": claim.name,
                "section": claim.section,
                "sentence": claim.sentence,
                "measure": claim.measure,
                "analysis": record.analysis,
                "video": record.video,
                "model": record.model,
                "seed": "all" if record.seed is None else str(record.seed),
                "layer": layer,
                "value": value,
                "threshold": claim.threshold,
                "p_value": np.nan if chances is None else chances.get(layer, np.nan),
            }


def _evenness(project: Project) -> Iterator[dict[str, Any]]:
    """The one claim that compares two kinds of networks on the same video, a row for every FFN that has a NeRV."""
    last: dict[tuple[str, str, str], float] = {}
    for record in project.of("neurons_per_pixel"):
        result = record.open()
        top = result["variation"].isel(layer=-1).sel(percent=result["percent"].max())
        last[record.video, record.model, str(result.attrs.get("architecture"))] = float(top.mean())
    for (video, model, architecture), value in last.items():
        others = [v for (where, _, kind), v in last.items() if where == video and kind == "nerv"]
        if architecture == "ffn" and others:
            yield {
                "claim": "FFN more even than NeRV",
                "section": "4.4",
                "sentence": "How many neurons represent a pixel varies less over the image for FFN than for NeRV.",
                "measure": "coefficient of variation over pixels of the density of neurons at the highest threshold, "
                "last layer: NeRV's minus FFN's, above 0",
                "analysis": "neurons_per_pixel",
                "video": video,
                "model": model,
                "seed": "all",
                "layer": "last",
                "value": float(np.mean(others)) - value,
                "threshold": 0.0,
                "p_value": np.nan,
            }


def _over_frames(values: xr.DataArray, average: Any) -> dict[str, float]:
    """One number per layer (``all`` for a number without layers)."""
    if "layer" not in values.dims:
        values = values.expand_dims(layer=["all"])
    found = {}
    for layer in values["layer"].values:
        numbers = np.asarray(values.sel(layer=layer).values, float).ravel()
        found[str(layer)] = float(average(numbers)) if np.isfinite(numbers).any() else float("nan")
    return found


def _benjamini_hochberg(chances: np.ndarray) -> np.ndarray:
    """Corrected p-values (false discovery rate); NaN stays NaN."""
    corrected = np.full(chances.shape, np.nan)
    at = np.flatnonzero(np.isfinite(chances))
    if at.size:
        order = at[np.argsort(chances[at], kind="stable")]
        scaled = chances[order] * at.size / np.arange(1, at.size + 1)
        corrected[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return corrected
