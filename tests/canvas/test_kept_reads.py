"""What a canvas keeps for the next time changes nothing that is read, and stays within its bytes."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xinc
from tests.helpers.tiny import tiny
from xinc.canvas.lazy import expanded_maps, held_bytes
from xinc.canvas.reader import open_layer
from xinc.canvas.reductions import region_sums, sum_abs
from xinc.contributions.kernels.convolution import Expansion
from xinc.errors import InputError

CACHES = (0.0, 0.002, 0.01, 256.0)


def opened(path, cache_mb):
    """A layer's maps, and what keeps what they need."""
    maps = open_layer(path, cache_mb=cache_mb)["contribution"]
    found = expanded_maps(maps.variable)
    assert found is not None
    return maps, found.kept


@given(data=st.data())
@pytest.mark.parametrize("network", ["nerv", "ffn"])
def test_reads_do_not_depend_on_what_is_kept(written, network, data):
    """Ones that follow each other, of any frames and neurons, against the dense maps."""
    root = written(network)
    layer = data.draw(st.sampled_from(tiny(network).layer_names()))
    whole = xinc.dissect(tiny(network), layers=[layer])[layer]["contribution"].values
    maps, kept = opened(root / layer, data.draw(st.sampled_from(CACHES)))
    for _ in range(4):
        frames, neurons = (data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=4)) for n in maps.shape[:2])
        rows = data.draw(st.integers(0, maps.shape[2] - 2))
        found = maps.isel(frame=frames, neuron=neurons, y=slice(rows, rows + 2)).values
        np.testing.assert_allclose(found, whole[np.ix_(frames, neurons)][:, :, rows : rows + 2], rtol=0, atol=1e-6)
        assert kept.size <= kept.limit


@pytest.mark.parametrize("cache_mb", CACHES)
def test_many_threads_read_what_one_does(written, cache_mb):
    root = written("nerv")
    canvas = xinc.open_canvas(root, cache_mb=cache_mb)
    expected = {name: sum_abs(layer).values for name, layer in xinc.open_canvas(root).children.items()}

    def right(seed):
        rng = np.random.default_rng(seed)
        for _ in range(5):
            name, frame = str(rng.choice(list(expected))), int(rng.integers(4))
            np.testing.assert_array_equal(sum_abs(canvas[name], [frame])[0], expected[name][frame])
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(right, range(6)))


def test_a_frame_is_read_and_prepared_once(written, monkeypatch):
    """And not at all what nobody asked for."""
    made = []
    begin = Expansion.__init__
    monkeypatch.setattr(Expansion, "__init__", lambda self, *what: made.append(what) or begin(self, *what))
    layer = xinc.open_canvas(written("nerv"))["block1"]
    for _ in range(3):
        layer["contribution"].isel(neuron=3, frame=[1, 2]).load()
        sum_abs(layer, [1])
        region_sums(layer, {"a": np.zeros((16, 24), int)}, [2])
    assert len(made) == 2
    layer["contribution"].isel(neuron=3).copy().load()
    assert len(made) == 4  # a copy shares what is kept


def test_layers_of_a_canvas_share_their_bytes(written):
    canvas = xinc.open_canvas(written("nerv"), cache_mb=0.02)
    kept = {id(expanded_maps(layer["contribution"].variable).kept) for layer in canvas.children.values()}
    assert len(kept) == 1


def test_bytes_are_those_of_arrays(written):
    """Of a layer with weights that all frames share: they count once."""
    maps, kept = opened(written("nerv") / "block1", 256)
    maps.load()
    found = expanded_maps(open_layer(written("nerv") / "block1")["contribution"].variable)
    sizes = []
    for at in range(4):
        own, v = found.layer_at(at)
        holder = Expansion(own, v)
        held = [a for a in vars(holder).values() if isinstance(a, np.ndarray) and a is not own.layer.weight]
        assert held_bytes(holder, own, v) == sum(a.nbytes for a in held)
        sizes.append(v.nbytes + sum(a.nbytes for a in held))
    weights = sum(array.nbytes for array in own.layer.arrays().values())
    assert kept.size == weights + sum(sizes)


@pytest.mark.parametrize("layout", ["factored", "dense"])
def test_other_processes(written, layout):
    """What is pickled begins anew, with the same bytes to keep."""
    canvas = xinc.open_canvas(written("nerv", layout), cache_mb=1)
    expected = canvas["block1"]["contribution"].load()
    again = pickle.loads(pickle.dumps(xinc.open_canvas(written("nerv", layout), cache_mb=1)["block1"].to_dataset()))
    np.testing.assert_array_equal(again["contribution"], expected)
    found = expanded_maps(again["contribution"].variable)
    assert found is None or found.kept.limit == 1_000_000


def test_maps_of_a_canvas_that_was_written_again(nerv, write):
    """Of the same network they stay valid; of another, reading is an error where it would mix the two."""
    root = write(nerv)
    canvas = xinc.open_canvas(root)
    before = canvas["block1"]["contribution"].isel(frame=0).values
    write(nerv)
    rest = canvas["block1"]["contribution"].values
    np.testing.assert_array_equal(rest[0], before)
    write(nerv, frames=[3, 2, 1, 0])
    late = xinc.open_canvas(root)["block1"]["contribution"]
    write(tiny("nerv"), layout="dense")
    with pytest.raises(InputError, match=r"block1 was written again, or removed, since it was opened: open it again"):
        late.load()
    np.testing.assert_array_equal(canvas["block1"]["contribution"].isel(frame=0), before)  # as it was opened


@pytest.mark.parametrize("layers", ["head", ["head"], ("head", "block1")])
def test_some_layers(written, layers):
    """In network order; of the others nothing is looked at."""
    found = xinc.open_canvas(written("nerv"), layers=layers)
    assert list(found.children) == [name for name in ("block1", "head") if name in layers]
    with pytest.raises(InputError, match="Unknown layer 'tail' of the canvas"):
        xinc.open_canvas(written("nerv"), layers=["tail"])
    with pytest.raises(InputError, match="layers is"):
        xinc.open_canvas(written("nerv"), layers=3)


def test_xarray_takes_the_same_argument(written):
    layer = xr.open_dataset(written("nerv") / "head", engine="xinc", cache_mb=3)
    assert expanded_maps(layer["contribution"].variable).kept.limit == 3_000_000
    tree = xr.open_datatree(written("nerv"), engine="xinc", cache_mb=3)
    assert expanded_maps(tree["head"]["contribution"].variable).kept.limit == 3_000_000
    with pytest.raises(InputError, match="cache_mb is -1"):
        xinc.open_canvas(written("nerv"), cache_mb=-1)
