"""What the report says in words of its own."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from docutils.core import publish_parts

from xinc.report import summary_of_findings, title_of, view_of

COLUMNS = ("claim", "section", "sentence", "analysis", "verdict")
ROWS = [
    *[("a", "4.3", "So it is.", "intensity", verdict) for verdict in ("holds", "holds", "not measured")],
    *[("b", "4.2", "Or, *rather*, so.", "intensity", verdict) for verdict in ("holds", "does not hold")],
    *[("c_", "4.4", "It | is_ `not`.", "pixels_per_neuron", verdict) for verdict in ("not significant",)],
]


def write(path: Path, rows: list[tuple[str, ...]]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([COLUMNS, *rows])
    return path


def test_findings_are_counted_by_analysis(tmp_path: Path) -> None:
    text = summary_of_findings(write(tmp_path / "table.csv", ROWS))
    assert "of 3 claims of the paper, 1 hold everywhere here, 1 in part, 1 nowhere" in text
    table = [row for row in csv.reader(io.StringIO(text), skipinitialspace=True) if len(row) == 5]
    assert table == [
        ["", "section", "everywhere", "in part", "nowhere"],
        ["Intensity", "4.2, 4.3", "1", "1", ""],
        ["Pixels per neuron", "4.4", "", "", "1"],
        ["**All**", "", "**1**", "**1**", "**1**"],
    ]


def test_what_was_not_measured_is_neither(tmp_path: Path) -> None:
    text = summary_of_findings(write(tmp_path / "table.csv", [("d", "4.5", "?", "motion", "not measured")]))
    assert '"Motion", "4.5", "1"' in text
    assert '"section", "not measured"' in text


def test_it_is_proper_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = publish_parts(summary_of_findings(write(tmp_path / "table.csv", ROWS)), writer="html")["body"]
    assert "system-message" not in page
    assert page.count("<tr>") == 4
    assert capsys.readouterr().err == ""


def test_nothing_is_said_without_findings(tmp_path: Path) -> None:
    assert summary_of_findings(tmp_path / "none.csv") == ""
    assert summary_of_findings(write(tmp_path / "table.csv", [])) == ""


def test_names() -> None:
    assert title_of("neurons_per_pixel") == "Neurons per pixel"
    names = ["all", "all-frame8", "head", "head-animation", "block1-frame12", "overall"]
    assert [view_of(name) for name in names] == [
        *("overview", "overview, frame 8", "head", "head, animation", "block1, frame 12", "overall"),
    ]
