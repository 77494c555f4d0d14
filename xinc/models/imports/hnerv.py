"""The HNeRV code base in encoder mode: its decoder as in NeRV mode, with ``encoder.*`` or a table ``embed``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from xinc.errors import InputError
from xinc.models.imports.hnerv_nerv import ACTIVATION_AXIS, DECODER_HINTS, check_resolution, read_blocks
from xinc.models.imports.parts import Hints, Imported, Layout, Tensors, as_kernel, listed, load_table

HINTS = (*DECODER_HINTS, "embeddings", "enc_strds", "enc_dim")

#: Our names of a ConvNeXt block's parts, and the code base's.
_BLOCK = {"spatial": "dwconv", "norm": "norm", "expand": "pwconv1", "contract": "pwconv2"}


def matches(tensors: Tensors, _: Mapping[str, Any]) -> bool:
    return "decoder.0.conv.downconv.weight" in tensors


def read(tensors: Tensors, hints: Hints) -> Imported:
    found = read_blocks(tensors, hints)
    enlarged = math.isqrt(found.stem_area)
    if enlarged**2 != found.stem_area:
        raise InputError(
            f"{hints.path}: its stem makes {found.stem_area} positions of one, expected a square number, as in an "
            "HNeRV; if it is a NeRV, give the hint embed, e.g. 'pe_1.25_80'."
        )
    if "fc_hw" in hints:
        found_hw = hints.integers("fc_hw", 2, "two integers, 'HEIGHT_WIDTH'")
        hints.check("fc_hw", [enlarged, enlarged], lambda _: found_hw)
    if str(hints.take("embed", "")):
        raise InputError(
            f"{hints.path}: the hint embed is {hints.take('embed')}, but the tensors make an HNeRV, which encodes no "
            "time: leave the hint out, or give the file of a NeRV."
        )
    table = _table(tensors, hints, found.stem_inputs)
    encoder, state = _encoder(tensors, hints, found.stem_inputs)
    down = encoder.get("encoder_strides", [*found.settings["strides"], enlarged])
    if math.prod(down) != found.upscale * enlarged:
        raise InputError(
            f"{hints.path}: its encoder's strides {down} have the product {math.prod(down)}, expected "
            f"{found.upscale * enlarged}, that of the decoder's {found.settings['strides']} and of the stem's "
            f"{enlarged}."
        )
    resolution = hints.resolution()
    if table is not None:
        resolution = (table.shape[2] * math.prod(down), table.shape[3] * math.prod(down))
        check_resolution(hints, resolution, "embeddings")
        state["embeddings"] = table
    if resolution is None:
        hints.take("resolution", required="[height, width] of the frames, or the video that it encodes")
        raise AssertionError("unreachable: the hint was there")
    num_frames = _count(hints, table)
    settings = found.settings | {"embed_channels": found.stem_inputs} | encoder | {"encoder_strides": down}
    model = Imported("hnerv", settings, resolution, list(range(num_frames)), num_frames, found.state | state)
    hints.check("parameters", sum(t.numel() for name, t in model.state.items() if not name.startswith("encoder")))
    model.keep(hints.frames(num_frames))
    return model


def _count(hints: Hints, table: Tensor | None) -> int:
    if table is None:
        return hints.num_frames("the number of frames of the video it encodes")
    hints.check("num_frames", len(table))
    return len(table)


def _table(tensors: Tensors, hints: Hints, channels: int) -> Tensor | None:
    """Embeddings (frames, C, h, w): those in the checkpoint, or in a file of their own; None where there are none."""
    if "embeddings" in hints:
        own = Tensors(hints.take("embeddings"), {"embeddings": load_table(hints.take("embeddings"))})
        return own.shaped("embeddings", None, channels, None, None)
    if "embed" in tensors:
        return tensors.shaped("embed", None, channels, None, None)
    if not any(name.startswith("encoder.") for name in tensors):
        raise InputError(
            f"{hints.path} holds neither an encoder nor embeddings: give a table of embeddings (the hint "
            "'embeddings'), or, if it is a NeRV, the hint embed, e.g. 'pe_1.25_80'."
        )
    return None


def _encoder(tensors: Tensors, hints: Hints, channels: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Settings and weights of the ConvNeXt encoder, if the file has one."""
    if not any(name.startswith("encoder.") for name in tensors):
        return {"encoder": False}, {}
    stages = tensors.numbers(r"encoder\.downsample_layers\.(\d+)\..*")
    if not stages:
        name = next(name for name in tensors if name.startswith("encoder."))
        raise InputError(
            f"{hints.path} holds the tensor '{name}': only encoders of conv_type convnext are known; give a table of "
            "embeddings (the hint 'embeddings') and leave the encoder out of the file."
        )
    blocks = len(tensors.numbers(r"encoder\.stages\.0\.(\d+)\.gamma"))
    state: dict[str, Tensor] = {}
    strides, widths = [], [3]
    for k in range(stages[-1] + 1):
        convolution, norm = (f"encoder.downsample_layers.{k}.{at}" for at in ((0, 1) if k == 0 else (1, 0)))
        shrink = tensors.shaped(f"{convolution}.weight", None, widths[-1], None, None)
        tensors.shaped(f"{convolution}.weight", len(shrink), widths[-1], shrink.shape[2], shrink.shape[2])
        strides.append(int(shrink.shape[2]))
        widths.append(len(shrink))
        normalised = widths[-1] if k == 0 else widths[-2]
        state |= {f"encoder.stages.{k}.shrink.weight": shrink}
        state |= {f"encoder.stages.{k}.shrink.bias": tensors.shaped(f"{convolution}.bias", widths[-1])}
        for part in ("weight", "bias"):
            state[f"encoder.stages.{k}.norm.{part}"] = tensors.shaped(f"{norm}.{part}", normalised)
        for j in range(blocks):
            state |= _block(tensors, f"encoder.stages.{k}.{j}", f"encoder.stages.{k}.blocks.{j}", widths[-1])
    if widths[-1] != channels:
        raise InputError(
            f"{hints.path}: its encoder makes {widths[-1]} channels, expected {channels}, which enter "
            "'decoder.0.conv.downconv.weight'."
        )
    hints.check("enc_strds", strides, listed)
    width = widths[1] if len(strides) > 1 else channels
    dims = hints.integers("enc_dim", 2, "'WIDTH_CHANNELS', e.g. '64_16'")
    hints.check("enc_dim", [width, channels], lambda _: dims)
    num_blks = hints.integers("num_blks", 2, "'ENCODER_DECODER', e.g. '1_1'")
    hints.compare(["num_blks"], (num_blks or [blocks])[0], blocks, "{} blocks a stage of the encoder")
    settings = {"encoder": True, "encoder_strides": strides, "encoder_width": width, "encoder_blocks": blocks}
    return settings, state


def _block(tensors: Tensors, theirs: str, ours: str, width: int) -> dict[str, Tensor]:
    shapes = {
        "spatial": (width, 1, 7, 7),
        "norm": (width,),
        "expand": (4 * width, width),
        "contract": (width, 4 * width),
    }
    state = {f"{ours}.scale": tensors.shaped(f"{theirs}.gamma", width)}
    for part, name in _BLOCK.items():
        weight = tensors.shaped(f"{theirs}.{name}.weight", *shapes[part])
        state[f"{ours}.{part}.weight"] = as_kernel(weight) if weight.ndim == 2 else weight
        state[f"{ours}.{part}.bias"] = tensors.shaped(f"{theirs}.{name}.bias", shapes[part][0])
    return state


LAYOUT = Layout(
    "an HNeRV of its code base", HINTS, matches, read, ACTIVATION_AXIS, ("out_bias", ("tanh", "sigmoid", "none"))
)
