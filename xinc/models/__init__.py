"""Implicit neural representations: a folder or file for each architecture, and readers of checkpoints."""

from __future__ import annotations

from xinc.registry import Registry

#: Modules of this package that are not architectures.
SUPPORT_MODULES = (
    "architecture",
    "base",
    "budget",
    "checkpoints",
    "declared",
    "decoder",
    "encodings",
    "importing",
    "imports",
    "loading",
    "mlp",
    "stepwise",
    "storage",
    "templates",
)

architectures: Registry = Registry("architecture", __name__, "xinc.architectures")
