"""The table and its columns."""

from __future__ import annotations

import pandas as pd
import xarray as xr

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
#: Of the network that a row is about, beside its ``warning``.
CONTEXT = ("bits_per_pixel", "psnr", "explained")
#: Of all rows of its claim with a verdict.
EFFECTS = ("cases", "median", "lowest", "highest")
#: Order of the table's columns.
COLUMNS = (
    *TEXTS[:9],
    *("value", "direction", "threshold", "null", "null_mean", "null_edge", "p_value", "q_value", "verdict", "note"),
    *("depends", *EFFECTS, *CONTEXT, "warning"),
)


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row for each claim, network and layer."""
    return result.to_dataframe()[list(COLUMNS)]
