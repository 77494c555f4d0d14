"""Puts the workflow and the example's configuration into the package, for `xinc init`; see pyproject.toml too."""

from setuptools import find_packages, setup

BESIDE = {"xinc.workflow": "workflow", "xinc.config": "config"}

setup(packages=[*find_packages(include=["xinc", "xinc.*"]), *BESIDE], package_dir=BESIDE)
