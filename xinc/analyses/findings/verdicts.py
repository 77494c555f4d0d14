"""Verdicts on rows of the table, and the correction of probabilities for the number of tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from xinc.analyses.claim import Claim
from xinc.analyses.findings.names import FAILS, HOLDS, INAPPLICABLE, UNCLEAR, UNMEASURED
from xinc.statistics.false_discoveries import false_discovery_rates


def verdict(row: dict[str, Any], level: float) -> tuple[str, str]:
    """The verdict on a row and, where it needs one, a reason; ``level``: largest corrected probability that counts."""
    claim: Claim | None = row["of"]
    if claim is None or not row["applies"]:
        return (UNMEASURED if row["applies"] else INAPPLICABLE), row["reason"]
    if not np.isfinite(row["value"]):
        return UNMEASURED, claim.missing
    beyond = claim.beyond(row["value"])
    if beyond and not row["premise"]:
        return UNCLEAR, claim.without
    explained = row["q_value"] > level
    if claim.absence:
        if not row["enough"]:
            return UNCLEAR, "too few cases"
        return (HOLDS, "") if beyond else (UNCLEAR, "chance explains it") if explained else (FAILS, "")
    if not beyond:
        return FAILS, ""
    if claim.null is not None and not np.isfinite(row["p_value"]):
        return UNCLEAR, "no probability under the null could be found"
    return (UNCLEAR, "chance explains it") if explained else (HOLDS, "")


def corrected(rows: list[dict[str, Any]]) -> list[float]:
    """Corrected p-values (false discovery rate); a test that several sentences use counts once."""
    about = ("measure", "analysis", "video", "model", "seed", "layer", "value", "p_value")
    keys = [tuple(row[name] for name in about) for row in rows]
    # A sentence that does not speak of a layer is not a test.
    own = [row["p_value"] if row["applies"] else np.nan for row in rows]
    tests = {key: p for key, p in zip(keys, own, strict=True) if np.isfinite(p)}
    found = dict(zip(tests, false_discovery_rates(np.array(list(tests.values()), float)), strict=True))
    return [float(found[key]) if np.isfinite(p) else float("nan") for key, p in zip(keys, own, strict=True)]
