"""Names and numbers that the modules of this analysis share."""

from __future__ import annotations

#: In the order of the figures; grid last, it is what the others are compared with.
GROUPINGS = ("instances", "rgb", "gabor", "grid")
#: Rate of false discoveries among the neurons called significant.
RATE = 0.05
