"""Records: those of version 1 say what they said, and routes and geometry survive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import xinc
from tests.helpers.routes import routes
from xinc.canvas.iid import expected_sum_abs, iid_layers
from xinc.canvas.schema import VERSION, LayerRecord, record_of, route_of, route_record
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.models.base import INR
from xinc.trace.route import Route, Stage

#: A record of xinc 0.1 before version 2, of a block of a NeRV.
FIRST = {
    "format": "xinc-canvas", "version": 1, "layout": "factored", "layer": "block1", "layer_type": "Convolution",
    "granularity": "kernel", "activation": "gelu", "frequency": 1.0, "upscale": 2,
    "later": [
        {"kernel_size": 3, "upscale": 2, "activation": "gelu"},
        {"kernel_size": 3, "upscale": 1, "activation": "identity"},
    ],
    "head_activation": "identity", "shared_weights": True, "resolution": [16, 24], "architecture": "nerv",
    "network": "0123456789abcdef", "dtype": "float32", "error": "none: maps are float32 as computed", "gain": "none",
    "probes": 0,
}  # fmt: skip


def test_a_record_of_version_1_says_the_same() -> None:
    record = LayerRecord.model_validate(FIRST)
    assert route_of(record.later) == (Stage(3, 2, "gelu"), Stage(3, 1, "identity"))
    assert (record.version, record.options) == (1, {})
    again = json.loads(record.model_dump_json())
    assert {name: again[name] for name in FIRST if name not in ("version", "later")} == {
        name: value for name, value in FIRST.items() if name not in ("version", "later")
    }


@pytest.mark.slow
def test_a_canvas_of_version_1_opens_as_before(nerv: INR, tmp_path: Path) -> None:
    """Written by this xinc, with the records of the one before."""
    expected = xinc.dissect(nerv, [0])
    for name, layout in (("block1", "factored"), ("head", "dense")):
        group = tmp_path / "canvas.zarr" / name
        write_layer(nerv, group, name, [0], CanvasSettings(layout=layout))  # type: ignore[arg-type]
        _as_version_1(group)
    found = xinc.open_canvas(tmp_path / "canvas.zarr")
    for name in ("block1", "head"):
        maps = expected[name]["contribution"].values
        np.testing.assert_allclose(found[name]["contribution"].values, maps, rtol=1e-6, atol=1e-7)
    layers = {name: found[name].to_dataset() for name in found.children}
    drawn = iid_layers({"block1": layers["block1"]}, maps=20)
    np.testing.assert_array_equal(
        drawn["block1"]["contribution"].values,
        iid_layers({"block1": expected["block1"].to_dataset()}, maps=20)["block1"]["contribution"].values,
    )
    copied = xinc.materialise(found, tmp_path / "dense.zarr", ["block1"])
    assert record_of(copied["block1"].to_dataset()).version == VERSION


def _as_version_1(group: Path) -> None:
    metadata = json.loads((group / "zarr.json").read_text())
    record = metadata["attributes"]["xinc"]
    del record["options"]
    later = [{name: step[name] for name in ("kernel_size", "upscale", "activation")} for step in record["later"]]
    metadata["attributes"]["xinc"] = record | {"version": 1, "later": later}
    (group / "zarr.json").write_text(json.dumps(metadata))


@given(routes(deep=2))
def test_a_route_survives_its_record(route: Route) -> None:
    stored = json.loads(LayerRecord.model_validate(FIRST | {"later": route_record(route)}).model_dump_json())
    assert route_of(LayerRecord.model_validate(stored).later) == route


@pytest.mark.parametrize("wrong", [{"kernel_size": 0, "upscale": 1, "activation": "gelu"}, {"routes": []}])
def test_steps_that_are_none_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="later"):
        LayerRecord.model_validate(FIRST | {"later": [wrong]})


@pytest.mark.slow
def test_an_iid_network_of_what_is_not_a_chain() -> None:
    """Layers in groups, with strides and sums behind them: of the same size, and nowhere without contribution."""
    from tests.helpers.skipping import ROUTES, Skipping

    canvas = xinc.dissect(Skipping().eval(), [0])
    found = iid_layers({name: canvas[name].to_dataset() for name in ROUTES}, maps=200)
    for name in ROUTES:
        assert found[name]["contribution"].shape[1:] == canvas[name]["contribution"].shape[1:]
        assert expected_sum_abs(found[name]).min() > 0
