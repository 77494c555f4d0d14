"""When the digest of a job's code changes, and when it does not."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinc.errors import InputError
from xinc.experiment import provenance
from xinc.experiment.provenance import code_of, digest

SOURCE = {
    "__init__.py": "",
    "base.py": '''
        """Everything common."""
        SCALE = 3


        def halve(x):
            return x / 2
    ''',
    "deep/__init__.py": "DEPTH = 1\n",
    "deep/inner.py": "from outer.base import halve\n\n\ndef quarter(x):\n    return halve(halve(x))\n",
    "work/__init__.py": "from outer.types_only import T\n",
    "work/compute.py": '''
        """The computation."""

        from __future__ import annotations

        from typing import TYPE_CHECKING

        from outer.deep.inner import quarter
        from outer.part import checked

        if TYPE_CHECKING:
            from outer.work import T

        LIMIT = 4


        def compute(x):
            """The result."""
            # A reason.
            from outer.lazy import LATE

            return quarter(checked(x)) + LIMIT + LATE
    ''',
    "work/figure.py": "from outer.painting import COLOUR\n\n\ndef plot(x):\n    return COLOUR\n",
    "painting.py": 'COLOUR = "red"\n',
    "lazy.py": "LATE = 1\n",
    "errors.py": "class InputError(Exception):\n    hint = 1\n",
    "part.py": '''
        from outer.errors import InputError
        from outer.settings import Field

        WIDTH = Field(4, description="How wide.")
        """In pixels."""


        def checked(x):
            if x > WIDTH:
                raise InputError(f"{x} is too wide.")
            return x
    ''',
    "settings.py": "def Field(default, description):\n    return default\n",
    "types_only.py": "T = int\n",
    "offered.py": "def offered():\n    return 1\n",
    "alone.py": "ANSWER = 42\n",
}


def forget() -> None:
    for kept in (
        provenance._closure,
        provenance._graph,
        provenance.source_of,
        provenance._digest_of,
        provenance._siblings,
    ):
        kept.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small package in the place of xinc."""
    root = tmp_path / "outer"
    for name, text in SOURCE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(provenance, "PACKAGE", "outer")
    monkeypatch.setattr(provenance, "_NOT_COUNTED", frozenset({"outer", "outer.errors", "outer.settings"}))
    monkeypatch.setattr(provenance, "_interface", lambda: {"outer.offered"})
    forget()
    yield root
    forget()


def found() -> dict[str, str]:
    """The digests of the computation and of the drawing."""
    forget()
    return {part: digest(code_of([f"outer.work.{part}"])) for part in ("compute", "figure")}


#: An edit (file, old, new), and whose digest changes.
EDITS: dict[str, tuple[str, str, str, set[str]]] = {
    "a comment": ("work/compute.py", "# A reason.", "# Another reason, at length.", set()),
    "a docstring of a module": ("work/compute.py", "The computation.", "Something else.", set()),
    "a docstring removed": ("work/compute.py", '"""The result."""', "", set()),
    "white space": ("work/compute.py", "+ LIMIT + LATE", "+ LIMIT  +  LATE", set()),
    "blank lines": ("base.py", "SCALE = 3", "\n\nSCALE = 3\n\n", set()),
    "a constant": ("work/compute.py", "LIMIT = 4", "LIMIT = 5", {"compute"}),
    "the computation": ("work/compute.py", "return quarter(", "return 1 + quarter(", {"compute"}),
    "the drawing": ("work/figure.py", "return COLOUR", "return 2 * COLOUR", {"figure"}),
    "what the drawing imports": ("painting.py", "red", "blue", {"figure"}),
    "the declaration, whose values are settings": ("work/__init__.py", "T\n", "T\n\nX = 1\n", set()),
    "what is imported for type checkers": ("types_only.py", "int", "float", set()),
    "what is imported inside a function": ("lazy.py", "1", "2", {"compute"}),
    "a module not imported": ("alone.py", "42", "43", set()),
    "an import": ("deep/inner.py", "halve(halve(x))", "halve(x)", {"compute"}),
    "an import of an import": ("base.py", "x / 2", "x / 3", {"compute"}),
    "all of a module counts": ("base.py", "SCALE = 3", "SCALE = 4", {"compute"}),
    "a message": ("part.py", "is too wide", "is too large", set()),
    "when there is a message": ("part.py", "x > WIDTH", "x >= WIDTH", {"compute"}),
    "a description of a setting": ("part.py", "How wide.", "How large.", set()),
    "a default beside a description": ("part.py", "Field(4", "Field(5", {"compute"}),
    "a text about a variable": ("part.py", "In pixels.", "In rows.", set()),
    "vocabulary": ("errors.py", "hint = 1", "hint = 2", set()),
}


@pytest.mark.parametrize(("file", "old", "new", "expected"), EDITS.values(), ids=EDITS)
def test_an_edit(package: Path, file: str, old: str, new: str, expected: set[str]) -> None:
    before = found()
    text = (package / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (package / file).write_text(text.replace(old, new), encoding="utf-8")
    after = found()
    assert {name for name in after if after[name] != before[name]} == expected


def test_modules_that_count_have_names(package: Path) -> None:
    assert set(code_of(["outer.work.compute"])) == {
        "outer.base", "outer.deep.inner", "outer.lazy", "outer.part", "outer.work.compute",
    }  # fmt: skip


def test_the_time_of_a_file_does_not_count(package: Path) -> None:
    before = found()
    for path in package.rglob("*.py"):
        path.touch()
    assert found() == before


def test_relative_imports_count(package: Path) -> None:
    (package / "deep" / "inner.py").write_text("from ..base import halve\nfrom . import sibling\nquarter = halve\n")
    (package / "deep" / "sibling.py").write_text("A = 1\n")
    assert {"outer.base", "outer.deep.sibling"} <= set(code_of(["outer.deep.inner"]))


def test_modules_that_import_each_other(package: Path) -> None:
    (package / "a.py").write_text("from outer import b\n")
    (package / "b.py").write_text("from outer import a\nX = 1\n")
    assert set(code_of(["outer.a"])) == {"outer.a", "outer.b"}


def test_scripts_count_and_what_they_import(package: Path, tmp_path: Path) -> None:
    script = tmp_path / "job.py"

    def of_script(text: str) -> str:
        script.write_text(text)
        forget()
        return digest(code_of(["outer.base"], [script]))

    alone = of_script("x = 1\n")
    assert of_script('"""A job."""\nx = 1  # one\n') == alone
    found = [alone, of_script("x = 2\n"), of_script("from outer.alone import ANSWER\n")]
    (package / "alone.py").write_text("ANSWER = 43\n")
    found.append(of_script("from outer.alone import ANSWER\n"))
    assert len(set(found)) == 4


@pytest.mark.parametrize("text", ["import outer\n", "from outer import offered\n"])
def test_what_the_package_offers_itself(package: Path, text: str) -> None:
    """It is imported when it is first used, where no import shows it."""
    (package / "own.py").write_text(text)
    assert "outer.offered" in code_of(["outer.own"])


def test_a_module_of_another_package(package: Path, tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "__init__.py").write_text("")
    (tmp_path / "foreign" / "work.py").write_text("from foreign.own import X\nfrom outer.deep.inner import quarter\n")
    (tmp_path / "foreign" / "own.py").write_text("X = 1\n")
    assert set(code_of(["foreign.work"])) == {"foreign.work", "foreign.own", "outer.deep.inner", "outer.base"}


def test_a_module_that_is_not_in_a_package(package: Path, tmp_path: Path) -> None:
    (tmp_path / "lonely.py").write_text("from outer.base import halve\n")
    assert set(code_of(["lonely"])) == {"lonely", "outer.base"}


def test_what_lies_beside_a_foreign_module_counts(package: Path, tmp_path: Path) -> None:
    """As in a folder of one's own on the path; what other distributions have does not."""
    (tmp_path / "lab.py").write_text("import numpy\nfrom lab_common import VALUE\nfrom lab_core.deep import X\n")
    (tmp_path / "lab_common.py").write_text("VALUE = 1\n")
    (tmp_path / "lab_core").mkdir()
    (tmp_path / "lab_core" / "__init__.py").write_text("")
    (tmp_path / "lab_core" / "deep.py").write_text("import lab_common\nX = 2\n")
    assert set(code_of(["lab"])) == {"lab", "lab_common", "lab_core.deep"} | ({"lab_core"} & set(code_of(["lab"])))
    assert {"lab_core.deep", "lab_common"} <= set(code_of(["lab_core.deep"]))


def test_order_and_repetition_do_not_count(package: Path) -> None:
    assert code_of(["outer.base", "outer.part"]) == code_of(["outer.part", "outer.base", "outer.base"])


def test_an_unknown_module(package: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"there is no module outer\.nothing in outer"):
        code_of(["outer.nothing"])
    with pytest.raises(ModuleNotFoundError, match="there is no module nowhere"):
        code_of(["nowhere.at_all"])


def test_a_module_that_is_not_valid(package: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("x = (\n")
    with pytest.raises(InputError, match=r"broken\.py is not valid Python, line 1"):
        code_of(["broken"])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, min_size=2, max_size=4))
def test_order_of_keys_does_not_count(value: dict[str, object]) -> None:
    assert digest(dict(reversed(value.items()))) == digest(value)


def test_digests_tell_values_apart() -> None:
    different = [None, 0, 0.5, "0", [], {}, [0], {"a": 0}, {"b": 0}, {"a": 1}, {"a": 0, "b": 1}, {"a": 1, "b": 0}]
    assert len({digest(value) for value in different}) == len(different)
    assert digest("Σ") == digest("Σ")
    assert len(digest("a")) == 16


@pytest.mark.parametrize("value", [Path("a"), {1, 2}, object(), b"a"])
def test_what_is_not_a_plain_value_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="not a plain builtin"):
        digest({"a": value})
