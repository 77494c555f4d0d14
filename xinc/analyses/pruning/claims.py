"""Whether contribution says what can be removed: what section 1 of the paper has in view, as numbers."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xinc.analyses.claim import Claim
from xinc.analyses.pruning.names import TIE

_NOISE = f"none: on one network, differences below {TIE:g} dB are noise and count as a tie"


def _ahead(
    result: xr.Dataset, unit: str, one: str, other: str, tuned: bool = False, budget: str = "global"
) -> xr.DataArray:
    """By how many dB a criterion is above another at the share of the settings; NaN where one of them is missing."""
    if unit not in result["unit"].values or not {one, other} <= set(result["criterion"].values):
        return xr.DataArray(float("nan"))
    own = result.sel(unit=unit, budget=budget)
    psnr = own["psnr_tuned"] if tuned else own["psnr"].sel(share=float(result.attrs["share"]))
    return psnr.sel(criterion=one, drop=True) - psnr.sel(criterion=other, drop=True)


def _measure(what: str, when: str = "before training on", budget: str = "own budgets") -> str:
    return f"dB by which PSNR {when} is above that of {what}, {budget}"


_KERNELS: dict[str, Any] = {
    "chance": _NOISE,
    "missing": "linear layers, whose kernels are single weights; or magnitude is not looked at",
}

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "contribution_prunes_kernels",
        "1",
        "Contribution tells which kernels can be removed better than their magnitude.",
        _measure("magnitude"),
        lambda result: _ahead(result, "kernel", "contribution", "magnitude"),
        threshold=TIE,
        **_KERNELS,
    ),
    Claim(
        "contribution_ranks_kernels",
        "1",
        "Contribution also ranks the kernels of one layer better than their magnitude does.",
        _measure("magnitude", budget="the same share of every layer"),
        lambda result: _ahead(result, "kernel", "contribution", "magnitude", budget="layer"),
        threshold=TIE,
        **_KERNELS,
    ),
    Claim(
        "contribution_prunes_kernels_tuned",
        "1",
        "Trained on, a network pruned by contribution is not below one pruned by magnitude.",
        _measure("magnitude", "after training on"),
        lambda result: _ahead(result, "kernel", "contribution", "magnitude", tuned=True),
        threshold=-TIE,
        **{**_KERNELS, "missing": "nothing is trained on, magnitude is not looked at, or kernels are single weights"},
    ),
    Claim(
        "contribution_prunes_weights",
        "1",
        "Contribution times weight tells which single weights can be removed better than their magnitude.",
        _measure("magnitude"),
        lambda result: _ahead(result, "weight", "map_weight", "magnitude"),
        threshold=TIE,
        chance=_NOISE,
        missing="one of the two is not looked at",
    ),
    Claim(
        "contribution_beats_activation",
        "1",
        "Contribution times weight tells which single weights can be removed better than activation times weight.",
        _measure("Wanda"),
        lambda result: _ahead(result, "weight", "map_weight", "wanda"),
        threshold=TIE,
        chance=_NOISE,
        missing="one of the two is not looked at",
    ),
)
