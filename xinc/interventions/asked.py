"""What interventions are given and give: targets, and results with words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xinc.errors import InputError


def check_target(target: Any, frames: int, resolution: tuple[int, int]) -> np.ndarray:
    """Frames (frame, y, x, 3) as (frame, 3, y, x) float32; `InputError` for any other shape."""
    values = np.asarray(target, np.float32)
    expected = (frames, *resolution, 3)
    if values.shape != expected:
        raise InputError(f"The target has shape {values.shape}; expected {expected}: frames in the order asked for.")
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def described(result: xr.Dataset, names: Mapping[str, str], **attributes: Any) -> xr.Dataset:
    """The result with what each variable is, and attributes of its own."""
    for name in result.data_vars:
        result[name].attrs = {"long_name": names[str(name)], "units": "1"}
    return result.assign_attrs(attributes)
