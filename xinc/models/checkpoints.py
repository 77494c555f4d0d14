"""Reading trained networks: the project's own files, and the layouts that other code bases write.

Every such file is a pickle. It is read with PyTorch's restricted unpickler, which builds tensors and plain containers
and runs no code; a file that needs more is refused.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xinc.errors import InputError, nearest
from xinc.models import storage
from xinc.models.base import INR

#: What the hints may be: the entries of the configuration files that the code bases save beside their checkpoints.
NERV_HINTS = (
    "embed", "fc_hw", "fc_dim", "dec_strds", "ks", "reduce", "lower_width", "num_blks", "act", "norm", "conv_type",
    "out_bias", "num_frames", "frames", "parameters", "widths", "resolution",
)  # fmt: skip
FFN_HINTS = (
    "resolution", "hidden", "layers", "fourier_features", "coordinate_order", "coordinate_range", "normalised_by",
    "num_frames", "frames", "activation", "output_activation",
)  # fmt: skip


def load_model(path: str | Path, **hints: Any) -> INR:
    """Load a network from ``model.pt``, an XINC FFN checkpoint (Lightning ``.ckpt``) or a NeRV of the HNeRV code base.

    Parameters
    ----------
    path : the file.
    hints : what tensors do not tell, named as in the configuration saved beside such a checkpoint: for NeRV ``embed``
        (``"pe_1.25_80"``), ``fc_hw`` (``"8_16"``), ``dec_strds``, ``act``, ``out_bias``, ``num_frames``; for FFN
        ``resolution``. The project's own files need none.

    Raises
    ------
    InputError : the file is missing, is no checkpoint, carries code, has a layout that is not known, misses a hint, or
        disagrees with one (the message names the tensor, what was found and what was expected).

    Examples
    --------
    >>> import xinc
    >>> model = xinc.load_model("results/bunny/nerv/seed0/model.pt")  # doctest: +SKIP
    """
    content = read_checkpoint(path)
    if content.get("format") == storage.FORMAT:
        if hints:
            raise InputError(f"{path} is a file of xinc, complete in itself: leave the hints {sorted(hints)} out.")
        return storage.restore(content, path)
    tensors = _tensors(content, path)
    for layout in (_read_ffn, _read_nerv):
        model = layout(tensors, dict(hints), path)
        if model is not None:
            return model.eval()
    raise InputError(
        f"{path} holds a network of a layout that is not known (tensors {', '.join(list(tensors)[:4])}, …); xinc reads "
        "its own model.pt, XINC's FFN .ckpt and the HNeRV code base's NeRV .pth."
    )


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint, read without running anything in it."""
    if not Path(path).is_file():
        raise InputError(f"There is no checkpoint file {path}.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"asks for {asked.group(1)}, which could run code" if asked else "is no PyTorch checkpoint"
        raise InputError(f"{path} was refused: it {what}; a checkpoint should hold tensors and plain values.") from None
    except Exception as error:  # what damaged bytes lead an unpickler to raise cannot be listed
        reason = str(error).split("\n")[0]
        raise InputError(f"{path} cannot be read as a PyTorch checkpoint, it may be cut short ({reason}).") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__}; a checkpoint with a state dict was expected.")
    return content


def _tensors(content: dict[str, Any], path: str | Path) -> dict[str, Tensor]:
    """The state dict, with the prefixes that wrappers add removed."""
    state = content.get("state_dict", content)
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()) or not state:
        raise InputError(f"{path} holds no state dict of tensors: found the keys {sorted(map(str, content))[:6]}.")
    named = {name.replace("module.", "").replace("blocks.0.", ""): tensor.float() for name, tensor in state.items()}
    return _Tensors(path, named)


class _Tensors(dict[str, Tensor]):
    """A state dict; `InputError` for a tensor that it lacks."""

    def __init__(self, path: str | Path, tensors: dict[str, Tensor]) -> None:
        super().__init__(tensors)
        self.path = path

    def __missing__(self, name: str) -> Tensor:
        raise InputError(f"{self.path} lacks the tensor '{name}'.")


def _take(hints: dict[str, Any], known: tuple[str, ...], path: str | Path) -> Callable[..., Any]:
    """A reader of hints: unknown ones are errors, required ones too when absent."""
    for name in hints:
        if name not in known:
            raise InputError(f"Unknown hint '{name}' for {path}: {nearest(name, known)}.")

    def take(name: str, default: Any = None, required: str = "") -> Any:
        if name not in hints and required:
            raise InputError(f"{path} needs the hint '{name}', {required}.")
        return hints.get(name, default)

    return take


def _expect(found: Any, expected: Any, what: str, path: str | Path) -> None:
    if found != expected:
        raise InputError(f"{path}: {what} is {found}, expected {expected}; check the hints.")


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _resolution(value: Any, name: str, path: str | Path) -> tuple[int, int]:
    parts = re.split(r"[x_]", value) if isinstance(value, str) else value
    try:
        height, width = (int(side) for side in parts)
    except (TypeError, ValueError):
        raise InputError(f"{path}: {name} is {value!r}; expected two integers, [height, width].") from None
    return height, width


def _read_ffn(tensors: dict[str, Tensor], hints: dict[str, Any], path: str | Path) -> INR | None:
    """XINC's FFN: ``model.positional_encoding.B`` and ``model.net.{0..}.linear.{weight,bias}``."""
    if "model.positional_encoding.B" not in tensors:
        return None
    take = _take(hints, FFN_HINTS, path)
    encoding = tensors["model.positional_encoding.B"]
    count = sum(bool(re.fullmatch(r"model\.net\.\d+\.linear\.weight", name)) for name in tensors)
    weights = [tensors[f"model.net.{k}.linear.weight"] for k in range(count)]
    hidden = weights[0].shape[0]
    _expect(take("layers", count), count, "the number of layers in the hints", path)
    _expect(take("hidden", hidden), hidden, "the hidden width in the hints", path)
    _expect(take("fourier_features", len(encoding)), len(encoding), "fourier_features in the hints", path)
    given = take("resolution", required="[height, width] of the frame it was trained on")
    resolution = _resolution(given, "resolution", path)
    _expect(_listed(take("coordinate_order", ["row", "col"])), ["row", "col"], "coordinate_order", path)
    _expect(_listed(take("coordinate_range", [-1, 1])), [-1, 1], "coordinate_range", path)
    _expect(take("normalised_by", "max(H,W)-1"), "max(H,W)-1", "normalised_by", path)
    frames = _listed(take("frames", [0]))
    _expect(len(frames), 1, "the number of frames of a network for one frame", path)
    settings = {
        "fourier_features": len(encoding),
        "hidden_width": hidden,
        "layers": count,
        "activation": take("activation", "relu"),
        "output_activation": take("output_activation", "identity"),
    }
    model = storage.build("ffn", settings, resolution, frames, take("num_frames", max(frames) + 1))
    state = {"B": encoding}
    for k, weight in enumerate(weights):
        state[f"weights.{k}"] = weight[None]
        state[f"biases.{k}"] = tensors[f"model.net.{k}.linear.bias"][None]
    return _load(model, state, path)


def _read_nerv(tensors: dict[str, Tensor], hints: dict[str, Any], path: str | Path) -> INR | None:
    """HNeRV's code base in NeRV mode: ``decoder.0.conv.downconv``, ``decoder.i.conv.upconv.0``, ``head_layer``."""
    if "decoder.0.conv.downconv.weight" not in tensors or any(name.startswith("encoder.") for name in tensors):
        return None
    take = _take(hints, NERV_HINTS, path)
    stem, head = tensors["decoder.0.conv.downconv.weight"], tensors["head_layer.weight"]
    count = sum(bool(re.fullmatch(r"decoder\.\d+\.conv\.upconv\.0\.weight", name)) for name in tensors)
    blocks = [tensors[f"decoder.{k + 1}.conv.upconv.0.weight"] for k in range(count)]
    widths = [*(w.shape[1] for w in blocks), head.shape[1]]
    strides = [math.isqrt(w.shape[0] // after) for w, after in zip(blocks, widths[1:], strict=True)]
    _expect(_listed(take("dec_strds", strides)), strides, "dec_strds in the hints (from the tensor shapes)", path)
    _expect(take("fc_dim", widths[0]), widths[0], "fc_dim in the hints (from the tensor shapes)", path)
    fc_h, fc_w = _stem_shape(take, stem.shape[0] // widths[0], math.prod(strides), path)
    base, levels = _encoding(take("embed", f"pe_1.25_{stem.shape[1] // 2}"), path)
    _expect(2 * levels, stem.shape[1], f"channels of the encoding {take('embed')!r}", path)
    _expect(take("conv_type", "pshuffel"), "pshuffel", "conv_type", path)
    _expect(take("norm", "none"), "none", "norm", path)
    _expect(_listed(take("widths", widths)), widths, "widths in the hints (from the tensor shapes)", path)
    num_frames = take("num_frames", required="the number of frames of the video it was trained on")
    if not isinstance(num_frames, int) or num_frames < 1:
        raise InputError(f"{path}: num_frames is {num_frames!r}; expected a positive integer.")
    settings = {
        "embed_base": base,
        "embed_levels": levels,
        "strides": strides,
        "kernel_size": [w.shape[-1] for w in blocks],
        "head_kernel_size": head.shape[-1],
        "widths": widths,
        "activation": {"swish": "silu", "leaky": "leaky_relu"}.get(take("act", "gelu"), take("act", "gelu")),
        "output_activation": _output_activation(take("out_bias", "tanh"), path),
    }
    resolution = (fc_h * math.prod(strides), fc_w * math.prod(strides))
    given = _resolution(take("resolution", resolution), "resolution", path)
    _expect(given, resolution, "resolution in the hints (from the tensor shapes)", path)
    model = storage.build("nerv", settings, resolution, range(num_frames), num_frames)
    state = {"stem.weight": stem, "head.weight": head, "head.bias": tensors["head_layer.bias"]}
    state["stem.bias"] = tensors["decoder.0.conv.downconv.bias"]
    for k, weight in enumerate(blocks):
        state[f"blocks.{k}.weight"] = weight
        state[f"blocks.{k}.bias"] = tensors[f"decoder.{k + 1}.conv.upconv.0.bias"]
    return _load(model, state, path)


def _stem_shape(take: Callable[..., Any], area: int, factor: int, path: str | Path) -> tuple[int, int]:
    if take("fc_hw") is not None:
        fc_h, fc_w = _resolution(take("fc_hw"), "fc_hw", path)
    elif take("resolution") is not None:
        fc_h, fc_w = (side // factor for side in _resolution(take("resolution"), "resolution", path))
    else:
        raise InputError(f"{path} needs the hint 'fc_hw' ('height_width' of the stem's output) or 'resolution'.")
    _expect(fc_h * fc_w, area, "the area of the stem's output in the hints (from the tensor shapes)", path)
    return fc_h, fc_w


def _encoding(text: str, path: str | Path) -> tuple[float, int]:
    found = re.fullmatch(r"pe_(\d+\.?\d*)_(\d+)", str(text))
    if found is None:
        raise InputError(f"{path}: embed is {text!r}; expected 'pe_BASE_LEVELS', e.g. 'pe_1.25_80'.")
    return float(found[1]), int(found[2])


def _output_activation(text: str, path: str | Path) -> str:
    known = {"tanh": "tanh", "sigmoid": "sigmoid", "none": "identity"}
    if str(text) not in known:
        raise InputError(f"{path}: out_bias is {text!r}: {nearest(str(text), known)}.")
    return known[str(text)]


def _load(model: INR, state: dict[str, Tensor], path: str | Path) -> INR:
    own = model.state_dict()
    for name, tensor in own.items():
        if name not in state:
            raise InputError(f"{path} lacks the tensor for '{name}'.")
        _expect(tuple(state[name].shape), tuple(tensor.shape), f"the shape of the tensor for '{name}'", path)
    model.load_state_dict(state)
    return model
