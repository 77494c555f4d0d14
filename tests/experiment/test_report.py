"""What the report says in words of its own."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from docutils.core import publish_parts

from xinc.experiment.report import summary_of_faithfulness, summary_of_findings, title_of, view_of

COLUMNS = ("claim", "section", "sentence", "null", "verdict")
ROWS = [
    *[("a", "1", "So it is.", "shifts", verdict) for verdict in ("holds", "holds", "not measured")],
    *[("b", "1", 'Or, *rather*, "so".', "none: no", verdict) for verdict in ("holds", "does not hold")],
    *[("c_", "1", "It | is_ `not`.", "shifts", verdict) for verdict in ("not significant", "does not hold")],
    *[("d", "4.4", "Who knows.", "shifts", verdict) for verdict in ("not significant", "not applicable")],
    ("e", "4.5", "Nobody does.", "", "not measured"),
    ("f", "4.5", "It is large.", "none: a threshold", "holds"),
]


def write(path: Path, rows: list[tuple[str, ...]]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([COLUMNS, *rows])
    return path


def test_findings_are_counted(tmp_path: Path) -> None:
    text = summary_of_findings(write(tmp_path / "table.csv", ROWS))
    counts = "2 hold everywhere, 1 in part, 1 nowhere, 1 undecided, 1 not measured"
    assert f"of 6 sentences of the paper that state a comparison, {counts}." in text
    assert "1 of these 2 were tested against chance" in text
    table = [row for row in csv.reader(io.StringIO(text), skipinitialspace=True) if len(row) == 4]
    assert table == [
        ["the paper's section 1", "holds", "not significant", "does not hold"],
        ["So it is.", "2", "", ""],
        [r'Or, \*rather\*, "so".', "1", "", "1"],
        [r"It \| is\_ \`not\`.", "", "1", "1"],
    ]


def test_there_may_be_no_main_claims(tmp_path: Path) -> None:
    text = summary_of_findings(write(tmp_path / "table.csv", ROWS[-1:]))
    assert "of 1 sentences" in text
    assert "csv-table" not in text


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
    names = ["all", "all-frame8", "head", "head-animation", "block1-frame12", "overall", "section4.2", "section4.2-2"]
    assert [view_of(name) for name in names] == [
        *("overview", "overview, frame 8", "head", "head, animation", "block1, frame 12", "overall"),
        *("section 4.2", "section 4.2, page 2"),
    ]


def test_faithfulness_is_summed_up(tmp_path: Path) -> None:
    """Medians over networks, by model and layer; what is undefined is left out."""
    head = ("layer", "over", "compared", "against", "correlation")
    tables = []
    for at, values in enumerate((("0.4", "0.7"), ("0.5", "0.9"), ("", "0.8"))):
        rows = [
            ("block_1", "pixels", *pair) for pair in zip(("|C|", "gained map"), ("effect",) * 2, values, strict=True)
        ]
        rows += [("block_1", "neurons", "|C|", "Σ effect", "0.1"), ("block_1", "pixels", "other", "effect", "0.2")]
        with open(tmp_path / f"{at}.csv", "w", newline="", encoding="utf-8") as lines:
            csv.writer(lines).writerows([head, *rows])
        tables.append(("nerv", tmp_path / f"{at}.csv"))
    text = summary_of_faithfulness([*tables, ("ffn", tmp_path / "none.csv")])
    assert r"is for nerv: block\_1 0.45 / 0.80." in text
    page = publish_parts(text, writer_name="html5", settings_overrides={"report_level": 1, "halt_level": 2})["body"]
    assert "of |C| / of gained maps" in page
    assert summary_of_faithfulness([("ffn", tmp_path / "none.csv")]) == ""
