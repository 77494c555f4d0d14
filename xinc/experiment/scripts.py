"""Locations of the workflow's files."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
#: An installed package has these folders inside, a checkout beside it.
_HOME = _PACKAGE if (_PACKAGE / "workflow").is_dir() else _PACKAGE.parent

#: The folder of the workflow.
WORKFLOW = _HOME / "workflow"
#: The scripts of its jobs.
SCRIPTS = WORKFLOW / "scripts"
#: The folder of the example's configuration.
CONFIG = _HOME / "config"
