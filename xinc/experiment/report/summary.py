"""What the first page of a report says of claims and of how far maps can be believed, from tables of the analyses."""

from __future__ import annotations

import csv
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from xinc.analyses.findings.effects import Effect, bound, effect_of, in_words
from xinc.analyses.findings.names import DECIDED
from xinc.analyses.findings.regime import networks_of, warnings_of

#: What becomes of a claim over all videos, networks and layers.
_GROUPS = {
    "everywhere": "hold everywhere",
    "in part": "in part",
    "nowhere": "nowhere",
    "undecided": "undecided",
    "not measured": "not measured",
}
#: The section that states the paper's main claims.
MAIN = "1"
#: Maps of the table of the analysis ``faithfulness`` that are told of.
MAPS = ("|C|", "gained map")


@dataclass(frozen=True)
class Claim:
    """A claim of the paper over all videos, networks and layers.

    Attributes
    ----------
    sentence, measure : what the paper says, and what is measured, without explanations.
    where : where the number has to be for the claim to hold, such as ``> 0.5``.
    effect : in how many cases it holds, and the median and range of the number.
    verdicts : rows of the table, by verdict.
    tested : whether chance was measured anywhere.
    """

    name: str
    section: str
    sentence: str
    measure: str
    where: str
    effect: Effect
    verdicts: Mapping[str, int]
    tested: bool

    @property
    def numbers(self) -> str:
        """Median and range; empty without a verdict."""
        return in_words(self.effect)

    @property
    def holds_in(self) -> str:
        """``3 of 4``; without a verdict that a number decides, the commonest of the others."""
        if self.effect.cases:
            return f"{self.effect.holds} of {self.effect.cases}"
        return Counter(self.verdicts).most_common(1)[0][0]

    @property
    def group(self) -> str:
        """Where it holds: a key of the words for it."""
        holds, unclear, fails = (self.verdicts.get(verdict, 0) for verdict in DECIDED)
        if holds:
            return "in part" if unclear or fails else "everywhere"
        return "nowhere" if fails else "undecided" if unclear else "not measured"


@dataclass(frozen=True)
class Findings:
    """The table of findings, claim by claim, and what to mind about the networks."""

    claims: tuple[Claim, ...]
    warnings: tuple[str, ...]

    @cached_property
    def main(self) -> tuple[Claim, ...]:
        """The paper's main claims."""
        return tuple(claim for claim in self.claims if claim.section == MAIN)

    @property
    def counts(self) -> str:
        """How many of all claims hold everywhere, in part, or nowhere: ``3 hold everywhere, 1 in part``."""
        numbers = Counter(claim.group for claim in self.claims)
        return ", ".join(f"{numbers[group]} {words}" for group, words in _GROUPS.items() if numbers[group])

    @property
    def everywhere(self) -> tuple[int, int]:
        """Claims that hold everywhere, and those of them that were tested against chance."""
        found = [claim for claim in self.claims if claim.group == "everywhere"]
        return len(found), sum(claim.tested for claim in found)


def read_findings(table: str | Path) -> Findings | None:
    """The findings of ``table.csv`` of their analysis; None if the table does not exist or is empty."""
    rows = _rows(table)
    if not rows:
        return None
    claims: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        claims.setdefault(row["claim"], []).append(row)
    return Findings(
        tuple(_claim(name, several) for name, several in claims.items()), tuple(warnings_of(networks_of(rows)))
    )


def _claim(name: str, rows: Sequence[Mapping[str, str]]) -> Claim:
    first = rows[0]
    return Claim(
        name=name,
        section=first["section"],
        sentence=first["sentence"],
        # Without what explains it, which the page of findings has.
        measure=re.sub(r" \([^)]*\)", "", re.split("[;:] ", first["measure"])[0]),
        where=bound(first["direction"], float(first["threshold"])) if first["direction"] else "",
        effect=effect_of(rows),
        verdicts=Counter(row["verdict"] for row in rows),
        tested=any(row["null"] and not row["null"].startswith("none") for row in rows),
    )


@dataclass(frozen=True)
class Faithfulness:
    """Of a model's layer, the correlation of maps with what the colours lose without their neuron, over pixels.

    Attributes
    ----------
    correlations : for each of `MAPS` the median over neurons, videos and seeds; None where it is undefined.
    """

    model: str
    layer: str
    correlations: tuple[float | None, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The correlations as text."""
        return tuple("undefined" if value is None else f"{value:.2f}".replace("-", "−") for value in self.correlations)


def read_faithfulness(tables: Iterable[tuple[str, str | Path]]) -> list[Faithfulness]:
    """How far maps agree with the effect of ablating their neurons, by model and layer.

    Parameters
    ----------
    tables : the model's name and ``table.csv`` of the analysis ``faithfulness``, of every network; those that do not
        exist are left out.
    """
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for model, table in tables:
        for row in _rows(table):
            if row["over"] == "pixels" and row["compared"] in MAPS and row["correlation"]:
                own = found.setdefault((model, row["layer"]), {})
                own.setdefault(row["compared"], []).append(float(row["correlation"]))
    return [
        Faithfulness(model, layer, tuple(statistics.median(values[name]) if name in values else None for name in MAPS))
        for (model, layer), values in found.items()
    ]


def _rows(table: str | Path) -> list[dict[str, str]]:
    """Rows of a table; none if it does not exist."""
    if not Path(table).is_file():
        return []
    with open(table, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
