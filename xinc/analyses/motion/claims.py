"""The paper's sentences about motion, as numbers of a result (paper sections 1 and 4.5)."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xinc.analyses.claim import Claim
from xinc.analyses.motion.names import AREAS

#: Fluctuation of revealed pixels beyond that of still ones: at most this many times that of moving ones, or its
#: inverse.
EQUALLY = 2.0
_STILL = "nothing moves in the frames looked at, or the canvas has no two consecutive frames"
_FASTER = "moving: faster than the threshold, relative to the camera unless the settings say otherwise"
_R = "Pearson correlation over pixels of the fluctuation with the length of the optical flow"
_SHIFTED = "all toroidal shifts of the areas against the fluctuation"
_COMMON: dict[str, Any] = {"architectures": ("nerv",), "missing": _STILL}


def _ratio(over: str, under: str) -> Any:
    """Ratio of the mean fluctuation in two areas, of a result."""

    def statistic(result: xr.Dataset) -> xr.DataArray:
        mean = result["area_fluctuation"]
        over_mean, under_mean = mean.sel(area=over, drop=True), mean.sel(area=under, drop=True)
        return over_mean / under_mean.where(under_mean > 0)

    return statistic


def _of_moving(result: xr.Dataset) -> xr.DataArray:
    """Excess over still pixels of the revealed ones / of the moving ones; NaN where moving ones have none."""
    moving, revealed, still = (result["area_fluctuation"].sel(area=area, drop=True) for area in AREAS)
    excess = moving - still
    return (revealed - still) / excess.where(excess > 1e-6 * still)


def _correlation(kind: str) -> dict[str, Any]:
    return {
        "statistic": lambda result: result["pearson"].sel(motion=kind, drop=True),
        "null": lambda result: result["pearson_null"].sel(motion=kind, drop=True),
        "chance": "all toroidal shifts of the motion map against the fluctuation",
        "architectures": ("nerv",),
        "missing": _STILL,
    }


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "motion_drives_change",
        "1",
        "Motion drives changes in neuron contributions for NeRV.",
        f"{_R} relative to the camera's (its median)",
        **_correlation("relative"),
    ),
    Claim(
        "fluctuation_follows_flow",
        "4.5",
        "Fluctuation of contributions is driven by motion.",
        f"{_R}, as it is, the camera's motion with it, as in the paper's figure 9",
        **_correlation("flow"),
    ),
    Claim(
        "fluctuation_follows_relative_motion",
        "4.5",
        "Changes over time are dominated by the motion of the entities in the video.",
        f"{_R} relative to the camera's (its median), which leaves the motion of things",
        **_correlation("relative"),
    ),
    Claim(
        "moving_areas_fluctuate_more",
        "4.5",
        "Changes in contribution are focused in the areas of motion.",
        f"mean fluctuation of moving / of still pixels ({_FASTER})",
        _ratio("moving", "still"),
        threshold=1.0,
        null=lambda result: result["moving_null"],
        chance=_SHIFTED,
        **_COMMON,
    ),
    Claim(
        "revealed_areas_fluctuate_more",
        "4.5",
        "A moving object that reveals background causes fluctuation there too, though nothing moves there.",
        "mean fluctuation of revealed / of still pixels",
        _ratio("revealed", "still"),
        threshold=1.0,
        null=lambda result: result["revealed_null"],
        chance=_SHIFTED,
        **_COMMON | {"missing": f"nothing is revealed, {_STILL}"},
    ),
    Claim(
        "revealed_areas_matter_equally",
        "4.5",
        "Areas revealed by motion matter equally to the objects that move.",
        "mean fluctuation of revealed pixels beyond that of still ones / that of moving pixels beyond that of "
        f"still ones ({_FASTER}): 0 where revealed pixels are like still ones, 1 where they are like moving ones",
        _of_moving,
        threshold=EQUALLY,
        direction="within",
        null=lambda result: result["revealed_null"],
        chance=f"{_SHIFTED}; all three numbers are of revealed / still: what shows nothing new may not pass",
        **_COMMON | {"missing": f"moving pixels do not fluctuate more than still ones, nothing is revealed, {_STILL}"},
    ),
)
