"""`xinc init` and its workflow as a user has them who installed a wheel and never saw the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.helpers.distributions import install
from tests.helpers.small import config, write_clip, write_table
from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.runs import REPOSITORY
from xinc.errors import InputError
from xinc.experiment.init import create

FILES = {
    *("config/config.yaml", "config/schema.json", "config/videos.tsv"),
    *("README.md", ".gitignore", "workflow/Snakefile"),
    *("workflow/profiles/default/config.yaml", "workflow/profiles/slurm/config.yaml", "workflow/report/report.css"),
}


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_what_a_new_folder_has(tmp_path: Path) -> None:
    said = list(create(tmp_path / "new"))
    assert files(tmp_path / "new") == FILES
    assert said[-1] == f"Next: cd {tmp_path / 'new'}; snakemake --cores all"
    for name in ("config/config.yaml", "config/videos.tsv", "workflow/profiles/default/config.yaml"):
        assert (tmp_path / "new" / name).read_bytes() == (REPOSITORY / name).read_bytes()
    assert list(create(tmp_path / "empty" / "deep"))
    with pytest.raises(InputError, match=r"new is not empty: give the name of a new folder"):
        list(create(tmp_path / "new"))
    with pytest.raises(InputError, match=r"README.md cannot be written: Not a directory"):
        list(create(tmp_path / "new" / "README.md"))


@exhaustive
@pytest.mark.slow
@pytest.mark.workflow
def test_an_installed_wheel_is_enough(tmp_path: Path) -> None:
    tree, site, wheels = tmp_path / "tree", tmp_path / "site", tmp_path / "wheels"
    for part in ("xinc", "workflow", "config"):
        shutil.copytree(REPOSITORY / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / part, tree)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = ["wheel", "-qq", "--no-deps", "--no-build-isolation", "--no-index", "-w", wheels, tree]
    subprocess.run([*pip, *build], check=True)
    [wheel] = wheels.iterdir()
    assert {"xinc/workflow/Snakefile", "xinc/workflow/scripts/train.py"} <= set(zipfile.ZipFile(wheel).namelist())
    install(wheel, site)

    environment = os.environ | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])

    def run(*words: str, folder: Path = tmp_path) -> str:
        done = subprocess.run(
            words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    found = run(sys.executable, "-c", "import xinc.experiment.scripts as s; print(s.__file__, s.WORKFLOW, s.CONFIG)")
    assert all(Path(path).is_relative_to(site) for path in found.split())
    xinc, new = str(site / "bin" / "xinc"), tmp_path / "new"
    run(xinc, "init", "new")
    assert files(new) == FILES
    plan = run("snakemake", "-n", folder=new)
    assert "train" in plan
    assert "bunny" in run("snakemake", "-n", "results/bunny/nerv/seed0/quality", folder=new)

    write_clip(new)
    write_table(new)
    small = config(models={"siren": config()["models"]["siren"]}, analyses={"quality": {}})
    (new / "config" / "config.yaml").write_text(yaml.safe_dump(small), encoding="utf-8")
    run("snakemake", "--cores", "2", folder=new)
    assert (new / "results/figures/quality/clip/siren/seed0/all.png").is_file()
    assert "Nothing to be done" in run("snakemake", "-n", folder=new)
    assert "is up to date" in run(xinc, "why", "results/clip/siren/seed0/quality", folder=new)
    run("snakemake", "--report", "report.html", "--report-stylesheet", "workflow/report/report.css", folder=new)
    assert "Implicit" in (new / "report.html").read_text(encoding="utf-8")
