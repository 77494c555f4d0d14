"""Names of the verdicts: what a row of the table says."""

from __future__ import annotations

HOLDS, FAILS, UNCLEAR = "holds", "does not hold", "not significant"
UNMEASURED, INAPPLICABLE = "not measured", "not applicable"
#: The verdicts that a number decides, in the order of tables and figures.
DECIDED = (HOLDS, UNCLEAR, FAILS)
