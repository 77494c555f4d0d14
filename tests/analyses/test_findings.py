"""The table of findings: what it says of a row, corrections, context, comparisons, figures and the page."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from xinc.analyses import analyses
from xinc.analyses.claim import Claim
from xinc.analyses.findings import Findings
from xinc.analyses.findings import rows as table_rows
from xinc.analyses.findings.colours import COLOURS
from xinc.analyses.findings.comparisons import COMPARISONS
from xinc.analyses.findings.figure import HIGHEST, MOST, section_figures
from xinc.analyses.findings.names import FAILS, HOLDS, INAPPLICABLE, UNCLEAR, UNMEASURED
from xinc.analyses.findings.rows import compared
from xinc.analyses.findings.sentences import SENTENCES
from xinc.analyses.findings.table import COLUMNS
from xinc.analyses.findings.verdicts import corrected
from xinc.analyses.findings.verdicts import verdict as verdict_on
from xinc.analyses.results import Project, Record
from xinc.plotting import style
from xinc.statistics.false_discoveries import false_discovery_rates
from xinc.statistics.standing import labelled

LAYERS = ["l1", "l2", "l3"]


def values(result: xr.Dataset) -> xr.DataArray:
    return result["value"]


def chances(result: xr.Dataset) -> xr.DataArray:
    p = result["chance"]
    rest = xr.zeros_like(p)
    return xr.concat([p, rest + 0.1, rest + 0.2], "null").assign_coords(null=["p_value", "mean", "edge"])


PLAIN = Claim("plain", "4.2", "A sentence.", "a number", values, threshold=1.0, chance="none: made up")
TESTED = Claim("tested", "4.1", "A sentence with a null.", "a tested number", values, null=chances, chance="dice")
AGAIN = Claim("again", "1", "The same test for another sentence.", "a tested number", values, null=chances)
FFN_ONLY = Claim("ffn_only", "4.3", "Of l2 of an FFN.", "a number", values, architectures=("ffn",), layers=("l2",))
LATER = Claim(
    "later",
    "4.10",
    "Later layers.",
    "a number",
    values,
    missing="no masks",
    applies=lambda result: result["layer"] != "l1",
    unless="the first layer",
)
ABSENT = Claim("absent", "4.5", "There is none.", "a number", values, 0.5, "<", chances, absence=True)
FEW = Claim(
    "few", "4.5", "There is none.", "few", values, 0.5, "<", chances, absence=True, enough=lambda r: r["layer"] == "l2"
)
EQUAL = Claim("equal", "4.6", "Alike.", "a ratio", values, threshold=4.0, direction="within")
CLAIMS = (PLAIN, TESTED, AGAIN, FFN_ONLY, LATER, ABSENT, FEW, EQUAL)


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Project:
    """Two made-up results of a made-up analysis, and the size of one of the networks."""
    made, quality = SimpleNamespace(claims=lambda: CLAIMS), SimpleNamespace(claims=lambda: ())
    monkeypatch.setattr(table_rows, "analyses", {"made": made, "quality": quality})
    of_nerv = xr.Dataset(
        {
            "value": (("layer", "frame"), [[2.0, 4.0], [0.5, 0.7], [np.nan, np.nan]]),
            "chance": (("layer", "frame"), [[0.001, 0.001], [0.4, 0.6], [np.nan, np.nan]]),
        },
        {"layer": LAYERS},
        {"architecture": "nerv"},
    )
    of_ffn = xr.Dataset(
        {"value": ("layer", [3.0, -1.0, 1.0]), "chance": ("layer", [0.02, 0.9, 0.04])},
        {"layer": LAYERS},
        {"architecture": "ffn"},
    )
    size = xr.Dataset(
        {"bits_per_pixel": ("bits", [32.0]), "mean_psnr": ((), 35.5), "explained": ((), 0.98)}, {"bits": [32]}
    )
    stored = {("made", "nerv"): of_nerv, ("made", "ffn"): of_ffn, ("quality", "nerv"): size}
    monkeypatch.setattr(Record, "open", lambda self: stored[self.analysis, self.model])
    return Project({}, tuple(Record(analysis, "clip", model, 0, Path("nowhere")) for analysis, model in stored))


def rows(result: xr.Dataset) -> dict[tuple[str, str, str], dict[str, object]]:
    table = Findings().table(result).to_dict("records")
    return {(row["claim"], row["model"], row["layer"]): row for row in table}


def test_yes_and_no_and_not_measured(project: Project) -> None:
    said = rows(Findings().compute(project))
    assert said["plain", "nerv", "l1"]["verdict"] == HOLDS  # mean 3 over frames, above 1
    assert said["plain", "nerv", "l2"]["verdict"] == FAILS
    assert said["plain", "nerv", "l3"]["verdict"] == UNMEASURED
    assert said["plain", "ffn", "l3"]["verdict"] == FAILS  # exactly at the threshold is not above it
    row = said["plain", "nerv", "l1"]
    assert (row["value"], row["direction"], row["threshold"], row["null"]) == (3.0, ">", 1.0, "none: made up")


def test_a_null_has_to_be_beaten_after_correction(project: Project) -> None:
    said = rows(Findings().compute(project))
    assert said["tested", "nerv", "l1"]["verdict"] == HOLDS
    assert said["tested", "nerv", "l2"]["verdict"] == UNCLEAR
    # 0.04 alone would count; among the tests made it does not.
    assert said["tested", "ffn", "l3"]["verdict"] == UNCLEAR
    assert said["tested", "ffn", "l3"]["note"] == "chance explains it"
    lenient = Findings(Findings.Settings(level=0.2))
    assert rows(lenient.compute(project))["tested", "ffn", "l3"]["verdict"] == HOLDS


def test_p_values_of_frames_are_combined(project: Project) -> None:
    said = rows(Findings().compute(project))
    row = said["tested", "nerv", "l1"]
    assert row["p_value"] == pytest.approx(0.002)  # twice the mean
    assert row["null_mean"] == pytest.approx(0.1)
    assert np.isnan(row["null_edge"])  # type: ignore[call-overload]
    assert said["tested", "ffn", "l1"]["null_edge"] == pytest.approx(0.2)


def test_a_test_that_two_sentences_use_counts_once(project: Project) -> None:
    said = rows(Findings().compute(project))
    assert said["again", "ffn", "l1"]["q_value"] == said["tested", "ffn", "l1"]["q_value"]
    # Five of "tested", as many of "absent", "few" with another measure; not again those of "again".
    p = [0.002, 1.0, 0.02, 0.9, 0.04]
    expected = false_discovery_rates(np.array(p * 3))
    assert said["tested", "ffn", "l1"]["q_value"] == pytest.approx(expected[2])


def test_tests_that_are_not_the_same_are_not_taken_for_one() -> None:
    """Of one measure's name, but another number."""
    about = dict.fromkeys(("measure", "analysis", "video", "model", "seed", "layer"), "a") | {"applies": True}
    found = corrected([about | {"value": 1.0, "p_value": 0.04}, about | {"value": 2.0, "p_value": 0.001}] * 2)
    assert found == pytest.approx([0.04, 0.002] * 2)


def test_a_sentence_of_absence_fails_where_a_correspondence_is_seen(project: Project) -> None:
    said = rows(Findings().compute(project))
    assert said["absent", "nerv", "l1"]["verdict"] == FAILS  # 3, and not by chance
    assert said["absent", "ffn", "l2"]["verdict"] == HOLDS  # -1
    assert said["absent", "nerv", "l2"]["verdict"] == UNCLEAR  # 0.6, but chance does that too
    assert said["few", "ffn", "l2"]["verdict"] == HOLDS
    assert said["few", "nerv", "l1"]["verdict"] == UNCLEAR
    assert said["few", "nerv", "l1"]["note"] == "too few cases"


def test_within(project: Project) -> None:
    said = rows(Findings().compute(project))
    assert said["equal", "nerv", "l1"]["verdict"] == HOLDS  # 3 is within a factor of 4
    assert said["equal", "ffn", "l2"]["verdict"] == FAILS  # -1
    assert not EQUAL.beyond(0.25)
    assert EQUAL.beyond(0.26)
    assert not EQUAL.beyond(4.0)


def test_not_applicable_is_not_unmeasured(project: Project) -> None:
    said = rows(Findings().compute(project))
    assert said["later", "nerv", "l1"]["verdict"] == INAPPLICABLE
    assert said["later", "nerv", "l1"]["note"] == "the first layer"
    assert said["later", "nerv", "l3"]["verdict"] == UNMEASURED
    assert said["later", "nerv", "l3"]["note"] == "no masks"
    assert [key for key in said if key[0] == "ffn_only"] == [
        ("ffn_only", "nerv", "all"),
        ("ffn_only", "ffn", "l2"),
    ]
    assert said["ffn_only", "nerv", "all"]["verdict"] == INAPPLICABLE
    assert said["ffn_only", "nerv", "all"]["note"] == "the paper says so of ffn"
    assert said["ffn_only", "ffn", "l2"]["verdict"] == FAILS


def test_a_null_without_a_probability_is_no_proof(project: Project) -> None:
    row = {
        "of": TESTED,
        "applies": True,
        "enough": True,
        "premise": True,
        "value": 1.0,
        "p_value": np.nan,
        "q_value": np.nan,
    }
    assert verdict_on(row, Findings.Settings().level)[0] == UNCLEAR


def test_the_size_of_the_networks_is_stated(project: Project) -> None:
    table = Findings().table(Findings().compute(project))
    assert set(table[table["model"] == "nerv"]["bits_per_pixel"]) == {8.0}  # 32 at 32 bits
    assert set(table[table["model"] == "nerv"]["psnr"]) == {35.5}
    assert set(table[table["model"] == "nerv"]["explained"]) == {0.98}
    assert set(table[table["model"] == "nerv"]["warning"]) == {""}
    assert table[table["model"] == "ffn"]["bits_per_pixel"].isna().all()
    assert set(table[table["model"] == "ffn"]["warning"]) == {"not checked"}
    assert tuple(table.columns) == COLUMNS


def test_no_claim_is_judged_on_a_network_that_has_not_learned_its_video(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Record.open
    for explained, reason in ((0.49, "has not learned the video: 16.0 dB, 49% of the"), (np.nan, "nothing to see")):
        poor = xr.Dataset(
            {"bits_per_pixel": ("bits", [32.0]), "mean_psnr": ((), 16.0), "explained": ((), explained)}, {"bits": [32]}
        )
        monkeypatch.setattr(Record, "open", lambda self, p=poor: p if self.analysis == "quality" else before(self))
        result = Findings().compute(project)
        table = Findings().table(result)
        of_nerv = table[table["model"] == "nerv"]
        assert set(of_nerv["verdict"]) == {INAPPLICABLE}
        assert of_nerv["note"].str.contains(reason).any()
        assert of_nerv["q_value"].isna().all()  # not a test
        assert of_nerv["value"].notna().any()  # and yet measured
        said = rows(result)
        assert said["plain", "ffn", "l1"]["verdict"] == HOLDS
        assert said["plain", "ffn", "l1"]["cases"] == 3
        assert len(result.attrs["warnings"]) == 2


def test_pairs_need_two_networks_that_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """And of a result over seeds, all of them."""
    made = xr.Dataset({"variation": (("layer", "frame", "percent"), np.ones((1, 1, 2)))}, {"layer": ["a"]})
    poor = xr.Dataset(
        {"bits_per_pixel": ("bits", [8.0]), "mean_psnr": ((), 12.0), "explained": ((), 0.1)}, {"bits": [8]}
    )
    good = poor.assign(explained=0.99, mean_psnr=35.0)
    stored = {
        ("neurons_per_pixel", "ffn", 0): made.assign_attrs(architecture="ffn"),
        ("neurons_per_pixel", "nerv", 0): made.assign_attrs(architecture="nerv"),
        ("made", "ffn", None): xr.Dataset({"value": ("layer", [3.0])}, {"layer": ["a"]}, {"architecture": "ffn"}),
        ("quality", "ffn", 0): good,
        ("quality", "ffn", 1): good,
        ("quality", "nerv", 0): poor,
    }
    nothing = SimpleNamespace(claims=lambda: ())
    known = {"made": SimpleNamespace(claims=lambda: (PLAIN,)), "quality": nothing, "neurons_per_pixel": nothing}
    monkeypatch.setattr(table_rows, "analyses", known)
    monkeypatch.setattr("xinc.analyses.findings.compute.claims_of", lambda name: True)
    monkeypatch.setattr(
        "xinc.analyses.findings.rows.COMPARISONS", [c for c in COMPARISONS if c.claim.name == "ffn_more_even"]
    )
    monkeypatch.setattr(Record, "open", lambda self: stored[self.analysis, self.model, self.seed])
    project = Project({}, tuple(Record(a, "clip", m, s, Path("nowhere")) for a, m, s in stored))
    said = rows(Findings().compute(project))
    assert said["ffn_more_even", "ffn", "all"]["verdict"] == INAPPLICABLE
    assert "12.0 dB" in str(said["ffn_more_even", "ffn", "all"]["note"])
    assert said["plain", "ffn", "a"]["verdict"] == HOLDS
    stored["quality", "ffn", 1] = poor
    said = rows(Findings().compute(project))
    assert said["plain", "ffn", "a"]["verdict"] == INAPPLICABLE


def test_effects_are_of_the_rows_with_a_verdict(project: Project) -> None:
    said = rows(Findings().compute(project))
    row = said["plain", "nerv", "l3"]  # itself not measured; the others 3, 0.6 and 3, -1, 1
    assert (row["cases"], row["median"], row["lowest"], row["highest"]) == (5, 1.0, -1.0, 3.0)
    row = said["ffn_only", "ffn", "l2"]
    assert (row["cases"], row["median"], row["lowest"], row["highest"]) == (1, -1.0, -1.0, -1.0)
    row = said["neurons_capture_depth", "", ""]
    assert row["cases"] == 0
    assert np.isnan(row["median"])  # type: ignore[call-overload]


def test_sections_are_in_order_and_sentences_without_a_number_are_there(project: Project) -> None:
    table = Findings().table(Findings().compute(project))
    assert list(dict.fromkeys(table["section"])) == ["1", "4.1", "4.2", "4.3", "4.5", "4.6", "4.10", "7.1", "7.3"]
    for sentence in SENTENCES:
        [verdict] = table[table["claim"] == sentence.name]["verdict"]
        assert verdict == (UNMEASURED if sentence.applicable else INAPPLICABLE)


def test_networks_are_compared_on_the_same_video(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two FFNs, one with a NeRV beside it; the NeRV of the same seed is taken."""

    def result(architecture: str, level: float) -> xr.Dataset:
        shifted = np.full((2, 2, 2, 3), level) + np.array([0, -0.5, -0.4])
        null = labelled(np.full((2, 2, 2, 3), 0.5), ("layer", "with", "percent"))
        return xr.Dataset(
            {
                "pearson_shifted": (("layer", "with", "percent", "shift"), shifted),
                "pearson_null": null,
                "variation": (("layer", "frame", "percent"), np.full((2, 1, 2), level)),
            },
            {"layer": ["a", "b"], "with": ["intensity", "edges"], "percent": [10, 50]},
            {"architecture": architecture},
        )

    stored = {
        ("clip", "ffn", 1): result("ffn", 0.1),
        ("other", "ffn", 1): result("ffn", 0.1),
        ("clip", "nerv", 0): result("nerv", 9.0),
        ("clip", "nerv", 1): result("nerv", 0.3),
    }
    records = [(Record("neurons_per_pixel", *key, Path("nowhere")), value) for key, value in stored.items()]
    found = [row for row in compared(records) if row["claim"] == "ffn_texture_subdued"]
    assert [(row["video"], row["layer"]) for row in found] == [("clip", "b"), ("clip", "a")]
    assert all(row["value"] == pytest.approx(0.2) for row in found)
    assert "against model 'nerv'" in found[0]["measure"]
    even = [row for row in compared(records) if row["claim"] == "ffn_more_even"]
    assert [(row["layer"], round(row["value"], 6)) for row in even] == [("all", 0.2)]


@pytest.mark.slow
def test_figures_by_section_fit_into_a_window(project: Project) -> None:
    with style.context():
        drawn = Findings().plot(Findings().compute(project))
    assert list(drawn) == [f"section{s}" for s in ("1", "4.1", "4.2", "4.3", "4.5", "4.6", "4.10", "7.1", "7.3")]
    for name, figure in drawn.items():
        assert figure.get_size_inches()[1] <= HIGHEST, name
    texts = [text.get_text() for text in drawn["section4.2"].axes[0].texts]
    assert "A sentence." in texts
    assert "1/2" in texts  # plain on nerv: holds in one of two layers measured
    assert "1/3" in texts
    assert "1.8" in texts  # the median of 3 and 0.6
    assert "1 (−1 to 3)\n> 1" in texts  # of both networks


@pytest.mark.slow
def test_long_sections_are_cut(monkeypatch: pytest.MonkeyPatch, project: Project) -> None:
    many = tuple(
        Claim(f"claim_{k}", "4.2", f"Sentence {k}, " + "which is long " * 12, "a number", values) for k in range(30)
    )
    monkeypatch.setitem(table_rows.analyses, "made", SimpleNamespace(claims=lambda: many))  # type: ignore[arg-type]
    with style.context():
        drawn = Findings().plot(Findings().compute(project))
    parts = [figure for name, figure in drawn.items() if name.startswith("section4.2")]
    assert len(parts) > 2
    texts = [text.get_text() for figure in parts for text in figure.axes[0].texts]
    for k in range(30):
        assert sum(text.startswith(f"Sentence {k},") for text in texts) == 1
    assert all(figure.get_size_inches()[1] <= HIGHEST for figure in parts)


def colours_of(figure: Figure) -> set[str]:
    patches = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle) and patch.get_y() > 0]
    return {matplotlib.colors.to_hex(patch.get_facecolor()) for patch in patches}


def test_what_is_not_significant_is_not_drawn_as_failing(project: Project) -> None:
    table = Findings().table(Findings().compute(project))
    for verdict in COLOURS:
        table["verdict"] = verdict
        drawn = section_figures(table[table["video"] != ""], "Why?", 64)
        assert colours_of(drawn["section4.2"]) == {COLOURS[verdict].lower()}


def test_long_names_above_columns_stay_apart_and_inside(project: Project) -> None:
    """As VIPSeg's videos have them, with and without a place to break."""
    table = Findings().table(Findings().compute(project))
    rows = table[table["video"] != ""]
    names = ["vipseg-1007_ThLFPe4CkUo", "vipseg-1_dogs-jump", "averyveryverylongname"]
    table = pd.concat([rows.assign(video=name) for name in names])
    with style.context():
        drawn = section_figures(table, "Why?", 64)
    for figure in drawn.values():
        figure.canvas.draw()
        headings = [text for text in figure.axes[0].texts if text.get_text().split("\n")[-1] in set(rows["model"])]
        assert {"".join(text.get_text().split("\n")[:-1]) for text in headings} == set(names)
        boxes = [text.get_window_extent() for text in headings]
        assert not any(box.count_overlaps(boxes[:at]) for at, box in enumerate(boxes))
        assert all(box.y1 <= figure.bbox.height - 0.3 * figure.dpi for box in boxes)
        assert figure.get_size_inches()[1] <= HIGHEST


def test_many_videos_share_a_column_for_each_model(project: Project) -> None:
    """A figure of thousands of columns could not be drawn."""
    table = Findings().table(Findings().compute(project))
    rows = table[table["video"] != ""]
    models = set(rows["model"])
    many = pd.concat([rows.assign(video=f"v{k}") for k in range(MOST + 1)])
    for name, figure in section_figures(many, "Why?", 64).items():
        headings = [t.get_text() for t in figure.axes[0].texts if t.get_text().startswith("all ")]
        assert sorted(headings) == [f"all {MOST + 1}\nvideos\n{model}" for model in sorted(models)], name
        assert figure.get_size_inches()[0] < 8


def test_the_page_has_every_row_and_stands_alone(project: Project) -> None:
    result = Findings().compute(project)
    table = Findings().table(result)
    [(name, page)] = Findings().pages(result).items()
    assert name == "table"
    # Beside the heads of the two tables.
    assert page.count("<tr>") == len(table) + 2
    decided = table[table["verdict"].isin([HOLDS, FAILS, UNCLEAR])]
    assert page.count('<tr class="e">') == len(set(zip(decided["claim"], decided["model"], strict=True)))
    assert "1 of 2</td>" in page  # plain on nerv
    assert "1.8 (0.6 to 3)</td>" in page
    assert '<p class="w">Not checked (clip ffn, 1 of 2)' in page
    assert not re.search(r"(src|href)=", page)
    for sentence in set(table["sentence"]):
        assert sentence.replace("'", "&#x27;") in page
    assert "nerv: 8 bits per pixel, 35.5 dB" in page
    for verdict, count in table["verdict"].value_counts().items():
        assert re.search(rf"[:,] {verdict} {count}[,.]", page)


def test_every_claim_of_every_analysis_is_complete() -> None:
    claims = [claim for name in analyses for claim in analyses[name].claims()]
    claims += [comparison.claim for comparison in COMPARISONS]
    for claim in claims:
        assert re.fullmatch("[a-z0-9_]+", claim.name), claim.name
        assert claim.section == "1" or claim.section.startswith(("3.", "4.", "7.")), claim.name
        assert claim.sentence.endswith("."), claim.name
        assert len(claim.measure) > 10, claim.name
        # What has no null says why; what has one says which.
        assert claim.chance.startswith("none: ") == (claim.null is None), claim.name
        assert (claim.applies is None) == (not claim.unless), claim.name
        assert (claim.premise is None) == (not claim.without), claim.name
    names = [claim.name for claim in claims] + [sentence.name for sentence in SENTENCES]
    assert len(names) == len(set(names))
    assert {"1", "4.2", "4.3", "4.4", "4.5", "4.6"} <= {claim.section for claim in claims}
