"""Location of the workflow's files."""

from __future__ import annotations

from pathlib import Path

#: The folder of the workflow, in a checkout beside the package.
WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
#: The scripts of its jobs.
SCRIPTS = WORKFLOW / "scripts"
