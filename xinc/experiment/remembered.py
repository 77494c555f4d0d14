"""Answers that Snakemake finds again for every job, kept while it plans.

For 33,000 jobs it asks 780,000 times for the parameters of a few dozen functions, opens a dozen scripts 33,000 times
and splits their paths 100,000 times. Python looks for cycles among jobs over and over, which all stay. Together these
were two fifths of the time that planning took.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from importlib import import_module
from types import FunctionType, MethodType
from typing import Any

#: Modules of Snakemake; the first imports the others in the order that they need.
_MODULES = [import_module(f"snakemake.{name}") for name in ("api", "dag", "common", "jobs", "rules", "sourcecache")]

#: New objects after which Python looks for cycles among them, and how often it looks among those that are left: 700 and
#: every tenth time by default. A job has some 2,000.
_YOUNG, _OLDER = 100_000, 50


def remember() -> None:
    """Let Snakemake ask once for what does not differ from job to job.

    A version of Snakemake that has other functions than these asks as often as it likes.
    """
    _replace("get_function_params", once_a_function)
    _replace("parse_uri", functools.cache)
    processor: Any = getattr(import_module("snakemake.dag"), "ScriptProcessor", None)
    if hasattr(processor, "process_job"):
        processor.process_job = once_a_script(processor.process_job)
    gc.freeze()
    gc.set_threshold(_YOUNG, _OLDER)


def once_a_function(ask: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``ask``, whose answer depends on the code of a function alone, asked once for each, and for each method."""
    answers: dict[tuple[FunctionType, bool], Any] = {}

    @functools.wraps(ask)
    def asked(function: Any) -> Any:
        bound = type(function) is MethodType
        plain = function.__func__ if bound else function
        if type(plain) is not FunctionType:
            return ask(function)
        try:
            return answers[plain, bound]
        except KeyError:
            found = answers[plain, bound] = ask(function)
            return found

    return asked


def once_a_script(check: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """``check``, which fails where a job's script cannot be read, done for the first job of each rule.

    For every job where the path of the script has wildcards.
    """
    checked: set[tuple[Any, ...]] = set()

    @functools.wraps(check)
    def process_job(processor: Any, job: Any) -> None:
        script = str(getattr(job.rule, processor.script_type))
        known = (processor.script_type, job.rule.name, script)
        if known not in checked:
            check(processor, job)
            if "{" not in script:
                checked.add(known)

    return process_job


def _replace(name: str, by: Callable[[Any], Any]) -> None:
    """Replace a function in the modules that have imported it from one another."""
    found = [module for module in _MODULES if hasattr(module, name)]
    replaced = {getattr(module, name): by(getattr(module, name)) for module in found}
    for module in found:
        setattr(module, name, replaced[getattr(module, name)])
