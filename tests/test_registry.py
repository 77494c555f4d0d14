"""Finding implementations by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from xinc.errors import InputError
from xinc.models import architectures
from xinc.models.architecture import Architecture
from xinc.models.base import INR
from xinc.registry import Registry


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
    with pytest.raises(InputError, match=r"Unknown architecture 'nervv': did you mean 'nerv'\? Known: .*ffn.*nerv"):
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
