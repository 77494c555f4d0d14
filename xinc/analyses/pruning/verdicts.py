"""The recommendation and its evidence: how criteria stand to the best at one share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from xinc.analyses.pruning.names import BUDGETS, TIE

if TYPE_CHECKING:
    import pandas as pd

_WORDS = {"layer": "the same share of every layer", "global": "own budgets", "rescored": "own budgets, scored anew"}


def verdicts(result: xr.Dataset) -> pd.DataFrame:
    """A row a unit, budget and criterion at the share of the settings; the best of a unit first.

    ``verdict``: the best of its unit after training on (before, where nothing is trained on), a tie with it, or below.
    """
    import pandas as pd

    share = float(result.attrs["share"])
    rows = []
    for unit in result["unit"].values:
        for budget in result["budget"].values:
            for criterion in result["criterion"].values:
                one = result.sel(unit=unit, budget=budget, criterion=criterion)
                rows.append(
                    {
                        "unit": str(unit),
                        "budget": str(budget),
                        "budget_in_words": BUDGETS[str(budget)],
                        "criterion": str(criterion),
                        "share": share,
                        "psnr": float(one["psnr"].sel(share=share)),
                        "psnr_tuned": float(one["psnr_tuned"]),
                        "psnr_8bit": float(one["psnr_quantised"]),
                        "parameters_left": int(one["left"].sel(share=share)),
                        **{
                            f"bpp_{coding}": float(one["bits"].sel(coding=coding)) for coding in result["coding"].values
                        },
                    }
                )
    found = pd.DataFrame(rows)
    ranked = "psnr_tuned" if found["psnr_tuned"].notna().any() else "psnr"
    best = found.groupby("unit")[ranked].transform("max")
    behind = best - found[ranked]
    found["verdict"] = ["not trained on" if d != d else _standing(d) for d in behind]
    return found.sort_values(["unit", ranked], ascending=[True, False], kind="stable").reset_index(drop=True)


def _standing(behind: float) -> str:
    return "best" if behind == 0 else f"tie, within {TIE:g} dB" if behind < TIE else "below"


def recommendation(result: xr.Dataset) -> str:
    """In words: what is best of each unit, what ties with it, and what magnitude and random come to.

    Both also with the budgets of contribution: what is left between them and it is due to the ranking alone.
    """
    table, said = verdicts(result), []
    tuned = bool(table["psnr_tuned"].notna().any())
    for unit, rows in table.groupby("unit", sort=False):
        best = rows.iloc[0]
        ties = rows[rows["verdict"].str.startswith("tie")]
        names = list(dict.fromkeys(ties["criterion"][ties["criterion"] != best["criterion"]]))
        others = []
        for name in ("magnitude", "random"):
            own = rows[rows["criterion"] == name].set_index("budget")
            if len(own):
                others.append(f"{name} {_numbers(own.loc['global'], tuned)}")
                others.append(f"{name} with contribution's budgets {own['psnr']['contribution']:.1f} dB")
        said.append(
            f"{str(unit).capitalize()}s, {best['share']:.0%} removed: {best['criterion']}, "
            f"{_WORDS.get(best['budget'], BUDGETS[best['budget']])}: {_numbers(best, tuned)} "
            f"({'; '.join(others)}; whole {float(result['whole']):.1f} dB). "
            + (f"Within {TIE:g} dB of it: {', '.join(names)}." if names else f"No other is within {TIE:g} dB of it.")
        )
    return " ".join(said)


def _numbers(row: pd.Series, tuned: bool) -> str:
    return f"{row['psnr']:.1f} dB" + (f", {row['psnr_tuned']:.1f} trained on" if tuned else "")
