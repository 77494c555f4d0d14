"""Implicit neural representations: one file per architecture, and how checkpoints are read."""

from __future__ import annotations

from xinc.registry import Registry

#: Modules of this package that are not architectures.
SUPPORT_MODULES = ("base", "checkpoints", "decoder", "imports", "loading", "mlp", "storage")

architectures: Registry = Registry("architecture", __name__)
