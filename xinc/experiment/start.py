"""Checks of the command line and the surroundings that come before Snakemake's own, which end in a traceback.

Snakemake reads configuration files and makes its cache before it opens the Snakefile. The default profile, which it
reads first of all, calls `check_start`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from xinc.errors import InputError
from xinc.experiment.config_files import CONFIG, read_file

#: And what Snakemake's parser takes for it.
_CONFIGFILE = ("--configfile", "--configfiles", "--configfil", "--configfi", "--configf")


def check_start(words: Sequence[str] | None = None) -> None:
    """End the process with one sentence where Snakemake could not even open the Snakefile.

    Parameters
    ----------
    words : Snakemake's arguments (default: those of the process).
    """
    try:
        check_configuration(sys.argv[1:] if words is None else words)
        check_cache()
    except InputError as error:
        sys.exit(f"Error: {error}")


def check_configuration(words: Sequence[str]) -> None:
    """Look at what follows ``--configfile`` and ``--config`` among Snakemake's arguments, or at the default file.

    Raises
    ------
    InputError : a file cannot be read, see `xinc.experiment.config_files.read_file`; or a target is among them.
    """
    files = _values(words, *_CONFIGFILE)
    default = Path(*_values(words, "--directory", "-d")[:1], CONFIG)
    if not files and default.exists():
        read_file(default, yaml.FullLoader)
    for number, file in enumerate(files):
        try:
            read_file(file, yaml.FullLoader)
        except InputError:
            if number == 0 or Path(file).suffix in (".yaml", ".yml", ".json"):
                raise
            raise InputError(
                f"Snakemake takes '{file}' for another configuration file, because it follows --configfile: give "
                f"targets first, as in `snakemake {file} --configfile {' '.join(files[:number])} --cores all`."
            ) from None
    for setting in _values(words, "--config", "-C"):
        if "=" not in setting:
            raise InputError(
                f"Snakemake takes '{setting}' for a setting, because it follows --config: expected KEY=VALUE; give "
                "targets first."
            )


def _values(words: Sequence[str], *names: str) -> list[str]:
    """The values of the last option of these names."""
    found: list[str] = []
    taking = False
    for word in words:
        name, sign, value = word.partition("=")
        if word == "--":
            break
        if name in names:
            found, taking = [value] if sign else [], not sign
        elif word.startswith("-"):
            taking = False
        elif taking:
            found.append(word)
    return found


def check_cache() -> None:
    """Make the folder that Snakemake is going to make for its cache.

    Raises
    ------
    InputError : it cannot be made, as without a home directory.
    """
    from snakemake.common import get_appdirs

    folder = f"{get_appdirs().user_cache_dir}/snakemake/source-cache"
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"Snakemake cannot make its cache {folder} ({error.strerror}): set XDG_CACHE_HOME, or HOME, to a folder "
            "that can be written."
        ) from None
    if not os.access(folder, os.W_OK, effective_ids=True):
        raise InputError(f"Snakemake cannot write to its cache {folder}: set XDG_CACHE_HOME to a folder that can be.")


def check_folder(folder: object) -> None:
    """`InputError` where the path of the workflow's folder has braces, which Snakemake takes for wildcards."""
    if "{" in str(folder) or "}" in str(folder):
        raise InputError(
            f"The workflow lies in {folder}, whose path has braces, which Snakemake takes for wildcards: rename the "
            "folder, or move the workflow."
        )
