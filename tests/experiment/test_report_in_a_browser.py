"""The report's page as people use it: in a real browser, with keys, in narrow windows, in the dark, on paper."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.browser import Page, browser, opened
from tests.helpers.reported import SETTINGS, experiment, faithfulness
from xinc.experiment.report.page import write_report

pytestmark = pytest.mark.slow

VIEWS = ("", "#maps/clip/nerv/seed0/head", "#maps/clip/nerv/seed0/head-animation", "#findings/project/table")
STRANGE = "maps/%3Cb%3E%26%22x%27%20%231%25/nerv/seed0"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    browser()
    root = tmp_path_factory.mktemp("a report")
    write_report([*experiment(root), faithfulness(root)], SETTINGS, root / "report.html")
    return (root / "report.html").as_uri()


@pytest.fixture(scope="module")
def shared_page(address: str) -> Iterator[Page]:
    with opened() as page:
        yield page
    assert page.errors == []
    assert set(page.requests) <= {address, "about:blank"}, "the page asked for something else"


@pytest.fixture
def page(shared_page: Page) -> Page:
    """As it was: a wide window in daylight."""
    shared_page.look(1600)
    return shared_page


def visit(page: Page, address: str, view: str = "") -> None:
    page.open("about:blank")
    page.open(address + view)


def shown(page: Page) -> list[str]:
    """Fragments of the figures on show."""
    ids: list[str] = page.run(
        "Array.from(document.querySelectorAll('figure.shown')).filter((f) => f.offsetParent).map((f) => f.id)"
    )
    return ids


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_accessibility(page: Page, address: str, view: str, dark: bool) -> None:
    """By axe: contrast, texts in the place of pictures, names, landmarks, headings, language, order."""
    axe = importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    page.look(400 if dark else 1600, dark=dark)
    visit(page, address, view)
    page.run(f"{axe};0")
    answer = page.run("axe.run(document, {iframes: false}).then((found) => JSON.stringify(found))")
    found: dict[str, Any] = json.loads(answer)
    assert len(found["passes"]) > 25
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]] == []


def test_axe_would_find_it(page: Page, address: str) -> None:
    axe = importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    visit(page, address)
    page.run(f"{axe};0")
    page.run("document.querySelector('.note').style.color = '#aaa'; document.querySelector('img').alt = undefined; 0")
    page.run("document.querySelector('img').removeAttribute('alt'); 0")
    answer = page.run("axe.run().then((found) => found.violations.map((one) => one.id).join())")
    assert set(answer.split(",")) == {"color-contrast", "image-alt"}


@pytest.mark.parametrize("width", [400, 900, 1600])
def test_nothing_is_wider_than_the_window(page: Page, address: str, width: int) -> None:
    page.look(width)
    for view in VIEWS:
        visit(page, address, view)
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), view
        assert page.run("Array.from(document.images).every((image) => image.naturalWidth > 0)"), view


def test_keys(page: Page, address: str) -> None:
    """Right and left lead through all pictures and no further; not while a network is chosen."""
    visit(page, address)
    every = page.run("Array.from(document.querySelectorAll('figure.shown')).map((figure) => figure.id)")
    assert shown(page) == []
    for name in every:
        page.press("ArrowRight")
        assert shown(page) == [name]
        assert page.run("location.hash") == f"#{name}"
    page.press("ArrowRight")
    assert shown(page) == every[-1:]
    page.press("ArrowLeft")
    assert shown(page) == every[-2:-1]
    page.run("document.querySelector('#the-choice').focus()")
    page.press("ArrowLeft")
    assert shown(page) == every[-2:-1]


def test_the_order_of_the_focus(page: Page, address: str) -> None:
    visit(page, address)
    focus = "document.activeElement.textContent.trim().replace(/\\s+/g, ' ')"
    page.press("Tab")
    assert page.run(focus) == "Skip to the content"
    order = []
    for _ in range(5):
        page.press("Tab")
        order.append(page.run(focus))
    assert order == ["xinc report", "First page", "Findings §0.", "Videos", "Maps §3."]
    page.press("Enter")
    assert shown(page) == ["maps/%3Cb%3E%26%22x%27%20%231%25/nerv/seed0/stem"]
    assert page.run("document.querySelector('nav [aria-current]').textContent.trim()") == "Maps §3."


def test_a_network_is_chosen_and_kept(page: Page, address: str) -> None:
    """With the picture that was on show; another section then shows the same network."""
    visit(page, address, f"#{STRANGE}/block10")
    assert shown(page) == [f"{STRANGE}/block10"]
    page.run(
        "(() => { const choice = document.querySelector('#the-choice'); choice.value = 'maps/clip/nerv/seed0';"
        "choice.dispatchEvent(new Event('change')); })()"
    )
    page.wait("location.hash === '#maps/clip/nerv/seed0/block10'")
    assert shown(page) == ["maps/clip/nerv/seed0/block10"]
    assert page.run("document.querySelector('#the-place').textContent") == "5 of 8"
    page.run("location.hash = 'findings'")
    page.wait("document.querySelector('#the-choice').parentElement.hidden")
    page.run("location.hash = 'maps'")
    page.wait("document.querySelector('.thumbnails [aria-current]') !== null")
    assert shown(page) == ["maps/clip/nerv/seed0/stem"]


def test_an_animation_plays_when_it_is_asked_to(page: Page, address: str) -> None:
    visit(page, address, "#maps/clip/nerv/seed0/head-animation")
    seen = "Array.from(document.querySelectorAll('.film img')).filter((i) => i.offsetParent).map((i) => i.alt).join()"
    assert page.run(seen).endswith("first frame")
    page.run("document.querySelector('.film summary').focus()")
    page.press("Enter")
    assert page.run(seen).endswith("moving")
    page.press(" ")
    assert page.run(seen).endswith("first frame")


def test_a_picture_is_enlarged(page: Page, address: str) -> None:
    visit(page, address, "#maps/clip/nerv/seed0/head")
    width = "document.querySelector('figure:not([hidden]).shown img').getBoundingClientRect().width"
    before = page.run(width)
    page.run("document.querySelector('#the-size').click()")
    assert page.run(width) > 2 * before
    page.run("document.querySelector('#the-size').click()")
    assert page.run(width) == before


def test_without_a_script(page: Page, address: str) -> None:
    """All pictures one below the other, on a page that can be read."""
    page.look(900, script=False)
    visit(page, address)
    page.wait("Array.from(document.images).every((image) => image.complete)")
    counts = page.run(
        "[document.querySelectorAll('figure.shown').length,"
        "document.querySelectorAll('figure.shown :is(img, iframe)').length,"
        "Array.from(document.querySelectorAll('figure.shown')).filter((figure) => figure.offsetParent).length]"
    )
    assert counts[0] == counts[2] > 10
    assert counts[1] > counts[0]
    assert page.run("document.documentElement.scrollWidth <= innerWidth")


def test_on_paper(page: Page, address: str, tmp_path: Path) -> None:
    """What is on show, without what one could press, dark on white even in the dark."""
    page.look(1600, dark=True, media="print")
    visit(page, address, "#maps/clip/nerv/seed0/head")
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    hidden = "Array.from(document.querySelectorAll('nav, .viewer, .thumbnails')).every((one) => !one.offsetParent)"
    assert page.run(hidden)
    assert shown(page) == ["maps/clip/nerv/seed0/head"]
