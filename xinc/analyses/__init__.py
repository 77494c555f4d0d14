"""Analyses: a folder or file for each, found by its registered name."""

from __future__ import annotations

from xinc.registry import Registry

#: Modules of this package that are not analyses.
SUPPORT_MODULES = (
    *("analyse", "annotated", "base", "claim", "draw", "few", "given", "making", "markdown", "page_numbers", "plot"),
    *("results", "run", "subject", "tables", "trained"),
)

analyses: Registry = Registry("analysis", __name__, "xinc.analyses")
