"""Canvases on object storage: a local server that speaks S3."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr

import xinc
from tests.helpers import object_storage
from tests.helpers.tiers import exhaustive
from xinc.canvas.reader import open_layer
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.errors import InputError
from xinc.models.storage import build

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[object_storage.Server]:
    with object_storage.server() as running:
        yield running


@pytest.fixture
def bucket(server: object_storage.Server) -> str:
    return object_storage.new_bucket()


def keys(bucket: str) -> dict[str, int]:
    """Size of every object."""
    import boto3

    found = boto3.client("s3").list_objects_v2(Bucket=bucket.removeprefix("s3://"))
    return {entry["Key"]: entry["Size"] for entry in found.get("Contents", [])}


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The objects whose content is asked for, in order."""
    import s3fs

    asked: list[str] = []
    call = s3fs.S3FileSystem._call_s3

    async def listening(self, method, *args, **kwargs):
        if method == "get_object":
            asked.append(kwargs.get("Key") or next(a["Key"] for a in args if "Key" in a))
        return await call(self, method, *args, **kwargs)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", listening)
    return asked


def write_all(model, root: str, **settings) -> str:
    for layer in model.layer_names():
        write_layer(model, f"{root}/{layer}", layer, None, CanvasSettings(device="cpu", **settings))
    return root


@pytest.mark.parametrize("layout", ["auto", "dense", "factored"])
def test_a_canvas_is_the_same_there(nerv, ffn, bucket, write, layout):
    for at, model in enumerate((nerv, ffn) if layout == "auto" else (nerv,)):
        here = xinc.open_canvas(write(model, layout, name=f"{at}.zarr"))
        root = write_all(model, f"{bucket}/some/where/{at}.zarr", layout=layout)
        there = xinc.open_canvas(root) if at else xr.open_datatree(root + "/", engine="xinc")
        assert list(there.children) == list(here.children) == model.layer_names()
        for name in here.children:
            xr.testing.assert_identical(there[name].to_dataset().load(), here[name].to_dataset().load())
    layer = xr.open_dataset(f"{root}/{name}", engine="xinc", chunks={})
    xr.testing.assert_identical(layer.load(), here[name].to_dataset().load())


@exhaustive
def test_only_what_is_asked_for_is_fetched(nerv, bucket, fetched):
    """Of a factored layer the input of one frame; of dense maps the chunks of the neurons."""
    root = write_all(nerv, f"{bucket}/a.zarr", layout="factored")
    del fetched[:]
    maps = xinc.open_canvas(root)["block1"]["contribution"]
    assert not [key for key in fetched if "/input/c" in key or "/weight/c" in key]
    one = maps.sel(frame=2, neuron=5).values
    assert {key for key in fetched if "/block1/input/c" in key} == {"a.zarr/block1/input/c.2.0.0.0"}
    assert not [key for key in fetched if "head/" in key and "/c." in key and "/frame/" not in key]
    np.testing.assert_array_equal(one, xinc.dissect(nerv)["block1"]["contribution"].sel(frame=2, neuron=5).values)


@exhaustive
def test_materialised_there_and_back(nerv, bucket, write, tmp_path):
    here = xinc.open_canvas(write(nerv))
    made = xinc.materialise(here, f"{bucket}/dense.zarr", ["block1", "head"], frames=[0, 2], neurons=7)
    back = xinc.materialise(f"{bucket}/dense.zarr", tmp_path / "back.zarr")
    assert list(made.children) == list(back.children) == ["block1", "head"]
    for name in made.children:
        xr.testing.assert_identical(made[name].to_dataset().load(), back[name].to_dataset().load())
        expected = here[name]["contribution"].sel(frame=[0, 2], neuron=made[name]["neuron"]).values
        np.testing.assert_allclose(made[name]["contribution"].values, expected, rtol=0, atol=1e-6)
    plain = xr.open_zarr(f"{bucket}/dense.zarr/head", consolidated=False, chunks=None)  # any reader of Zarr
    np.testing.assert_array_equal(plain["contribution"], made["head"]["contribution"])


@exhaustive
def test_a_layer_appears_with_its_last_object(nerv, bucket, monkeypatch):
    """Before every single write of a layer, and of its replacement, there is no such layer."""
    from zarr.storage import FsspecStore

    root, seen = f"{bucket}/a.zarr", []
    write_layer(nerv, f"{root}/block1", "block1")
    put = FsspecStore.set

    async def watched(self, key, value, *rest):
        seen.append((key, f"{'a.zarr/head'}/zarr.json" in keys(bucket)))
        await put(self, key, value, *rest)

    monkeypatch.setattr(FsspecStore, "set", watched)
    for frames in (None, [1]):
        del seen[:]
        write_layer(nerv, f"{root}/head", "head", frames, CanvasSettings(layout="dense"))
        assert len(seen) > 10
        assert not any(there for _, there in seen)
        assert [key for key, _ in seen].index("zarr.json") == len(seen) - 1
        assert xinc.open_canvas(root)["head"].sizes["frame"] == len(frames or range(4))


@exhaustive
@pytest.mark.parametrize("layout", ["factored", "dense"])
def test_a_half_written_layer_is_none(nerv, bucket, layout):
    """What a machine that lost its power leaves behind: everything but the last object."""
    import boto3

    root = write_all(nerv, f"{bucket}/a.zarr", layout=layout)
    boto3.client("s3").delete_object(Bucket=bucket.removeprefix("s3://"), Key="a.zarr/block2/zarr.json")
    assert list(xinc.open_canvas(root).children) == ["block1", "head"]
    with pytest.raises(InputError, match=r"block2 is not a layer of a canvas: it has no zarr.json"):
        open_layer(f"{root}/block2")


@exhaustive
def test_a_writer_that_fails_leaves_nothing(nerv, bucket, monkeypatch):
    root = f"{bucket}/a.zarr"
    write_layer(nerv, f"{root}/block1", "block1")
    before = keys(bucket)
    trace = type(nerv).trace

    def failing(self, frame, *args, **kwargs):
        if frame == 2:
            raise RuntimeError("out of memory")
        return trace(self, frame, *args, **kwargs)

    monkeypatch.setattr(type(nerv), "trace", failing)
    with pytest.raises(RuntimeError, match="out of memory"):
        write_layer(nerv, f"{root}/head", "head", None, CanvasSettings(layout="factored"))
    assert keys(bucket) == before


@exhaustive
def test_missing_chunks_are_noticed_on_opening(nerv, bucket):
    import boto3

    root = write_all(nerv, f"{bucket}/a.zarr", layout="factored")
    client, name = boto3.client("s3"), bucket.removeprefix("s3://")
    client.delete_object(Bucket=name, Key="a.zarr/head/input/c.1.0.0.0")
    with pytest.raises(InputError, match=r"s3://.*/head is incomplete: 'input' has 3 of 4 chunk files"):
        xinc.open_canvas(root)
    client.put_object(Bucket=name, Key="a.zarr/head/input/c.1.0.0.0", Body=b"")
    with pytest.raises(InputError, match="a chunk file of 'input' is empty"):
        xinc.open_canvas(root)


@exhaustive
def test_other_processes_of_dask_can_read_it(nerv, bucket):
    root = write_all(nerv, f"{bucket}/a.zarr")
    for name, layer in xr.open_datatree(root, engine="xinc", chunks={"neuron": 5}).children.items():
        again = pickle.loads(pickle.dumps(layer["contribution"]))
        np.testing.assert_array_equal(again.values, xinc.open_canvas(root)[name]["contribution"].values)


@exhaustive
def test_reductions_and_figures_need_no_more(nerv, bucket, write):
    root, here = write_all(nerv, f"{bucket}/a.zarr"), write(nerv, "auto")
    for name in nerv.layer_names():
        there = xinc.summarise(xinc.open_canvas(root)[name].to_dataset(), frames=[1, 2])
        xr.testing.assert_identical(there, xinc.summarise(xinc.open_canvas(here)[name].to_dataset(), frames=[1, 2]))


@exhaustive
def test_what_is_not_there(server, bucket, nerv, monkeypatch):
    with pytest.raises(InputError, match=r"There is no canvas s3://.*/none.zarr"):
        xinc.open_canvas(f"{bucket}/none.zarr")
    with pytest.raises(InputError, match=r"There is no canvas s3://no-such-bucket-at-all/a\.zarr"):
        xinc.open_canvas("s3://no-such-bucket-at-all/a.zarr")
    with pytest.raises(InputError, match=r"no-such-bucket-at-all/a.zarr/head could not be written: .*bucket"):
        write_layer(nerv, "s3://no-such-bucket-at-all/a.zarr/head", "head")
    with pytest.raises(InputError, match=r"nope://a/b.zarr cannot be reached .*nope"):
        xinc.open_canvas("nope://a/b.zarr")


# How much is asked for -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def thirty() -> xinc.models.base.INR:
    return build("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 24), range(30), 30)


@pytest.mark.parametrize("layout", ["factored", "dense"])
def test_few_requests(thirty, server, bucket, layout):
    """A layer is opened with 15, a neuron of it over thirty frames read with 60, and not a second time."""
    root = write_all(thirty, f"{bucket}/a.zarr", layout=layout)
    expected = xinc.dissect(thirty)

    def asked(what):
        del server.requests[:]
        return what(), len(server.requests)

    canvas, count = asked(lambda: xinc.open_canvas(root, layers="block1"))
    assert count <= 15
    for which in ({"neuron": 5}, {"frame": 7, "y": 3, "x": 4}, {"neuron": [3, 5], "frame": slice(4, 9)}):
        maps = canvas["block1"]["contribution"].isel(which)
        wanted = expected["block1"]["contribution"].isel(which).values
        for most in (60, 0):
            found, count = asked(lambda maps=maps: maps.values)
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
            assert count <= most
            if layout == "dense":
                continue
            # What a map of one neuron needs is all that there is of a frame.
            sums, count = asked(lambda: xinc.top_neurons(canvas["block1"], box=(1, 3, 2, 5), frames=[2]))
            assert count == 0
            assert len(sums) == 10
    every, count = asked(lambda: xinc.open_canvas(root))
    assert list(every.children) == ["block1", "block2", "head"]
    assert count <= 1 + 3 * 16


@exhaustive
def test_requests_wait_at_the_same_time(thirty, server, bucket):
    """Where each takes long beside all work."""
    root = write_all(thirty, f"{bucket}/a.zarr", layout="factored")
    waiting, most, lock, inner = 0, 0, threading.Lock(), server._app

    def counted(*request):
        nonlocal waiting, most
        with lock:
            waiting += 1
            most = max(most, waiting)
        time.sleep(0.1)
        with lock:
            waiting -= 1
        return inner(*request)

    try:
        server._app = counted
        maps = xinc.open_canvas(root)["block1"]["contribution"]
        assert most >= 6
        most = 0
        maps.isel(neuron=3).values  # noqa: B018
        assert most >= 6
    finally:
        server._app = inner


@exhaustive
@pytest.mark.parametrize("cache_mb", [0, 0.005, 256])
def test_what_is_kept_changes_nothing(thirty, server, bucket, cache_mb):
    """However little may be kept, and whichever thread asks for what."""
    roots = {layout: write_all(thirty, f"{bucket}/{layout}.zarr", layout=layout) for layout in ("factored", "dense")}
    expected = xinc.dissect(thirty)["block1"]["contribution"].values
    for root in roots.values():
        maps = xinc.open_canvas(root, layers=["block1"], cache_mb=cache_mb)["block1"]["contribution"]

        def right(seed, maps=maps):
            rng = np.random.default_rng(seed)
            for _ in range(6):
                frames, neurons = (rng.choice(size, 3, replace=False) for size in maps.shape[:2])
                found = maps.isel(frame=frames, neuron=neurons, y=slice(2, 7)).values
                np.testing.assert_allclose(found, expected[np.ix_(frames, neurons)][:, :, 2:7], rtol=0, atol=1e-6)
            return True

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(right, range(4)))


@exhaustive
def test_a_canvas_that_was_written_again(thirty, bucket, server):
    """By another network: what is read is of one of them, or an error; never of both."""
    root = write_all(thirty, f"{bucket}/a.zarr", layout="factored")
    canvas = xinc.open_canvas(root)
    before = canvas["block1"]["contribution"].isel(frame=3, neuron=1).values
    write_all(thirty, root, layout="factored")  # the same: nobody need know
    np.testing.assert_array_equal(canvas["block1"]["contribution"].isel(frame=3, neuron=1).values, before)
    assert canvas["block1"]["contribution"].isel(frame=4, neuron=1).values.any()
    time.sleep(1)  # object storage tells times by the second
    other = build("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 24), range(30), 30, seed=1)
    write_all(other, root, layout="factored")
    with pytest.raises(InputError, match=r"block1 was written again, or removed, since it was opened: open it again"):
        canvas["block1"]["contribution"].isel(frame=5, neuron=1).values  # noqa: B018
    opened = xinc.open_canvas(root)["block1"]["contribution"].isel(frame=5, neuron=1)
    np.testing.assert_allclose(opened, xinc.dissect(other)["block1"]["contribution"].isel(frame=5, neuron=1), atol=1e-6)


@exhaustive
def test_reading_is_not_waited_for_once_it_is_cancelled(thirty, server, bucket):
    """And what was asked for is whole the next time."""
    root = write_all(thirty, f"{bucket}/a.zarr", layout="factored")
    maps = xinc.open_canvas(root)["block1"]["contribution"].isel(neuron=2)
    work, released, inner = xinc.Task(), threading.Event(), server._app

    def held(*request):
        work.cancel()
        released.wait()
        return inner(*request)

    try:
        server._app = held
        with work, pytest.raises(xinc.Cancelled):
            maps.values  # noqa: B018
    finally:
        server._app = inner
        released.set()
    np.testing.assert_allclose(maps, xinc.dissect(thirty)["block1"]["contribution"].isel(neuron=2), atol=1e-6)


@exhaustive
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_reads_what_was_opened_before(thirty, bucket):
    root = write_all(thirty, f"{bucket}/a.zarr", layout="factored")
    maps = xinc.open_canvas(root)["block1"]["contribution"].isel(neuron=2)
    first = maps.isel(frame=0).values
    with multiprocessing.get_context("fork").Pool(1) as pool:
        again, new = pool.apply(_two, (maps,))
    np.testing.assert_array_equal(again, first)
    np.testing.assert_allclose(new, xinc.dissect(thirty)["block1"]["contribution"].isel(neuron=2, frame=9), atol=1e-6)


def _two(maps):
    return maps.isel(frame=0).values, maps.isel(frame=9).values


def test_a_layer_that_is_not_there(thirty, bucket):
    root = write_all(thirty, f"{bucket}/a.zarr", layout="factored")
    with pytest.raises(InputError, match=r"Unknown layer 'block3' of the canvas s3://.*: did you mean 'block[12]'"):
        xinc.open_canvas(root, layers=["block1", "block3"])
