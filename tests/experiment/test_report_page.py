"""The report's page: what is on it, and that nothing is lost, broken or read from elsewhere."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image

from tests.helpers.reported import LAYERS, SETTINGS, STRANGE, experiment, faithfulness, picture, quality
from xinc.errors import InputError
from xinc.experiment.paths import figure_path, result_path
from xinc.experiment.report import content
from xinc.experiment.report.content import collect
from xinc.experiment.report.names import STYLE
from xinc.experiment.report.page import render, write_report
from xinc.experiment.report.pictures import encode


class Elements(HTMLParser):
    """Elements of a page and its text, those for readers without a script included."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open, "elements that are not closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.text += "" if tag in ("b", "code", "strong", "em") else " "
        found = {name: value or "" for name, value in attributes}
        self.found.append((tag, found | ({"inside": "a"} if "a" in self.open else {})))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"an end of {tag} out of place"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["script"], ["style"]):
            self.text += data

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.found if name == tag]

    @property
    def words(self) -> str:
        """The text with single blanks."""
        return " ".join(self.text.split())


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return experiment(tmp_path_factory.mktemp("experiment"))


@pytest.fixture(scope="module")
def text(paths: list[Path]) -> str:
    return render(collect(paths, SETTINGS))


@pytest.fixture(scope="module")
def page(text: str) -> Elements:
    return Elements(text)


@pytest.mark.slow
def test_the_same_results_make_the_same_bytes(paths: list[Path], tmp_path: Path, text: str) -> None:
    """In another place, in another order and on more threads; and nothing tells the place."""
    other = experiment(tmp_path / "elsewhere")
    write_report(reversed(other), SETTINGS, tmp_path / "report.html", threads=3)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == text
    assert str(tmp_path) not in text
    assert not list(tmp_path.glob(".*"))


def test_every_figure_is_there_once(paths: list[Path], page: Elements) -> None:
    shown = [attributes for attributes in page.of("figure") if attributes.get("class") == "shown"]
    files = {
        path
        for folder in paths
        if "figures" in folder.parts
        for path in folder.iterdir()
        if path.suffix in (".png", ".html") or path.name == "all.svg"
    }
    assert len(shown) == len(files) == len({attributes["id"] for attributes in shown})
    for path in files:
        assert f"results/figures/{str(path).partition('/results/figures/')[2].removesuffix(path.suffix)}." in page.text
    assert "results/figures/maps/clip/nerv/seed0/head.png, .svg" in page.words
    assert "results/figures/maps/clip/nerv/seed0/head-animation.png, .gif" in page.words


def test_order(page: Elements) -> None:
    """Sections as in the paper, others at the end; layers in network order, each before its animation."""
    sections = [a["id"] for a in page.of("section") if a.get("class") == "analysis"]
    assert sections == ["findings", "videos", "maps", "compare", "spread"]
    ids = [a["id"] for a in page.of("figure") if a.get("id", "").startswith("maps/clip")]
    assert [name.rpartition("/")[2] for name in ids] == [f"{x}{y}" for x in LAYERS for y in ("", "-animation")]


def test_what_is_of_two_networks(page: Elements) -> None:
    [group] = [a for a in page.of("section") if a.get("id", "").startswith("compare/")]
    assert (group["data-video"], group["data-name"]) == ("clip", "nerv · seed 0 and nerv · seed 1")


def test_links_lead_to_what_is_there_and_ids_are_unique(paths: list[Path], page: Elements) -> None:
    ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert len(set(ids)) == len(ids)
    targets = {a["href"] for a in page.of("a") if "href" in a}
    assert targets
    assert targets <= {f"#{name}" for name in ids}
    alone = Elements(render(collect([path for path in paths if "figures" not in path.parts], SETTINGS)))
    assert {a["href"] for a in alone.of("a") if "href" in a} == {"#first-page", "#the-content"}, "nothing to lead to"
    named = {a[key] for _, a in page.found for key in ("aria-labelledby", "for") if key in a}
    assert named <= set(ids)


def test_nothing_is_read_from_elsewhere(text: str, page: Elements) -> None:
    assert {a["src"].partition(":")[0] for a in page.of("img")} == {"data"}
    assert not page.of("link")
    assert not [a for a in page.of("script") if "src" in a]
    assert not re.search(r"@import|url\(|fetch\(|XMLHttp", text)


def test_pictures_have_texts_in_their_place(page: Elements) -> None:
    assert all("alt" in a for a in page.of("img"))
    told = [a["alt"] for a in page.of("img") if a["alt"]]
    assert "What does a neuron do? clip · nerv · seed 0: block10" in told
    assert "What does a neuron do? clip · nerv · seed 0: head, animation, moving" in told
    [frame] = page.of("iframe")
    assert frame["title"] == "Which claims hold? all results together: table"
    # Only what stands beside its own words is without.
    assert {a.get("inside") for a in page.of("img") if not a["alt"]} == {"a"}
    assert {a.get("inside") for a in page.of("img") if a["alt"]} == {None}
    assert page.of("html") == [{"lang": "en"}]


def test_names_mean_nothing_to_the_page(page: Elements) -> None:
    assert STRANGE in page.text
    assert not [a for a in page.of("b") if set(a) - {"inside"}]
    groups = [a for a in page.of("section") if a.get("class") == "group" and a["data-video"] == STRANGE]
    assert {a["id"] for a in groups} == {
        f"{name}/%3Cb%3E%26%22x%27%20%231%25{rest}"
        for name, rest in (("videos", ""), ("maps", "/nerv/seed0"), ("spread", "/nerv/seeds"))
    }
    [frame] = page.of("iframe")
    assert frame["srcdoc"].endswith("A <b>page</b> & more.</html>")
    assert "PSNR & <SSIM>" not in page.text, "quality has no figures here"
    assert "first <is> so." in page.text


def test_the_first_page_says_what_there_is(page: Elements) -> None:
    words = page.words
    assert "clip nerv 0 33.0 dB 8.0 1,234" in words
    assert "first <is> so. a number median (range) 0.75 holds if > 0.5 holds in 2 of 2" in words
    assert "Of 3 sentences of the paper that state a comparison, 1 hold everywhere, 1 nowhere, 1 undecided." in words
    assert f"{STRANGE}, frame 3 stem, kernel 4→4 block1, kernel 7→7" in words
    assert "add faithfulness: {} to analyses:" in words
    assert "Mind the networks" not in words
    assert "Not everything is there" not in words
    assert "rulegraph" not in words


def test_of_the_example_the_strongest_neurons_are_shown(paths: list[Path]) -> None:
    example = collect(paths, SETTINGS).example
    assert example is not None
    assert [one.layer for one in example.maps] == LAYERS
    assert [one.neuron for one in example.maps] == ["kernel 4→4", *["kernel 7→7"] * 3]


def test_captions_have_code(text: str) -> None:
    assert "All of them, <code>judged</code>." in text
    assert "Maps |C|; see <code>faithfulness</code>." in text


def test_faithfulness(tmp_path: Path) -> None:
    paths = [*experiment(tmp_path, ["clip"]), faithfulness(tmp_path)]
    words = Elements(render(collect(paths, SETTINGS))).words
    assert "nerv stem 0.50 0.75 nerv head −0.25 undefined" in words
    assert "add faithfulness" not in words


def test_without_findings_and_quality(tmp_path: Path) -> None:
    """Warnings come from quality alone; without it, networks are named and nothing is known of them."""
    paths = experiment(tmp_path, ["clip"], findings=False)
    report = collect(paths, SETTINGS)
    assert report.findings is None
    assert report.warnings == ()
    result = tmp_path / result_path("quality", "clip", "nerv", 0)
    quality(result / "again", psnr=16.0, explained=0.3)
    (result / "result.zarr").rename(result / "before.zarr")
    (result / "again" / "result.zarr").rename(result / "result.zarr")
    assert "Not learned" in " ".join(collect(paths, SETTINGS).warnings)
    without = [path for path in paths if path != result]
    words = Elements(render(collect(without, SETTINGS))).words
    assert "clip nerv 0 – – –" in words
    assert "add quality: {} to analyses:" in words
    assert "What the paper claims" not in words


def test_videos_alone(tmp_path: Path) -> None:
    paths = experiment(tmp_path, ["clip"])[:1]
    page = Elements(render(collect(paths, SETTINGS)))
    assert "There are none yet." in page.words
    assert len([a for a in page.of("figure") if a.get("class") == "shown"]) == 1


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    """After jobs that failed: the rest is shown."""
    paths = experiment(tmp_path, ["clip"])
    gone = [tmp_path / figure_path("quality", "clip", "nerv", seed) for seed in range(12)]
    report = collect([*paths, *gone], SETTINGS)
    assert report.missing == tuple(sorted(figure_path("quality", "clip", "nerv", seed) for seed in range(12)))
    words = Elements(render(report)).words
    assert "12 of the results and figures that this page shows are missing" in words
    assert "and 2 more" in words
    assert "Which claims hold?" in words


def test_a_path_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'elsewhere' is not a path of a result"):
        collect(["elsewhere"], SETTINGS)


def test_very_many_pictures_stay_beside_the_page(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    monkeypatch.setattr(content, "MOST_BYTES", 10.0)
    root = next(path for path in paths if "figures" in path.parts).parents[2]
    linked = render(collect(paths, SETTINGS, root))
    sources = {a["src"] for a in Elements(linked).of("img") if not a["src"].startswith("data:")}
    assert sources
    assert all((root / unquote(source)).is_file() for source in sources), "relative to the page, which lies in results"
    assert "keep the two together" in linked
    assert "keep the two together" not in text


def test_hundreds_of_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group for each, chosen by its network, and the sections stay as many."""
    folders = [tmp_path / figure_path("maps", f"v{at}", "nerv", 0) for at in range(300)]
    picture(folders[0] / "head.png")
    for folder in folders[1:]:
        folder.mkdir(parents=True)
        (folder / "head.png").symlink_to(folders[0] / "head.png")
    encoded = encode(folders[0] / "head.png")
    monkeypatch.setattr(content, "encode", lambda *_, **__: encoded)
    page = Elements(render(collect(folders, SETTINGS)))
    groups = [a for a in page.of("section") if a.get("class") == "group"]
    assert len(groups) == 300
    assert groups[2]["id"] == "maps/v2/nerv/seed0", "v2 before v10"
    assert len([a for a in page.of("section") if a.get("class") == "analysis"]) == 1


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast(scheme: int) -> None:
    """Any text on any ground, 4.5 to 1 or more (WCAG 2.2, 1.4.3)."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(encoding="utf-8"), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[scheme]))
    for text in ("ink", "quiet", "link"):
        for ground in ("paper", "shade", "chosen", "mind"):
            low, high = sorted(luminance(colours[name]) for name in (text, ground))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


def decoded(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_pictures_look_the_same(tmp_path: Path) -> None:
    """Colours within three of 255 for flat ones; an animation keeps its frames and their time."""
    import numpy as np

    picture(tmp_path / "a.png")
    still = encode(tmp_path / "a.png").still
    assert still is not None
    assert (still.width, still.height) == (90, 60)
    before, after = (np.asarray(im.convert("RGB"), int) for im in (Image.open(tmp_path / "a.png"), decoded(still.uri)))
    assert abs(before - after).max() <= 3

    frames = [Image.fromarray(np.full((20, 40, 3), value, np.uint8)) for value in (0, 120, 255)]
    frames[0].save(tmp_path / "b.png", save_all=True, append_images=frames[1:], duration=70, loop=0)
    moving = encode(tmp_path / "b.png")
    assert moving.moves
    assert moving.film is not None
    film = decoded(moving.film.uri)
    assert getattr(film, "n_frames", 1) == 3
    film.seek(2)
    assert abs(np.asarray(film.convert("RGB"), int) - 255).max() <= 6
    assert film.info["duration"] == 70
    assert moving.still is not None
    assert np.asarray(decoded(moving.still.uri).convert("RGB")).max() <= 3, "the first frame"


@pytest.mark.parametrize("edit", [lambda t: t.replace("judged", "weighed"), lambda t: t])
def test_what_is_said_of_an_analysis_is_escaped(paths: list[Path], edit: Callable[[str], str]) -> None:
    settings = SETTINGS | {
        "analyses": {
            name: about | {"caption": edit("`judged` <script>alert(1)</script>"), "question": 'Is "a" < b?'}
            for name, about in SETTINGS["analyses"].items()
        }
    }
    text = render(collect(paths, settings))
    assert "<script>alert" not in text
    assert html.escape('Is "a" < b?', quote=False) in text.replace("&#34;", '"')


@pytest.mark.slow
def test_pictures_take_less_room_than_their_files(tmp_path: Path) -> None:
    """A chart less than half, without loss of its lines, and a picture less than a third: the example fits 15 MB."""
    import numpy as np

    from xinc.plotting import layout, style

    with style.context():
        chart = layout.new_figure(7, 3, "How much?")
        chart.subplots().plot(np.sin(np.linspace(0, 9, 200))[:, None] * np.arange(1, 6))
        layout.save(chart, tmp_path / "chart")
        shown = layout.new_figure(7, 3, "Where?")
        noise = np.random.default_rng(0).random((64, 128))
        layout.show(shown.subplots(), noise + np.linspace(0, 3, 128), cmap=style.MAGNITUDE)
        layout.save(shown, tmp_path / "picture")
    for name, most in (("chart", 0.5), ("picture", 0.35)):
        still = encode(tmp_path / f"{name}.png").still
        assert still is not None
        assert len(still.content) < most * (tmp_path / f"{name}.png").stat().st_size, name
