"""The overview against xarray on whole maps, and errors by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.subjects import FRAMES, Make
from xinc.analyses.making import make_analysis
from xinc.analyses.overview.compute import table


@pytest.mark.parametrize("model", ["nerv", "ffn"])
def test_it_is_what_the_maps_come_to(model: str, subjects: Make) -> None:
    subject = subjects(model)
    result = make_analysis("overview").compute(subject)
    assert result["frame"].values.tolist() == FRAMES[model]
    for name, layer in subject.canvas.items():
        maps = abs(layer["contribution"].load().astype(np.float64))
        own = result.isel(point=np.flatnonzero(result["point_layer"].values == name))
        assert own["point_neuron"].values.tolist() == layer["neuron"].values.tolist()
        np.testing.assert_allclose(result["sum_abs"].sel(layer=name), maps.sum("neuron"), rtol=1e-5, atol=1e-7)
        for key, expected in (
            ("total", maps.sum(["y", "x"])),
            ("minimum", maps.min(["y", "x"])),
            ("maximum", maps.max(["y", "x"])),
        ):
            np.testing.assert_allclose(own[key], expected, rtol=1e-5, atol=1e-7)


def test_errors_are_those_of_clamped_colours(subjects: Make) -> None:
    subject = subjects("nerv")
    result = make_analysis("overview", {"frames": [1, 3]}).compute(subject)
    image = np.stack([subject.model.reconstruct(frame).numpy() for frame in (1, 3)]).clip(0, 1)
    source = subject.video["frames"].sel(frame=[1, 3]).transpose("frame", "channel", "y", "x").values
    np.testing.assert_allclose(result["error"], np.sqrt(((image - source) ** 2).mean(1)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result["reconstruction"], image.transpose(0, 2, 3, 1), atol=1e-6)


def test_the_table_counts_dead_neurons(subjects: Make) -> None:
    result = make_analysis("overview", {"frames": 1}).compute(subjects("nerv")).load()
    result["total"] = result["total"].where(result["point_neuron"] != 1, 0.0)
    found = table(result).set_index("layer")
    for name, layer in subjects("nerv").canvas.items():
        assert found.loc[name, ["neurons", "dead"]].tolist() == [layer.sizes["neuron"], 1]
