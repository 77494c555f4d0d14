"""Stores that were damaged after they were written."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from xinc.experiment.job import job_log
from xinc.storage.atomic import whole_directory
from xinc.storage.damage import find_damage
from xinc.storage.datasets import write_dataset


@pytest.fixture
def dataset() -> xr.Dataset:
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {"values": (("y", "x"), rng.normal(size=(40, 30)).astype(np.float32)), "count": 7, "none": ("n", [])},
        {"y": np.arange(40), "name": ("x", np.array([f"n{k}" for k in range(30)], object))},
    )


@pytest.fixture
def store(dataset: xr.Dataset, tmp_path: Path) -> Path:
    with whole_directory(tmp_path / "a.zarr") as partial:
        write_dataset(dataset, partial)
    return tmp_path / "a.zarr"


def chunks(store: Path) -> list[Path]:
    return sorted(p for p in store.rglob("c") for p in ([p] if p.is_file() else p.rglob("*")) if p.is_file())


def test_what_is_written_is_what_is_read(store: Path, dataset: xr.Dataset) -> None:
    xr.testing.assert_identical(xr.open_zarr(store, consolidated=False).load(), dataset)
    assert find_damage(store) is None
    assert find_damage(store.parent / "nothing.zarr") is None


def test_every_flipped_byte_of_every_chunk_is_found(store: Path) -> None:
    rng, found = np.random.default_rng(1), chunks(store)
    assert {p.relative_to(store).parts[0] for p in found} == {"values", "count", "y", "name"}
    for chunk in found:
        whole = chunk.read_bytes()
        for at in {0, len(whole) - 1, *rng.integers(0, len(whole), 12).tolist()}:
            chunk.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << int(rng.integers(8))]) + whole[at + 1 :])
            damage = find_damage(store)
            assert damage is not None, (chunk, at)
            assert f"'{chunk.relative_to(store).parts[0]}'" in damage
        for size in (0, 1, len(whole) - 1):
            chunk.write_bytes(whole[:size])
            assert find_damage(store) is not None, (chunk, size)
        chunk.write_bytes(whole)
    assert find_damage(store) is None


def test_metadata_that_is_none(store: Path) -> None:
    (store / "values" / "zarr.json").write_text("{")
    assert find_damage(store) is not None


def test_a_job_names_the_damaged_input(store: Path, tmp_path: Path) -> None:
    chunk = next(p for p in chunks(store) if "values" in p.parts)
    chunk.write_bytes(chunk.read_bytes()[:-3] + b"abc")
    with pytest.raises(SystemExit), job_log(tmp_path / "log", inputs=[str(tmp_path), str(store)]):
        xr.open_zarr(store, consolidated=False).load()
    text = (tmp_path / "log").read_text()
    assert text.startswith(f"Error: {store} is damaged, the array 'values' cannot be read (")
    assert text.rstrip().endswith("remove it and run again, which makes it anew.")
    assert text.count("\n") == 1


def test_a_failure_with_sound_inputs_keeps_its_traceback(store: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit), job_log(tmp_path / "log", inputs=[str(store)]):
        raise ZeroDivisionError
    assert "Traceback" in (tmp_path / "log").read_text()


def test_a_full_disk_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit), job_log(tmp_path / "log"):
        raise OSError(errno.ENOSPC, "No space left on device", "results/x")
    assert (tmp_path / "log").read_text() == (
        "Error: There is no space left for results/x (No space left on device): free some and run again.\n"
    )
