"""Grey values of colours."""

from __future__ import annotations

import numpy as np

#: Weights of red, green and blue: ITU-R BT.709, as in scikit-image's rgb2gray.
LUMA = (0.2125, 0.7154, 0.0721)


def luma(colours: np.ndarray) -> np.ndarray:
    """Grey values (…) of colours (…, 3), in their unit."""
    grey: np.ndarray = colours @ np.asarray(LUMA)
    return grey
