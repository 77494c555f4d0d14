"""Finding implementations by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.distributions import pretend
from xinc.errors import InputError
from xinc.models import architectures
from xinc.models.architecture import Architecture
from xinc.models.base import INR
from xinc.registry import Origin, Registry


def test_every_module_registers_its_own_name():
    assert {"ffn", "hnerv", "nerv", "siren"} <= set(architectures)
    for name in architectures:
        assert issubclass(architectures[name], Architecture)
        assert architectures[name].name == name
        assert architectures[name].__module__ == f"xinc.models.{name}"


def test_a_network_is_what_its_architecture_declares():
    for name in architectures:
        declared = architectures[name]
        network = declared.network()
        assert issubclass(network, declared)
        assert issubclass(network, INR)
        assert (network.name, network.Settings, network.per_frame) == (name, declared.Settings, declared.per_frame)
        assert network.granularities == declared.granularities
        assert network.__module__ == declared.network_module() == network.network_module()
        assert network.network() is network


def test_an_architecture_without_a_network():
    class Planned(Architecture):
        name = "planned"

    with pytest.raises(InputError, match=r"Architecture 'planned' has no network: a class Network in .* was expected"):
        Planned.network()


def test_unknown_name():
    with pytest.raises(
        InputError, match=r"Unknown architecture 'nervv': did you mean 'nerv'\? Expected one of .*ffn.*nerv"
    ):
        architectures["nervv"]


def test_a_class_of_ones_own():
    registry = Registry("architecture", "xinc.models")

    @registry.register("mine")
    class Mine:
        pass

    assert registry["mine"] is Mine
    assert Mine.name == "mine"
    assert "mine" in registry.names()
    assert "mine" not in architectures.names()


def test_names_are_known_without_importing_them():
    code = (
        "import sys\n"
        "from xinc.models import architectures\n"
        "assert 'nerv' in architectures.names()\n"
        "assert 'torch' not in sys.modules\n"
        "architectures['siren']\n"
        "assert 'xinc.models.siren' in sys.modules and 'xinc.models.nerv' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def outside() -> Registry:
    """A registry that finds what the tests pretend to be installed."""
    return Registry("architecture", "xinc.models", "xinc.architectures")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which Python looks for distributions and modules."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_class_of_another_distribution(site: Path) -> None:
    pretend(site, "grids", "1.2", "xinc.architectures", grid="grids_by_class:Grid", table="grids_by_decorator")
    (site / "grids_by_class.py").write_text("class Grid:\n    pass\n", encoding="utf-8")
    (site / "grids_by_decorator.py").write_text(
        "from tests.test_registry import SHARED\n\n@SHARED.register('table')\nclass Table:\n    pass\n",
        encoding="utf-8",
    )
    found = outside()
    assert {"grid", "nerv", "table"} <= set(found.names())
    assert found.origin("grid") == Origin("grids_by_class", "grids", "1.2")
    assert str(found.origin("grid")) == "grids 1.2"
    assert "grids_by_class" not in sys.modules
    assert (found["grid"].__name__, found["grid"].name) == ("Grid", "grid")
    assert SHARED["table"].__name__ == "Table"


#: Into which the module of a distribution registers its class.
SHARED = outside()


def test_where_ours_come_from() -> None:
    assert architectures.origin("nerv") == Origin("xinc.models.nerv")
    assert str(architectures.origin("nerv")) == ""
    with pytest.raises(InputError, match=r"Unknown architecture 'nervv': did you mean 'nerv'"):
        architectures.origin("nervv")


def test_a_name_of_ours_and_of_another_distribution(site: Path) -> None:
    pretend(site, "rival", "2", "xinc.architectures", nerv="rival:NeRV")
    found = outside()
    both = r"The architecture 'nerv' is in xinc.models and in rival 2 \(rival:NeRV\): uninstall one, or rename"
    for ask in (found.__getitem__, found.origin, found.get):
        with pytest.raises(InputError, match=both):
            ask("nerv")
    assert "nerv" in found.names()
    assert found.origin("siren").module == "xinc.models.siren", "the others can be used"


def test_a_name_of_two_distributions(site: Path) -> None:
    pretend(site, "one", "1", "xinc.architectures", grid="one:Grid")
    pretend(site, "two", "2", "xinc.architectures", grid="two:Grid")
    with pytest.raises(InputError, match=r"'grid' is in (one 1|two 2) .* and in (one 1|two 2) "):
        outside()["grid"]


def test_a_name_that_two_modules_register() -> None:
    registry = Registry("architecture", "xinc.models")
    with pytest.raises(InputError, match=r"The architecture 'nerv' is in xinc.models.nerv and in .*test_registry"):
        registry.register("nerv")(type("Mine", (), {}))
    for _ in range(2):  # the same cell of a notebook, run again
        registry.register("mine")(type("Mine", (), {}))
    with pytest.raises(InputError, match=r"'mine' is in .*test_registry and in elsewhere: rename one"):
        registry.register("mine")(type("Mine", (), {"__module__": "elsewhere"}))


@pytest.mark.parametrize("name", ["My Net", "my-net", "2nd", ""])
def test_a_name_unfit_for_a_path(name: str) -> None:
    with pytest.raises(InputError, match=rf"The architecture name '{name}' is unfit for a path: use lower-case"):
        Registry("architecture", "xinc.models").register(name)


def test_a_distribution_that_fails_to_import(site: Path) -> None:
    pretend(site, "broken", "0.1", "xinc.architectures", gone="broken_at_once:Net", empty="broken_empty")
    (site / "broken_at_once.py").write_text("raise RuntimeError('no\\nlicence')\n", encoding="utf-8")
    (site / "broken_empty.py").write_text("", encoding="utf-8")
    found = outside()
    with pytest.raises(InputError) as raised:
        found["gone"]
    assert str(raised.value) == (
        "The architecture 'gone' cannot be imported, the entry point gone = broken_at_once:Net of broken 0.1: "
        "RuntimeError: no licence; repair that distribution or uninstall it."
    )
    with pytest.raises(InputError, match=r"empty = broken_empty of broken 0.1 names a module that registers no archi"):
        found["empty"]


def test_a_name_whose_distribution_is_not_installed() -> None:
    with pytest.raises(InputError, match=r"The architecture 'grid' is part of another distribution, grids 1.2, which"):
        architectures.get("grid", "grids 1.2")
    with pytest.raises(InputError, match=r"Unknown architecture 'grid'"):
        architectures.get("grid")
    assert architectures.get("siren", "what was another's once 1") is architectures["siren"]
