"""An analysis by its name and settings."""

from __future__ import annotations

from typing import Any

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.settings import validate


def make_analysis(name: str, settings: Any = None, distribution: str = "") -> Analysis:
    """The analysis called ``name`` with these settings (plain builtins); `InputError` for what is not known.

    ``distribution`` is what a result notes of it, see `xinc.registry.Registry.get`.
    """
    cls = analyses.get(name, distribution)
    analysis = cls(validate(cls.Settings, settings, f"analyses.{name}"))
    assert isinstance(analysis, Analysis)
    return analysis
