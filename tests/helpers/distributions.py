"""Distributions of others: a real one, installed, and made-up ones that have nothing but entry points."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

#: A project that adds the architecture ``planes``, the analysis ``spread`` and the activation ``snake``.
OUTSIDE = Path(__file__).parent / "outside"


def install(project: Path, target: Path) -> None:
    """Install a project or a wheel into a folder, as pip does, without what it needs.

    pip builds in the folder of a project, so it gets a copy.
    """
    if project.is_dir():
        copied = target.parent / f"{target.name}-source"
        project = Path(shutil.copytree(project, copied))
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    how = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    subprocess.run([*pip, *how, str(project)], check=True)


def pretend(folder: Path, name: str, version: str, group: str, **entries: str) -> None:
    """Write what makes Python believe that a distribution with these entry points is installed in a folder."""
    written = folder / f"{name}-{version}.dist-info"
    written.mkdir(parents=True)
    (written / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    lines = [f"[{group}]", *(f"{entry} = {value}" for entry, value in entries.items())]
    (written / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
