"""The explorer as people use it: in a real browser, by mouse and keys, against maps as the library gives them."""

from __future__ import annotations

import importlib.resources
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import xinc
from tests.helpers.browser import Page, opened
from tests.helpers.explorer_page import click, drawn, heading, listed, same_colours, settle, spot, view, visit
from tests.helpers.pictured import PICTURE, SIZE
from tests.helpers.tiers import exhaustive
from xinc.canvas.reader import open_canvas
from xinc.explorer.server import Server, serving
from xinc.explorer.session import Session
from xinc.explorer.sources import find_sources
from xinc.plotting import style

pytestmark = pytest.mark.slow

NERV = "clip/nerv/seed0"


@pytest.fixture(scope="module")
def server(results: Path) -> Iterator[Server]:
    with serving(Session(results)) as one:
        yield one


@pytest.fixture(scope="module")
def shared_page(server: Server) -> Iterator[Page]:
    with opened() as page:
        yield page
    assert page.errors == []
    assert all(one.startswith((server.address, "about:", "blob:")) for one in page.requests), "something else was asked"


@pytest.fixture
def page(shared_page: Page, server: Server) -> Page:
    shared_page.look(1600, 1000)
    visit(shared_page, server, f"#network={NERV}&layer=block1&frame=2&pixel=3,30")
    return shared_page


@pytest.fixture(scope="module")
def maps(results: Path) -> xr.DataArray:
    return open_canvas(results / NERV / "canvas.zarr")["block1"]["contribution"].load()


def test_a_click_lists_the_columns_largest_neurons(page: Page, maps: xr.DataArray) -> None:
    for y, x in ((5, 9), (15, 31), (0, 0)):
        page.mouse(spot(page, "Frame of the video", y, x))
        settle(page)
        assert view(page)["pixel"] == f"{y},{x}"
        column = np.abs(maps.sel(frame=2, y=y, x=x).values)
        assert listed(page)[0] == ("block1", int(column.argmax()))
        assert [number for _, number in listed(page)] == np.argsort(-column, kind="stable")[:24].tolist()
        share = np.sort(column)[::-1][:24].sum() / column.sum()
        assert page.run("document.querySelector('.covered b').textContent") == f"{100 * share:.2g} %"


def test_the_pixels_drawn_are_the_map(page: Page, maps: xr.DataArray) -> None:
    column = np.abs(maps.sel(frame=2, y=3, x=30).values)
    best = int(column.argmax())
    assert heading(page, "Map of a neuron").startswith(f"block1 · neuron {best}")
    same_colours(drawn(page, "Map of a neuron"), np.abs(maps.sel(frame=2, neuron=best).values))
    same_colours(drawn(page, "All neurons"), np.abs(maps.sel(frame=2).astype(float)).sum("neuron").values)
    same_colours(drawn(page, "Neurons", ".option canvas"), np.abs(maps.sel(frame=2, neuron=best).values))
    page.press("s")
    settle(page)
    values = maps.sel(frame=2, neuron=best).values
    same_colours(drawn(page, "Map of a neuron"), values, style.SIGNED, -float(np.abs(values).max()))
    assert view(page)["shown"] == "signed"


def test_a_drag_is_a_box(page: Page, maps: xr.DataArray) -> None:
    page.mouse(
        spot(page, "Frame of the video", 2, 4),
        spot(page, "Frame of the video", 5, 10),
        spot(page, "Frame of the video", 8, 19),
    )
    settle(page)
    assert view(page)["box"] == "2,9,4,20"
    sums = np.abs(maps.sel(frame=2).values[:, 2:9, 4:20].astype(float)).sum((1, 2))
    assert [number for _, number in listed(page)] == np.argsort(-sums, kind="stable")[:24].tolist()
    said = page.run("document.querySelector('.covered').textContent")
    assert "at this box" in said
    assert said.endswith(f"; {100 * np.sort(sums)[-5:].sum() / sums.sum():.2g} % by the first five")
    page.press("ArrowRight")
    page.press("ArrowUp", shift=True)
    settle(page)
    assert view(page)["box"] == "0,7,5,21"


def test_keys(page: Page, maps: xr.DataArray) -> None:
    page.run("document.querySelector('.frame').focus()")
    for key in ("ArrowLeft", "ArrowDown", "ArrowDown"):
        page.press(key)
    page.press("ArrowLeft", shift=True)
    settle(page)
    assert view(page)["pixel"] == "5,21"
    page.press(".")
    settle(page)
    assert view(page)["frame"] == "3"
    page.press(".")  # there is no later one
    page.press(",")
    settle(page)
    assert view(page)["frame"] == "2"
    page.run("document.querySelector('.rows').focus()")
    page.press("ArrowDown")
    settle(page)
    second = listed(page)[1]
    assert view(page)["neuron"] == str(second[1])
    assert page.run("document.querySelector('.option[aria-selected=true] b').textContent") == str(second[1])
    assert page.run("document.activeElement.getAttribute('aria-activedescendant')").endswith("-1")
    same_colours(drawn(page, "Map of a neuron"), np.abs(maps.sel(frame=2, neuron=second[1]).values))
    page.press("p")
    page.press("Escape")
    settle(page)
    assert "neuron" not in view(page)
    assert view(page)["pins"] == f"block1:{second[1]}"
    page.press("?")
    assert page.run("document.querySelector('dialog').open")


def test_estimates_are_shown_until_exact_values_are_there(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    from xinc.answers.exact import Study

    go, own = threading.Event(), Study.effects

    def later(*given: Any) -> Any:
        assert go.wait(60)
        return own(*given)

    monkeypatch.setattr(Study, "effects", later)
    said = "document.querySelector('.covered').textContent"
    page.run("[...document.querySelectorAll('.choice button')].find((one) => one.textContent === 'effect').click()")
    page.wait(f"{said}.startsWith('Estimated for all 80 neurons')", 60)
    estimated = listed(page)
    assert len(estimated) == 24
    page.wait("getComputedStyle(document.querySelector('.rows')).opacity === '1'")
    go.set()
    settle(page)
    assert page.run(said).endswith("by the first five")
    assert set(listed(page)) & set(estimated)


def test_a_box_without_a_mouse(page: Page) -> None:
    page.press("ArrowLeft")  # nothing has the focus yet
    for key in ("b", "+", "-", "+"):
        page.press(key)
    settle(page)  # the next of an earlier box's list is another
    for key in ("l", "ArrowDown"):
        page.press(key)
    settle(page)
    assert view(page)["box"] == "1,5,27,31"
    assert view(page)["neuron"] == str(listed(page)[1][1])
    page.press("v")
    page.press("b")
    settle(page)
    assert view(page)["pixel"] == "2,28"
    assert "frame" in page.run("document.activeElement.className")


def test_the_worst_place(page: Page, session: Session) -> None:
    assert page.run("[...document.querySelectorAll('button')].find((b) => b.textContent === 'Worst place').hidden")
    click(page, "error")
    click(page, "Worst place")
    error = session.ask({"ask": "picture", "network": NERV, "frame": 2, "what": "error"}).arrays["error"].astype(float)
    sums = {(y, x): np.square(error[y : y + 2, x : x + 2]).sum() for y in range(15) for x in range(31)}
    y, x = max(sums, key=lambda at: sums[at])
    assert view(page)["box"] == f"{y},{y + 2},{x},{x + 2}"


def test_a_layer_that_adds_nothing_says_so(results: Path, shared_page: Page, tmp_path: Path) -> None:
    shutil.copy(results / NERV / "model.pt", tmp_path / "mine.pt")
    model = xinc.load_model(tmp_path / "mine.pt")
    for name, values in model.named_parameters():
        if "head" in name:
            values.data.zero_()
    with serving(Session(model)) as own:
        visit(shared_page, own, "#layer=head&frame=1")
        shared_page.requests[:] = [one for one in shared_page.requests if not one.startswith(own.address)]
        assert shared_page.run("document.querySelector('.covered').textContent").startswith("All 0: none of the")
        bars = shared_page.run("[...document.querySelectorAll('.scale')].map((one) => one.textContent).filter(Boolean)")
        assert bars[:2] == ["Σ|C| over neurons: 0 everywhere", "|C|: 0 everywhere"]


def test_the_video_comes_before_all_else(session: Session, results: Path, shared_page: Page) -> None:
    late: Future[Session] = Future()
    with serving(late, sources=find_sources(results)) as own:
        shared_page.open(f"{own.address}#network={NERV}&layer=head&frame=2")
        shared_page.wait("document.querySelector('section[aria-label=Video] canvas').width === 32")
        wanted = session.ask({"ask": "picture", "network": NERV, "frame": 2, "what": "video"}).arrays["image"]
        np.testing.assert_array_equal(drawn(shared_page, "Video"), wanted)
        assert shared_page.run("document.querySelector('[aria-label=Seed]').value") == "0"
        assert "Loading" in shared_page.run("document.querySelector('.covered').textContent")
        late.set_result(session)
        settle(shared_page)
        shared_page.requests[:] = [one for one in shared_page.requests if not one.startswith(own.address)]
        assert listed(shared_page)[0][0] == "head"
        assert "Loading" not in shared_page.run("document.querySelector('.xinc-explorer').innerText")
        texts = "[...document.querySelectorAll('.frame')].map((one) => one.dataset.text ?? '').join('')"
        assert "Loading" not in shared_page.run(texts)


def test_the_frame_slider_and_the_curve(page: Page, maps: xr.DataArray) -> None:
    page.run(
        "(() => { const s = document.querySelector('input[type=range]'); s.value = 0; "
        "s.dispatchEvent(new Event('input', { bubbles: true })); })()"
    )
    settle(page)
    assert view(page)["frame"] == "0"
    best = int(np.abs(maps.sel(frame=0, y=3, x=30).values).argmax())
    assert listed(page)[0][1] == best
    same_colours(drawn(page, "Map of a neuron"), np.abs(maps.sel(frame=0, neuron=best).values))
    label = page.run("document.querySelector('.chart svg').getAttribute('aria-label')")
    course = np.abs(maps.sel(neuron=best, y=3, x=30).values)
    assert label.endswith(f"largest at frame {course.argmax()}")
    x, y = page.run(
        "(() => { const b = [...document.querySelectorAll('.chart circle')][3].getBoundingClientRect(); "
        "return [b.left + b.width / 2, b.top + b.height / 2]; })()"
    )
    page.mouse((x, y))
    settle(page)
    assert view(page)["frame"] == "3"


def test_playing_goes_through_the_frames(page: Page) -> None:
    page.run("document.querySelector('[aria-label=Play]').click()")
    page.wait("location.hash.includes('frame=0')")  # after the last comes the first
    page.run("document.querySelector('[aria-label=Pause]').click()")
    settle(page)
    assert page.run("document.querySelector('.time button').textContent") == "▶"


def test_an_address_brings_a_view_back(page: Page, server: Server) -> None:
    text = f"#network={NERV}&layer=block2&frame=1&box=1,5,2,9&by=effect&all=1&neuron=2&shown=signed&picture=error"
    text += "&beside=clip/nerv/seed1&pins=head:1,block1:0"
    visit(page, server, text)
    assert page.run("location.hash") == text
    assert heading(page, "Map of a neuron").startswith("block2 · neuron 2")
    assert page.run("document.querySelectorAll('.pinned figure').length") == 2
    before = [drawn(page, name) for name in ("Map of a neuron", "Video", "All neurons")]
    visit(page, server, page.run("location.hash"))
    for shown, name in zip(before, ("Map of a neuron", "Video", "All neurons"), strict=True):
        np.testing.assert_array_equal(drawn(page, name), shown)
    page.run("location.hash = '#network=clip/nerv/seed0&layer=head&frame=3&pixel=1,2'")
    settle(page)
    assert heading(page, "Neurons") == "Neurons that make pixel (1, 2)"


def test_the_address_is_written_no_more_often_than_browsers_take(page: Page) -> None:
    """Beyond a hundred times in half a minute they ignore it, or refuse it by an error."""
    page.run(
        "window.written = 0; const write = history.replaceState.bind(history);"
        "history.replaceState = (...all) => { window.written += 1; return write(...all); };"
        "for (let at = 0; at < 150; at += 1) document.querySelector('.frame').dispatchEvent("
        "new KeyboardEvent('keydown', { key: at % 2 ? 'ArrowLeft' : 'ArrowRight', bubbles: true })); 0"
    )
    settle(page)
    page.run("document.querySelector('.frame').focus()")
    page.press("ArrowDown")
    settle(page)
    assert 20 < page.run("window.written") <= 80
    assert heading(page, "Neurons") == "Neurons that make pixel (4, 30)", "what is shown is the last state all the same"


@pytest.mark.parametrize(
    "text", ["#network=nothing/at/all&layer=x&frame=99&pixel=999,0&neuron=999999", "#%%%&box=1,2,3", "#pins=:,head:x"]
)
def test_addresses_that_mean_nothing_show_something(page: Page, server: Server, text: str) -> None:
    visit(page, server, text)
    assert view(page)["network"] == NERV
    assert listed(page)


def test_other_rankings(page: Page, results: Path) -> None:
    page.run("document.querySelector('[aria-label=Picture] [data-value=error]').click()")
    click(page, "blame")
    page.run("document.querySelector('.check input').click()")
    settle(page)
    expected = xinc.top_neurons(
        open_canvas(results / NERV / "canvas.zarr"), pixel=(3, 30), frames=[2], by="blame", count=24
    )
    assert listed(page) == list(zip(expected["layer"], expected["neuron"].tolist(), strict=True))
    assert page.run("document.querySelector('.covered p').textContent") == expected.attrs["verdict"]
    assert page.run("document.querySelector('section[aria-label=Video] .scale').textContent").endswith("dB")
    page.run("document.querySelectorAll('.option')[3].click()")
    settle(page)
    layer, number = (
        listed(page)[3] if view(page)["layer"] == "block1" else (view(page)["layer"], int(view(page)["neuron"]))
    )
    assert heading(page, "Map of a neuron").startswith(f"{layer} · neuron {number}")


def test_an_instance(page: Page, results: Path) -> None:
    name = page.run("document.querySelector('[aria-label=Instance]').options[1].value")
    page.run(
        "(() => { const s = document.querySelector('[aria-label=Instance]'); s.selectedIndex = 1; "
        "s.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )
    settle(page)
    expected = xinc.top_neurons(
        open_canvas(results / NERV / "canvas.zarr")["block1"], instance=name, frames=[2], count=24
    )
    assert [number for _, number in listed(page)] == expected["neuron"].tolist()
    assert len(page.run("document.querySelector('.over .mark').getAttribute('d')")) > 20


def test_two_seeds_beside_each_other(page: Page, session: Session, results: Path) -> None:
    page.run(
        "(() => { const s = document.querySelector('[aria-label=Beside]'); s.value = 'clip/nerv/seed1'; "
        "s.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )
    settle(page)
    other = open_canvas(results / "clip/nerv/seed1/canvas.zarr")["block1"]["contribution"].sel(frame=2)
    column = np.abs(other.sel(y=3, x=30).values)
    rows = (
        "[...document.querySelectorAll('section[aria-label=\"Neurons beside\"] .option')].map((r) => +r.dataset.neuron)"
    )
    assert page.run(rows) == np.argsort(-column, kind="stable")[:12].tolist()
    at = {"network": NERV, "layer": "block1", "frame": 2, "neuron": listed(page)[0][1]}
    match = session.ask({"ask": "match", **at, "other": "clip/nerv/seed1", "other_layer": "block1"}).head
    assert heading(page, "Most similar neuron beside") == f"block1 · neuron {match['neuron']} beside"
    same_colours(drawn(page, "Most similar neuron beside"), np.abs(other.sel(neuron=match["neuron"]).values))
    assert f"r = {match['similarity']:.2f}" in page.run("document.querySelector('.beside .facts').textContent")


def test_points_choose_a_neuron(page: Page) -> None:
    box = page.run(
        "(() => { const b = document.querySelector('.scatter canvas').getBoundingClientRect(); "
        "return [b.left, b.top, b.width, b.height]; })()"
    )
    # The layout of the tests is a circle: neuron 0 lies at its right end.
    page.mouse((box[0] + box[2] - 8, box[1] + box[3] / 2))
    settle(page)
    assert "neuron" in view(page)
    chosen = int(view(page)["neuron"])
    assert np.cos(chosen) > 0.99
    assert heading(page, "Map of a neuron").startswith(f"block1 · neuron {chosen}")


def test_what_is_saved_and_copied(page: Page, results: Path) -> None:
    page.run(
        "window.saved = []; window.copied = '';"
        "URL.createObjectURL = (one) => { saved.push(one); return 'about:blank#'; };"
        "HTMLAnchorElement.prototype.click = function () { saved.push(this.download); };"
        "navigator.clipboard.writeText = async (text) => { copied = text; }; 0"
    )
    click(page, "List as CSV")
    lines = page.run("saved[0].text()").splitlines()
    assert page.run("saved[1]") == "clip-nerv-seed0-block1-frame2.csv"
    expected = xinc.top_neurons(
        open_canvas(results / NERV / "canvas.zarr")["block1"], pixel=(3, 30), frames=[2], count=24
    )
    assert lines[0] == ",".join(expected.columns)
    assert [int(line.split(",")[1]) for line in lines[1:]] == expected["neuron"].tolist()
    click(page, "View as SVG")
    svg = page.run("saved[2].text()")
    assert svg.startswith("<svg")
    assert "clip · nerv · seed 0 · block1 · frame 2 · pixel (3, 30)" in svg
    assert svg.count("data:image/png") > 10
    click(page, "View as PNG")
    page.wait("saved.length === 6")
    assert page.run("saved[4].arrayBuffer().then((b) => [...new Uint8Array(b).slice(0, 4)])") == [137, 80, 78, 71]
    click(page, "Copy as Python")
    page.wait("copied !== ''")
    names: dict[str, Any] = {}
    exec(page.run("copied"), names)
    assert names["top"]["neuron"].tolist() == expected["neuron"].tolist()
    click(page, "Copy link to this view")
    page.wait("copied.startsWith('#')")
    assert page.run("copied === location.hash")


def test_the_tour_ends(page: Page) -> None:
    click(page, "Tour")
    for step in range(5):
        settle(page)
        assert page.run("document.querySelector('.guide small').textContent") == f"{step + 1} of 5"
        assert page.run("document.querySelectorAll('.pointed').length") == 1
        page.run("document.querySelector('.guide .next').click()")
    assert page.run("document.querySelector('.guide').hidden")
    settle(page)
    assert view(page)["by"] == "effect"


def test_a_network_of_one_frame(page: Page, server: Server) -> None:
    visit(page, server, "#network=clip/ffn/seed0&layer=layer1&frame=2")
    assert "network of its own" in page.run("document.querySelector('.chart').textContent")
    assert (
        page.run("[...document.querySelectorAll('[aria-label=Frame] option, .time output')].pop().textContent") == "2"
    )
    assert "not measured" in page.run("document.querySelector('.belief').textContent")


def test_a_checkpoint_without_a_video(results: Path, shared_page: Page, tmp_path: Path) -> None:
    """It shows what the network makes, and offers nothing that needs the video."""
    shutil.copy(results / NERV / "model.pt", tmp_path / "mine.pt")
    model = xinc.load_model(tmp_path / "mine.pt")
    with serving(Session(tmp_path / "mine.pt")) as own:
        visit(shared_page, own, "#layer=head&frame=1&picture=error&by=blame")
        shared_page.requests[:] = [one for one in shared_page.requests if not one.startswith(own.address)]
        assert view(shared_page) == {
            "network": "mine", "layer": "head", "frame": "1", "pixel": "8,16", "picture": "reconstruction",
        }  # fmt: skip
        image = model.reconstruct(1).clamp(0, 1).permute(1, 2, 0).numpy()
        assert np.abs(drawn(shared_page, "Video") - 255 * image).max() <= 1
        off = "[...document.querySelectorAll('.choice button:disabled')].map((one) => one.textContent)"
        assert shared_page.run(off) == ["video", "error", "blame"]
        assert listed(shared_page)[0][0] == "head"


@pytest.mark.parametrize(
    ("width", "dark"),
    [
        (1600, False),
        (400, True),
        *(pytest.param(*one, marks=exhaustive) for one in [(1600, True), (1024, False), (400, False)]),
    ],
)
def test_every_window_and_light(page: Page, server: Server, width: int, dark: bool) -> None:
    page.look(width, 900, dark)
    visit(
        page, server, f"#network={NERV}&layer=head&frame=1&box=2,6,4,9&beside=clip/nerv/seed1&pins=head:0&picture=error"
    )
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    blank = "[...document.querySelectorAll('canvas')].filter((one) => one.offsetParent && !one.width)"
    assert page.run(f"{blank}.length") == 0
    axe = importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    page.run(f"{axe};0")
    found = page.run("axe.run(document).then((found) => found.violations.map((one) => [one.id, one.nodes[0].html]))")
    assert found == []


def test_a_server_that_is_gone_is_said(page: Page) -> None:
    network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.call("Network.emulateNetworkConditions", offline=True, **network)
    page.mouse(spot(page, "Frame of the video", 9, 9))
    page.wait("!document.querySelector('.banner').hidden")
    assert "still running" in page.run("document.querySelector('.banner').textContent")
    page.call("Network.emulateNetworkConditions", offline=False, **network)
    page.mouse(spot(page, "Frame of the video", 9, 10))
    page.wait("document.querySelector('.banner').hidden")
    settle(page)
    assert len(listed(page)) == 24
    page.errors[:] = [one for one in page.errors if "ERR_INTERNET_DISCONNECTED" not in one]


def test_the_picture_in_the_documentation() -> None:
    """`python -m tests.helpers.pictured results` makes it, of the example."""
    with Image.open(PICTURE) as image:
        assert image.size == SIZE
    assert f"(../images/{PICTURE.name})" in (PICTURE.parents[1] / "how-to" / "explore.md").read_text("utf-8")
