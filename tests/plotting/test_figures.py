"""How figures look and how they are written."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from PIL import Image

from xinc.errors import InputError
from xinc.plotting import animation, layout, style
from xinc.plotting.drawn import Figures
from xinc.plotting.fitting import width_of, wrapped
from xinc.plotting.settings import FigureSettings
from xinc.settings import validate


def drawn() -> Figure:
    with style.context():
        figure, axes = layout.image_grid(2, 3, 0.5, "What is this?", extra=0.4)
        for at, axis in enumerate(axes.flat):
            image = np.random.default_rng(at).random((8, 16))
            layout.show(axis, image, f"panel {at}", style.magnitude(), vmin=0, vmax=1)
        layout.side_label(axes[0, 0], "a row")
    return figure


def test_a_figure_fits_the_screen(tmp_path: Path) -> None:
    """The report hides the top of what is higher; what is small has all its dots, and small print stays legible."""
    sizes = {}
    for height in (2.0, 8.0, 14.0):
        layout.save(layout.new_figure(4, height, "?"), tmp_path / f"{height}")
        sizes[height] = Image.open(tmp_path / f"{height}.png").size[1]
    assert sizes == {2.0: 300, 8.0: 900, 14.0: 1400}


def test_a_figure_says_what_it_is_of() -> None:
    attributes = {"video": "bunny", "model": "nerv", "seed": "0", "other": 1}
    line = layout.about(attributes, "block1", "", "frame 8")
    assert line == "bunny · nerv · seed 0 · block1 · frame 8"
    assert layout.about({}, "frame 8") == "frame 8"
    assert layout.about({}) == ""
    with style.context():
        plain, said = (layout.new_figure(4, 2, "Why?", text) for text in ("", line))
    assert [f._suptitle.get_text() for f in (plain, said)] == ["Why?", f"Why?\n{line}"]  # type: ignore[attr-defined]
    assert said.get_figheight() > plain.get_figheight() == 2


def test_a_picture_of_an_animation_has_titles() -> None:
    panels = [np.full((4, 60, 3), level, np.uint8) for level in (10, 200)]
    picture = animation.film_picture(panels, ["one", "two"], 2)
    assert picture.shape == (animation.LETTERING + 8, 2 * 120 + 4, 3)
    assert (picture[animation.LETTERING :, :120] == 10).all()
    assert (picture[animation.LETTERING :, 120:124] == 255).all()
    assert (picture[animation.LETTERING :, 124:] == 200).all()
    top = picture[: animation.LETTERING]
    assert max(top[:, :100].min(), top[:, 124:].min()) < 100
    assert top[:, 100:124].min() == 255


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with style.context():
            layout.save(drawn(), tmp_path / "new folder" / name)
    for suffix in (".svg", ".png"):
        first, second = ((tmp_path / "new folder" / f"{name}{suffix}").read_bytes() for name in ("a", "b"))
        assert first == second
    text = (tmp_path / "new folder" / "a.svg").read_text(encoding="utf-8")
    assert "What is this?" in "".join(ElementTree.fromstring(text).itertext())
    assert "panel 5" in text
    assert "dc:date" not in text
    assert Image.open(tmp_path / "new folder" / "a.png").size[0] == pytest.approx(layout.DPI * style.PAGE, abs=2)


def test_a_picture_has_the_colours_that_were_drawn(tmp_path: Path) -> None:
    """All of them, however small: a palette for the whole picture would merge the swatches with what fills it."""
    shades = (np.arange(64 * 64).reshape(64, 64, 1) * [4099, 257, 17] % 256).astype(np.uint8)
    with style.context():
        figure = layout.new_figure(4, 3, "?")
        layout.show(figure.add_subplot(), shades)
        for at, colour in enumerate(style.palette(10)):
            figure.add_artist(Rectangle((0.01, 0.05 * at), 0.03, 0.04, facecolor=colour, edgecolor="none"))
        layout.save(figure, tmp_path / "a")
    picture = Image.open(tmp_path / "a.png")
    assert picture.mode == "RGB"
    found = {tuple(colour) for colour in np.asarray(picture).reshape(-1, 3).tolist()}
    assert {tuple(round(255 * part) for part in colour) for colour in style.palette(10)} <= found
    assert {tuple(colour) for colour in shades.reshape(-1, 3).tolist()} <= found


def test_colours_of_instances() -> None:
    few = style.instance_colours(["cup"] * 3 + ["cat"] * 7)
    assert few == style.palette(10)
    alike = style.instance_colours(["cup"] * 12)
    assert alike == [*few, *few[:2]]
    many = style.instance_colours(["cup", "cat"] * 6)
    assert len(set(many)) == 12
    assert many[:2] == few[:2]
    # A shade is a mixture with white: what is missing from white points the same way.
    np.testing.assert_allclose(np.cross(1 - np.array(many[0]), 1 - np.array(many[10])), 0, atol=1e-9)


def test_a_bar_below_leaves_images_in_line() -> None:
    with style.context():
        figure, axes = layout.image_grid(2, 3, 0.5, "?", extra=0.4)
        for axis in axes.flat:
            image = layout.show(axis, np.linspace(0, 0.123456, 32).reshape(4, 8), "?", style.magnitude())
        layout.bar_below(figure, axes[1, 2], image, "?")
        figure.draw_without_rendering()
    left, right = np.array([[axis.get_position().x0, axis.get_position().x1] for axis in axes[0]]).T
    np.testing.assert_allclose(*(left[1:] - right[:-1]), atol=1e-3)


def test_places_are_rounded(tmp_path: Path) -> None:
    """The solver of the layout gives other last digits where memory lies elsewhere."""
    with style.context():
        figure = layout.new_figure(5, 4, "?")
        top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.7])
        top.subplots(1, 3)
        bottom.subplots().set_xlabel("x")
        layout.save(figure, tmp_path / "a")
    boxes = [axis.get_position(original=True) for axis in figure.axes] + [top.bbox_relative, bottom.bbox_relative]
    points = np.concatenate([box.get_points() for box in boxes])
    np.testing.assert_array_equal(points, points.round(6))
    assert len(np.unique(points)) > 6


def test_a_name_with_a_dot_is_kept(tmp_path: Path) -> None:
    layout.save(drawn(), tmp_path / "layer.1")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["layer.1.png", "layer.1.svg"]


def test_the_look_stays_inside_its_block() -> None:
    before = dict(matplotlib.rcParams)
    with style.context():
        assert matplotlib.rcParams["svg.hashsalt"] == "xinc"
        assert matplotlib.rcParams["image.interpolation"] == "nearest"
    assert dict(matplotlib.rcParams) == before


def test_nothing_overlaps_the_title() -> None:
    figure = drawn()
    figure.draw_without_rendering()
    title = figure._suptitle.get_window_extent()  # type: ignore[attr-defined]
    assert all(axis.get_tightbbox().y1 <= title.y0 + 1 for axis in figure.axes)


def test_an_animation_keeps_frames_and_colours(tmp_path: Path) -> None:
    colours = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]
    images = [np.full((6, 10, 3), colour, np.uint8) for colour in colours]
    files = [tmp_path / "deep" / f"a.{kind}" for kind in ("gif", "png")]
    animation.save_animation(images, *files, milliseconds=200)
    for file in files:
        film = Image.open(file)
        assert (film.n_frames, film.size) == (3, (10, 6))  # type: ignore[attr-defined]
        assert film.info["loop"] == 0
        assert film.info["duration"] == 200
        for at, colour in enumerate(colours):
            film.seek(at)
            assert np.abs(np.asarray(film.convert("RGB")).astype(int) - colour).max() <= 12


def test_frames_of_an_animation_that_are_equal_stay(tmp_path: Path) -> None:
    """A film that stands still is as long as one that moves."""
    animation.save_animation([np.zeros((4, 4, 3), np.uint8)] * 3, tmp_path / "a.gif")
    film = Image.open(tmp_path / "a.gif")
    total = 0
    for at in range(film.n_frames):  # type: ignore[attr-defined]
        film.seek(at)
        total += film.info["duration"]
    assert total == pytest.approx(3 * 125, abs=30)


def test_colour_and_enlarge() -> None:
    values = np.array([[0.0, 2.0], [5.0, -1.0]])
    image = style.colour(values, "gray", 0.0, 2.0)
    assert image[..., 0].tolist() == [[0, 255], [255, 0]]
    assert image.dtype == np.uint8
    assert style.colour(np.ones((1, 1)), high=0.0).shape == (1, 1, 3)
    large = animation.enlarge(image, 3)
    assert large.shape == (6, 6, 3)
    assert (large[:3, 3:] == 255).all()


def test_maps_that_are_undefined_do_not_crash() -> None:
    assert style.colour(np.full((2, 2), np.nan)).shape == (2, 2, 3)


@pytest.mark.slow
def test_settings_of_figures_decide_size_files_and_title(tmp_path: Path) -> None:
    settings = FigureSettings(width=3.4, formats=("png", "pdf"), dpi=100, title=False)
    with style.context(settings.look()):
        for name in ("a", "b"):
            layout.save(drawn(), tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png", "b.pdf", "b.png"]
    assert Image.open(tmp_path / "a.png").size[0] == 340
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert b"/Type3" not in (tmp_path / "a.pdf").read_bytes()
    assert drawn()._suptitle is not None  # type: ignore[attr-defined]
    slide = FigureSettings(style="slide").look()
    assert style.points(5) == 5
    with style.context(slide):
        assert style.points(5) == pytest.approx(7)  # as much as letters
    assert (slide.width, slide.height, slide.scale) == (13.3, 7.5, 1.4)
    with pytest.raises(InputError, match="the report shows the png: add it"):
        validate(FigureSettings, {"formats": ["pdf"]}, "figures")


def test_figures_are_drawn_when_looked_at_in_the_look_of_their_block() -> None:
    drawn = []

    def draw(name: str) -> Figure:
        drawn.append(name)
        return layout.new_figure(layout.page(), 2 + style.points(1), "", name)

    with style.context(FigureSettings(style="slide").look()):
        figures = Figures({name: partial(draw, name) for name in ("a", "b")})
    assert list(figures) == ["a", "b"]
    assert "b" in figures
    assert not drawn
    assert figures["b"].get_size_inches().tolist() == pytest.approx([13.3, 1.4 * (2 + 1.4)])
    assert figures["b"] is figures["b"]
    assert drawn == ["b"]
    with pytest.raises(KeyError):
        figures["c"]


def test_as_many_panels_beside_each_other_as_can_be_read() -> None:
    """The last row is as full as can be, and on a slide images are as large as they can be."""
    wide = {(count, layout.columns(count, 1.6)) for count in (1, 3, 4, 6, 8, 12)}
    assert wide == {(1, 1), (3, 3), (4, 4), (6, 3), (8, 4), (12, 4)}
    with style.context(style.Look(width=3.4)):
        assert [layout.columns(count, 1.6) for count in (1, 3, 8)] == [1, 2, 2]
    with style.context(style.Look(columns=5)):
        assert [layout.columns(count, 1.6) for count in (3, 8)] == [3, 5]
    with style.context(FigureSettings(style="slide").look()):
        assert layout.columns(6, 1.6, aspect=0.5, groups=2) == 3
        assert layout.columns(12, 1.6, aspect=0.5) == 4


def test_lines_break_at_blanks_that_are_not_in_a_formula() -> None:
    text = r"one two $|C| > \tau$ three"
    assert wrapped(text, 100, 8) == text
    assert wrapped(text, 0.1, 8).split("\n") == ["one", "two", r"$|C| > \tau$", "three"]
    assert wrapped("a\nb c", 100, 8) == "a\nb c"


def test_widths_are_those_of_the_outlines() -> None:
    """Those of the curves between the points, which Matplotlib solves for."""
    for text in ("Gabor regions & @-signs: 1,024", r"only $|C|^2 > \tau$"):
        assert width_of(f"a\n{text}", 7) == pytest.approx(TextPath((0, 0), text, size=7).get_extents().width / 72)
    assert width_of("\n ", 7) == width_of("", 7) == 0


def test_a_long_title_breaks_and_images_keep_the_width() -> None:
    """The figure becomes higher by what it needs: images as wide as the page, and nothing between them but titles."""
    heights = []
    for title in ("short", "a title of so many words that no panel of this width holds them on one line"):
        with style.context():
            figure, axes = layout.image_grid(2, 3, 0.5, "?")
            for axis in axes.flat:
                layout.show(axis, np.zeros((8, 16)), title)
            layout.fit(figure)
            figure.draw_without_rendering()
        boxes = [axis.get_window_extent() for axis in axes.flat]
        assert boxes[2].x1 - boxes[0].x0 == pytest.approx(figure.bbox.width, rel=0.03)
        assert all(axis.title.get_window_extent().width <= axis.get_window_extent().width + 4 for axis in axes.flat)
        heights.append(figure.get_figheight())
    assert heights[1] > heights[0] + 0.2
