"""The HNeRV code base in NeRV mode: ``decoder.0.conv.downconv``, ``decoder.i.conv.upconv.0``, ``head_layer``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from xinc.errors import InputError, nearest
from xinc.models.imports.parts import Axes, Hints, Imported, Layout, Tensors, listed

#: Entries of the configuration saved beside such a checkpoint that concern its decoder.
DECODER_HINTS = (
    "dec_strds", "ks", "reduce", "lower_width", "num_blks", "act", "norm", "conv_type", "out_bias", "num_frames",
    "frames", "parameters", "widths", "resolution", "fc_dim", "fc_hw", "embed", "embed_base", "embed_order",
    "frame_numbering",
)  # fmt: skip

#: The code base's names of activations.
ACTIVATIONS = {
    "relu": "relu", "leaky": "leaky_relu", "leaky01": "leaky_relu(0.1)", "relu6": "relu6", "gelu": "gelu",
    "sin": "sin", "swish": "silu", "silu": "silu", "softplus": "softplus", "hardswish": "hardswish",
}  # fmt: skip


def matches(tensors: Tensors, given: Mapping[str, Any]) -> bool:
    if "decoder.0.conv.downconv.weight" not in tensors or any(name.startswith("encoder.") for name in tensors):
        return False
    if "embeddings" in given:
        return False
    return "embed" not in tensors or str(given.get("embed", "")).startswith("pe")


@dataclass
class Blocks:
    """Stem, blocks and head of a decoder: settings, weights by our names, and channels of the stem."""

    settings: dict[str, Any]
    state: dict[str, Tensor]
    stem_inputs: int
    stem_area: int
    upscale: int


def read(tensors: Tensors, hints: Hints) -> Imported:
    found = read_blocks(tensors, hints)
    if found.stem_inputs % 2:
        raise InputError(
            f"{hints.path}: {found.stem_inputs} channels enter 'decoder.0.conv.downconv.weight', expected an even "
            "number, sines and cosines of time; if it is an HNeRV, give a table of embeddings (the hint 'embeddings')."
        )
    base, levels = _encoding(hints.take("embed", f"pe_1.25_{found.stem_inputs // 2}"), hints)
    hints.compare(["embed"], 2 * levels, found.stem_inputs, "{} channels")
    fc_h, fc_w = stem_shape(hints, found.stem_area, found.upscale, "fc_hw")
    resolution = (fc_h * found.upscale, fc_w * found.upscale)
    check_resolution(hints, resolution, "fc_hw")
    num_frames = hints.num_frames("the number of frames of the video it was trained on")
    hints.check("parameters", sum(tensor.numel() for tensor in found.state.values()))
    settings = found.settings | {"embed_levels": levels, **time_of(hints, "separate", base)}
    return Imported("nerv", settings, resolution, hints.frames(num_frames), num_frames, found.state)


def read_blocks(tensors: Tensors, hints: Hints) -> Blocks:
    """Everything from the stem on, which NeRV and HNeRV have in common."""
    numbers = tensors.numbers(r"decoder\.(\d+)\.conv\.upconv\.0\.weight")
    other = next((name for name in tensors if re.match(r"decoder\.\d+\.(norm|conv\.upconv\.(weight|1))", name)), None)
    if not numbers or other:
        raise InputError(
            f"{hints.path} holds the tensor '{other or next(iter(tensors))}': only conv_type pshuffel with norm none "
            "can be dissected, a convolution, then PixelShuffle, then the activation."
        )
    names = [f"decoder.{k + 1}.conv.upconv.0.weight" for k in range(numbers[-1])]
    strides = tensors.strides(names, "head_layer.weight")
    sides = [tensors.kernel_size(name) for name in names]
    widths = [*(tensors[name].shape[1] for name in names), tensors["head_layer.weight"].shape[1]]
    stem = tensors.shaped("decoder.0.conv.downconv.weight", None, None, 1, 1)
    head = tensors.shaped("head_layer.weight", 3, widths[-1], None, None)
    if stem.shape[0] % widths[0]:
        raise InputError(
            f"{hints.path}: tensor 'decoder.0.conv.downconv.weight' has shape {tuple(stem.shape)}, expected a "
            f"multiple of {widths[0]} in place of {stem.shape[0]}, because {widths[0]} channels enter '{names[0]}'."
        )
    state = {
        "stem.weight": stem,
        "stem.bias": tensors.shaped("decoder.0.conv.downconv.bias", stem.shape[0]),
        "head.weight": head,
        "head.bias": tensors.shaped("head_layer.bias", 3),
    }
    for k, name in enumerate(names):
        state[f"blocks.{k}.weight"] = tensors.shaped(name, None, widths[k], sides[k], sides[k])
        state[f"blocks.{k}.bias"] = tensors.shaped(name.replace("weight", "bias"), len(tensors[name]))
    _check_stages(hints, strides, sides, widths)
    activation, offset = output_of(hints)
    settings = {
        "strides": strides,
        "kernel_size": sides,
        "head_kernel_size": tensors.kernel_size("head_layer.weight"),
        "widths": widths,
        "activation": hints.choice("act", "gelu", ACTIVATIONS),
        "output_activation": activation,
        "output_offset": offset,
    }
    return Blocks(settings, state, stem.shape[1], stem.shape[0] // widths[0], math.prod(strides))


def _check_stages(hints: Hints, strides: list[int], sides: list[int], widths: list[int]) -> None:
    """What the configuration says of strides, kernels and widths, stage by stage of ``num_blks`` blocks each."""
    each = (hints.integers("num_blks", 2, "'ENCODER_DECODER', e.g. '1_1'") or [1, 1])[1]
    stages = len(strides) // max(each, 1)
    if each < 1 or len(strides) % each or any(s != 1 for k, s in enumerate(strides) if k % each):
        raise InputError(
            f"{hints.path}: the hint num_blks is {hints.take('num_blks')}, {each} blocks a stage, but the tensors make "
            f"{len(strides)} blocks of strides {strides}: correct the hint, or give the file that it describes."
        )
    hints.check("dec_strds", strides[::each], listed)
    hints.check("fc_dim", widths[0])
    hints.check("widths", widths, listed)
    hints.must("conv_type", "pshuffel", lambda value: "pshuffel" if value == ["convnext", "pshuffel"] else value)
    hints.must("norm", "none")
    kernels = hints.integers("ks", 3, "'ENCODER_FIRST_LARGEST', e.g. '0_3_3'")
    if kernels:
        rule = [min(kernels[1] + 2 * (k // each), kernels[2]) for k in range(len(strides))]
        hints.compare(["ks"], rule, sides, "kernels of sides {}")
    _check_widths(hints, [widths[0], *(widths[each * (k + 1)] for k in range(stages))], strides[::each])


def _check_widths(hints: Hints, widths: list[int], strides: list[int]) -> None:
    """Each stage shrinks the width by ``reduce`` (-1: by the root of its stride), down to ``lower_width``."""
    lowest = hints.whole("lower_width", min(widths[1:]))
    if "reduce" in hints:
        factor = -1.0 if hints.take("reduce") == -1 else hints.number("reduce", 1)
        rule = [widths[0]]
        for stride in strides:
            rule.append(max(round(rule[-1] / (math.sqrt(stride) if factor == -1 else factor)), lowest))
        hints.compare([n for n in ("reduce", "lower_width") if n in hints], rule, widths, "widths {}")
    elif "lower_width" in hints and min(widths[1:]) < lowest:
        hints.check("lower_width", min(widths[1:]))


def stem_shape(hints: Hints, area: int, factor: int, name: str) -> tuple[int, int]:
    """Height and width of the stem's output, ``area`` positions, from a hint of this name or the resolution."""
    given = hints.integers(name, 2, "two integers, 'HEIGHT_WIDTH'") if name in hints else None
    resolution = hints.resolution()
    if given is None and resolution is None:
        raise InputError(f"{hints.path} needs the hint '{name}' ('height_width' of the stem's output) or 'resolution'.")
    if given is None:
        assert resolution is not None
        height, width = resolution
        if height % factor or width % factor or height * width != area * factor**2:
            raise InputError(
                f"{hints.path} makes frames of {area * factor**2} pixels in steps of {factor}, unlike "
                f"{height}x{width}: check the resolution, or give the hint '{name}'."
            )
        return height // factor, width // factor
    hints.compare([name], given[0] * given[1], area, "{} positions of the stem's output")
    return given[0], given[1]


def check_resolution(hints: Hints, resolution: tuple[int, int], *beside: str) -> None:
    """`InputError` where the hint is another resolution than tensors make, with the hints ``beside`` that are given."""
    if "resolution" in hints and hints.resolution() != resolution:
        made = hints.form("resolution", resolution)
        hints.refuse(["resolution"], made, beside=[name for name in beside if name in hints])


def output_of(hints: Hints) -> tuple[str, float]:
    """Output activation and offset of ``out_bias``: tanh, sigmoid, none, or a number that is added."""
    value = str(hints.take("out_bias", "tanh"))
    known = {"tanh": "tanh", "sigmoid": "sigmoid", "none": "identity"}
    if value in known:
        return known[value], 0.0
    try:
        offset = float(value)
    except ValueError:
        offset = math.nan
    if not math.isfinite(offset):
        raise InputError(f"{hints.path}: out_bias is {value!r}: {nearest(value, [*known, 'a number'])}.")
    return "identity", offset


def time_of(hints: Hints, order: str, base: float) -> dict[str, Any]:
    """Settings of a NeRV's time: base of its encoding, order of the channels, numbering of the frames."""
    orders, numberings = ("separate", "interleaved"), ("from_zero", "from_one", "to_one")
    if "embed" in hints:
        hints.check("embed_base", base)
    return {
        "embed_base": hints.number("embed_base", base),
        "embed_order": hints.choice("embed_order", order, dict(zip(orders, orders, strict=True))),
        "frame_numbering": hints.choice("frame_numbering", "from_zero", dict(zip(numberings, numberings, strict=True))),
    }


#: What may be tried of a decoder.
ACTIVATION_AXIS: Axes = {("act",): tuple((name,) for name in ("gelu", "relu", "swish", "sin", "leaky"))}


def time_axes(order: str, other: str) -> Axes:
    """What may be tried of a NeRV's time, the usual order of its encoding's channels first."""
    return {
        ("embed_order",): ((order,), (other,)),
        ("frame_numbering",): (("from_zero",), ("from_one",), ("to_one",)),
        ("embed_base", "embed"): ((1.25, None), (2.0, None)),
    }


def _encoding(text: Any, hints: Hints) -> tuple[float, int]:
    found = re.fullmatch(r"pe_(\d+\.?\d*)_(\d+)", str(text))
    if found is None:
        raise InputError(f"{hints.path}: embed is {text!r}; expected 'pe_BASE_LEVELS', e.g. 'pe_1.25_80'.")
    return float(found[1]), int(found[2])


LAYOUT = Layout(
    "a NeRV of the HNeRV code base",
    DECODER_HINTS,
    matches,
    read,
    {**time_axes("separate", "interleaved"), **ACTIVATION_AXIS},
    ("out_bias", ("tanh", "sigmoid", "none")),
)
