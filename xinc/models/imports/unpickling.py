"""Reading of checkpoint files without running code in them.

Every such file is a pickle, a program that may call whatever it names. It is read by PyTorch's restricted unpickler,
which builds tensors and plain containers. Lightning also saves the configuration of a run; the classes of OmegaConf
and their like are replaced by `_Nothing`, which carries no code and keeps no content, so that the tensors beside them
can be read. A file that names anything else is refused.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
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


#: Scalars, arrays and types of NumPy, as training scripts keep a best score or a learning rate beside the weights.
_NUMPY = (
    *(f"numpy.{package}.multiarray.{name}" for package in ("core", "_core") for name in ("scalar", "_reconstruct")),
    *(f"numpy.{package}.numeric._frombuffer" for package in ("core", "_core")),
    *("numpy.dtype", "numpy.ndarray", "_codecs.encode"),
    *(f"numpy.dtypes.{kind}DType" for kind in ("Float16", "Float32", "Float64", "Int8", "Int16", "Int32", "Int64")),
    *(f"numpy.dtypes.{kind}DType" for kind in ("UInt8", "UInt16", "UInt32", "UInt64", "Bool", "Str", "LongDouble")),
)


class _Mapping:
    """Stands for a class of dictionaries: what is made of it is an empty plain one, to be filled by the pickle."""

    def __new__(cls, *_: Any) -> Any:
        return OrderedDict()


#: Names that a saved configuration consists of, and their replacements; none of them is imported.
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

#: How a file of torch.save begins: an archive, or, in its older form, a pickle that begins with this number.
_ARCHIVE, _NUMBER, _HEAD = b"PK\x03\x04", b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19", 32


def check_file(path: str | Path) -> bytes:
    """The first bytes of a checkpoint; `InputError` if the file does not exist or is empty."""
    if Path(path).is_dir():
        raise InputError(f"{path} is a folder, not a checkpoint file: give the file in it.")
    if not Path(path).is_file():
        raise InputError(f"There is no checkpoint file {path}: correct the path.")
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    if not head:
        raise InputError(f"{path} is empty: download or copy it again.")
    return head


def read_checkpoint(path: str | Path, trust: bool = False) -> dict[str, Any]:
    """The content of a checkpoint, read without running anything in it.

    Parameters
    ----------
    path : the file.
    trust : read it with the ordinary unpickler, which runs what the file says.

    Raises
    ------
    InputError : the file is missing, is not a checkpoint, or asks for something that is not known to be harmless.
    """
    check_file(path)
    if Path(path).suffix == ".safetensors":
        return _safetensors(path)
    content = _trusted(path) if trust else _restricted(path)
    if hasattr(content, "state_dict"):  # a whole network, which only a trusted file can be
        content = dict(content.state_dict())
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__}; a checkpoint with a state dict was expected.")
    return content


def _safetensors(path: str | Path) -> dict[str, Any]:
    """Tensors by name: a format without code."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path} is not a safetensors file, or is damaged ({error}): download or copy it again."
        ) from None


def _restricted(path: str | Path) -> Any:
    import torch

    stubs: list[Any] = [(_Nothing, name) for name in (*_DROPPED, *_NUMPY)] + [(_Mapping, name) for name in _MAPPINGS]
    try:
        with torch.serialization.safe_globals(stubs), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        if asked is None or not check_file(path).startswith((b"\x80", _ARCHIVE)):
            raise _unreadable(path, error, trust=False) from None
        name = asked[1] if "." in asked[1] else f"builtins.{asked[1]}"
        raise InputError(
            f"{path} was refused: it asks for {name}, which could run code; expected tensors and plain values: where "
            "the network was trained, save its weights alone, torch.save(model.state_dict(), 'weights.pth'), and give "
            "that file (trust: true would run whatever is in this one)."
        ) from None
    except Exception as error:  # what damaged bytes lead an unpickler to raise cannot be listed
        raise _unreadable(path, error, trust=False) from None


def _trusted(path: str | Path) -> Any:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:  # a trusted file may raise what it likes
        raise _unreadable(path, error, trust=True) from None


def _unreadable(path: str | Path, error: Exception, trust: bool) -> InputError:
    """Why a file could not be read: it is of another kind, damaged, or whole but of unknown content."""
    head, reason = check_file(path), _reason(error)
    if "TorchScript" in reason:
        return InputError(
            f"{path} is a TorchScript program, not a checkpoint: give the file that holds its state dict."
        )
    names = _archived(path)
    archive = head.startswith(_ARCHIVE) or _ARCHIVE.startswith(head)
    if not archive and not _is_older(head):
        begins = head.decode("ascii", "replace").split("\n")[0].strip()
        shown = f", it begins with '{begins}'" if begins.isprintable() and begins.isascii() and begins else ""
        return InputError(
            f"{path} is not a PyTorch file{shown}: give the file that torch.save wrote (.pt, .pth, .ckpt)."
        )
    if names and not any(name.endswith("data.pkl") for name in names):
        return InputError(
            f"{path} is not a PyTorch file, but an archive of {names[0]}: give the file that torch.save wrote "
            "(.pt, .pth, .ckpt)."
        )
    if names or isinstance(error, ImportError | AttributeError):
        return InputError(
            f"{path} is a PyTorch file whose content cannot be read ({reason}): where the network was trained, save "
            "its weights alone, torch.save(model.state_dict(), 'weights.pth'), and give that file."
        )
    return InputError(f"{path} is cut short or damaged: download or copy it again.")


def _reason(error: Exception) -> str:
    """The line of an error that says what is wrong; PyTorch's restricted reader puts advice before it."""
    text = str(error)
    found = re.search(r"WeightsUnpickler error:\s*(.*)", text)
    return found[1].strip() if found else text.split("\n")[0] or type(error).__name__


def _is_older(head: bytes) -> bool:
    """Whether a file begins as torch.save did before it wrote archives, or ends within this beginning."""
    start = b"\x80\x02" + _NUMBER
    return _NUMBER in head or start.startswith(head)


def _archived(path: str | Path) -> list[str]:
    """Names of what is in an archive; none for a file that is not an archive, or is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist() if archive.testzip() is None else []
    except Exception:  # what damaged bytes lead to cannot be listed
        return []
