"""Creation of a folder for an experiment: configuration, and a workflow that uses the installed package's rules."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

from xinc.errors import InputError
from xinc.experiment.scripts import CONFIG, WORKFLOW

_SNAKEFILE = """\
# The workflow of the installed xinc. Rules of your own may follow, and use its results.
from xinc.experiment.scripts import WORKFLOW


# Snakemake would merge this file into a configuration given with --configfile.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


module xinc:
    snakefile:
        WORKFLOW / "Snakefile"
    config:
        config


use rule * from xinc
"""

_README = """\
# An experiment with xinc

    snakemake -n                  # check everything and show the plan
    snakemake --cores all         # make what is missing or out of date

Then open `results/report.html`: all figures, and what they amount to. Snakemake writes a report of its own, with the
jobs behind each figure: `snakemake --report report.html --report-stylesheet workflow/report/report.css`.

`config/videos.tsv` lists the videos, a line for each, and `config/config.yaml` says what is made of them. They hold the
example: two short videos that need no download, a run of a few minutes. Replace them with your own, for instance
`holiday<tab>videos/holiday.mp4` in the table.

    xinc settings                 # every setting with its default and meaning
    xinc settings videos          # the columns of the table
    xinc check                    # check the configuration, in a moment
    xinc why results/…            # say why a result would be made again

Results go to `results/`, logs to `logs/`. For a cluster with Slurm, adapt `workflow/profiles/slurm`, then run
`snakemake --profile workflow/profiles/slurm`.
"""

_IGNORED = "/.snakemake/\n/logs/\n/report.html\n/results/\n"


def create(folder: str | Path) -> Iterator[str]:
    """Make a folder in which ``snakemake --cores all`` works.

    Parameters
    ----------
    folder : new or empty.

    Yields
    ------
    Lines for the user: what was made, and what to do next.

    Raises
    ------
    InputError : there is something in the folder, or it cannot be written.
    """
    root = Path(folder)
    try:
        if root.exists() and any(root.iterdir()):
            raise InputError(f"{root} is not empty: give the name of a new folder.")
        _write(root)
    except OSError as error:
        raise InputError(f"{root} cannot be written: {error.strerror or error}.") from None
    yield f"Made {root}: config/config.yaml and config/videos.tsv say what is done, README.md says how."
    if importlib.util.find_spec("snakemake") is None:
        yield "Snakemake is not installed: pip install 'xinc[workflow]'"
    yield f"Next: cd {root}; snakemake --cores all"


def _write(root: Path) -> None:
    for name in ("config.yaml", "schema.json", "videos.tsv"):
        _copy(CONFIG / name, root / "config" / name)
    for name in ("profiles/default/config.yaml", "profiles/slurm/config.yaml", "report/report.css"):
        _copy(WORKFLOW / name, root / "workflow" / name)
    for name, text in (("README.md", _README), (".gitignore", _IGNORED), ("workflow/Snakefile", _SNAKEFILE)):
        (root / name).write_text(text, encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    """Content only: what is installed may be read-only, and these are to be edited."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
