"""One source of dependencies: pyproject.toml, the lock, environment.yml and the citation say the same."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import xinc

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
JOBS = ROOT / "workflow" / "envs" / "xinc.yaml"
PAPER = "Explaining the Implicit Neural Canvas: Connecting Pixels to Neurons by Tracing their Contributions"


def pins(lines: list[str]) -> dict[str, str]:
    """Canonical name → version of the lines that read ``name==version``."""
    found = (re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!_-]+)", line.strip()) for line in lines)
    return {canonicalize_name(match[1]): match[2] for match in found if match}


LOCKED = pins(LOCK.splitlines())
DIRECT = [
    Requirement(text)
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for text in group
]


def environment_pip_lines() -> list[str]:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    [section] = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    return section


def needed_by(name: str, extras: set[str], seen: set[tuple[str, str]]) -> set[str]:
    """Names of all installed packages that ``name[extras]`` needs here, through any number of steps."""
    needed: set[str] = set()
    for text in importlib.metadata.requires(name) or []:
        requirement = Requirement(text)
        wanted = [
            extra for extra in ("", *extras) if not requirement.marker or requirement.marker.evaluate({"extra": extra})
        ]
        key = (canonicalize_name(requirement.name), ",".join(sorted(requirement.extras)))
        if not wanted or key in seen:
            continue
        seen.add(key)
        needed |= {key[0]} | needed_by(requirement.name, requirement.extras, seen)
    return needed


def test_every_line_of_the_lock_is_an_exact_version() -> None:
    lines = [line for line in LOCK.splitlines() if line and not line.startswith("#")]
    assert len(pins(lines)) == len(lines), "a line is not name==version, or a package appears twice"


def test_locked_packages_install_on_the_oldest_python_that_is_promised() -> None:
    """Debian 12 has Python 3.11.2; a lock that was made with 3.11.7 may hold packages that refuse it."""
    oldest = PROJECT["requires-python"].removeprefix(">=") + ".0"
    wanted = {
        name: importlib.metadata.metadata(name).get("Requires-Python", "")
        for name in map(canonicalize_name, (found.name for found in importlib.metadata.distributions()))
        if name in LOCKED
    }
    assert {name: python for name, python in wanted.items() if not SpecifierSet(python).contains(oldest)} == {}


def test_the_lock_names_no_place() -> None:
    assert not re.search(
        r"--[a-z-]+|://|@|^\s*-[a-z]\b|\+|/(?:opt|home|root|tmp|usr)/", uncommented(LOCK), re.MULTILINE
    )


def uncommented(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_direct_dependency_is_locked_within_its_range(requirement: Requirement) -> None:
    version = LOCKED.get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is not in requirements.lock: run `make lock`"
    assert requirement.specifier.contains(Version(version))


def test_what_the_dependencies_need_is_locked_too() -> None:
    needed = needed_by("xinc", set(PROJECT["optional-dependencies"]), set())
    exact_in_torch = {name for name in needed if re.match(r"nvidia-|cuda-|triton", name)}
    assert sorted(needed - exact_in_torch - set(LOCKED)) == []


def test_the_lock_holds_what_builds_the_package_and_one_torch() -> None:
    assert {"setuptools", "wheel"} <= set(LOCKED)
    assert LOCKED["torch"] == "2.13.0"


def test_conda_environment_lists_the_direct_dependencies_in_the_locked_versions() -> None:
    listed = pins(environment_pip_lines())
    direct = {canonicalize_name(requirement.name) for requirement in DIRECT}
    assert listed == {name: LOCKED[name] for name in direct}


def test_conda_environment_uses_the_lock_and_a_supported_python() -> None:
    lines = environment_pip_lines()
    assert lines[0] == "-c requirements.lock"
    assert lines[-1] == "-e ."
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    [python] = [entry for entry in environment["dependencies"] if str(entry).startswith("python=")]
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python.removeprefix("python="))


def test_changelog_and_installed_package_have_the_version_of_pyproject() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert any(re.search(rf"(?<![\d.]){re.escape(PROJECT['version'])}(?![\d.])", heading) for heading in headings)
    assert importlib.metadata.version("xinc") == xinc.__version__ == PROJECT["version"]


def test_citation_names_this_version_and_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    paper = citation["preferred-citation"]
    assert paper["title"] == PAPER
    assert [author["family-names"] for author in paper["authors"]] == [
        "Padmanabhan",
        "Gwilliam",
        "Kumar",
        "Maiya",
        "Ehrlich",
        "Shrivastava",
    ]


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "xinc/__init__.py", "xinc/py.typed"])
def test_files_that_the_package_is_built_from_exist(name: str) -> None:
    assert (ROOT / name).is_file()


def test_jobs_have_the_versions_of_the_environment() -> None:
    """The environment that the rules name holds what a job imports, wherever its results lie, and no tool of tests."""
    groups = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] for extra in ("workflow", "s3"))]
    needed = {canonicalize_name(Requirement(text).name) for group in groups for text in group}
    listed = pins([line.strip().removeprefix("- ") for line in JOBS.read_text("utf-8").splitlines()])
    assert listed == {name: LOCKED[name] for name in needed}
