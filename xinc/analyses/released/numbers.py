"""Names that the modules of this analysis share."""

from __future__ import annotations

#: Whose definition a number follows.
DEFINITIONS = ("written", "released")
#: Signed deltas, as in the paper's equation, and their magnitudes.
SIGNS = ("signed", "absolute")
#: Groupings of figure 4, the grid last.
GROUPINGS = ("instances", "rgb", "gabor", "grid")


def lattice_name(tile: tuple[int, int]) -> str:
    """``4x8``."""
    return f"{tile[0]}x{tile[1]}"


def variants_of(grouping: str, lattice: str) -> dict[str, tuple[str, str]]:
    """By definition, which regions and which deltas a grouping of figure 4 means; ``lattice`` is that of the grid."""
    return {
        "instances": {"written": ("instances", "signed"), "released": ("instances_union", "absolute")},
        "rgb": {"written": ("rgb", "signed"), "released": ("rgb", "absolute")},
        "gabor": {"written": ("gabor", "signed"), "released": ("gabor_released", "absolute")},
        "grid": {"written": (f"grid_{lattice}", "signed"), "released": (f"lattice_{lattice}", "signed")},
    }[grouping]
