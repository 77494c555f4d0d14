"""What the report says in words of its own."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from docutils.core import publish_parts

from xinc.experiment.report.markup import summary_of_faithfulness, summary_of_findings
from xinc.experiment.report.names import title_of, view_of

DEFAULT = {
    "measure": "a number, of something; threshold: what chance gives",
    "direction": ">",
    "threshold": "0.5",
    "value": "",
    "video": "clip",
    "model": "nerv",
    "bits_per_pixel": "8.1",
    "psnr": "33.0",
    "explained": "0.97",
}
NOTHING = {
    "video": "",
    "model": "",
    "bits_per_pixel": "",
    "psnr": "",
    "explained": "",
    "direction": "",
    "threshold": "",
}


def row(claim: str, section: str, sentence: str, null: str, verdict: str, **others: str) -> dict[str, str]:
    about = {"claim": claim, "section": section, "sentence": sentence, "null": null, "verdict": verdict}
    return DEFAULT | about | others


A, B, C = (
    ("a", "1", "So it is.", "shifts"),
    ("b", "1", 'Or, *rather*, "so".', "none: no"),
    ("c_", "1", "It | is_ `not`."),
)
ROWS = [
    row(*A, "holds", value="0.75"),
    row(*A, "holds", value="0.91"),
    row(*A, "not measured"),
    row(*B, "holds", value="1200"),
    row(*B, "does not hold", value="-0.25"),
    row(*C, "shifts", "not significant", value="0.6"),
    row(*C, "shifts", "does not hold", value="0.1"),
    row("d", "4.4", "Who knows.", "shifts", "not significant", value="1"),
    row("d", "4.4", "Who knows.", "shifts", "not applicable"),
    row("e", "4.5", "Nobody does.", "", "not measured", **NOTHING),
    row("f", "4.5", "It is large.", "none: a threshold", "holds", value="1"),
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def cells(text: str) -> list[list[str]]:
    rows = [line.strip() for line in text.splitlines() if line.startswith('   "')]
    return list(csv.reader(io.StringIO("\n".join(rows).replace("\u00a0", " "))))


def test_findings_are_counted(tmp_path: Path) -> None:
    text = summary_of_findings(write(tmp_path / "table.csv", ROWS))
    counts = "2 hold everywhere, 1 in part, 1 nowhere, 1 undecided, 1 not measured"
    assert f"of 6 sentences of the paper that state a comparison, {counts}." in text
    assert "1 of these 2 were tested against chance" in text


def test_the_effects_of_main_claims_lead(tmp_path: Path) -> None:
    text = summary_of_findings(write(tmp_path / "table.csv", ROWS))
    assert text.startswith("**The main claims and how large their effects are:**")
    assert cells(text) == [
        ["the paper's section 1", "median (range)", "holds if", "holds in"],
        ["So it is. *a number, of something*", "0.83 (0.75 to 0.91)", "> 0.5", "2 of 2"],
        [r'Or, \*rather\*, "so". *a number, of something*', "600 (−0.25 to 1200)", "> 0.5", "1 of 2"],
        [r"It \| is\_ \`not\`. *a number, of something*", "0.35 (0.1 to 0.6)", "> 0.5", "0 of 2"],
    ]


def test_what_is_wrong_with_the_networks_stands_above_all(tmp_path: Path) -> None:
    """Sixteen dB, far too large, and one that nobody looked at."""
    poor = {"psnr": "16.04", "explained": "0.31", "bits_per_pixel": "32.2"}
    poor_rows = [row(*A, "not applicable", value="0.7", **poor), row(*B, "holds", value="0.8", model="ffn")]
    unknown = row(*C, "shifts", "holds", value="0.8", model="siren", bits_per_pixel="", psnr="", explained="")
    text = summary_of_findings(write(tmp_path / "table.csv", [*poor_rows, unknown]))
    assert text.startswith("**Mind the networks before you read the findings.**")
    warnings = [line for line in text.splitlines() if line.startswith("* ")]
    assert [line.partition(":")[0] for line in warnings] == [
        "* Not checked (clip siren, 1 of 3)",
        "* Not learned (clip nerv, 1 of 3)",
        "* Far larger than the paper's networks (clip nerv, 1 of 3)",
    ]
    assert "16.0 dB, 31% of the variance of colours" in warnings[1]
    assert "32.2 bits per pixel" in warnings[2]
    assert cells(text)[1][1:] == ["", "> 0.5", "not applicable"]


def test_nothing_is_warned_of_without_a_reason(tmp_path: Path) -> None:
    assert "Mind" not in summary_of_findings(write(tmp_path / "table.csv", ROWS))


def test_there_may_be_no_main_claims(tmp_path: Path) -> None:
    text = summary_of_findings(write(tmp_path / "table.csv", ROWS[-1:]))
    assert "of 1 sentences" in text
    assert "csv-table" not in text


def test_it_is_proper_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poor = [one | {"psnr": "20", "model": "a_b*"} for one in ROWS[:-2]]
    page = publish_parts(summary_of_findings(write(tmp_path / "table.csv", poor)), writer="html")["body"]
    assert "system-message" not in page
    assert page.count("<tr>") == 4
    assert page.count("<li>") == 1
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
