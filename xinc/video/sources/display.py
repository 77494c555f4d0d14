"""How a video file wants its frames to be shown: the display matrix, which turns and mirrors them."""

from __future__ import annotations

import math
import struct

import numpy as np

#: FFmpeg's matrix has 16 binary places.
_ONE = 65536
#: Degrees up to which a turn counts as one by quarters.
_TOLERANCE = 1.0


class Orientation:
    """The quarter turns and mirroring that a display matrix asks for.

    Parameters
    ----------
    matrix : FFmpeg's ``AV_FRAME_DATA_DISPLAYMATRIX``, nine int32: (x, y) of the stored frame is shown at (a·x + c·y,
        b·x + d·y), where a, b are the first two numbers and c, d the fourth and fifth. None: as it is stored.

    Attributes
    ----------
    transposed : whether rows become columns.
    mirrored : whether it is a mirror image.
    off : degrees by which the turn misses a whole number of quarters.
    """

    def __init__(self, matrix: bytes | None = None) -> None:
        a, b, _, c, d = struct.unpack("<5i", matrix[:20]) if matrix is not None else (_ONE, 0, 0, 0, _ONE)
        if a * d == b * c:
            # It shows nothing: written by programs that left it empty.
            a, b, c, d = _ONE, 0, 0, _ONE
        self.transposed = abs(b * c) > abs(a * d)
        self.mirrored = a * d < b * c
        self._right_to_left = (c if self.transposed else a) < 0
        self._upside_down = (b if self.transposed else d) < 0
        turn = math.degrees(math.atan2(b, a)) % 90
        self.off = min(turn, 90 - turn)

    @property
    def exact(self) -> bool:
        """Whether quarter turns and mirroring are all that the matrix asks for."""
        return self.off <= _TOLERANCE

    def __bool__(self) -> bool:
        return self.transposed or self._right_to_left or self._upside_down

    def apply(self, frame: np.ndarray) -> np.ndarray:
        """A stored frame (H, W, ...) as it is to be shown."""
        shown = frame.swapaxes(0, 1) if self.transposed else frame
        return shown[:: -1 if self._upside_down else 1, :: -1 if self._right_to_left else 1]
