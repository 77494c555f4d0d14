"""Implicit neural representations: a folder or file for each architecture, and readers of checkpoints."""

from __future__ import annotations

from xinc.registry import Registry

#: Modules of this package that are not architectures.
SUPPORT_MODULES = (
    "architecture",
    "base",
    "checkpoints",
    "decoder",
    "importing",
    "imports",
    "loading",
    "mlp",
    "storage",
)

architectures: Registry = Registry("architecture", __name__, "xinc.architectures")
