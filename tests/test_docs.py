"""The documentation: links lead somewhere, commands exist, code runs, and what is generated is up to date.

The site itself is built as `make docs` builds it. In a Markdown file, a fenced block of Python runs if ``<!-- run -->``
stands above it; the blocks of a file are one program. A block below ``<!-- file: PATH -->`` is what a reader is told to
put into that file.
"""

from __future__ import annotations

import html
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import xinc
from tests.helpers.distributions import install
from tests.helpers.once import once
from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.runs import copy_code
from xinc.analyses.run import run_analysis
from xinc.analyses.subject import subject_of
from xinc.canvas.writer import write_layer
from xinc.models.base import INR
from xinc.models.storage import build, save_model
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings
from xinc.video.sources.examples import movie_path

ROOT = Path(__file__).resolve().parents[1]
#: Made when the site is built.
MADE = ("_build", "generated")
PAGES = [
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md", "resources/README.md")
    ),
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if not set(MADE) & set(page.parts)),
]
NOTEBOOKS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
#: It reads what `make demo` leaves: tests/workflow/test_ten_questions.py.
READ_AFTER_DEMO = ROOT / "docs" / "tutorials" / "ten_questions.ipynb"
FENCE = re.compile(r"^ *```(\S*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: the line in its file on which its content begins, and the comment above it."""

    line: int
    language: str
    text: str
    comment: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    found = []
    for match in FENCE.finditer(text):
        above = text[: match.start()].splitlines()
        comment = re.fullmatch(r"<!-- (.*) -->", above[-1] if above else "")
        found.append(Block(len(above) + 1, match[1], match[2], comment[1] if comment else ""))
    return found


def program(page: Path) -> str:
    """The page's runnable blocks, on the lines that they have in the page, so that tracebacks name these."""
    lines: list[str] = []
    for block in blocks(page):
        if block.comment == "run":
            assert block.language == "python"
            lines += [""] * (block.line - len(lines)) + block.text.splitlines()
    return "\n".join(lines) + "\n"


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """Anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings_that_are_there(page):
    for target in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_relative_to(ROOT), target
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_text_is_wrapped(page):
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        assert len(line) <= 120 or line.startswith("|"), f"{page.name}, line {number}"


def test_commands_are_targets_of_make():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in PAGES:
        text = page.read_text("utf-8")
        named = re.findall(r"`make ([a-z]+)", text) + re.findall(r"^ +make ([a-z]+)", text, re.MULTILINE)
        assert set(named) <= targets, page


def test_pictures_are_small():
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    assert sum(picture.stat().st_size for picture in pictures) < 1.5e6
    assert all(any(picture.name in page.read_text("utf-8") for page in PAGES) for picture in pictures)


def test_reference_of_settings_is_what_the_code_says():
    page = ROOT / "docs" / "reference" / "settings.md"
    made = output(["-m", "xinc.experiment.reference"])
    assert page.read_text("utf-8") == made, "run `python -m xinc.experiment.reference > docs/reference/settings.md`"


def output(arguments: list[str]) -> str:
    """What a program of Python writes."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_picture_of_the_workflow_shows_its_rules():
    text = (ROOT / "docs" / "images" / "workflow.dot").read_text("utf-8")
    assert text == output(["docs/workflow_graph.py"]), "run the two commands at the end of docs/explanation/workflow.md"


def test_picture_of_the_workflow_is_drawn_of_its_text():
    text, drawn = ((ROOT / "docs" / "images" / f"workflow.{kind}").read_text("utf-8") for kind in ("dot", "svg"))
    titles = {html.unescape(title) for title in re.findall(r"<title>(.*?)</title>", drawn)} - {"workflow"}
    rules = re.findall(r"^ +(\w+) \[fillcolor", text, re.MULTILINE)
    arrows = re.findall(r"^ +(\w+) -> (\w+);", text, re.MULTILINE)
    assert titles == {*rules, *(f"{a}->{b}" for a, b in arrows)}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name_of)
def test_notebooks_are_kept_without_outputs(notebook):
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells), "clear all outputs and save"


def test_python_interface_names_what_is_there():
    """The build of the site finds this too, later."""
    module, names = "", []
    for line in (ROOT / "docs" / "reference" / "api.md").read_text("utf-8").splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif found := re.fullmatch(r"   ([\w.]+)", line):
            names.append(f"{module}.{found[1]}")
    assert len(names) > 20
    assert {f"xinc.{name}" for name in xinc.__all__} - {"xinc.__version__"} <= set(names)
    for name in names:
        pkgutil.resolve_name(name)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site: any warning is an error, as of a link that leads nowhere, and so is an error in a notebook."""
    strict = ("-W", "--keep-going", "-q")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert f"sphinx -b html -d docs/_build/doctrees {' '.join(strict)} docs docs/_build/html" in makefile

    def make(root: Path) -> None:
        shutil.copytree(ROOT / "docs", root / "docs", ignore=shutil.ignore_patterns(*MADE, "__pycache__"))
        for name in ("resources", "tests"):
            (root / name).symlink_to(ROOT / name)
        output(["-m", "sphinx", "-b", "html", "-d", f"{root}/doctrees", *strict, f"{root}/docs", f"{root}/html"])

    return once(tmp_path_factory, "site", make) / "html"


def test_ten_questions_are_answered_in_three_lines():
    """But for the first cell, which imports and names what the others are about."""
    cells = json.loads(READ_AFTER_DEMO.read_text("utf-8"))["cells"]
    questions = [line for cell in cells for line in cell["source"] if line.startswith("## ")]
    assert [line.split(".")[0] for line in questions[:-1]] == [f"## {number}" for number in range(1, 11)]
    programs = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    assert all(len([line for line in program if line.strip()]) <= 3 for program in programs[1:])


@exhaustive
@pytest.mark.slow
def test_a_list_of_what_is_returned_is_a_list(site):
    page = (site / "reference" / "generated" / "xinc.top_neurons.html").read_text("utf-8")
    assert page[page.index("Returns<span") : page.index("Raises<span")].count("<li>") == 4


@pytest.mark.slow
@exhaustive
def test_site_shows_what_notebooks_come_to(site):
    unanswered = (site / "tutorials" / f"{READ_AFTER_DEMO.stem}.html").read_text("utf-8")
    assert "cell_input" in unanswered
    assert "cell_output" not in unanswered
    for notebook in NOTEBOOKS:
        if notebook == READ_AFTER_DEMO:
            continue
        page = (site / "tutorials" / f"{notebook.stem}.html").read_text("utf-8")
        assert "cell_output" in page, notebook
        assert "largest difference" in page.replace("&#39;", ""), notebook


@exhaustive
@pytest.mark.slow
def test_site_loads_nothing_from_the_network(site):
    loaded = re.compile(
        r"<(?:script|link|img|source|iframe|object|embed|video|audio)\b[^>]*?[\"'=\s](?:https?:)?//", re.I
    )
    in_style = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", re.I)
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        text = page.read_text("utf-8")
        assert not loaded.search(text), (page, loaded.search(text))
        assert not in_style.search(text), page
    for sheet in site.rglob("*.css"):
        assert not in_style.search(sheet.read_text("utf-8")), sheet


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the example leaves of one video, as far as the pages use it; its networks, untrained."""
    root = tmp_path_factory.mktemp("example") / "results" / "bunny"
    prepare_video(
        VideoSettings(name="bunny", source="example:bunny", count=16, resolution="64x128"), root / "video.zarr"
    )
    nerv = build("nerv", {"fc_dim": 37, "strides": [4, 2, 2]}, (64, 128), range(16), 16)
    keep(nerv, root / "nerv" / "seed0", ["block2", "block3", "head"], root / "video.zarr")
    keep(build("ffn", {}, (64, 128), [0, 8], 16), root / "ffn" / "seed0", [], root / "video.zarr")
    return root.parent


def keep(model: INR, run: Path, layers: list[str], video: Path) -> None:
    save_model(model, run / "model.pt")
    for layer in layers:
        write_layer(model, run / "canvas.zarr" / layer, layer)
    run_analysis("quality", {}, subject_of(str(video), model=str(run / "model.pt")), run / "quality")


def programs() -> list[Any]:
    """Pages with code that runs; of the slow tier those that a newcomer meets first."""
    first = {"README.md", "docs/how-to/python.md", "docs/how-to/add-an-analysis.md"}
    found = [page for page in PAGES if any(block.comment for block in blocks(page))]
    return [pytest.param(page, marks=[] if name_of(page) in first else exhaustive, id=name_of(page)) for page in found]


@pytest.mark.slow
@pytest.mark.parametrize("page", programs())
def test_code_runs_as_it_stands(page, results, tmp_path):
    clone(tmp_path, results)
    for block in blocks(page):
        if block.comment.startswith("file: "):
            file = tmp_path / block.comment.removeprefix("file: ")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, "utf-8")
    (tmp_path / page.name).with_suffix(".py").write_text(program(page) + CHECKS, "utf-8")
    for project in tmp_path.glob("*/pyproject.toml"):  # which the reader is told to install
        install(project.parent, tmp_path / "site")
    found = filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH")])
    command = [sys.executable, "-W", "error::SyntaxWarning", f"{page.stem}.py"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(found)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


#: After a page's own program: the package was the reader's, and the configurations shown are valid and can be planned.
CHECKS = """
import pathlib
import xinc
from xinc.experiment.config import read_config
from xinc.experiment.plan import Plan

here = pathlib.Path.cwd().resolve()
assert pathlib.Path(xinc.__file__).resolve().is_relative_to(here)
# The paper's experiment needs its data: tests/experiment/test_paper.py.
for path in sorted(set(here.glob("config/*.yaml")) - {here / "config/paper.yaml"}):
    plan = Plan(read_config(path))
    for run in plan.triples:
        for analysis in plan.analyses:
            plan.figure_spec(analysis, *run)
"""


def clone(directory: Path, results: Path) -> None:
    """A directory like a reader's clone after ``make demo``, to which files may be added."""
    copy_code("xinc", directory)
    shutil.copytree(ROOT / "config", directory / "config")
    (directory / "results").symlink_to(results)
    for name in ("resources", "tests"):
        (directory / name).symlink_to(ROOT / name)
    (directory / "videos").mkdir()
    (directory / "videos" / "holiday.mp4").symlink_to(movie_path("bunny"))


def test_configuration_file_of_the_repository_is_described():
    """Every column of the table of videos is on the page about one's own video."""
    header = next(
        line for line in (ROOT / "config" / "videos.tsv").read_text("utf-8").splitlines() if not line.startswith("#")
    )
    page = (ROOT / "docs" / "how-to" / "your-own-video.md").read_text("utf-8")
    assert all(f"`{column}`" in page for column in header.split("\t"))
