"""The verdict of the findings on a claim about one result, or a pair of them, as if it were the only test made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xinc.analyses import analyses
from xinc.analyses.claim import Claim
from xinc.analyses.findings import Findings
from xinc.analyses.findings.comparisons import COMPARISONS
from xinc.analyses.findings.names import FAILS, HOLDS, INAPPLICABLE, UNCLEAR, UNMEASURED
from xinc.analyses.findings.rows import layers_of
from xinc.analyses.findings.verdicts import verdict
from xinc.analyses.results import Record

__all__ = ["CLAIMS", "FAILS", "HOLDS", "INAPPLICABLE", "UNCLEAR", "UNMEASURED", "judged", "row_of"]

CLAIMS: dict[str, Claim] = {claim.name: claim for name in analyses for claim in analyses[name].claims()}
CLAIMS |= {comparison.claim.name: comparison.claim for comparison in COMPARISONS}


def row_of(name: str, about: Any, layer: str) -> dict[str, Any]:
    """The row of a layer."""
    record = Record("made", "clip", "model", 0, Path("nowhere"))
    [row] = [row for row in layers_of(CLAIMS[name], record, about) if row["layer"] == layer]
    return row


def judged(name: str, about: Any, layer: str) -> str:
    """The verdict on a layer."""
    row = row_of(name, about, layer)
    return verdict(row | {"q_value": row["p_value"]}, Findings.Settings().level)[0]
