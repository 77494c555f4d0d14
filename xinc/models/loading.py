"""Loading of a ``model.pt``."""

from __future__ import annotations

from pathlib import Path

from xinc.errors import InputError
from xinc.models._pruned import restore
from xinc.models.base import INR
from xinc.models.declared import ARCHITECTURE
from xinc.models.imports.unpickling import read_checkpoint
from xinc.models.storage import FORMAT


def load(path: str | Path, module: str = "") -> INR:
    """The network in a ``model.pt``, and in no other file (`xinc.load_model` also reads those of other code bases).

    Parameters
    ----------
    path : the file.
    module : what the user declares, see `xinc.models.declared`; of any other network empty.

    Raises
    ------
    InputError : the file is missing, no ``model.pt``, damaged, or of another version.
    """
    content = read_checkpoint(path)
    if content.get("format") != FORMAT:
        raise InputError(
            f"{path} is not a model.pt of xinc: import it (docs/how-to/your-own-checkpoint.md), or give a model.pt."
        )
    return restore(content, path, module)


def notes_module(path: str | Path) -> bool:
    """Whether a ``model.pt`` holds a network that a function of a user's makes, see `xinc.models.declared`."""
    return bool(read_checkpoint(path).get("architecture") == ARCHITECTURE)
