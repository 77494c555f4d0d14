"""Standard deviation over neurons."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xinc.analyses.subject import Subject
from xinc.frames import select_frames


def compute(settings: Any, subject: Subject) -> xr.Dataset:
    maps = {name: layer["contribution"] for name, layer in subject.canvas.items()}
    frames = select_frames(next(iter(maps.values()))["frame"].values.tolist(), settings.frames)
    found = [one.sel(frame=frames).load().std("neuron").drop_vars("neuron", errors="ignore") for one in maps.values()]
    result = xr.Dataset({"spread": xr.concat(found, dim=xr.Variable("layer", list(maps)))})
    result["spread"].attrs = {"long_name": "standard deviation of contributions", "units": "1"}
    return result
