"""``xinc.open_results``: the results of an experiment as one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xinc
from xinc.errors import InputError
from xinc.experiment.paths import result_path


def write(path: Path, attributes: dict[str, Any], **values: Any) -> None:
    xr.Dataset(values, attrs=attributes).to_zarr(path / "result.zarr", consolidated=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two networks of two videos, a result of seeds, one that says nothing of itself, and a canvas full of files."""
    for video, model, psnr in (("cat", "nerv", 30.0), ("dog", "ffn", 20.0)):
        of = {"video": video, "model": model, "seed": "1", "architecture": model}
        quality = {
            "psnr": ("frame", [psnr, psnr + 2]), "ssim": ("frame", [0.5, 0.7]), "bits_per_pixel": ("bits", [8.0]),
            "mean_psnr": psnr + 1, "mean_ssim": 0.6, "frame": [0, 1], "bits": [32],
        }  # fmt: skip
        write(
            tmp_path / result_path("quality", video, model, 1), {"analysis": "quality", "parameters": 9} | of, **quality
        )
    write(tmp_path / result_path("clusters", "cat", "nerv"), {"analysis": "clusters", "video": "cat", "model": "nerv"})
    write(tmp_path / result_path("maps", "cat", "nerv", 1), {})
    (tmp_path / "results/cat/nerv/seed1/canvas.zarr/head").mkdir(parents=True)
    return tmp_path / "results"


def test_a_row_for_each_result(root: Path) -> None:
    found = xinc.open_results(root)
    assert list(zip(found["video"], found["model"], found["analysis"], strict=True)) == [
        ("cat", "nerv", "maps"), ("cat", "nerv", "quality"), ("cat", "nerv", "clusters"), ("dog", "ffn", "quality"),
    ]  # fmt: skip
    assert found["seed"].tolist() == [1, 1, pd.NA, 1]
    np.testing.assert_array_equal(found["psnr"], [31, 31, np.nan, 21])
    np.testing.assert_array_equal(found["bits_per_pixel"], [8, 8, np.nan, 8])
    assert found["path"].tolist()[0] == root / "cat/nerv/seed1/maps"


def test_tables_of_networks_are_compared_by_grouping(root: Path) -> None:
    table = xinc.open_results(root).of("quality").tables()
    assert list(table.columns[:3]) == ["video", "model", "seed"]
    assert len(table) == 4
    assert table.groupby("model")["psnr"].mean().to_dict() == {"nerv": 31, "ffn": 21}


def test_choosing_is_that_of_pandas_and_a_row_is_opened(root: Path) -> None:
    found = xinc.open_results(root)
    good = found[(found["psnr"] > 25) & (found["analysis"] == "quality")]
    assert float(good.open()["mean_psnr"]) == 31
    with pytest.raises(InputError, match="There are 2 results: choose one"):
        found.of("quality").open()
    with pytest.raises(InputError, match=r"These are results of clusters, maps, quality: choose those of one"):
        found.tables()
    with pytest.raises(InputError, match="no results of 'qualty': did you mean 'quality'"):
        found.of("qualty")
    none = found[found["psnr"] > 1000]
    with pytest.raises(InputError, match="no results of 'quality': the table is empty"):
        none.of("quality")
    with pytest.raises(InputError, match="There are no results in this table"):
        none.tables()


def test_results_lie_wherever_they_lie(root: Path, tmp_path: Path) -> None:
    """They say themselves what they are of; the workflow's folders are not needed."""
    elsewhere = tmp_path / "mine" / "some result"
    elsewhere.parent.mkdir()
    (root / "dog/ffn/seed1/quality").rename(elsewhere)
    (row,) = xinc.open_results(tmp_path / "mine").to_dict("records")
    assert (row["video"], row["model"], row["seed"], row["analysis"]) == ("dog", "ffn", 1, "quality")


def test_a_folder_without_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There are no results below"):
        xinc.open_results(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        xinc.open_results(tmp_path / "nowhere")
