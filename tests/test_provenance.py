"""When the digest of source changes, and when it does not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinc.experiment import provenance
from xinc.experiment.plan import CLAIMED, COMPUTING, DRAWING
from xinc.experiment.provenance import Part, digest, source_digest

SOURCE = {
    "__init__.py": "",
    "base.py": '''
        """Everything common."""
        SCALE = 3


        def halve(x):
            return x / 2
    ''',
    "deep/__init__.py": "DEPTH = 1\n",
    "deep/inner.py": "from xinc.base import halve\n\n\ndef quarter(x):\n    return halve(halve(x))\n",
    "work.py": '''
        """An analysis."""

        from __future__ import annotations

        from typing import TYPE_CHECKING

        from xinc.deep.inner import quarter
        from xinc.part import checked

        if TYPE_CHECKING:
            from xinc.types_only import T
        else:
            T = float

        LIMIT = 4


        class Work:
            """What it does."""

            class Settings:
                """Its settings."""

                width = 5

                def doubled(self):
                    return 2 * self.width

            def compute(self, x):
                """The result."""
                # A reason.
                return quarter(self.shared(checked(x))) * self.settings.doubled() * Twice(x).value

            def plot(self, x):
                return drawn(self.shared(x), self.table(x))

            def table(self, x):
                return "title"

            def shared(self, x):
                return x + LIMIT


        class Twice:
            def __init__(self, x):
                self.value = x + x


        def by_any_name(x):
            return x


        def drawn(x, title):
            from xinc.painting import COLOUR

            return x, title, COLOUR
    ''',
    "painting.py": 'COLOUR = "red"\n',
    "errors.py": "class InputError(Exception):\n    hint = 1\n",
    "part.py": '''
        from xinc.errors import InputError
        from xinc.settings import Field

        WIDTH = Field(4, description="How wide.")
        """In pixels."""


        def checked(x):
            if x > WIDTH:
                raise InputError(f"{x} is too wide.")
            return x


        def used_elsewhere(x):
            from xinc.deep.inner import quarter

            return quarter(x)


        def not_used(x):
            from xinc.unrelated import ANSWER

            return ANSWER
    ''',
    "settings.py": "def Field(default, description):\n    return default\n",
    "types_only.py": "T = int\n",
    "unrelated.py": "ANSWER = 42\n",
    "alone.py": "ANSWER = 42\n",
}


def forget() -> None:
    provenance._digest_of.cache_clear()
    provenance._program.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small package called xinc whose source is digested in place of the real one."""
    import textwrap

    root = tmp_path / "xinc"
    for name, text in SOURCE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    monkeypatch.setattr(provenance, "ROOT", root)
    forget()
    yield root
    forget()


def found() -> dict[str, str]:
    """The digests of the whole module, of its computation and of its drawing."""
    forget()
    part = {"xinc.part": Part((), ("not_used",))}
    return {
        "whole": source_digest(["xinc.work"]),
        "compute": source_digest(["xinc.work"], {"xinc.work": Part(("compute", "table"), ("plot",)), **part}),
        "plot": source_digest(["xinc.work"], {"xinc.work": Part(("plot",), ("compute",)), **part}),
    }


ALL = {"whole", "compute", "plot"}

#: An edit (file, old, new), and whose digest changes.
EDITS: dict[str, tuple[str, str, str, set[str]]] = {
    "a comment": ("work.py", "# A reason.", "# Another reason, at length.", set()),
    "a docstring of a module": ("work.py", '"""An analysis."""', '"""Something else."""', set()),
    "a docstring of a class": ("work.py", '"""What it does."""', '"""Something else."""', set()),
    "a docstring removed": ("work.py", '"""The result."""', "", set()),
    "white space": ("work.py", "return x + LIMIT", "return (x  +\n            LIMIT)", set()),
    "blank lines": ("base.py", "SCALE = 3", "\n\nSCALE = 3\n\n", set()),
    "an import for type checkers": ("work.py", "types_only import T", "types_only import T as U", set()),
    "what is there for the program only": ("work.py", "T = float", "T = int", ALL),
    "what is imported for type checkers": ("types_only.py", "int", "float", set()),
    "a module not imported": ("alone.py", "42", "43", set()),
    "a constant": ("work.py", "LIMIT = 4", "LIMIT = 5", ALL),
    "the computation": ("work.py", "quarter(self", "1 + quarter(self", {"whole", "compute"}),
    "the drawing": ("work.py", "return drawn(", "return 2 * drawn(", {"whole", "plot"}),
    "a hook that another calls": ("work.py", '"title"', '"another"', ALL),
    "a helper of the drawing": ("work.py", "return x, title", "return title, x", {"whole", "plot"}),
    "a module that the drawing imports": ("painting.py", "red", "blue", {"whole", "plot"}),
    "a helper of both": ("work.py", "x + LIMIT", "x - LIMIT", ALL),
    "a method of the settings": ("work.py", "2 * self.width", "3 * self.width", ALL),
    "a default of the settings": ("work.py", "width = 5", "width = 6", ALL),
    "how an object is made": ("work.py", "x + x", "x * x", ALL),
    "what nothing can be seen to use": ("work.py", "return x\n", "return -x\n", ALL),
    "an import": ("deep/inner.py", "halve(halve(x))", "halve(x)", ALL),
    "an import of an import": ("base.py", "x / 2", "x / 3", ALL),
    "a constant of a module used for a function": ("base.py", "SCALE = 3", "SCALE = 4", ALL),
    "a message": ("part.py", "is too wide", "is too large", set()),
    "when there is a message": ("part.py", "x > WIDTH", "x >= WIDTH", ALL),
    "a description of a setting": ("part.py", "How wide.", "How large.", set()),
    "a default beside a description": ("part.py", "Field(4", "Field(5", ALL),
    "a text about a variable": ("part.py", "In pixels.", "In rows.", set()),
    "how errors are made": ("errors.py", "hint = 1", "hint = 2", set()),
    "an unused part of a module used for a part": ("part.py", "return ANSWER", "return 2 * ANSWER", {"whole"}),
    "what only an unused part imports": ("unrelated.py", "42", "43", {"whole"}),
    "a parent package": ("deep/__init__.py", "1", "2", ALL),
}


@pytest.mark.parametrize(("file", "old", "new", "expected"), EDITS.values(), ids=EDITS)
def test_an_edit(package: Path, file: str, old: str, new: str, expected: set[str]) -> None:
    before = found()
    text = (package / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (package / file).write_text(text.replace(old, new), encoding="utf-8")
    after = found()
    assert {name for name in after if after[name] != before[name]} == expected


def test_the_time_of_a_file_does_not_count(package: Path) -> None:
    before = found()
    for path in package.rglob("*.py"):
        path.touch()
    assert found() == before


def test_relative_imports_count(package: Path) -> None:
    (package / "deep" / "inner.py").write_text("from ..base import halve\nfrom . import sibling\nquarter = halve\n")
    (package / "deep" / "sibling.py").write_text("A = 1\n")
    before = found()
    (package / "deep" / "sibling.py").write_text("A = 2\n")
    second = found()
    (package / "base.py").write_text("SCALE = 3\n\n\ndef halve(x):\n    return 0\n")
    assert len({before["whole"], second["whole"], found()["whole"]}) == 3


def test_what_others_import_of_a_module_used_for_a_part(package: Path) -> None:
    """Also where the module that imports it is looked at later."""
    parts = {"xinc.work": Part(("plot",), ("compute",)), "xinc.part": Part((), ("used_elsewhere", "not_used"))}

    def of_plot() -> str:
        forget()
        return source_digest(["xinc.work"], parts)

    (package / "other.py").write_text("def f():\n    from xinc.part import used_elsewhere\n")
    before = of_plot()
    text = (package / "part.py").read_text()
    (package / "part.py").write_text(text.replace("return quarter(x)", "return 2 * quarter(x)"))
    assert of_plot() == before
    (package / "painting.py").write_text('COLOUR = "red"\nfrom xinc.other import f\n')
    second = of_plot()
    (package / "part.py").write_text(text)
    assert of_plot() != second
    (package / "painting.py").write_text('COLOUR = "red"\nimport xinc.part\n')
    third = of_plot()
    (package / "part.py").write_text(text.replace("return ANSWER", "return 2 * ANSWER"))
    assert of_plot() != third, "all of it may be used"


def test_what_decorates_and_defines_a_class_is_used(package: Path) -> None:
    text = "def mark(c):\n    return {}\n\n\n@mark\nclass A:\n    def compute(self):\n        return 1\n"
    digests = set()
    for value in "cd":
        (package / "marked.py").write_text(text.format(value).replace("mark(c)", "mark(d)") if value == "d" else text)
        (package / "marked.py").write_text((package / "marked.py").read_text().replace("{}", value))
        forget()
        digests.add(source_digest(["xinc.marked"], {"xinc.marked": Part(("compute",), ("plot",))}))
    assert len(digests) == 2


def test_scripts_count_and_what_they_import(package: Path, tmp_path: Path) -> None:
    script = tmp_path / "job.py"

    def of_script(text: str) -> str:
        script.write_text(text)
        forget()
        return source_digest(["xinc.base"], scripts=[script])

    alone = of_script("x = 1\n")
    assert of_script('"""A job."""\nx = 1  # one\n') == alone
    found = [alone, of_script("x = 2\n"), of_script("from xinc.alone import ANSWER\n")]
    (package / "alone.py").write_text("ANSWER = 43\n")
    found.append(of_script("from xinc.alone import ANSWER\n"))
    assert len(set(found)) == 4


@pytest.mark.parametrize("text", ["import xinc\n", "from xinc import summarise\n", "from xinc import *\n"])
def test_what_the_package_offers_itself(package: Path, text: str) -> None:
    """It is imported when it is used, and not where it can be seen."""
    (package / "canvas").mkdir()
    (package / "canvas" / "__init__.py").write_text("")
    (package / "canvas" / "summary.py").write_text("X = 1\n")
    (package / "own.py").write_text(text)
    forget()
    assert ("xinc.canvas.reductions.summary" in provenance.sources(["xinc.own"])) is not text.endswith("*\n")


def test_modules_that_import_each_other(package: Path) -> None:
    (package / "a.py").write_text("from xinc import b\n")
    (package / "b.py").write_text("from xinc import a\nX = 1\n")
    forget()
    before = source_digest(["xinc.a"])
    (package / "b.py").write_text("from xinc import a\nX = 2\n")
    forget()
    assert source_digest(["xinc.a"]) != before


def test_order_and_repetition_do_not_count(package: Path) -> None:
    assert source_digest(["xinc.base", "xinc.work"]) == source_digest(["xinc.work", "xinc.base", "xinc.base"])
    one = source_digest(["xinc.work"], {"xinc.work": Part((), ("plot", "drawn"))})
    assert one == source_digest(["xinc.work"], {"xinc.work": Part((), ("drawn", "plot"))})


def test_an_unknown_module(package: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"xinc\.nothing is no module of xinc"):
        source_digest(["xinc.nothing"])


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the real package."""
    root = tmp_path / "xinc"
    shutil.copytree(provenance.ROOT, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "ROOT", root)
    forget()
    yield root
    forget()


def _of_analysis(name: str) -> tuple[str, str]:
    forget()
    modules = ["xinc.analyses.run", f"xinc.analyses.{name}"]
    computing, drawing = Part(COMPUTING, (*DRAWING, *CLAIMED)), Part(DRAWING, (*COMPUTING, *CLAIMED))
    return source_digest(modules, {modules[1]: computing}), source_digest(modules, {modules[1]: drawing})


def _appended(path: Path, method: str, line: str) -> None:
    """Put a line at the beginning of a method's body."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next(k for k, text in enumerate(lines) if text.startswith(f"    def {method}("))
    lines.insert(at + 1, f"        {line}\n")
    path.write_text("".join(lines), encoding="utf-8")


@pytest.mark.parametrize("name", ["intensity", "maps", "quality"])
def test_real_analyses_tell_computing_from_drawing(copy: Path, name: str) -> None:
    path = copy / "analyses" / f"{name}.py"
    compute, plot = _of_analysis(name)
    _appended(path, "plot", "x = 1")
    assert _of_analysis(name)[0] == compute
    assert _of_analysis(name)[1] != plot
    plot = _of_analysis(name)[1]
    _appended(path, "compute", "x = 1")
    assert _of_analysis(name)[0] != compute
    assert _of_analysis(name)[1] == plot
    before = _of_analysis(name)
    (copy / "canvas" / "reductions.py").write_text("X = 1\n" + (copy / "canvas" / "schema.py").read_text())
    assert (_of_analysis(name)[0] != before[0]) == (name == "intensity")


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
def test_what_is_no_plain_value_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no plain builtin"):
        digest({"a": value})
