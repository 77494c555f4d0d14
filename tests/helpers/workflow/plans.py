"""What the jobs of a configuration depend on."""

from __future__ import annotations

from typing import Any

from tests.helpers.workflow.runs import REPOSITORY, named
from xinc.experiment.config import Config
from xinc.experiment.plan import Plan


def specs(values: dict[str, Any]) -> dict[str, Any]:
    """The spec of every job of a configuration, by the job's name."""
    plan = Plan(Config(values), scripts=REPOSITORY / "workflow" / "scripts")
    return {named(made.rule, made.wildcards): plan.spec(made.rule, **made.wildcards) for made in plan.jobs()}
