"""Reading checkpoint files without running anything in them.

Every such file is a pickle, a program that may call whatever it names. It is read by PyTorch's restricted unpickler,
which builds tensors and plain containers. Lightning also saves the configuration of a run; the classes of OmegaConf
and their like are replaced by `_Nothing`, which carries no code and keeps no content, so that the tensors beside them
can be read. A file that names anything else is refused.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

from xinc.errors import InputError


class _Nothing:
    """Stands for an object of a configuration: whatever it is made of is dropped."""

    def __new__(cls, *_: Any, **__: Any) -> _Nothing:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class _Mapping:
    """Stands for a class of dictionaries: what is made of it is an empty plain one, to be filled by the pickle."""

    def __new__(cls, *_: Any) -> Any:
        return OrderedDict()


#: Names that a saved configuration consists of, none of which is imported, and what is put in their place.
_DROPPED = (
    *("omegaconf.dictconfig.DictConfig", "omegaconf.listconfig.ListConfig", "omegaconf.base.Container"),
    *("omegaconf.base.ContainerMetadata", "omegaconf.base.Metadata", "omegaconf.base.Node", "omegaconf.base.UnionNode"),
    *(f"omegaconf.nodes.{kind}Node" for kind in ("Any", "Value", "String", "Integer", "Float", "Boolean")),
    *(f"omegaconf.nodes.{kind}Node" for kind in ("Bytes", "Path", "Enum", "InterpolationResult")),
    *("typing.Any", "typing.Union", "builtins.dict", "builtins.list", "builtins.tuple", "builtins.int"),
    *("builtins.float", "builtins.str", "builtins.bool", "builtins.bytes", "builtins.object", "argparse.Namespace"),
    *(f"pathlib.{kind}" for kind in ("Path", "PurePath", "PosixPath", "PurePosixPath", "WindowsPath")),
    *(f"pathlib._local.{kind}" for kind in ("Path", "PosixPath", "WindowsPath")),
)
_MAPPINGS = (
    "collections.defaultdict",
    *(
        f"{package}.utilities.parsing.AttributeDict"
        for package in ("lightning.pytorch", "pytorch_lightning", "lightning.fabric", "lightning_fabric")
    ),
    *("lightning.fabric.utilities.data.AttributeDict", "lightning_fabric.utilities.data.AttributeDict"),
)


def read_checkpoint(path: str | Path, trust: bool = False) -> dict[str, Any]:
    """The content of a checkpoint, read without running anything in it.

    Parameters
    ----------
    path : the file.
    trust : read it with the ordinary unpickler, which runs what the file says.

    Raises
    ------
    InputError : the file is missing, is no checkpoint, or asks for something that is not known to be harmless.
    """
    if not Path(path).is_file():
        raise InputError(f"There is no checkpoint file {path}.")
    content = _trusted(path) if trust else _restricted(path)
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__}; a checkpoint with a state dict was expected.")
    return content


def _restricted(path: str | Path) -> Any:
    import torch

    stubs: list[Any] = [(_Nothing, name) for name in _DROPPED] + [(_Mapping, name) for name in _MAPPINGS]
    try:
        with torch.serialization.safe_globals(stubs), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        if asked is None:
            raise InputError(
                f"{path} was refused: it is no PyTorch checkpoint; a checkpoint should hold tensors and plain values."
            ) from None
        name = asked[1] if "." in asked[1] else f"builtins.{asked[1]}"
        raise InputError(
            f"{path} was refused: it asks for {name}, which could run code; a checkpoint should hold tensors and plain "
            "values. If you trust whoever made it, set trust to true for this file."
        ) from None
    except Exception as error:  # what damaged bytes lead an unpickler to raise cannot be listed
        raise _unreadable(path, error) from None


def _trusted(path: str | Path) -> Any:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:  # a trusted file may raise what it likes
        raise _unreadable(path, error) from None


def _unreadable(path: str | Path, error: Exception) -> InputError:
    reason = str(error).split("\n")[0]
    if "TorchScript" in reason:
        return InputError(
            f"{path} is a TorchScript program, not a checkpoint: give the file that holds its state dict."
        )
    return InputError(f"{path} cannot be read as a PyTorch checkpoint, it may be cut short ({reason}).")
