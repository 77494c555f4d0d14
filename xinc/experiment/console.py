"""Snakemake's output on a few lines: a line for each job, and a plan that fits a screen.

The log below ``.snakemake/log`` keeps everything as Snakemake says it, and so does ``--verbose`` on the screen.
"""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from typing import Any

from snakemake.logging import DefaultFormatter, is_quiet_about, logger

from xinc.experiment.failures import of_system

#: Jobs of a plan that are listed one by one; of more, those of a rule that have a reason in common share a line.
_LISTED = 30


#: What the scheduler says of its own steps, and what speaks of displays that there are none of here.
_LEFT_OUT = ("Select jobs to execute", "Execute ", "Reasons:")


class Concise(DefaultFormatter):
    """Jobs on a line each: rule, wildcards and the reason, in few words."""

    def __init__(self, quiet: Any, show_failed_logs: bool, dryrun: bool) -> None:
        super().__init__(quiet, show_failed_logs)
        self._dryrun = dryrun
        self._planned: list[tuple[str, str, str]] = []

    def format(self, record: logging.LogRecord) -> str:
        """A message; nothing of what the scheduler says of its own steps, and one sentence where the system refuses."""
        text = str(record.msg or "")
        if text.startswith(_LEFT_OUT):
            return ""
        refused = in_one_sentence(text) if hasattr(record, "exception") else None
        return super().format(record) if refused is None else f"Error: {refused}"

    def format_job_info(self, msg: dict[str, Any]) -> str:
        wildcards = ", ".join(f"{name}={value}" for name, value in dict(msg["wildcards"] or {}).items())
        reason = in_words(str(msg["reason"] or ""))
        if not self._dryrun:
            line = " ".join(filter(None, [msg["rule_name"], wildcards]))
            return f"[{time.strftime('%H:%M:%S')}] job {msg['jobid']}: {line}" + (f" ({reason})" if reason else "")
        if msg["output"]:  # the target rule makes nothing
            self._planned.append((msg["rule_name"], wildcards, reason))
        return ""

    def format_run_info(self, msg: dict[str, Any]) -> str:
        """The table of jobs; at the end of a plan, with the jobs and their reasons before it."""
        if not self._planned:
            # Once, after the jobs, unless these are not to be shown.
            twice = self._dryrun and not is_quiet_about(self.quiet, "rules")
            return "" if twice else super().format_run_info(msg)
        return "\n".join([*_plan(self._planned), super().format_run_info(msg)])

    def format_job_finished(self, msg: dict[str, Any]) -> str:
        """Nothing: the count of steps follows."""
        return ""

    def format_workflow_started(self, msg: dict[str, Any]) -> str:
        return ""


def _plan(jobs: list[tuple[str, str, str]]) -> list[str]:
    """The lines of a plan."""
    if len(jobs) <= _LISTED:
        return [f"  {' '.join(filter(None, [rule, wildcards]))} ({reason})" for rule, wildcards, reason in jobs]
    counts = Counter((rule, re.sub(r": .*?(?=, other|$)", "", reason)) for rule, _, reason in jobs)
    width = max(len(str(count)) for count in counts.values())
    return [f"  {count:{width}} {rule} ({reason})" for (rule, reason), count in sorted(counts.items())]


def in_words(reason: str) -> str:
    """Snakemake's reasons for a job in few words.

    >>> in_words("Missing output files: a, b; Input files updated by another job: c")
    'not made yet'
    >>> in_words("Params have changed since last execution: Union of exclusive params: before: code 1f now: code 2e")
    'other code'
    """
    found = []
    for part in reason.split("; "):
        if part.startswith("Missing output files"):
            found.append("not made yet")
        elif part.startswith("Params have changed"):
            # Snakemake tells them in the order of a set, which is another one each time.
            kinds = [kind for kind in ("settings", "code", "upstream") if re.search(rf"\b{kind} [0-9a-f]+", part)]
            found.append(f"other {' and '.join(kinds) or 'params'}")
        elif part.startswith("Input files updated by another job"):
            found.append("after jobs before it")
        elif part.startswith("Set of input files has changed"):
            found.append("other inputs")
        elif part.startswith("Updated input files"):
            found.append(f"newer input{part.removeprefix('Updated input files')}")
        else:
            found.append(part[:1].lower() + part[1:])
    told = [one for one in found if one != "after jobs before it"]
    return ", ".join(dict.fromkeys(told or found))


def in_one_sentence(traceback: str) -> str | None:
    """A traceback of Snakemake's that ends with an error of the operating system; None for anything else.

    >>> in_one_sentence("Traceback …\\n\\nPermissionError: [Errno 13] Permission denied: '/mine/.snakemake'")
    '/mine/.snakemake cannot be written (Permission denied): allow it, or run in another folder.'
    """
    last = traceback.rstrip().rpartition("\n")[2]
    said = re.fullmatch(r"\w+(?:Error|Exception): \[Errno (\d+)\] ([^:]+)(?:: '(.+?)'(?: -> .+)?)?", last)
    return None if said is None else of_system(int(said[1]), said[3], said[2])


def be_concise(settings: Any) -> None:
    """Let Snakemake's messages on the screen be `Concise`; ``settings`` are those of its output."""
    if settings.verbose or settings.debug_dag:
        return
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler" and isinstance(handler, logging.StreamHandler):
            handler.setFormatter(Concise(settings.quiet, settings.show_failed_logs, settings.dryrun))
