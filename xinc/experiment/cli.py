"""The command ``xinc``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xinc
from xinc.errors import InputError
from xinc.experiment.config_files import CONFIG

if TYPE_CHECKING:
    from xinc.experiment.plan import Plan

#: Digests of the user's files, beside Snakemake's own records.
KEPT = Path(".snakemake/xinc")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's error is one sentence on standard error and exit status 1."""
    parsed = _parser().parse_args(arguments)
    try:
        for line in parsed.run(parsed):
            print(line, flush=True)
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # of `xinc settings | head`
        sys.stderr.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xinc", description="Explains implicit neural representations by the contributions of their neurons."
    )
    parser.add_argument("--version", action="version", version=f"xinc {xinc.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=f"{text[:1].upper()}{text[1:]}.")
        command.set_defaults(run=run)
        return command

    why = add("why", _why, "say why a result would be made again, or that nothing changed")
    why.usage = "xinc why [-h] RESULT [--configfile FILE ...] [--config KEY=VALUE ...]"
    why.add_argument("result", nargs="?", metavar="RESULT", help="a path such as results/bunny/nerv/seed0/grouping")
    check = add("check", _check, "check a configuration and all sources that it names, without running anything")
    layers = add("layers", _layers, "list the layers of a model, also of one that a module makes, which runs")
    layers.usage = "xinc layers [-h] MODEL [--configfile FILE ...] [--config KEY=VALUE ...]"
    layers.add_argument("model", metavar="MODEL", help="its name in the configuration")
    report = add("report", _report, "write the report of what there is, also after jobs that failed")
    report.usage = "xinc report [-h] [FILE] [--configfile FILE ...] [--config KEY=VALUE ...]"
    report.add_argument(
        "file",
        nargs="?",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="the page (default: report.html)",
    )
    settings = add("settings", _settings, "list settings with their types, defaults and meanings")
    settings.add_argument(
        "section",
        nargs="?",
        default="",
        help="such as nerv, models.nerv.training or grouping (default: all)",
    )
    add("warm", _warm, "compile ahead of the first use what expands and reduces maps, as after an installation")
    init = add("init", _init, "make a folder for an experiment, in which `snakemake --cores all` works")
    init.add_argument("folder", type=Path, help="where; it is created")
    explore = add("explore", _explore, "look into networks in a browser: click a pixel and see which neurons make it")
    explore.add_argument(
        "path",
        nargs="?",
        default="results",
        metavar="PATH",
        help="results, a video, model or seed in them, a canvas.zarr (also s3://…) or a checkpoint (default: results)",
    )
    explore.add_argument("--port", type=int, default=0, metavar="N", help="a port of this machine (default: any)")
    explore.add_argument("--open", action="store_true", help="open a browser")
    explore.add_argument("--video", metavar="FILE", help="a video.zarr, of what is not in a folder of results")
    explore.add_argument(
        "--hints",
        action="extend",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="what the tensors of a checkpoint of another code base do not tell, e.g. num_frames=30 fc_hw=8_16",
    )
    for command in (why, check, layers, report):
        command.add_argument(
            "--configfile",
            nargs="+",
            default=[CONFIG],
            metavar="FILE",
            help=f"the configuration, or several merged (default: {CONFIG})",
        )
        command.add_argument(
            "--config",
            action="extend",
            nargs="+",
            default=[],
            metavar="KEY=VALUE",
            help="settings that override the file's, with values as in YAML",
        )
    return parser


def _plan(parsed: argparse.Namespace) -> Plan:
    from xinc.experiment.config import Config
    from xinc.experiment.config_files import read_values
    from xinc.experiment.plan import Plan
    from xinc.experiment.scripts import SCRIPTS

    values = read_values(*parsed.configfile, changes=parsed.config)
    return Plan(Config(values), kept=KEPT, scripts=SCRIPTS)


def _why(parsed: argparse.Namespace) -> list[str]:
    from xinc.experiment.records import RECORDS
    from xinc.experiment.why import explain

    if parsed.result is None:
        raise InputError("RESULT is missing: name it before --configfile and --config, which take every word after.")
    return explain(parsed.result, _plan(parsed), RECORDS)


def _check(parsed: argparse.Namespace) -> list[str]:
    plan = _plan(parsed)
    plan.check_files()
    jobs = list(plan.jobs())
    for made in jobs:
        plan.spec(made.rule, **made.wildcards)
    counts = [
        _counted(len(plan.videos), "video"),
        _counted(len(plan.models), "model"),
        _counted(len(plan.seeds), "seed"),
        _counted(len(plan.analyses), "analysis", "analyses"),
        _counted(len(jobs), "job"),
    ]
    are = "is" if len(parsed.configfile) == 1 else "are"
    return [f"{' and '.join(parsed.configfile)} {are} fine: {', '.join(counts)}."]


def _layers(parsed: argparse.Namespace) -> list[str]:
    from xinc.experiment.config import Config
    from xinc.experiment.config_files import read_values
    from xinc.experiment.declared import list_layers

    return list_layers(Config(read_values(*parsed.configfile, changes=parsed.config), complete=False), parsed.model)


def _report(parsed: argparse.Namespace) -> list[str]:
    from xinc.experiment.paths import MADE
    from xinc.experiment.report.page import write_report

    if parsed.file.resolve() == Path(MADE["report"]).resolve():
        raise InputError(f"{parsed.file} is the workflow's own report, of all results: give another file.")
    plan = _plan(parsed)
    figures, results = plan.reported()
    missing = write_report([*figures, *results], plan.report_spec().settings, parsed.file)
    but = (
        f"; {_counted(len(missing), 'result or figure is', 'results and figures are')} not there yet" if missing else ""
    )
    return [f"Report: {parsed.file}{but}"]


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def _settings(parsed: argparse.Namespace) -> list[str]:
    from xinc.experiment.reference import in_text

    return in_text(parsed.section)


def _explore(parsed: argparse.Namespace) -> Iterator[str]:
    from xinc.explorer.server import explore

    hints = _hints(parsed.hints)
    return explore(parsed.path, parsed.port, parsed.open, parsed.video, hints)


def _hints(words: Sequence[str]) -> dict[str, Any]:
    """Values by name, from ``KEY=VALUE``: as in JSON, and text where that is none."""
    import json

    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"The hint '{word}' is malformed: expected KEY=VALUE, e.g. num_frames=30.")
        try:
            found[key] = json.loads(value)
        except json.JSONDecodeError:
            found[key] = value
    return found


def _init(parsed: argparse.Namespace) -> list[str]:
    from xinc.experiment.init import create

    return list(create(parsed.folder))


def _warm(parsed: argparse.Namespace) -> Iterator[str]:
    from xinc.experiment.warm import warm

    yield "Compiling, for up to a minute the first time …"
    yield from warm()
