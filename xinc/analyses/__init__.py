"""The analyses: one file each, found by their registered name."""

from __future__ import annotations

from xinc.registry import Registry

#: Modules of this package that are not analyses.
SUPPORT_MODULES = ("base", "results", "run", "subject")

analyses: Registry = Registry("analysis", __name__)
