"""``model.pt``: a trained network together with the settings that made it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xinc.errors import InputError
from xinc.models import architectures, declared
from xinc.models.base import INR
from xinc.settings import validate
from xinc.storage.atomic import whole_file
from xinc.trace.activations import activations

FORMAT = "xinc-model"
VERSION = 1


def build(
    architecture: str,
    settings: Any,
    resolution: Sequence[int],
    frames: Sequence[int],
    num_frames: int,
    seed: int = 0,
) -> INR:
    """A new network with initial weights.

    Parameters
    ----------
    architecture : a registered name, e.g. ``"nerv"``.
    settings : its ``Settings``, or plain builtins to be validated as such.
    resolution, frames, num_frames, seed : see `xinc.models.base.INR`.

    Raises
    ------
    InputError : unknown architecture, invalid settings, no frames or some twice, frames that the video does not
        have, or a resolution they cannot produce.
    """
    cls = architectures[architecture]
    if not isinstance(settings, cls.Settings):
        settings = validate(cls.Settings, settings, architecture)
    size = (int(resolution[0]), int(resolution[1]))
    if min(size) < 1 or size != tuple(resolution):
        raise InputError(
            f"The resolution of a network of architecture '{architecture}' is {tuple(resolution)}; expected two "
            "positive integers, height and width in pixels."
        )
    if len(frames) == 0:
        raise InputError(
            f"A network of architecture '{architecture}' needs at least one frame to represent: give some."
        )
    if len(set(frames)) < len(frames) or min(frames) < 0:
        raise InputError(
            f"A network of architecture '{architecture}' is to represent the frames {list(frames)}; expected indices "
            "from 0 on, each once."
        )
    if max(frames) >= num_frames:
        raise InputError(
            f"A network of architecture '{architecture}' is to represent frame {max(frames)} of a video of "
            f"{num_frames} frames, which are numbered from 0: give frames up to {num_frames - 1}."
        )
    cls.check(settings, size)
    model: INR = cls.network()(settings, size, frames, num_frames, seed)
    return model


def save_model(model: INR, path: str | Path, training: dict[str, Any] | None = None) -> None:
    """Write ``model`` to ``path``; a reader sees the whole file or none.

    The file holds plain builtins and tensors only, so that it loads with ``weights_only=True``.

    Parameters
    ----------
    model : the network.
    path : where to write.
    training : the settings and the outcome of the training, for the record.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        **model.description(),
        **_brought_by(model),
        "training": training or {},
        "state_dict": {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()},
    }
    with whole_file(path) as partial:
        torch.save(content | {"checksum": checksum(content)}, partial)


def _brought_by(model: INR) -> dict[str, Any]:
    """Distributions of an architecture and activations that are not ours, for whoever opens the file without them."""
    distribution = str(architectures.origin(model.name)) if model.name in architectures.names() else ""
    said = (value for value in model.settings.model_dump().values() if isinstance(value, str))
    found = {"distribution": distribution, "activations": activations.distributions(said)}
    return {name: value for name, value in found.items() if value}


def identity(model: INR) -> str:
    """Sixteen hexadecimal digits of a network's weights and settings: those of another network are others."""
    return checksum(model.description() | {"state_dict": model.state_dict()})[:16]


def checksum(content: dict[str, Any]) -> str:
    """SHA-256 of all entries of a ``model.pt`` but the checksum itself; PyTorch does not notice flipped bits."""
    found = hashlib.sha256()
    entries = {name: value for name, value in content.items() if name not in ("checksum", "state_dict")}
    found.update(json.dumps(entries, sort_keys=True, default=str).encode())
    for name, tensor in content["state_dict"].items():
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()


def check_finite(tensors: Mapping[str, Tensor], path: Any) -> None:
    """`InputError` naming the first tensor that holds NaN or infinity."""
    for name, tensor in tensors.items():
        if (tensor.is_floating_point() or tensor.is_complex()) and not bool(torch.isfinite(tensor).all()):
            bad = int((~torch.isfinite(tensor)).sum())
            raise InputError(
                f"{path}: {bad} of the {tensor.numel()} values of tensor '{name}' are NaN or infinite; expected finite "
                "weights: the training diverged, or the file was written from a bad one; give an earlier checkpoint."
            )


def restore(content: dict[str, Any], path: str | Path, module: str = "") -> INR:
    """The network in the content of a ``model.pt``; ``module`` is what the user declares, see `declared.opened`."""
    if content.get("version") != VERSION:
        raise InputError(
            f"{path} has version {content.get('version')} of the model format; this xinc reads version {VERSION}: "
            "use the xinc that wrote it, or train again."
        )
    try:
        if content["architecture"] == declared.ARCHITECTURE:
            model = declared.opened(content, module)
        elif module:
            raise InputError(f"it holds a network of architecture '{content['architecture']}': leave module out")
        else:
            model = _built(content)
        if content["checksum"] != checksum(content):
            raise InputError("its checksum differs from that of its content, bits have changed; train again")
        model.outcome = dict(content.get("training", {}).get("outcome", {}))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged, an entry is missing or malformed ({error}).") from None
    except RuntimeError as error:
        reasons = " ".join(line.strip() for line in str(error).splitlines()[1:]).rstrip(". ")
        raise InputError(f"{path} holds weights that do not fit its own settings: {reasons}.") from None
    check_finite(content["state_dict"], path)
    return model.eval()


def _built(content: dict[str, Any]) -> INR:
    """The network of a registered architecture in the content of a ``model.pt``."""
    entries = [content[name] for name in ("architecture", "settings", "resolution", "frames", "num_frames", "seed")]
    architectures.get(content["architecture"], content.get("distribution", ""))
    for activation, distribution in content.get("activations", {}).items():
        activations.get(activation, distribution)
    model = build(*entries)
    model.load_state_dict(content["state_dict"])
    return model
