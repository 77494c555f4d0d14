"""HiNeRV, E-NeRV and HNeRV-Boost as their code bases save them, small and random, and the frames that they make.

As in `tests.helpers.foreign`: plain PyTorch operations in the formulation of each code base.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.helpers.foreign import Foreign, _draw


def hinerv(seed: int = 0) -> Foreign:
    """16×24 in two stages of stride 2: 2 blocks, expansion 2; 1 block, expansion 1.5. Grids of 3 and 6 entries."""
    strides, widths, depths, inside, frames = [2, 2], [6, 6, 3], [2, 1], [12, 4], 6
    height, width, base = 4, 6, [(3, 2), (1, 4)]
    draw = _draw(seed)
    state = {
        "decoder.stem.conv.weight": draw(6, 6, 3, 3), "decoder.stem.conv.bias": draw(6, scale=0.1),
        "decoder.head.linear.weight": draw(3, 3), "decoder.head.linear.bias": draw(3),
    }  # fmt: skip
    for k, (entries, own) in enumerate(base):
        state[f"encoding.grids.{k}.weight"] = draw(entries * height * width, own, scale=1.0)
    for s, r in enumerate(strides):
        local = [(6, 2 >> s), (3, 4 >> s)]
        for k, (entries, own) in enumerate(local):
            state[f"decoder.blocks.{s}.1.enc.grids.{k}.weight"] = draw(entries, r * r * own, scale=1.0)
        state[f"decoder.blocks.{s}.1.enc.linear.weight"] = draw(widths[s], sum(own for _, own in local))
        state[f"decoder.blocks.{s}.1.enc.linear.bias"] = draw(widths[s])
        for b in range(depths[s]):
            place, before = f"decoder.blocks.{s}.{b + 2}", widths[s] if b == 0 else widths[s + 1]
            state[f"{place}.dconv.weight"] = draw(before, 1, 3, 3)
            state[f"{place}.fc1.weight"] = draw(inside[s], before)
            state[f"{place}.fc2.weight"] = draw(widths[s + 1], inside[s])

    def norm(x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], eps=1e-6)

    def image(frame: int) -> Tensor:
        levels = []
        for k, (entries, own) in enumerate(base):  # over time by resizing, all frames at once
            table = state[f"encoding.grids.{k}.weight"].view(1, 1, entries, height * width * own)
            resized = F.interpolate(table, size=(frames, height * width * own), mode="bilinear", align_corners=False)
            levels.append(resized.view(frames, height, width, own)[frame])
        x = torch.cat(levels, -1).permute(2, 0, 1)[None]
        x = F.conv2d(x, state["decoder.stem.conv.weight"], state["decoder.stem.conv.bias"], padding=1)
        x = x.permute(0, 2, 3, 1)
        for s, r in enumerate(strides):
            up = F.interpolate(
                norm(x).permute(0, 3, 1, 2)[:, :, None], scale_factor=(1, r, r), mode="trilinear", align_corners=False
            )
            x = up[:, :, 0].permute(0, 2, 3, 1)
            found = []
            for k in range(2):  # sampled at a normalised time, then placed by (y mod r, x mod r)
                table = state[f"decoder.blocks.{s}.1.enc.grids.{k}.weight"]
                at = torch.zeros(1, 1, 1, 1, 3)
                at[..., 2] = (2 * frame + 1) / frames - 1
                volume = table.T.reshape(1, table.shape[1], len(table), 1, 1)
                sampled = F.grid_sample(volume, at, mode="bilinear", padding_mode="border", align_corners=False)
                found.append(sampled.view(r, r, -1))
            weight, bias = (state[f"decoder.blocks.{s}.1.enc.linear.{part}"] for part in ("weight", "bias"))
            local = F.linear(torch.cat(found, -1), weight, bias)
            rows, columns = torch.arange(x.shape[1]) % r, torch.arange(x.shape[2]) % r
            x = x + local[rows[:, None], columns]
            for b in range(depths[s]):
                place = f"decoder.blocks.{s}.{b + 2}"
                kernels = state[f"{place}.dconv.weight"]
                y = F.conv2d(x.permute(0, 3, 1, 2), kernels, padding=1, groups=len(kernels)).permute(0, 2, 3, 1)
                y = F.linear(F.gelu(F.linear(norm(y), state[f"{place}.fc1.weight"])), state[f"{place}.fc2.weight"])
                x = x + y if y.shape == x.shape else y
        head = F.linear(x, state["decoder.head.linear.weight"], state["decoder.head.linear.bias"])
        return torch.sigmoid(head)[0].permute(2, 0, 1)

    hints = {
        "resolution": [16, 24],
        "num_frames": frames,
        "channels_reduce": 2.0,
        "parameters": sum(tensor.numel() for tensor in state.values()),
    }
    return Foreign({"state_dict": state}, hints, image, "hinerv", (16, 24), frames)


def enerv(seed: int = 0, sigmoid: bool = True) -> Foreign:
    """12×18 in strides 3 and 2, from 2×3 positions of 8 channels."""
    strides, widths, size, levels, frames, heads = [3, 2], [8, 12, 6], (2, 3), 4, 5, 2
    draw = _draw(seed)
    state: dict[str, Tensor] = {}

    def layers(name: str, *own: int) -> None:
        for k, (before, after) in enumerate(itertools.pairwise(own)):
            state[f"{name}.{2 * k}.weight"], state[f"{name}.{2 * k}.bias"] = draw(after, before), draw(after)

    def convolution(name: str, after: int, before: int, side: int) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = draw(after, before, side, side), draw(after)

    layers("stem_t", 2 * levels, 9, 10)
    layers("stem_xy", 4 * levels, 10)
    layers("toconv", 10, 8)
    layers("t_branch", 2 * levels, 5, 5)
    for name, count in (("trans1", 1), ("trans2", heads)):
        state[f"{name}.attn.to_qkv.weight"] = draw(3 * 4 * count, 10)
        state[f"{name}.attn.to_out.0.weight"], state[f"{name}.attn.to_out.0.bias"] = draw(10, 4 * count), draw(10)
        state[f"{name}.ffn.net.0.weight"], state[f"{name}.ffn.net.0.bias"] = draw(7, 10), draw(7)
        state[f"{name}.ffn.net.3.weight"], state[f"{name}.ffn.net.3.bias"] = draw(10, 7), draw(10)
    for k, own in enumerate(widths[:-1]):
        layers(f"t_layers.{k}", 5, 2 * own)
    convolution("layers.0.conv1.conv", 2 * 9, 8, 3)
    convolution("layers.0.conv2", 12, 2, 3)
    convolution("layers.1.conv.conv", 6 * 4, 12, 3)
    convolution("head_layers.1", 3, 6, 1)
    axes = torch.meshgrid(torch.arange(2) / 2, torch.arange(3) / 3, indexing="ij")
    state["xy_coord"] = torch.stack(axes).flatten(1)

    def encoded(value: Tensor) -> Tensor:
        found = []
        for k in range(levels):
            found += [torch.sin(value * 1.25**k * math.pi), torch.cos(value * 1.25**k * math.pi)]
        return torch.stack(found, -1)

    def linear(x: Tensor, name: str, act: Any = F.gelu) -> Tensor:
        found: Tensor = act(F.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias")))
        return found

    def attended(x: Tensor, name: str, count: int) -> Tensor:
        q, k, v = F.linear(x, state[f"{name}.attn.to_qkv.weight"]).chunk(3, -1)
        out = []
        for q_, k_, v_ in zip(q.chunk(count, -1), k.chunk(count, -1), v.chunk(count, -1), strict=True):
            out.append(torch.softmax(q_ @ k_.T / 2, -1) @ v_)  # 4 channels a head
        x = x + linear(torch.cat(out, -1), f"{name}.attn.to_out.0", lambda y: y)
        return x + linear(linear(x, f"{name}.ffn.net.0"), f"{name}.ffn.net.3", lambda y: y)

    def image(frame: int) -> Tensor:
        t = encoded(torch.tensor(frame / (frames - 1)))
        time, branch = linear(linear(t, "stem_t.0"), "stem_t.2"), linear(linear(t, "t_branch.0"), "t_branch.2")
        places = torch.cat([encoded(axis) for axis in state["xy_coord"]], 1)
        x = attended(linear(places, "stem_xy.0"), "trans1", 1) * time
        x = linear(attended(x, "trans2", heads), "toconv.0").T.reshape(1, -1, *size)
        for k, r in enumerate(strides):
            scale, shift = linear(branch, f"t_layers.{k}.0").chunk(2)
            deviation = x - x.mean((2, 3), keepdim=True)
            x = deviation / torch.sqrt(deviation.square().mean((2, 3), keepdim=True) + 1e-5)
            x = x * scale[:, None, None] + shift[:, None, None]
            for name in ("layers.0.conv1.conv", "layers.0.conv2") if k == 0 else (f"layers.{k}.conv.conv",):
                x = F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)
                x = x if name.endswith("conv2") else F.pixel_shuffle(x, r)
                x = x if name.endswith("conv1.conv") else F.gelu(x)
        x = F.conv2d(x, state["head_layers.1.weight"], state["head_layers.1.bias"])[0]
        return torch.sigmoid(x) if sigmoid else (torch.tanh(x) + 1) * 0.5

    count = sum(tensor.numel() for name, tensor in state.items() if name != "xy_coord")
    hints = {"num_frames": frames, "sigmoid": sigmoid, "act": "gelu", "parameters": count, "resolution": [12, 18]}
    return Foreign({"state_dict": state}, hints, image, "enerv", (12, 18), frames)


def boosted(state: dict[str, Tensor], embedding: Tensor, time: float, strides: list[int], levels: int) -> Tensor:
    """Head's response (3, H, W) of an HNeRV-Boost, whose tensors are named as in its code base.

    Parameters
    ----------
    state : the decoder, ``stem_t`` and the head.
    embedding : (C, h, w) of the frame.
    time : of the frame, from 0 to 1.
    strides : of each block.
    levels : of the encoding of time.
    """
    bases = (1.25 ** torch.arange(levels)) * math.pi
    angles = torch.tensor([[time]], dtype=torch.float64) * bases
    t = torch.cat([angles.sin(), angles.cos()], -1).float().view(1, -1, 1, 1)

    def convolved(x: Tensor, name: str) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(x, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2)

    for k in (0, 2):
        t = torch.sin(convolved(t, f"stem_t.{k}"))

    def modulated(x: Tensor, name: str) -> Tensor:
        scale = convolved(F.relu(convolved(t, f"{name}.SFT_scale_conv0")), f"{name}.SFT_scale_conv1")
        shift = convolved(F.relu(convolved(t, f"{name}.SFT_shift_conv0")), f"{name}.SFT_shift_conv1")
        return x * (scale + 1) + shift

    def block(x: Tensor, name: str) -> Tensor:
        y = F.gelu(convolved(modulated(x, f"{name}.sft0"), f"{name}.conv0"))
        return x + convolved(modulated(y, f"{name}.sft1"), f"{name}.conv1")

    x = block(torch.sin(convolved(embedding[None], "decoder.0.conv.downconv")), "decoder.0.sft_block")
    for k, r in enumerate(strides, 1):
        x = torch.sin(F.pixel_shuffle(convolved(x, f"decoder.{k}.conv.upconv.0"), r))
        x = block(x, f"decoder.{k}.sft_block")
    return convolved(x, "head_layer")[0]


#: Those that xinc imports, as their code bases write them.
LAYOUTS: dict[str, Callable[[], Foreign]] = {
    "HiNeRV": hinerv,
    "E-NeRV": enerv,
}
