"""Compiled expansion of contribution maps."""
