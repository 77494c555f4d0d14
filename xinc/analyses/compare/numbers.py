"""Defaults of the comparison of two networks, for its settings and for `xinc.compare`."""

from __future__ import annotations

#: Rows and columns of the grid on which maps are averaged.
GRID = (16, 32)
#: Neurons of the first network that are matched.
MOST = 2000
