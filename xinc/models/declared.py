"""Networks that a function of the user's makes, declared by its name as ``mypackage.nets:build``; without PyTorch.

The name is said by whoever runs the code, in the configuration or to `xinc.load_model`. A file only notes it: opening
one never imports a module because the file names it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xinc.errors import InputError

if TYPE_CHECKING:
    from xinc.models.base import INR

#: What a ``model.pt`` has in the place of an architecture's registered name.
ARCHITECTURE = "module"

#: The module whose function opens one.
OPENER = "xinc.modules.declared"


def split_name(name: str) -> tuple[str, str]:
    """Dotted module and function of a declared name; `InputError` for anything else."""
    if not isinstance(name, str) or not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", name):
        raise InputError(
            f"module is {name!r}: a module and the function in it that makes the network were expected, e.g. "
            "mypackage.nets:build."
        )
    module, _, function = name.partition(":")
    return module, function


def look_here() -> None:
    """Let modules be found in the working directory too, after all that are installed or on ``PYTHONPATH``."""
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)


def brought_by(name: str) -> tuple[str, str]:
    """Distribution and version that a declared module is part of; empty for a module of none."""
    top = split_name(name)[0].partition(".")[0]
    found = importlib.metadata.packages_distributions().get(top, [])
    return (found[0], importlib.metadata.version(found[0])) if found else ("", "")


def opened(content: Mapping[str, Any], module: str) -> INR:
    """The network in the content of a ``model.pt``, made by the declared function.

    Parameters
    ----------
    content : of the file.
    module : what the user declares; empty for nothing, and then nothing is imported.

    Raises
    ------
    InputError : it is not what the file notes; or see `xinc.modules.declared.restored`.
    """
    noted = str(content["module"])
    if not module:
        of = f" of {content['distribution']}" if content.get("distribution") else ""
        raise InputError(
            f"it holds a network that {noted}{of} makes, and code runs only where it is asked for: give the module, as "
            f"in xinc.load_model(path, module={noted!r})."
        )
    if module != noted:
        raise InputError(f"{noted} makes its network, but the module {module} was given: give module={noted!r}.")
    model: INR = importlib.import_module(OPENER).restored(content)
    return model
