"""Layouts of checkpoints, by name: ours, and those of other distributions, which are loaded when one is asked for."""

from __future__ import annotations

import functools
from typing import Any

from xinc.models.imports import enerv, ffn, hinerv, hnerv, hnerv_nerv, nerv, siren, tiny_cuda_nn, torch_ngp, wire
from xinc.models.imports.parts import Layout
from xinc.registry import Objects

#: Ours; the first that matches reads a file.
OURS: dict[str, Layout] = {
    "ffn": ffn.LAYOUT,
    "hnerv_nerv": hnerv_nerv.LAYOUT,
    "hnerv": hnerv.LAYOUT,
    "nerv": nerv.LAYOUT,
    "wire": wire.LAYOUT,
    "enerv": enerv.LAYOUT,
    "hinerv": hinerv.LAYOUT,
    "siren": siren.LAYOUT,
    "tiny_cuda_nn": tiny_cuda_nn.LAYOUT,
    "torch_ngp": torch_ngp.LAYOUT,
}


class Layouts(Objects):
    """`Layout` by name: ours, and those of other distributions."""

    def __init__(self) -> None:
        ours = {name: functools.partial(OURS.__getitem__, name) for name in OURS}
        super().__init__("layout", __name__, "xinc.layouts", ours)

    def _takes(self, found: Any) -> bool:
        return isinstance(found, Layout)

    def _keep(self, name: str, cls: Any) -> None:
        self._classes[name] = cls

    def _home(self, cls: Any) -> str:
        return str(cls.read.__module__)


layouts = Layouts()
