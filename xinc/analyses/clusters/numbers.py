"""A default that the declaration and the computation share."""

from __future__ import annotations

#: Neighbours of UMAP in a layer that the settings do not name.
NEIGHBOURS = 15
