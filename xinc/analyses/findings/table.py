"""The table: its columns, and what a row of it says."""

from __future__ import annotations

import pandas as pd
import xarray as xr

#: What a row of the table says.
HOLDS, FAILS, UNCLEAR = "holds", "does not hold", "not significant"
UNMEASURED, INAPPLICABLE = "not measured", "not applicable"

TEXTS = (
    "claim",
    "section",
    "sentence",
    "measure",
    "analysis",
    "video",
    "model",
    "seed",
    "layer",
    "direction",
    "null",
    "depends",
)
NUMBERS = ("value", "threshold", "null_mean", "null_edge", "p_value", "q_value")
CONTEXT = ("bits_per_pixel", "psnr")
#: Order of the table's columns.
COLUMNS = (
    *TEXTS[:9],
    *("value", "direction", "threshold", "null", "null_mean", "null_edge", "p_value", "q_value", "verdict", "note"),
    *("depends", *CONTEXT),
)


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row for each claim, network and layer."""
    return result.to_dataframe()[list(COLUMNS)]
