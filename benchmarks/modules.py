"""Time and memory of the front door: a wide network of coordinates, and a small HiNeRV.

    python -m benchmarks.modules wide
    python -m benchmarks.modules hinerv

One network a process, for the peak of its memory. Of each: a pass of the module alone, capture (`xinc.network`), and
the sum of |contribution| over all neurons of each layer, streamed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import xinc
from xinc.canvas.reductions import sum_abs


class Wide(nn.Module):
    """A SIREN of a thousand features a layer."""

    def __init__(self, width: int = 1000, hidden: int = 3) -> None:
        super().__init__()
        widths = [2, *[width] * hidden]
        self.net = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.last = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.net:
            x = torch.sin(30 * layer(x))
        return self.last(x)


class Block(nn.Module):
    """A ConvNeXt block as HiNeRV has it: depthwise, LayerNorm, two linear layers at every pixel, residual."""

    def __init__(self, before: int, after: int, expansion: int = 4) -> None:
        super().__init__()
        self.dconv = nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False)
        self.norm = nn.LayerNorm(before, elementwise_affine=False)
        self.fc1, self.fc2 = nn.Linear(before, expansion * after), nn.Linear(expansion * after, after, bias=False)
        self.residual = before == after

    def forward(self, x: Tensor) -> Tensor:
        h = self.fc2(F.gelu(self.fc1(self.norm(self.dconv(x).permute(0, 2, 3, 1))))).permute(0, 3, 1, 2)
        return x + h if self.residual else h


class HiNeRV(nn.Module):
    """A small HiNeRV (Kwan et al. 2023) without temporal grids: a base grid, bilinear upsampling, blocks, a head."""

    def __init__(self, channels: int = 32, strides: tuple[int, ...] = (5, 2), size: tuple[int, int] = (27, 48)) -> None:
        super().__init__()
        self.grid = nn.Parameter(torch.randn(4, 6, *size) * 1e-1)
        self.stem = nn.Conv2d(6, channels, 3, padding=1)
        self.strides, self.blocks = strides, nn.ModuleList()
        for _ in strides:
            self.blocks.append(nn.Sequential(Block(channels, channels // 2), Block(channels // 2, channels // 2)))
            channels //= 2
        self.head = nn.Linear(channels, 3)

    def forward(self, frame: Tensor) -> Tensor:
        x = self.stem(self.grid[frame])
        for stride, block in zip(self.strides, self.blocks, strict=True):
            x = F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2]).permute(0, 3, 1, 2)
            x = block(F.interpolate(x, scale_factor=stride, mode="bilinear"))
        return torch.sigmoid(self.head(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


def wide() -> tuple[nn.Module, Any, tuple[int, int]]:
    axes = torch.meshgrid(torch.linspace(-1, 1, 512), torch.linspace(-1, 1, 512), indexing="ij")
    return Wide(), torch.stack(axes, -1).reshape(-1, 2), (512, 512)


def hinerv() -> tuple[nn.Module, Any, tuple[int, int]]:
    return HiNeRV(), torch.tensor([0]), (270, 480)


NETWORKS: dict[str, Callable[[], tuple[nn.Module, Any, tuple[int, int]]]] = {"wide": wide, "hinerv": hinerv}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layers", nargs="*", help="of which maps are summed (default: all)")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    module, inputs, resolution = NETWORKS[given.network]()
    found: dict[str, Any] = {"network": given.network, "parameters": sum(p.numel() for p in module.parameters())}
    with torch.no_grad():
        found["pass"] = timed(lambda: module(inputs))
    network = None

    def capture() -> None:
        nonlocal network
        network = xinc.network(module, inputs, resolution)

    found["capture"], found["memory_mb after capture"] = timed(capture), memory()
    canvas = xinc.dissect(network, layers=given.layers)
    found["layers"] = {}
    for name, layer in canvas.items():
        seconds = timed(lambda layer=layer: sum_abs(layer).load())
        found["layers"][name] = {"neurons": layer.sizes["neuron"], "sum": seconds}
    found["memory_mb"] = memory()
    print(json.dumps(found, indent=2))


def timed(what: Callable[[], Any]) -> dict[str, float]:
    """Wall and CPU seconds."""
    start, cpu = time.monotonic(), time.process_time()
    what()
    return {"wall": round(time.monotonic() - start, 2), "cpu": round(time.process_time() - cpu, 2)}


def memory() -> int:
    """Peak of the resident memory, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
