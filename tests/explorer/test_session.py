"""Answers of a session against xarray on whole maps."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import example, given, settings
from hypothesis import strategies as st

import xinc
from tests.helpers.tiny import tiny
from xinc.analyses.compare.numbers import GRID
from xinc.canvas.reader import open_canvas
from xinc.errors import InputError
from xinc.explorer.messages import Answer, Beginning, Superseded, read_question, scaled
from xinc.explorer.session import Session
from xinc.explorer.sources import beginning, find_sources
from xinc.models.storage import build
from xinc.runtime.task import check, current, report
from xinc.video.regions import open_regions
from xinc.video.store import open_video

NERV = "clip/nerv/seed0"
AT = {"network": NERV, "layer": "block1", "frame": 2}


@pytest.fixture(scope="module")
def maps(results: Path) -> xr.DataArray:
    """(frame, neuron, y, x) of block1."""
    return open_canvas(results / NERV / "canvas.zarr")["block1"]["contribution"].load().astype(np.float64)


def asked(session: Session, ask: str, **values: Any) -> Answer:
    return session.ask({"ask": ask, **values})


def test_all_networks_are_found(session: Session, results: Path) -> None:
    found = asked(session, "networks").head["networks"]
    assert [one["name"] for one in found] == ["clip/ffn/seed0", NERV, "clip/nerv/seed1"]
    assert found[1] == {"name": NERV, "video": "clip", "model": "nerv", "seed": "0"}
    for below in (results / "clip", results / NERV, results / NERV / "canvas.zarr", results / NERV / "model.pt"):
        assert NERV in [one.name for one in find_sources(below)]
    assert len(find_sources(results / "clip" / "nerv")) == 2


def test_what_a_page_begins_with_needs_no_video(session: Session, tmp_path: Path, results: Path) -> None:
    for folder in ("nothing", "damaged"):
        (tmp_path / folder / "nerv" / "seed0" / "canvas.zarr" / "head").mkdir(parents=True)
    (tmp_path / "damaged" / "video.zarr").mkdir()
    (tmp_path / "damaged" / "nerv" / "seed0" / "canvas.zarr" / "head" / "zarr.json").write_text("[")
    sources = find_sources(tmp_path)
    for one in (None, "nothing/nerv/seed0"):
        found = beginning(sources, Beginning(ask="beginning", network=one))
        assert found.arrays == {}
        assert [each["video"] for each in found.head["networks"]] == ["damaged", "nothing"]
    assert beginning(find_sources(results / NERV / "model.pt"), Beginning(ask="beginning")).arrays["image"].shape
    assert asked(session, "beginning", network=NERV, frame=10**6).arrays["image"].shape == (16, 32, 3)


def test_what_there_is_of_a_network(session: Session, maps: xr.DataArray) -> None:
    about = asked(session, "network", network=NERV).head
    assert [layer["name"] for layer in about["layers"]] == ["block1", "block2", "head"]
    assert about["layers"][0]["neurons"] == maps.sizes["neuron"]
    assert (about["frames"], about["height"], about["width"]) == ([0, 1, 2, 3], 16, 32)
    assert about["faithfulness"]["head"] == pytest.approx({"r": 0.9, "low": 0.8, "high": 1.0})
    assert (about["overview"], about["clusters"], about["shared_weights"]) == (True, ["block1"], True)
    other = asked(session, "network", network="clip/ffn/seed0").head
    assert (other["overview"], other["clusters"], other["shared_weights"]) == (False, [], False)


@pytest.mark.parametrize(
    ("place", "window"),
    [
        ({"pixel": [3, 30]}, np.s_[3:4, 30:31]),
        ({"box": [2, 9, 4, 20]}, np.s_[2:9, 4:20]),
        ({}, np.s_[:, :]),
    ],
    ids=["pixel", "box", "frame"],
)
def test_a_ranking_is_that_of_the_maps(session: Session, maps: xr.DataArray, place: Any, window: Any) -> None:
    found = asked(session, "rank", **AT, place=place, count=7).head
    sums = np.abs(maps.sel(frame=2).values)[(slice(None), *window)].sum((1, 2))
    best = np.argsort(-sums, kind="stable")[:7]
    assert found["neuron"] == best.tolist()
    np.testing.assert_allclose(found["contribution"], sums[best], rtol=1e-5)
    assert found["covered"] == pytest.approx(sums[best].sum() / sums.sum(), rel=1e-5)
    assert found["of"] == maps.sizes["neuron"]


def test_a_ranking_of_an_instance(session: Session, maps: xr.DataArray, results: Path) -> None:
    regions = open_regions(results / "clip" / "regions.zarr")
    name = str(regions["instances_name"].values[0])
    inside = regions["instances"].sel(frame=2).values == 0
    found = asked(session, "rank", **AT, place={"instance": name}, count=3).head
    sums = np.abs(maps.sel(frame=2).values)[:, inside].sum(1)
    assert found["neuron"] == np.argsort(-sums, kind="stable")[:3].tolist()
    assert found["pixels"] == inside.sum()
    labels = asked(session, "labels", network=NERV, frame=2)
    assert labels.head["names"][0] == name
    np.testing.assert_array_equal(labels.arrays["labels"] == 1, inside)


@pytest.mark.parametrize("by", ["effect", "blame", "gained"])
def test_other_rankings_are_those_of_top_neurons(session: Session, results: Path, by: Any) -> None:
    box = (2, 9, 4, 20)
    found = asked(session, "rank", **AT, place={"box": box}, by=by, count=5, everywhere=True).head
    tree = open_canvas(results / NERV / "canvas.zarr")
    expected = xinc.top_neurons(tree, box=box, frames=[2], by=by, count=5)
    assert found["layer"] == expected["layer"].tolist()
    assert found["neuron"] == expected["neuron"].tolist()
    np.testing.assert_allclose(found[by], expected[by], rtol=1e-5)
    assert found["verdict"] == expected.attrs.get("verdict", "")


def test_a_map_and_its_thumbnail(session: Session, maps: xr.DataArray) -> None:
    found = asked(session, "map", **AT, neuron=11)
    own = maps.sel(frame=2, neuron=11).values
    top = np.abs(own).max()
    np.testing.assert_allclose(found.arrays["map"] * (found.head["scale"] / 32767), own, atol=top / 65000)
    assert found.head["total"] == pytest.approx(np.abs(own).sum())
    assert found.head["in_channel"] == int(maps["in_channel"].values[11])
    small = asked(session, "thumbnails", **AT, neurons=[11, 0, 11], width=8)
    blocks = np.abs(maps.sel(frame=2).values).reshape(-1, 4, 4, 8, 4).mean((2, 4))
    for at, number in enumerate((11, 0, 11)):
        shown = small.arrays["maps"][at] * (small.arrays["scales"][at] / 127)
        np.testing.assert_allclose(shown, blocks[number], atol=blocks[number].max() / 250)


@pytest.mark.parametrize("place", [{"pixel": [3, 30]}, {"box": [2, 9, 4, 20]}, {"instance": "object 1"}])
def test_a_course_over_time(session: Session, maps: xr.DataArray, results: Path, place: Any) -> None:
    inside = np.zeros((4, 16, 32), bool)
    if "pixel" in place:
        inside[:, 3, 30] = True
    elif "box" in place:
        inside[:, 2:9, 4:20] = True
    else:
        regions = open_regions(results / "clip" / "regions.zarr")
        place = {"instance": str(regions["instances_name"].values[0])}
        inside = regions["instances"].values == 0
    found = asked(session, "course", **AT, neuron=5, place=place).head
    own = maps.sel(neuron=5).values
    assert found["frames"] == [0, 1, 2, 3]
    np.testing.assert_allclose(found["magnitude"], (np.abs(own) * inside).sum((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(found["signed"], (own * inside).sum((1, 2)), rtol=1e-4, atol=1e-8)
    np.testing.assert_array_equal(found["pixels"], inside.sum((1, 2)))


def test_a_course_that_takes_long_waits_to_be_asked_for(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    question = {**AT, "neuron": 5, "place": {"pixel": [3, 30]}}
    monkeypatch.setattr("xinc.explorer.session.TRIED", 1e-9)
    head = asked(session, "course", **question).head
    assert head["seconds"] > 0
    assert "magnitude" not in head
    assert len(asked(session, "course", **question, compute=True).head["magnitude"]) == 4


def test_networks_of_one_frame_have_no_course(session: Session) -> None:
    at = {"network": "clip/ffn/seed0", "layer": "layer1", "frame": 0}
    assert asked(session, "course", **at, neuron=1, place={"pixel": [0, 0]}).head["reason"]


def test_pictures_and_heatmaps(session: Session, maps: xr.DataArray, results: Path) -> None:
    video = open_video(results / "clip" / "video.zarr")["frames"].sel(frame=2).transpose("y", "x", "channel").values
    model = xinc.load_model(results / NERV / "model.pt")
    image = model.reconstruct(2).clamp(0, 1).permute(1, 2, 0).numpy()
    shown = asked(session, "picture", network=NERV, frame=2, what="video").arrays["image"]
    np.testing.assert_array_equal(shown, np.rint(video * 255))
    shown = asked(session, "picture", network=NERV, frame=2, what="reconstruction").arrays["image"]
    np.testing.assert_allclose(shown / 255, image, atol=0.003)
    error = asked(session, "picture", network=NERV, frame=2, what="error")
    own = np.sqrt(((image - video) ** 2).mean(-1))
    np.testing.assert_allclose(error.arrays["error"] * error.head["scale"] / 32767, own, atol=1e-4)
    assert error.head["psnr"] == pytest.approx(-10 * np.log10((own**2).mean()), rel=1e-4)
    heat = asked(session, "heat", **AT)
    own = np.abs(maps.sel(frame=2)).sum("neuron").values
    np.testing.assert_allclose(heat.arrays["heat"] * heat.head["scale"] / 32767, own, atol=own.max() / 60000)


def test_a_heatmap_that_takes_long_waits_to_be_asked_for(results: Path) -> None:
    session = Session(results / "clip" / "nerv" / "seed1")
    at = AT | {"network": "clip/nerv/seed1"}
    session.network(at["network"]).speed = 1e9
    head = asked(session, "heat", **at).head
    assert head["seconds"] > 1e3
    found = asked(session, "heat", **at, compute=True)
    assert found.arrays["heat"].shape == (16, 32)
    np.testing.assert_array_equal(asked(session, "heat", **at).arrays["heat"], found.arrays["heat"])  # kept


def test_a_heatmap_of_tables_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many they are: their maps are sparse."""
    model = tiny("hashgrid")
    xinc.write_canvas(model, tmp_path / "canvas.zarr")
    session = Session(str(tmp_path / "canvas.zarr"))
    at = {"network": session.ask({"ask": "networks"}).head["first"], "frame": 2}
    monkeypatch.setattr("xinc.explorer.session.AT_ONCE", 2.5e-6)
    found = session.ask({"ask": "heat", **at, "layer": "grid"})
    own = abs(xinc.dissect(model)["grid"]["contribution"].sel(frame=2)).sum("neuron").values
    np.testing.assert_allclose(found.arrays["heat"] * found.head["scale"] / 32767, own, atol=own.max() / 60000)


def test_what_a_heatmap_takes_is_learnt_from_large_ones(results: Path) -> None:
    of = Session(results / "clip" / "nerv" / "seed1").network("clip/nerv/seed1")
    before = of.speed
    of.learn(10**5, 3.0)  # a first call, with code to compile
    assert of.speed == before
    of.learn(10**8, 3.0)
    assert of.speed == pytest.approx(30)
    of.learn(10**8, 0.4)
    of.learn(10**8, 2.0)  # the machine was busy
    assert of.speed == pytest.approx(4)


def test_points_of_a_layer(session: Session, maps: xr.DataArray) -> None:
    found = asked(session, "points", **AT)
    count = maps.sizes["neuron"]
    assert found.head["frame"] == 1
    assert found.arrays["own"].tolist() == [1] * count + [0] * count
    assert found.arrays["neuron"].tolist() == list(range(count)) * 2
    np.testing.assert_allclose(found.arrays["place"][:3, 0], np.cos([0, 1, 2]), rtol=1e-6)
    with pytest.raises(InputError, match="add clusters"):
        asked(session, "points", network="clip/ffn/seed0", layer="layer1", frame=0)


def test_a_neurons_match_has_the_largest_correlation(session: Session, maps: xr.DataArray, results: Path) -> None:
    itself = asked(session, "match", **AT, neuron=7, other=NERV, other_layer="block1").head
    assert itself["similarity"] == pytest.approx(1, abs=1e-5)
    found = asked(session, "match", **AT, neuron=7, other="clip/nerv/seed1", other_layer="block1").head
    other = open_canvas(results / "clip/nerv/seed1/canvas.zarr")["block1"]["contribution"].sel(frame=2).values
    rows, columns = GRID
    cells = [
        np.abs(one).reshape(len(one), rows, 16 // rows, columns, 32 // columns).mean((2, 4))
        for one in (maps.sel(frame=2).values, other)
    ]
    r = [np.corrcoef(cells[0][7].ravel(), one.ravel())[0, 1] for one in cells[1]]
    best = int(np.nanargmax(r))
    assert found["similarity"] == pytest.approx(r[best], abs=1e-5)
    assert r[found["neuron"]] == pytest.approx(r[best], abs=1e-5)


@pytest.mark.parametrize("by", ["contribution", "gained"])
def test_the_lines_compute_what_is_shown(session: Session, by: str) -> None:
    place, gained = {"box": [2, 9, 4, 20]}, by == "gained"
    shown = AT | {"place": place, "count": 4, "by": by}
    text = asked(session, "python", **shown, neuron=3, gained=gained).head["text"]
    names: dict[str, Any] = {}
    exec(text, names)
    assert names["top"]["neuron"].tolist() == asked(session, "rank", **shown).head["neuron"]
    found = asked(session, "map", **AT, neuron=3, gained=gained)
    np.testing.assert_allclose(
        names["shown"].values, found.arrays["map"] * found.head["scale"] / 32767, atol=found.head["scale"] / 6e4
    )
    course = asked(session, "course", **AT, neuron=3, place=place, gained=gained).head["magnitude"]
    np.testing.assert_allclose(names["course"].values, course, rtol=1e-4)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"ask": "everything"}, "Unknown question 'everything'"),
        ([], "Unknown question"),
        ({"ask": "network"}, "malformed at 'network'"),
        ({"ask": "network", "network": "clip/nerv/seed9"}, "did you mean 'clip/nerv/seed"),
        ({"ask": "network", "network": "../../etc"}, "Unknown network"),
        ({"ask": "map", **AT, "neuron": -1}, "malformed at 'neuron'"),
        ({"ask": "map", **AT, "neuron": 10**6}, "has no neuron 1000000"),
        ({"ask": "map", **AT, "layer": "block9", "neuron": 0}, "Unknown layer 'block9'"),
        ({"ask": "map", **AT, "frame": 9, "neuron": 0}, "no frame 9"),
        ({"ask": "rank", **AT, "place": {"pixel": [16, 0]}}, "pixel is"),
        ({"ask": "rank", **AT, "place": {"box": [4, 4, 0, 2]}}, "box is"),
        ({"ask": "rank", **AT, "place": {"instance": "dog"}}, "Unknown instance 'dog'"),
        ({"ask": "rank", **AT, "place": {}, "count": 10**6}, "malformed at 'count'"),
        ({"ask": "heat", **AT, "path": "/"}, "malformed at 'path'"),
    ],
)
def test_bad_questions(session: Session, question: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        session.ask(question)


def test_places_without_canvases(tmp_path: Path) -> None:
    for what, said in ((tmp_path, "no canvas in"), (tmp_path / "gone", "does not exist"), (3, "type int")):
        with pytest.raises(InputError, match=said):
            find_sources(what)


def test_a_network_in_memory(results: Path) -> None:
    model = build("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 32), range(4), 4)
    frames = np.zeros((4, 16, 32, 3), np.float32)
    video = xr.Dataset({"frames": (("frame", "y", "x", "channel"), frames)}, {"frame": range(4)})
    for what in (model, xinc.dissect(model)):
        session = Session(what, video)
        name = asked(session, "networks").head["networks"][0]["name"]
        assert asked(session, "network", network=name).head["video"]
        at = {"network": name, "layer": "head", "frame": 1}
        assert len(asked(session, "rank", **at, place={"pixel": [0, 0]}, by="blame").head["neuron"]) > 3
        assert asked(session, "picture", network=name, frame=1, what="error").head["scale"] > 0


def test_a_video_of_some_of_the_frames(results: Path) -> None:
    run, whole = results / NERV, open_video(results / "clip" / "video.zarr")
    session = Session(run / "canvas.zarr", whole.isel(frame=[1, 2]))
    assert asked(session, "network", network=NERV).head["video"]
    shown = asked(session, "picture", network=NERV, frame=2, what="video").arrays["image"]
    np.testing.assert_array_equal(shown, np.rint(whole["frames"].sel(frame=2).values * 255))
    for question in ({"ask": "picture", "what": "video"}, {"ask": "picture", "what": "error"}):
        with pytest.raises(InputError, match="has no frame 3, only 1"):
            session.ask({**question, "network": NERV, "frame": 3})
    with pytest.raises(InputError, match="lacks frames 3"):
        asked(session, "rank", **{**AT, "frame": 3}, place={"pixel": [0, 0]}, by="blame")
    with pytest.raises(InputError, match=r"The video has frames 7-8, the maps of .* are of 0-3"):
        Session(run / "canvas.zarr", whole.isel(frame=[1, 2]).assign_coords(frame=[7, 8]))
    with pytest.raises(InputError, match=r"for 3 networks \(clip/ffn/seed0, "):
        Session(results, whole)


def test_only_the_newest_of_waiting_questions_is_answered(results: Path) -> None:
    session = Session(results)
    question = {"ask": "map", **AT, "neuron": 1}
    said: dict[int, Any] = {}

    def ask(number: int, subject: str) -> None:
        try:
            said[number] = session.ask(question, subject)
        except Superseded as error:
            said[number] = error

    session.ask(question)
    with session._turns["quick"]:  # as if a question were being answered
        threads = []
        for number, subject in enumerate(("map", "map", "other", "map")):
            threads.append(threading.Thread(target=ask, args=(number, subject)))
            threads[-1].start()
            while session._count < number + 2:
                pass
    for thread in threads:
        thread.join()
    assert [isinstance(said[number], Superseded) for number in range(4)] == [True, True, False, False]
    assert not session._newest


def test_a_newer_question_stops_a_long_one(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which tells how far it is meanwhile, and does not keep quick questions waiting."""
    session = Session(results)
    begun, said = threading.Event(), []

    def work(*_: object, **__: object) -> None:
        report(current(), "maps", 3, 9)
        begun.set()
        while True:
            check()

    monkeypatch.setattr("xinc.explorer.opened.sum_abs", work)
    at = {"ask": "heat", **AT, "network": "clip/nerv/seed1"}

    def ask() -> None:
        with pytest.raises(Superseded):
            session.ask(at, "heat")
        said.append("stopped")

    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(10)
    assert session.ask({"ask": "progress", "of": "heat"}).head["done"] == 3
    assert session.ask({"ask": "map", **AT, "neuron": 1}, "map").head["scale"] > 0
    monkeypatch.undo()
    assert session.ask(at, "heat").arrays["heat"].shape == (16, 32)
    thread.join()
    assert said == ["stopped"]
    assert session.ask({"ask": "progress", "of": "heat"}).head["total"] == 0


@pytest.mark.parametrize(("by", "exactly"), [("effect", "effects"), ("blame", "errors")])
def test_estimates_are_there_before_exact_values(
    session: Session, monkeypatch: pytest.MonkeyPatch, by: str, exactly: str
) -> None:
    from xinc.answers.exact import Study

    go, own = threading.Event(), getattr(Study, exactly)

    def later(*given: Any) -> Any:
        assert go.wait(60)
        return own(*given)

    monkeypatch.setattr(Study, exactly, later)
    question = {"ask": "rank", **AT, "place": {"box": [2, 9, 4, 20]}, "by": by, "count": 5}
    said: list[Answer] = []
    thread = threading.Thread(target=lambda: said.append(session.ask(question, "list")))
    thread.start()
    estimate = None
    while estimate is None:
        estimate = session.ask({"ask": "progress", "of": "list"}).head["estimate"]
    assert estimate["question"] == question
    assert len(estimate["neuron"]) == 5
    assert estimate[by] == sorted(estimate[by], reverse=True)
    assert by in estimate["columns"]
    assert said == []
    go.set()
    thread.join()
    assert set(said[0].head["neuron"]) & set(estimate["neuron"])
    assert session.ask({"ask": "progress", "of": "list"}).head["estimate"] is None


@settings(max_examples=20, deadline=None)
@example(values=[1.2e-38, 0.0], steps=127)
@example(values=[1e-45, -1e-45], steps=32767)
@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20), st.sampled_from([127, 32767]))
def test_scaled_values_are_within_half_a_step(values: list[float], steps: int) -> None:
    array = np.array(values, np.float32)
    whole, top = scaled(array, steps)
    assert np.abs(whole).max() <= steps
    np.testing.assert_allclose(whole.astype(float) * top / steps, array, atol=top / steps * 0.51)


def test_messages_say_where_arrays_lie() -> None:
    arrays = {"a": np.arange(3, dtype=np.int16), "b": np.array([[0.5, np.nan]], np.float32)}
    packed = Answer({"x": np.nan, "y": [np.float64(1), (2,)]}, arrays).packed()
    size = int.from_bytes(packed[:4], "little")
    head = json.loads(packed[8 : 8 + size])
    assert (head["x"], head["y"]) == (None, [1.0, [2]])
    at = 8 + size
    for one in head["arrays"]:
        assert at % 8 == 0
        count = int(np.prod(one["shape"]))
        own = np.frombuffer(packed, one["type"], count, at).reshape(one["shape"])
        np.testing.assert_array_equal(own, arrays[one["name"]])
        at += -(-own.nbytes // 8) * 8
    assert at == len(packed)


def test_what_is_kept_is_bounded(results: Path, session: Session) -> None:
    """With room for one picture, and with room for none, the same answers."""
    for room in (16 * 32 * 3 * 4, 0):
        small = Session(results, kept=room)
        for what in ("video", "reconstruction", "error", "video"):
            for frame in (2, 3):
                one, other = (asked(each, "picture", network=NERV, frame=frame, what=what) for each in (small, session))
                assert [a.tobytes() for a in one.arrays.values()] == [a.tobytes() for a in other.arrays.values()]
                assert small.network(NERV)._kept.size <= room


def test_questions_are_read_strictly() -> None:
    assert read_question({"ask": "networks"}).ask == "networks"
    with pytest.raises(InputError, match="malformed"):
        read_question({"ask": "networks", "more": 1})
