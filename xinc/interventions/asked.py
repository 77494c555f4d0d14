"""What interventions are given and give: targets, and results with words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xinc.errors import InputError
from xinc.models.base import INR

#: How far colours may be beyond 0 and 1, as resampling makes them.
_ROUNDING = 0.1


def check_target(target: Any, frames: int, network: INR, name: str = "target") -> np.ndarray:
    """Frames (frame, y, x, channel) as (frame, channel, y, x) float32; ``name`` is what messages call them.

    They have as many channels as the network's output: 3 of one of colours.

    Raises
    ------
    InputError : any other shape, and colours that are not from 0 to 1.
    """
    values = np.asarray(target, np.float32)
    expected = (frames, *network.resolution, network.channels)
    if values.shape != expected:
        raise InputError(f"The {name} has shape {values.shape}; expected {expected}: frames in the order asked for.")
    if network.of_colours:
        check_colours(values, name)
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def check_colours(values: np.ndarray, name: str) -> None:
    """`InputError` for colours that are not from 0 to 1; ``name`` is what messages call them."""
    low, high = float(values.min()), float(values.max())
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        found = f"from {low:.4g} to {high:.4g}" if np.isfinite(low + high) else "that are not finite"
        raise InputError(f"The {name} has colours {found}; expected them from 0 to 1: divide bytes by 255.")


def described(result: xr.Dataset, names: Mapping[str, str], **attributes: Any) -> xr.Dataset:
    """The result with what each variable is, and attributes of its own."""
    for name in result.data_vars:
        result[name].attrs = {"long_name": names[str(name)], "units": "1"}
    return result.assign_attrs(attributes)
