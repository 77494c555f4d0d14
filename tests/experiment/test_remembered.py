"""What Snakemake is asked once for all jobs."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from xinc.experiment.remembered import once_a_function, once_a_script


def test_a_function_is_asked_about_once() -> None:
    asked: list[Any] = []

    def names(function: Any) -> list[str]:
        asked.append(function)
        return [function.__name__]

    def one() -> None: ...

    def two() -> None: ...

    known = once_a_function(names)
    assert [known(function) for function in (one, two, one, two)] == [["one"], ["two"], ["one"], ["two"]]
    assert asked == [one, two]


def test_a_method_is_asked_about_once_for_all_objects_and_not_taken_for_its_function() -> None:
    asked: list[Any] = []

    class Resource:
        def __init__(self, value: int) -> None:
            self.value = value

        def __eq__(self, other: object) -> bool:  # has no hash, as Snakemake's
            return True

        def evaluate(self, wildcards: Any) -> None: ...

    def count(function: Any) -> int:
        asked.append(function)
        return function.__code__.co_argcount - hasattr(function, "__self__")

    known = once_a_function(count)
    assert [known(Resource(n).evaluate) for n in range(3)] == [1, 1, 1]
    assert known(Resource.evaluate) == 2
    assert len(asked) == 2


def test_what_is_not_a_function_is_asked_about_each_time() -> None:
    class Called:
        def __call__(self) -> None: ...

    asked: list[Any] = []
    known, called = once_a_function(asked.append), Called()
    known(called)
    known(called)
    assert asked == [called, called]


def _job(rule: str, script: str) -> Any:
    return SimpleNamespace(rule=SimpleNamespace(name=rule, script=script))


def test_a_script_is_looked_for_once_for_each_rule_and_for_each_job_where_its_path_has_wildcards() -> None:
    checked: list[str] = []
    check = once_a_script(lambda processor, job: checked.append(job.rule.name))
    for _ in range(2):
        for rule, script in (("canvas", "canvas.py"), ("train", "train.py"), ("own", "{model}.py")):
            check(SimpleNamespace(script_type="script"), _job(rule, script))
    assert checked == ["canvas", "train", "own", "own"]


def test_a_script_that_is_missing_stays_an_error() -> None:
    def missing(processor: Any, job: Any) -> None:
        raise FileNotFoundError(job.rule.script)

    check = once_a_script(missing)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            check(SimpleNamespace(script_type="script"), _job("canvas", "canvas.py"))


#: In a process of its own, for Snakemake stays as it is then.
REMEMBERED = """
from xinc.experiment.remembered import remember
import snakemake.common, snakemake.dag, snakemake.rules, snakemake.sourcecache
plain = snakemake.common.get_function_params
split = snakemake.sourcecache.parse_uri
remember()
def two(wildcards, attempt): ...
assert snakemake.rules.get_function_params is snakemake.common.get_function_params
assert snakemake.rules.get_function_params.__wrapped__ is plain
assert snakemake.rules.get_function_params(two) is snakemake.rules.get_function_params(two)
assert snakemake.rules.get_function_params(two) == plain(two)
assert snakemake.sourcecache.parse_uri("/a/b.py") == split("/a/b.py")
assert snakemake.sourcecache.parse_uri("/a/b.py") is snakemake.sourcecache.parse_uri("/a/b.py")
assert snakemake.dag.ScriptProcessor.process_job.__wrapped__
"""


def test_the_installed_snakemake_has_what_is_remembered() -> None:
    done = subprocess.run([sys.executable, "-c", REMEMBERED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
