"""Snakemake's messages on a few lines."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.logging import DefaultFormatter
from snakemake.settings.types import Quietness

from xinc.experiment.console import Concise, be_concise, in_words

TABLE = "Job stats:\njob  count\n"
ALL = "Input files updated by another job: results/a/video.zarr, results/a/nerv/seed0/model.pt"


def planned(jobs: list[dict[str, Any]], dryrun: bool = True) -> list[str]:
    """The lines for these jobs, then for the table of counts."""
    console = Concise(None, False, dryrun)
    said = [console.format_job_info(job) for job in jobs] + [console.format_run_info({"msg": TABLE})]
    return [line for text in said for line in text.splitlines()]


def job(rule: str, reason: str = "Missing output files: results/x", **wildcards: str) -> dict[str, Any]:
    output = [] if rule == "all" else ["results/x"]
    return {"jobid": 7, "rule_name": rule, "wildcards": wildcards, "reason": reason, "output": output}


def test_a_short_plan_lists_its_jobs() -> None:
    jobs = [job("canvas", layer=f"block{number}", model="nerv") for number in range(30)]
    lines = planned([*jobs, job("all", ALL)])
    assert lines[:30] == [f"  canvas layer=block{number}, model=nerv (not made yet)" for number in range(30)]
    assert lines[30:] == TABLE.splitlines()


def test_a_long_plan_counts_jobs_of_a_rule_and_reason() -> None:
    jobs = [job("canvas", layer=f"block{number}") for number in range(30)]
    changed = "Params have changed since last execution: before: code 1f now: code 2e"
    lines = planned([*jobs, job("train", changed, model="nerv"), job("all", ALL)])
    assert lines == ["  30 canvas (not made yet)", "   1 train (other code)", *TABLE.splitlines()]


def test_who_wants_no_jobs_sees_the_table() -> None:
    quiet = Concise({Quietness.RULES}, False, dryrun=True)
    assert quiet.format_run_info({"msg": TABLE}) == TABLE
    assert Concise(None, False, dryrun=True).format_run_info({"msg": TABLE}) == "", "it follows the jobs"


def test_a_job_that_starts_is_a_line() -> None:
    lines = planned([job("canvas", layer="head", model="nerv"), job("all", ALL)], dryrun=False)
    assert [line.partition("] ")[2] for line in lines[:2]] == [
        "job 7: canvas layer=head, model=nerv (not made yet)",
        "job 7: all (after jobs before it)",
    ]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Missing output files: a, b", "not made yet"),
        ("Missing output files: a; Input files updated by another job: c", "not made yet"),
        ("Input files updated by another job: c", "after jobs before it"),
        ("Updated input files: c", "newer input: c"),
        ("Params have changed since last execution: before: code 1f now: code 2e", "other code"),
        ("Params have changed since last execution: before: settings 1, code 2 now: settings 3, code 4",
         "other settings and code"),
        ("Params have changed since last execution: before: 1 now: 2", "other params"),
        ("Params have changed since last execution: before: upstream 1 now: upstream 2; "
         "Input files updated by another job: c", "other upstream"),
        ("Set of input files has changed since last execution", "other inputs"),
        ("Forced execution", "forced execution"),
        ("", ""),
    ],
)  # fmt: skip
def test_reasons(reason: str, words: str) -> None:
    assert in_words(reason) == words


@pytest.mark.parametrize("asked", ["verbose", "debug_dag"])
def test_who_asks_for_more_gets_snakemakes_own_words(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = logging.StreamHandler()
    handler.name = "DefaultStreamHandler"
    own = DefaultFormatter(None, False)
    handler.setFormatter(own)
    monkeypatch.setattr("xinc.experiment.console.logger", SimpleNamespace(handlers=[handler]))
    settings = {"verbose": False, "debug_dag": False, "quiet": None, "show_failed_logs": False, "dryrun": True}
    be_concise(SimpleNamespace(**settings | {asked: True}))
    assert handler.formatter is own
    be_concise(SimpleNamespace(**settings))
    assert isinstance(handler.formatter, Concise)
