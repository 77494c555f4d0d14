"""Running Snakemake on small experiments, and asking it what it would do."""

from __future__ import annotations

import functools
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[3]


def copy_code(part: str, folder: Path) -> None:
    """A folder of the repository, with what Python and Numba keep of compiled code, which is not done again."""
    # What they are writing at the moment has such a suffix.
    shutil.copytree(REPOSITORY / part, folder / part, ignore=shutil.ignore_patterns("*.partial*", "*.pyc.*", "*.tmp.*"))


#: What begins Snakemake and its jobs with packages imported.
FORKING = Path(__file__).with_name("forking")
#: Elsewhere than on Linux, what PyTorch has loaded does not survive a fork, and every command starts by itself.
FORKS = sys.platform == "linux"


@functools.cache
def server() -> subprocess.Popen[bytes]:
    """The server of this process, which ends with it: `forking/server.py`; the last of its words is its address."""
    address = str(Path(tempfile.mkdtemp(prefix="xinc-tests-")) / "server")
    words = [sys.executable, "-I", str(FORKING / "server.py"), address]
    started = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert started.stdout is not None
    assert started.stdout.readline() == b"ready\n", "it ended: see what it wrote to standard error"
    return started


class Workspace:
    """A copy of the library and its workflow in ``code/``, beside a working directory ``run/``.

    Tests run the copy, so that nobody's edit of the checkout changes what a test sees, and tests may edit it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.code, self.run = root / "code", root / "run"
        #: The interpreter that runs Snakemake.
        self.python = sys.executable

    @classmethod
    def create(cls, root: Path) -> Workspace:
        space = cls(root)
        for part in ("xinc", "workflow"):
            copy_code(part, space.code)
        space.run.mkdir()
        return space

    def copy(self, root: Path) -> Workspace:
        """The same with all its results, times and provenance, in another place."""
        shutil.copytree(self.root, root, symlinks=True, dirs_exist_ok=True)
        return Workspace(root)

    def configure(self, values: dict[str, Any], path: Path | None = None) -> Path:
        file = path or self.run / "config.yaml"
        file.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
        return file

    def snakemake(self, *arguments: str, config: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run Snakemake as a user does; its output, standard error included, is in ``stdout``."""
        process = self.start(*arguments, config=config, forked=FORKS and self.python == sys.executable)
        try:
            output, _ = process.communicate(timeout=600)
        except BaseException:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, output)

    def start(self, *arguments: str, config: Path | None = None, forked: bool = False) -> subprocess.Popen[str]:
        """Start Snakemake without waiting for its end; forked, it and its jobs begin with packages imported."""
        return subprocess.Popen(
            self.words(*arguments, config=config),
            cwd=self.run,
            env=self.environment() | ({"XINC_TESTS_SERVER": str(server().args[-1])} if forked else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Tests that were started in the background ignore interrupts, and so would what they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def apart(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake in a session of its own, which can be killed with its jobs; it prints to ``started.log``."""
        with open(self.run / "started.log", "ab") as log:
            return subprocess.Popen(
                self.words(*arguments),
                cwd=self.run,
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def words(self, *arguments: str, config: Path | None = None) -> list[str]:
        """The command line of such a run."""
        return [
            *(self.python, "-m", "snakemake"),
            *("--snakefile", str(self.code / "workflow" / "Snakefile")),
            *("--configfile", str(config or self.run / "config.yaml")),
            *("--directory", str(self.run)),
            *arguments,
        ]

    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": os.pathsep.join([str(self.code), str(FORKING)]), "OMP_NUM_THREADS": "1"}

    def make(self, *arguments: str) -> str:
        """Run it for real and expect success."""
        done = self.snakemake("--cores", "2", *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def remake(self) -> set[str]:
        """Run it for real; the jobs that ran, each of which wrote its results, and nobody wrote any other."""
        before = self.times()
        ran = announced(self.make())
        after = self.times()
        written = {path for path, time in after.items() if time != before.get(path)}
        alone = [makers(path) for path in written if len(makers(path)) == 1]
        assert ran <= set().union(*alone), "a job wrote nothing"
        strangers = {path for path in written if not makers(path) & ran}
        assert not strangers, "written though no job that ran makes it"
        gone = {path for path in before.keys() - after.keys() if not makers(path) & ran}
        assert not gone, "gone though no job that ran makes it"
        return ran

    def times(self) -> dict[str, int]:
        """When each file of the results was written, in nanoseconds."""
        root = self.run / "results"
        return {str(p.relative_to(root)): p.stat().st_mtime_ns for p in root.rglob("*") if p.is_file()}

    def pending(self, values: dict[str, Any] | None = None, config: Path | None = None, *targets: str) -> set[str]:
        """The jobs that a dry run announces, each as ``rule name=value …`` with its wildcards; all but ``all``.

        ``values`` are written to ``config`` first (default: beside the results).
        """
        if values is not None:
            config = self.configure(values, config)
        done = self.snakemake("-n", "--verbose", *targets, config=config)
        assert done.returncode == 0, done.stdout
        return announced(done.stdout)

    def results(self) -> set[str]:
        """Paths below ``results/``, of stores and folders of figures the folder only."""
        root = self.run / "results"
        stamps = {path.parent for path in root.rglob(".snakemake_timestamp")}
        inside = [p for p in root.rglob("*") if p.is_file() and not stamps & set(p.parents)]
        return {str(p.relative_to(root)) for p in stamps} | {str(p.relative_to(root)) for p in inside}


#: A job in Snakemake's output: where it starts, as xinc.experiment.console says it, and in a dry run with `--verbose`.
_STARTED = re.compile(r"^\[\d\d:\d\d:\d\d\] job \d+: (\w+)(?: (\w+=[^(]*?))?(?: \(.*\))?$", flags=re.MULTILINE)
_PLANNED = re.compile(
    r"^(?:local)?rule (\w+):\n(?:    (?!wildcards:).*\n)*(?:    wildcards: (.+)$)?", flags=re.MULTILINE
)


def announced(output: str) -> set[str]:
    """The jobs in the output of a run, or of a dry run, checked against the table of counts."""
    told = [*_STARTED.findall(output), *_PLANNED.findall(output)]
    found = [
        named(rule, dict(part.split("=", 1) for part in wildcards.split(", ")) if wildcards else {})
        for rule, wildcards in told
        if rule != "all"
    ]
    stats = re.search(r"^total +(\d+)$", output, flags=re.MULTILINE)
    if stats is None:
        assert "Nothing to be done" in output, output
        assert found == []
    else:
        counted_all = len(re.findall(r"^all +\d+$", output[: stats.start()], flags=re.MULTILINE))
        assert int(stats[1]) == len(found) + counted_all, output
    assert len(set(found)) == len(found)
    return set(found)


_PAIR = r"(?P<model>[^/+]+)-seed(?P<seed>\d+)\+(?P<other>[^/+]+)-seed(?P<other_seed>\d+)"
#: The files of results, and the rule that makes them.
_MADE = {
    r"(?P<video>[^/]+)/video\.zarr/.*": "video",
    r"(?P<video>[^/]+)/regions\.zarr/.*": "regions",
    r"(?P<video>[^/]+)/flow\.zarr/.*": "flow",
    r"figures/videos/(?P<video>[^/]+)/.*": "video_figure",
    r"figures/regions/(?P<video>[^/]+)/.*": "regions_figure",
    r"(?P<video>[^/]+)/(?P<model>[^/]+)/seed(?P<seed>\d+)/(model\.pt|history\.csv)": "train",
    r"(?P<video>[^/]+)/(?P<model>[^/]+)/seed(?P<seed>\d+)/canvas\.zarr/.*": "canvas",
    r"(?P<video>[^/]+)/(?P<model>[^/]+)/seed(?P<seed>\d+)/(?P<analysis>[a-z_]+)/.*": "analysis",
    r"(?P<video>[^/]+)/(?P<model>[^/]+)/seeds/(?P<analysis>[a-z_]+)/.*": "analysis_of_seeds",
    rf"(?P<video>[^/]+)/pairs/{_PAIR}/(?P<analysis>[a-z_]+)/.*": "analysis_of_pair",
    r"project/(?P<analysis>[a-z_]+)/.*": "analysis_of_project",
    r"figures/(?P<analysis>[a-z_]+)/(?P<video>[^/]+)/(?P<model>[^/]+)/seed(?P<seed>\d+)/.*": "figure",
    r"figures/(?P<analysis>[a-z_]+)/(?P<video>[^/]+)/(?P<model>[^/]+)/seeds/.*": "figure_of_seeds",
    rf"figures/(?P<analysis>[a-z_]+)/(?P<video>[^/]+)/pairs/{_PAIR}/.*": "figure_of_pair",
    r"figures/(?P<analysis>[a-z_]+)/project/.*": "figure_of_project",
    r"report\.html": "report",
}


def makers(path: str) -> set[str]:
    """The job that writes a file below ``results/``."""
    for pattern, rule in _MADE.items():
        if match := re.fullmatch(pattern, path):
            return {named(rule, match.groupdict())}
    raise AssertionError(f"no rule is known to make {path}")


def named(rule: str, wildcards: dict[str, str]) -> str:
    return " ".join([rule, *(f"{name}={value}" for name, value in sorted(wildcards.items()))])


def jobs(rule: str, **wildcards: Any) -> set[str]:
    """Names of jobs as `announced` gives them; a list stands for every one of its values.

    >>> sorted(jobs("canvas", seed=0, video=["a", "b"]))
    ['canvas seed=0 video=a', 'canvas seed=0 video=b']
    """
    choices = [[str(v) for v in (value if isinstance(value, list) else [value])] for value in wildcards.values()]
    return {named(rule, dict(zip(wildcards, chosen, strict=True))) for chosen in itertools.product(*choices)}


LAYERS = {"ffn": ["layer1", "layer2"], "nerv": ["block2", "head"], "siren": ["layer1"]}
ANALYSES = ["intensity", "maps", "quality"]


def canvases(model: str, video: str = "clip", seed: int = 0) -> set[str]:
    return jobs("canvas", video=video, model=model, seed=seed)


#: The job that follows from any figure.
REPORT = {"report"}


def studied(model: str, names: list[str] = ANALYSES, video: str = "clip", seed: int = 0) -> set[str]:
    """Analyses of one network and their figures, and the report that shows these."""
    return REPORT | {
        name
        for rule in ("analysis", "figure")
        for name in jobs(rule, video=video, model=model, seed=seed, analysis=names)
    }


def branch(model: str, names: list[str] = ANALYSES, video: str = "clip", seed: int = 0) -> set[str]:
    """Everything made of one network."""
    train = jobs("train", video=video, model=model, seed=seed)
    return train | canvases(model, video, seed) | studied(model, names, video, seed)


def of_video(video: str, models: Iterable[str] = LAYERS, names: list[str] = ANALYSES) -> set[str]:
    """Everything made of one video, and the report."""
    return {*jobs("video", video=video), *jobs("video_figure", video=video), *REPORT}.union(
        *(branch(model, names, video) for model in models)
    )
